"""TensorFlow checkpoints: the index (`variables.index`), a sorted table of where each array is in the data files.

The data files beside it (`….data-00000-of-00001`) are plain numbers and texts, which have no form of their own.
Source: https://github.com/tensorflow/tensorflow/blob/master/tensorflow/core/protobuf/tensor_bundle.proto
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from modelguard.formats._cursor import Cursor, over
from modelguard.formats._protobuf import Message, Schema, Wire
from modelguard.formats._questions import TENSORFLOW_FOOTER, ends_as_table
from modelguard.formats._references import target_of
from modelguard.formats.format import Clue, Format, Walk
from modelguard.terms.artifact import Location, printable
from modelguard.terms.content import Content
from modelguard.terms.errors import ReadError
from modelguard.terms.facts import Asks, Fact, Header, Malformed, RawNumbers, Tensor

NAME = "tensorflow-checkpoint"
_INDEX = re.compile(r"\.index\Z", re.IGNORECASE)
LARGEST_BLOCK = 64 << 20
LARGEST = (1 << 63) - 1
MOST_SHARDS = 10_000
SCHEMA: Schema = {"entry": {2: "shape", 7: "slice"}, "shape": {2: "dim"}}

TYPES = {
    1: "float32", 2: "float64", 3: "int32", 4: "uint8", 5: "int16", 6: "int8", 7: "string", 8: "complex64", 9: "int64",
    10: "bool", 11: "qint8", 12: "quint8", 13: "qint32", 14: "bfloat16", 15: "qint16", 16: "quint16", 17: "uint16",
    18: "complex128", 19: "float16", 20: "resource", 21: "variant", 22: "uint32", 23: "uint64",
}  # fmt: skip


def _read(content: Content, walk: Walk) -> Iterator[Fact]:
    at = content.location
    footer = over(content.tail(TENSORFLOW_FOOTER))
    _varint(footer), _varint(footer)
    shards, count, previous = 0, 0, b""
    for _, handle in _entries(_block(content, footer)):
        cursor = over(handle)
        for key, value in _entries(_block(content, cursor)):
            walk.budget.spend_time()
            if key < previous:
                yield _malformed(at, "order", "keys of the table are not sorted")
            previous = key
            wire = Wire(Content.of(value, at), walk.budget)
            if not key:
                shards = next(iter(wire.messages({}, "header"))).number(1)
                continue
            count += 1
            yield from _entry(key, list(wire.messages(SCHEMA, "entry")), shards, at)
    yield Header(location=at, format=NAME, properties={"tensors": str(count), "shards": str(shards)})
    yield from _data_files(at, shards, walk)


def _entry(key: bytes, messages: list[Message], shards: int, at: Location) -> Iterator[Fact]:
    entry = messages[0]
    name = printable(key.decode("utf-8", "replace")[:1000])
    shape = tuple(message.number(1) for message in messages if message.kind == "dim")
    start, length = entry.number(4), entry.number(5)
    if any(extent > LARGEST for extent in shape) or start > LARGEST or length > LARGEST or entry.number(3) >= shards:
        yield _malformed(at, "entry", f"{name!r} has a negative size or a place in no data file")
        return
    dtype = TYPES.get(entry.number(1), f"type-{entry.number(1)}")
    yield Tensor(location=at, name=name, dtype=dtype, shape=shape, start=start, length=length)


def _data_files(at: Location, shards: int, walk: Walk) -> Iterator[Fact]:
    if not 0 < shards <= MOST_SHARDS:
        yield _malformed(at, "shards", f"{shards} data files")
        return
    prefix = _INDEX.sub("", at.path.rpartition("/")[2])
    for number in range(shards):
        file = f"{prefix}.data-{number:05d}-of-{shards:05d}"
        if at.members or target_of(at, file) not in walk.paths:
            detail = "a data file of the checkpoint that is not in the snapshot"
            yield Asks(location=at, permission="external-files", name=file, detail=detail)
        else:
            yield RawNumbers(location=at, path=target_of(at, file))


def _block(content: Content, handle: Cursor) -> bytes:
    """Return the block that a handle (offset and length) leads to."""
    offset, length = _varint(handle), _varint(handle)
    if length > LARGEST_BLOCK:
        raise ReadError(f"{NAME}: a block of {length} bytes")
    if content.read(offset + length, 1) != b"\0":
        raise ReadError(f"{NAME}: a compressed block")
    return content.read(offset, length)


def _entries(block: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the keys and values of a block; each key repeats the beginning of the one before."""
    if len(block) < 4:
        raise ReadError(f"{NAME}: a block of {len(block)} bytes")
    restarts = int.from_bytes(block[-4:], "little")
    end = len(block) - 4 - 4 * restarts
    if end < 0:
        raise ReadError(f"{NAME}: {restarts} restarts in a block of {len(block)} bytes")
    cursor, key = over(block[:end]), b""
    while cursor.left:
        shared, own, length = _varint(cursor), _varint(cursor), _varint(cursor)
        if shared > len(key):
            raise ReadError(f"{NAME}: a key that repeats more than there is")
        key = key[:shared] + cursor.take(own)
        yield key, cursor.take(length)


def _varint(cursor: Cursor) -> int:
    value = shift = 0
    while shift < 64:
        byte = cursor.unsigned(1)
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value
        shift += 7
    raise ReadError(f"{NAME}: a number of more than ten bytes")


def _malformed(location: Location, rule: str, detail: str) -> Malformed:
    return Malformed(location=location, format=NAME, rule=f"{NAME}-{rule}", detail=detail)


FORMAT = Format(
    name=NAME,
    title="TensorFlow checkpoint index",
    reads="every entry: name, type, shape and place of each array",
    looks_for="entries that do not fit, data files that are not there",
    clue=Clue(when=ends_as_table),
    accepts=ends_as_table,
    read=_read,
    endings=(".index",),
)
