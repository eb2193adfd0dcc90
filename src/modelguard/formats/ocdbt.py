"""OCDBT databases of TensorStore, in which Orbax keeps arrays: manifests and the nodes of their trees.

A node names the files that its values and further nodes lie in, by paths below the directory of the database. A path
may lead elsewhere, which is what is looked for; the values are chunks of Zarr arrays and are numbers to every reader.
Source: https://google.github.io/tensorstore/kvstore/ocdbt/#storage-format
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from posixpath import dirname

from attrs import evolve

from modelguard.formats._crc32c import crc32c
from modelguard.formats._cursor import Cursor, over
from modelguard.formats._questions import is_tensorstore_file
from modelguard.formats._references import reference
from modelguard.formats.format import Clue, Format, Walk
from modelguard.formats.zstd import expansion
from modelguard.terms.artifact import Location
from modelguard.terms.content import CHUNK, Content
from modelguard.terms.errors import BudgetSpent, ReadError
from modelguard.terms.facts import Fact, Header, RawNumbers

NAME = "ocdbt"
_MANIFEST, _VERSIONS = b"\x0c\xdb\x3a\x2a", b"\x0c\xdb\x12\x34"
_MAGIC = re.compile(rb"\x0c\xdb(?:\x20\xde|\x12\x34)")
_HEADER, _CHECKSUM = 12, 4
_LARGEST_NODE = 16 << 20
_LARGEST_BODY = 64 << 20
_MOST_FILES = 100_000
_LONGEST_PATH = 65_535
_IDENTITY = 16
_MOST_TOLD = 50


def _accepts(content: Content) -> bool:
    if content.head(4) == _MANIFEST:
        return True
    if not is_tensorstore_file(content):
        return False
    return any(
        _MAGIC.search(content.read(at, min(CHUNK + 3, content.size - at))) for at in range(0, content.size, CHUNK)
    )


def _read(content: Content, walk: Walk) -> Iterator[Fact]:
    if content.head(4) == _MANIFEST:
        cursor = _body(content.all(_LARGEST_NODE), walk)
        if cursor is None:
            raise ReadError("ocdbt: the manifest does not have the length or the checksum that it states")
        yield Header(location=content.location, format=NAME, properties=_configuration(cursor))
        yield from _named(_table(cursor) if cursor.left else [], dirname(content.location.path), content, walk)
        return
    # Paths of a node are below the database that its own file belongs to: the folder that holds `d`.
    folder = dirname(dirname(content.location.path))
    count = 0
    for magic, node in _nodes(content, walk):
        count += 1
        node.skip(2 if magic == _VERSIONS else 1)
        yield from _named(_table(node), folder, content, walk)
    yield Header(location=content.location, format=NAME, properties={"nodes": str(count)})


def _nodes(content: Content, walk: Walk) -> Iterator[tuple[bytes, Cursor]]:
    """Yield the nodes that lie in a data file. Where one begins is only written in others, so that all are sought."""
    for base in range(0, content.size, CHUNK):
        walk.budget.spend_time()
        piece = content.read(base, min(CHUNK + len(_VERSIONS) - 1, content.size - base))
        for match in _MAGIC.finditer(piece):
            at = base + match.start()
            if at + _HEADER + _CHECKSUM > content.size:
                continue
            length = int.from_bytes(content.read(at + 4, 8), "little")
            if _HEADER + _CHECKSUM < length <= min(_LARGEST_NODE, content.size - at):
                node = _body(content.read(at, length), walk)
                if node is not None:
                    yield match[0], node


def _body(data: bytes, walk: Walk) -> Cursor | None:
    """Return the body of a manifest or node, expanded; None for bytes whose length or checksum is not that of one.

    TensorStore reads no node whose checksum is wrong, so that chance bytes that begin like a node are passed over.
    """
    if len(data) < _HEADER + _CHECKSUM or int.from_bytes(data[4:12], "little") != len(data):
        return None
    walk.budget.spend_bytes(len(data))
    if crc32c(data[:-_CHECKSUM]) != int.from_bytes(data[-_CHECKSUM:], "little"):
        return None
    cursor = over(data[:-_CHECKSUM])
    cursor.skip(_HEADER)
    version, compression = _number(cursor), _number(cursor)
    if version:
        raise ReadError(f"ocdbt: version {version} of a node")
    if compression not in (0, 1):
        raise ReadError(f"ocdbt: a node compressed by method {compression}")
    return over(_expanded(cursor.take(cursor.left), walk)) if compression else cursor


def _expanded(data: bytes, walk: Walk) -> bytes:
    found = bytearray()
    for chunk in expansion(Content.of(data, Location(""))).chunks():
        walk.budget.spend_bytes(len(chunk))
        found += chunk
        if len(found) > _LARGEST_BODY:
            raise BudgetSpent(f"ocdbt: a node of more than {_LARGEST_BODY} bytes when expanded")
    return bytes(found)


def _configuration(cursor: Cursor) -> dict[str, str]:
    """Read what a manifest says of its database; what follows is the table of its data files, if there is one."""
    properties = {"uuid": cursor.take(_IDENTITY).hex()}
    numbered = _number(cursor)
    _number(cursor)  # the longest value that is kept within a node
    _number(cursor)  # the largest node
    cursor.skip(1)  # how wide the tree of versions is
    if _number(cursor):
        cursor.skip(4)  # the level of compression
    properties["manifest"] = "numbered" if numbered else "single"
    return properties


def _table(cursor: Cursor) -> list[str]:
    """Return the paths of a table of data files; each is written as what differs from the one before it."""
    count = _number(cursor)
    if count > min(_MOST_FILES, cursor.left):
        raise ReadError(f"ocdbt: a table of {count} files in {cursor.left} bytes")
    shared = [0, *(_number(cursor) for _ in range(count - 1))]
    lengths = [_number(cursor) for _ in range(count)]
    for _ in range(count):
        _number(cursor)  # how much of the path its children inherit
    paths, before = [], b""
    for common, length in zip(shared[:count], lengths, strict=True):
        if common > len(before) or common + length > _LONGEST_PATH:
            raise ReadError(f"ocdbt: a path of {common} and {length} bytes after one of {len(before)}")
        before = before[:common] + cursor.take(length)
        paths.append(before.decode("utf-8", "backslashreplace"))
    return paths


def _named(paths: list[str], folder: str, content: Content, walk: Walk) -> Iterator[Fact]:
    beside = Location(f"{folder}/manifest.ocdbt" if folder else "manifest.ocdbt", content.location.members)
    told = 0
    for path in dict.fromkeys(paths):
        for fact in reference(path, beside, walk, what="a data file of the database", raw=True):
            told += not isinstance(fact, RawNumbers)
            if isinstance(fact, RawNumbers) or told <= _MOST_TOLD:
                yield evolve(fact, location=content.location)


def _number(cursor: Cursor) -> int:
    """Return a number in the spelling of protocol buffers, of at most 64 bits."""
    value = 0
    for shift in range(0, 70, 7):
        byte = cursor.unsigned(1)
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value
    raise ReadError(f"ocdbt: a number of more than ten bytes at {cursor.at}")


FORMAT = Format(
    name=NAME,
    title="OCDBT database",
    reads="manifests, and in data files every node of the tree, with the package zstandard when they are compressed",
    looks_for="data files outside the model",
    clue=Clue(first=_MANIFEST[:1], when=is_tensorstore_file),
    accepts=_accepts,
    read=_read,
    endings=(".ocdbt",),
)
