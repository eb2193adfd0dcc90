"""MXNet's arrays (`….params`, `….nd`): a list of arrays, each with its shape and place, then their names.

Layout: NDArray::Save in src/ndarray/ndarray.cc of https://github.com/apache/mxnet; three versions of it are about, and
one from before versions.
"""

from __future__ import annotations

from collections.abc import Iterator

from modelguard.formats._cursor import Cursor
from modelguard.formats.format import Clue, Format, Walk
from modelguard.terms.artifact import printable
from modelguard.terms.content import Content
from modelguard.terms.errors import ReadError
from modelguard.terms.facts import Fact, Header, Malformed, Tensor

NAME = "mxnet-arrays"
LARGEST = (1 << 63) - 1
_LIST = (0x112).to_bytes(8, "little") + bytes(8)
_FIRST, _SECOND, _THIRD = 0xF993FAC8, 0xF993FAC9, 0xF993FACA
_MOST_DIMENSIONS = 32
_LONGEST_NAME = 1 << 16
_LEAST_ARRAY = 8
# Storage type -> arrays of indices that it has besides its values: dense, by rows, compressed rows.
_INDICES = {0: 0, 1: 1, 2: 2}

# Type flag of mshadow -> name and bytes of one element.
TYPES: dict[int, tuple[str, int]] = {
    0: ("float32", 4), 1: ("float64", 8), 2: ("float16", 2), 3: ("uint8", 1), 4: ("int32", 4), 5: ("int8", 1),
    6: ("int64", 8), 7: ("bool", 1), 8: ("int16", 2), 9: ("uint16", 2), 10: ("uint32", 4), 11: ("uint64", 8),
    12: ("bfloat16", 2),
}  # fmt: skip


def _accepts(content: Content) -> bool:
    return content.head(16) == _LIST


def _read(content: Content, walk: Walk) -> Iterator[Fact]:
    cursor = Cursor(content, at=16)
    count = cursor.unsigned(8)
    if count > cursor.left // _LEAST_ARRAY:
        raise ReadError(f"{NAME}: {count} arrays in {cursor.left} bytes")
    for number in range(count):
        walk.budget.spend_time()
        yield from _array(cursor, str(number), content)
    names = _names(cursor, walk)
    if names and len(names) != count:
        yield _malformed(content, cursor.at, "names", f"{len(names)} names for {count} arrays")
    if len(set(names)) < len(names):
        yield _malformed(content, cursor.at, "names", "two arrays have the same name")
    properties = {"arrays": str(count), "names": printable(", ".join(names[:100])[:1000])}
    yield Header(location=content.location, format=NAME, properties=properties)
    if cursor.left:
        yield _malformed(content, cursor.at, "trailing", f"{cursor.left} bytes after the names")
        yield from walk.inside(content.part(cursor.at, cursor.left, "after the names"))


def _names(cursor: Cursor, walk: Walk) -> list[str]:
    count = cursor.unsigned(8)
    if count > cursor.left // 8:
        raise ReadError(f"{NAME}: {count} names in {cursor.left} bytes")
    names = []
    for _ in range(count):
        walk.budget.spend_time()
        length = cursor.unsigned(8)
        if length > _LONGEST_NAME:
            raise ReadError(f"{NAME}: a name of {length} bytes at {cursor.at}")
        names.append(cursor.take(length).decode("utf-8", "backslashreplace"))
    return names


def _array(cursor: Cursor, name: str, content: Content) -> Iterator[Fact]:
    start = cursor.at
    version = cursor.unsigned(4)
    indices = 0
    if version in (_SECOND, _THIRD):
        storage = cursor.signed(4)
        if storage not in _INDICES:
            raise ReadError(f"{NAME}: an array at {start} of storage type {storage}")
        indices = _INDICES[storage]
    stored = _shape(cursor, 8) if indices else None
    versioned = version in (_FIRST, _SECOND, _THIRD)
    shape = _shape(cursor, 8) if versioned else _extents(cursor, version, 4)
    if not shape and version != _THIRD:
        return  # an array that holds nothing ends here
    if stored is None:
        stored = shape
    cursor.skip(8)  # the device that it was on
    dtype, size = _type(cursor)
    lengths = [_bytes(stored, size)]
    for _ in range(indices):
        _, width = _type(cursor)
        lengths.append(_bytes(_shape(cursor, 8), width))
    yield Tensor(
        location=content.location, name=name, dtype=dtype, shape=shape, start=cursor.at, length=lengths[0],
    )  # fmt: skip
    for length in lengths:
        cursor.skip(length)


def _type(cursor: Cursor) -> tuple[str, int]:
    flag = cursor.signed(4)
    if flag not in TYPES:
        raise ReadError(f"{NAME}: element type {flag} at {cursor.at}")
    return TYPES[flag]


def _shape(cursor: Cursor, width: int) -> tuple[int, ...]:
    return _extents(cursor, cursor.unsigned(4), width)


def _extents(cursor: Cursor, dimensions: int, width: int) -> tuple[int, ...]:
    if dimensions > _MOST_DIMENSIONS:
        raise ReadError(f"{NAME}: {dimensions} dimensions at {cursor.at}")
    return tuple(cursor.unsigned(width) for _ in range(dimensions))


def _bytes(shape: tuple[int, ...], size: int) -> int:
    for extent in shape:
        size *= extent
    if any(extent > LARGEST for extent in shape) or size > LARGEST:
        raise ReadError(f"{NAME}: a negative size in {shape}, or a product that overflows")
    return size


def _malformed(content: Content, at: int, rule: str, detail: str) -> Malformed:
    return Malformed(location=content.location.at(at), format=NAME, rule=f"{NAME}-{rule}", detail=detail)


FORMAT = Format(
    name=NAME,
    title="MXNet arrays",
    reads="the shape, type and place of every array, dense or sparse, and all names",
    looks_for="shapes that overflow, arrays that are cut off, names that do not fit, bytes behind the end",
    clue=Clue(first=_LIST[:1]),
    accepts=_accepts,
    read=_read,
)
