"""Reads bzip2: every stream in the file, expanded, by all formats."""

from __future__ import annotations

import bz2
import re
from collections.abc import Iterator

from modelguard.formats._compression import PICKLES, R_FILES, Expansion, read_stream
from modelguard.formats.format import Clue, Format, Walk
from modelguard.terms.content import Content
from modelguard.terms.facts import Fact

# Level, then the mark of a block or of the end of the stream.
_MAGIC = re.compile(rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)")


def expansion(content: Content) -> Expansion:
    """Return the stream, ready to be expanded."""
    return Expansion(
        content,
        make=bz2.BZ2Decompressor,
        faults=(OSError, ValueError, EOFError),
        begins=lambda head: bool(_MAGIC.match(head)),
    )


def read(content: Content, walk: Walk) -> Iterator[Fact]:
    """Yield the facts of the expanded bytes. Raises `ReadError` when the stream is damaged."""
    yield from read_stream(expansion(content), "bzip2", ".bz2", walk)


BZIP2 = Format(
    name="bzip2",
    title="bzip2",
    reads="All streams, expanded within limits, by all formats.",
    looks_for="Damaged streams, bytes after the last stream, and bombs.",
    clue=Clue(first=b"B"),
    accepts=lambda content: bool(_MAGIC.match(content.head(10))),
    read=read,
    endings=(".bz2", *PICKLES, *R_FILES),
)
