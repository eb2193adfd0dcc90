"""Reads zlib streams, also behind the `ZF` header of joblib before 0.10: expanded, by all formats (RFC 1950)."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator

from modelguard.formats._compression import PICKLES, Expansion, expands, read_stream
from modelguard.formats.format import Clue, Format, Walk
from modelguard.terms.content import Content
from modelguard.terms.errors import ReadError
from modelguard.terms.facts import Fact

# joblib/numpy_pickle_compat.py, read_zfile: "ZF", the size in hex padded with blanks to 19 characters, with joblib
# before 0.8.4 on Python 2 one blank more.
_ZF = re.compile(rb"ZF0x[0-9a-f]{1,17} *")
_ZF_LENGTH = 21


def accepts(content: Content) -> bool:
    """Tell whether the bytes begin with a zlib header and data that expand, or with joblib's older header."""
    head = content.head(2)
    if len(head) == 2 and head[0] & 0x0F == 8 and head[0] >> 4 <= 7 and int.from_bytes(head, "big") % 31 == 0:
        return content.size > 6 and not head[1] & 0x20 and expands(expansion(content))
    return bool(_ZF.match(content.head(_ZF_LENGTH)))


def expansion(content: Content) -> Expansion:
    """Return the stream, ready to be expanded."""
    return Expansion(
        content, make=zlib.decompressobj, faults=(zlib.error,), begins=lambda _: False, start=_start(content)
    )


def _start(content: Content) -> int:
    if content.head(2) != b"ZF":
        return 0
    return _ZF_LENGTH + (content.head(_ZF_LENGTH + 1)[_ZF_LENGTH:] == b" ")


def read(content: Content, walk: Walk) -> Iterator[Fact]:
    """Yield the facts of the expanded bytes. Raises `ReadError` when the stream is damaged."""
    if _start(content) >= content.size:
        raise ReadError("ends after the header")
    yield from read_stream(expansion(content), "zlib", ".z", walk)


ZLIB = Format(
    name="zlib",
    title="zlib",
    reads="The stream, expanded within limits, by all formats.",
    looks_for="Damaged data, bytes after the stream, and bombs.",
    clue=Clue(first=b"Z" + bytes(low | 8 for low in range(0, 0x80, 0x10))),
    accepts=accepts,
    read=read,
    endings=(".z", *PICKLES),
)
