"""PaddlePaddle's parameters (`.pdiparams`, `__params__`): one tensor after another, each with its own small header.

Layout: paddle/fluid/framework/lod_tensor.cc and paddle/phi/core/framework/dense_tensor_serialize.cc of
https://github.com/PaddlePaddle/Paddle. Names and shapes that a program expects are not in this file.
"""

from __future__ import annotations

from collections.abc import Iterator

from modelguard.formats._cursor import Cursor
from modelguard.formats._protobuf import BYTES, VARINT, Wire, has_shape
from modelguard.formats.format import Clue, Format, Walk
from modelguard.terms.content import Content
from modelguard.terms.errors import ReadError
from modelguard.terms.facts import Fact, Header, Malformed, Tensor

NAME = "paddle-parameters"
LARGEST = (1 << 63) - 1
_LONGEST_DESCRIPTION = 1 << 16
_MOST_LEVELS = 64
_DESCRIPTION = {1: VARINT, 2: VARINT}
_PACKED = {1: VARINT, 2: BYTES}

# VarType.Type of framework.proto -> name and bytes of one element.
TYPES: dict[int, tuple[str, int]] = {
    0: ("bool", 1), 1: ("int16", 2), 2: ("int32", 4), 3: ("int64", 8), 4: ("float16", 2), 5: ("float32", 4),
    6: ("float64", 8), 20: ("uint8", 1), 21: ("int8", 1), 22: ("bfloat16", 2), 23: ("complex64", 8),
    24: ("complex128", 16), 32: ("float8_e4m3fn", 1), 33: ("float8_e5m2", 1),
}  # fmt: skip


def _accepts(content: Content) -> bool:
    """Tell by three zeros (versions and nesting) and a description of a known element type."""
    head = content.head(64)
    if len(head) < 22 or head[:16] != bytes(16):
        return False
    size = int.from_bytes(head[16:20], "little")
    return 2 <= size <= _LONGEST_DESCRIPTION and head[20] == 0x08 and head[21] in TYPES


def _read(content: Content, walk: Walk) -> Iterator[Fact]:
    cursor = Cursor(content)
    count = 0
    while cursor.left:
        walk.budget.spend_time()
        yield from _tensor(cursor, count, content, walk)
        count += 1
    yield Header(location=content.location, format=NAME, properties={"tensors": str(count)})


def _tensor(cursor: Cursor, number: int, content: Content, walk: Walk) -> Iterator[Fact]:
    start = cursor.at
    if cursor.unsigned(4):
        raise ReadError(f"{NAME}: a tensor at {start} of a version that is not 0")
    levels = cursor.unsigned(8)
    if levels > _MOST_LEVELS:
        raise ReadError(f"{NAME}: a tensor at {start} with {levels} levels of nesting")
    for _ in range(levels):
        cursor.skip(cursor.unsigned(8))
    if cursor.unsigned(4):
        raise ReadError(f"{NAME}: a tensor at {start} of a version that is not 0")
    length = cursor.unsigned(4)
    if length > _LONGEST_DESCRIPTION:
        raise ReadError(f"{NAME}: a description of {length} bytes at {cursor.at}")
    description = content.part(cursor.at, min(length, cursor.left))
    cursor.skip(length)
    if not (has_shape(description, _DESCRIPTION, frozenset({1})) or has_shape(description, _PACKED, frozenset({1}))):
        raise ReadError(f"{NAME}: the description at {start} has other fields than a type and a shape")
    message = next(Wire(description, walk.budget).messages({}, "tensor"))
    if message.number(1) not in TYPES:
        raise ReadError(f"{NAME}: element type {message.number(1)} at {start}")
    dtype, size = TYPES[message.number(1)]
    shape = message.numbers(2)
    for extent in shape:
        size *= extent
    if any(extent > LARGEST for extent in shape) or size > LARGEST:
        detail = f"tensor {number}: a negative size, or a product that overflows"
        yield Malformed(location=content.location.at(start), format=NAME, rule="paddle-tensor-shape", detail=detail)
        raise ReadError(f"{NAME}: where tensor {number} ends cannot be told")
    yield Tensor(
        location=content.location, name=str(number), dtype=dtype, shape=shape, start=cursor.at, length=size,
    )  # fmt: skip
    cursor.skip(size)


FORMAT = Format(
    name=NAME,
    title="PaddlePaddle parameters",
    reads="the header of every tensor, and that its numbers fill the file to its end",
    looks_for="shapes that overflow, tensors that are cut off, bytes that are no tensor",
    clue=Clue(first=b"\0"),
    accepts=_accepts,
    read=_read,
    endings=(".pdiparams",),
)
