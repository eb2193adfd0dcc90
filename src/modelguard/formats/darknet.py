"""Darknet's weights (`.weights`): a version, how many pictures were seen, then nothing but numbers.

The network is in a `.cfg` file, which is plain text. Nothing in the numbers says which layer they are for, so that only
the header and the length can be compared. Layout: save_weights of https://github.com/pjreddie/darknet (src/parser.c).
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import unpack

from modelguard.formats.format import Clue, Format, Walk
from modelguard.terms.content import Content
from modelguard.terms.facts import Fact, Header, Malformed

NAME = "darknet"
_ENDING = ".weights"
_VERSION = 12
_NEWEST = 1000
_NUMBER = 4


def _accepts(content: Content) -> bool:
    head = content.head(_VERSION)
    if len(head) < _VERSION or not content.name.lower().endswith(_ENDING):
        return False
    major, minor, revision = (int.from_bytes(head[at : at + 4], "little", signed=True) for at in (0, 4, 8))
    return major == 0 and 0 < minor < _NEWEST and 0 <= revision < _NEWEST


def _read(content: Content, walk: Walk) -> Iterator[Fact]:
    del walk
    major, minor, revision = unpack("<iii", content.read(0, _VERSION))
    start = _VERSION + (8 if major * 10 + minor >= 2 else 4)
    count, left = divmod(content.size - start, _NUMBER)
    if content.size < start or left:
        detail = f"{content.size} bytes are no header and whole numbers of {_NUMBER} bytes"
        yield Malformed(location=content.location, format=NAME, rule="darknet-size", detail=detail)
    properties = {"version": f"{major}.{minor}.{revision}", "numbers": str(max(count, 0))}
    yield Header(location=content.location, format=NAME, properties=properties)


FORMAT = Format(
    name=NAME,
    title="Darknet weights",
    reads="the header; what follows is numbers alone",
    looks_for="a length that is not that of whole numbers",
    clue=Clue(endings=(_ENDING,)),
    accepts=_accepts,
    read=_read,
)
