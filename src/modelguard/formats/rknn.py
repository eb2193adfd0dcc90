"""Rockchip's RKNN models: a program compiled for a neural processor, and its description as JSON.

Only the container is read. Layout as Netron's reader has it (source/rknn.js of https://github.com/lutzroeder/netron).
"""

from __future__ import annotations

from collections.abc import Iterator

from modelguard.formats._cursor import Cursor
from modelguard.formats.format import Clue, Format, Walk
from modelguard.terms.content import Content
from modelguard.terms.errors import ReadError
from modelguard.terms.facts import Asks, Fact, Header, Malformed

NAME = "rknn"
_MAGIC, _SEALED = b"RKNN\0\0\0\0", b"CYPTRKNN"
_COMPILED = (b"VPMN",)
_WITHOUT_DIGEST = frozenset({0x0001, 0x1001})
_WITH_DIGEST = frozenset({0x0002, 0x1002, 0x0003, 0x1003, 0x0004, 0x1004, 0x0005, 0x0006})
_DIGEST = 40


def _accepts(content: Content) -> bool:
    head = content.head(16)
    return head.startswith((_MAGIC, _SEALED, *_COMPILED)) or (len(head) == 16 and head[4:8] == b"RKNN")


def _read(content: Content, walk: Walk) -> Iterator[Fact]:
    detail = "a program for a neural processor, which its driver executes unread"
    yield Asks(location=content.location, permission="native-code", name="rknn-program", detail=detail)
    if content.head(8) == _SEALED:
        raise ReadError("rknn: an encrypted model")
    if content.head(8) != _MAGIC:
        return
    cursor = Cursor(content, at=8)
    version, length = cursor.unsigned(8), cursor.unsigned(8)
    if version not in _WITHOUT_DIGEST | _WITH_DIGEST:
        raise ReadError(f"rknn: version {version:#x} of the container")
    if version in _WITH_DIGEST and length:
        cursor.skip(_DIGEST)
    cursor.skip(length)
    length = cursor.unsigned(8)
    start = cursor.at
    cursor.skip(length)
    yield Header(location=content.location, format=NAME, properties={"version": f"{version:#x}"})
    if length:
        yield from walk.inside(content.part(start, length, "description.json"))
    if cursor.left and content.read(cursor.at, min(cursor.left, 1 << 16)).strip(b"\0"):
        detail = f"{cursor.left} bytes after the description"
        yield Malformed(location=content.location.at(cursor.at), format=NAME, rule="rknn-trailing", detail=detail)
        yield from walk.inside(content.part(cursor.at, cursor.left, "after the description"))


FORMAT = Format(
    name=NAME,
    title="RKNN",
    reads="the container and its description",
    looks_for="nothing in the program: it always needs a permission",
    clue=Clue(first=b"RCV", begins=rb".{4}RKNN"),
    accepts=_accepts,
    read=_read,
    endings=(".rknn",),
)
