"""Takes apart an answer that carries several ranges of a file: `multipart/byteranges`, RFC 9110, section 14.6.

Each part tells its own length, so the bytes of the file are never searched for a boundary.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from modelguard.terms.errors import SourceError

OVERHEAD = 1 << 10
"""Bytes of boundary and headers that a part may have beside its range."""

_KIND = re.compile(r"multipart/byteranges\s*;\s*boundary=(\"?)([0-9A-Za-z'()+_,./:=? -]{1,70})\1\s*\Z", re.IGNORECASE)
_RANGE = re.compile(rb"(?:\A|\r\n)content-range:[ \t]*bytes (\d{1,20})-(\d{1,20})/(\d{1,20})[ \t]*(?:\r\n|\Z)", re.I)


def boundary_of(content_type: str) -> bytes | None:
    """Return the boundary that a `Content-Type` announces, None when it announces no ranges."""
    match = _KIND.match(content_type)
    return match[2].encode() if match else None


def parts(body: bytes, boundary: bytes) -> Iterator[tuple[int, int, int, bytes]]:
    """Yield first and last position, size of the whole file, and the bytes of each range.

    Raises `SourceError` for anything that is not such a body from its first byte to its last.
    """
    at, mark = 0, b"--" + boundary
    while True:
        at = _expect(body, at, b"\r\n" if at else b"", mark)
        if body[at : at + 2] == b"--":
            if body[at + 2 :] not in (b"", b"\r\n"):
                raise SourceError("ranges: something follows the last part")
            return
        at = _expect(body, at, b"\r\n")
        end = body.find(b"\r\n\r\n", at, at + OVERHEAD)
        match = _RANGE.search(body[at:end]) if end >= 0 else None
        if match is None:
            raise SourceError("ranges: a part does not say which range it is")
        first, last, size = (int(number) for number in match.groups())
        at = end + 4 + last - first + 1
        data = body[end + 4 : at]
        if last < first or len(data) != last - first + 1:
            raise SourceError("ranges: a part is shorter than it says")
        yield first, last, size, data


def _expect(body: bytes, at: int, *words: bytes) -> int:
    for word in words:
        if body[at : at + len(word)] != word:
            raise SourceError("ranges: the parts are not divided as was announced")
        at += len(word)
    return at
