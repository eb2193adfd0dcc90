"""Reads NumPy's array files: the header as text, then raw elements, or a pickle where the elements are objects.

The layout is that of NEP 1 (https://numpy.org/neps/nep-0001-npy-format.html), versions 1 to 3. Several arrays may
stand one after another, as repeated `numpy.save` into one file writes them.
"""

from __future__ import annotations

import ast
import re
import struct
from collections.abc import Iterator

from attrs import frozen

from modelguard.formats.format import Clue, Format, Walk
from modelguard.picklevm.scanner import scan, scan_one
from modelguard.terms.content import Content
from modelguard.terms.errors import ReadError
from modelguard.terms.facts import Fact, Malformed, Tensor

_MAGIC = b"\x93NUMPY"
_HEADER_LIMIT = 1 << 16
_ARRAYS = 10_000
_KEYS = {"descr", "fortran_order", "shape"}
_CODE = re.compile(r"[<>|=]?(?:(?P<object>O8?)|(?P<kind>[biufcSaUVmM?])(?P<size>\d{0,9}))(?:\[[0-9a-zA-Z/]{1,20}\])?\Z")
# Python 2 wrote long integers into shapes.
_LONG = re.compile(r"(?<=\d)L(?=[,)])")


@frozen(kw_only=True)
class Array:
    """What a header says: element type, size of an element in bytes, shape, and where the elements begin."""

    dtype: str
    size: int
    has_object: bool
    shape: tuple[int, ...]
    start: int

    def length(self, limit: int) -> int:
        """Return the bytes of all elements. Raises `ReadError` beyond `limit`, before numbers grow."""
        if 0 in self.shape:
            return 0
        length = self.size
        for side in self.shape:
            length *= side
            if length > limit:
                raise ReadError("the array has more bytes than the file")
        return length


def read(content: Content, walk: Walk) -> Iterator[Fact]:
    """Yield the facts of every array in the file. Raises `ReadError` for a damaged header or missing elements."""
    at = 0
    for _ in range(_ARRAYS):
        array = header(content, at)
        if array.has_object:
            one = scan_one(content, walk.budget, start=array.start, inside=walk.inside)
            yield from one.facts
            if one.fault is not None:
                yield from scan(content, walk.budget, start=min(one.end + 1, content.size), inside=walk.inside)
                return
            at = one.end
        else:
            length = array.length(content.size)
            content.part(array.start, length)
            yield Tensor(
                location=content.location, name="", dtype=array.dtype, shape=array.shape, start=array.start,
                length=length,
            )  # fmt: skip
            at = array.start + length
        if at == content.size:
            return
        if content.read(at, min(len(_MAGIC), content.size - at)) != _MAGIC:
            break
    detail = f"{content.size - at} bytes follow the array"
    yield Malformed(location=content.location.at(at), format="npy", rule="npy-trailing", detail=detail)
    yield from walk.inside(content.part(at, content.size - at, f"(bytes from {at})"))


def header(content: Content, at: int) -> Array:
    """Read the header at an offset. Raises `ReadError` for anything that NumPy does not write."""
    start = content.read(at, 8)
    if start[:6] != _MAGIC or start[6] not in (1, 2, 3):
        raise ReadError(f"no header of an array at {at}")
    layout = "<H" if start[6] == 1 else "<L"
    width = struct.calcsize(layout)
    (length,) = struct.unpack(layout, content.read(at + 8, width))
    if length > _HEADER_LIMIT:
        raise ReadError(f"a header of {length} bytes is longer than the {_HEADER_LIMIT} that are read")
    raw = content.read(at + 8 + width, length)
    fields = _fields(_decoded(raw, start[6]), start[6])
    shape = fields["shape"]
    if not isinstance(shape, tuple) or not all(type(side) is int and 0 <= side < 1 << 62 for side in shape):
        raise ReadError("the shape in the header is not a tuple of lengths")
    if type(fields["fortran_order"]) is not bool:
        raise ReadError("the order in the header is neither True nor False")
    size, has_object = _item(fields["descr"], 8)
    dtype = fields["descr"] if isinstance(fields["descr"], str) else "structured"
    return Array(dtype=dtype, size=size, has_object=has_object, shape=shape, start=at + 8 + width + length)


def _decoded(raw: bytes, version: int) -> str:
    try:
        return raw.decode("utf-8" if version == 3 else "latin-1")
    except UnicodeDecodeError:
        raise ReadError("the header is not UTF-8") from None


def _fields(text: str, version: int) -> dict[str, object]:
    try:
        value = ast.literal_eval(_LONG.sub("", text) if version < 3 else text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        raise ReadError("the header is not a dict of plain values") from None
    if not isinstance(value, dict) or value.keys() != _KEYS:
        raise ReadError("the header does not have exactly the keys descr, fortran_order and shape")
    return value


def _item(descr: object, depth: int) -> tuple[int, bool]:
    """Return the size of an element in bytes, and whether it holds objects."""
    if depth == 0:
        raise ReadError("the element type is nested too deeply")
    if isinstance(descr, str):
        return _plain_item(descr)
    if isinstance(descr, tuple) and len(descr) == 2:
        size, has_object = _item(descr[0], depth - 1)
        return size * _count(descr[1]), has_object
    if not isinstance(descr, list):
        raise ReadError("the element type is not written as NumPy writes it")
    total, any_object = 0, False
    for field in descr:
        if not isinstance(field, tuple) or len(field) not in (2, 3):
            raise ReadError("a field of the element type is not written as NumPy writes it")
        size, has_object = _item(field[1], depth - 1)
        total += size * (_count(field[2]) if len(field) == 3 else 1)
        any_object = any_object or has_object
    return total, any_object


def _plain_item(code: str) -> tuple[int, bool]:
    match = _CODE.match(code)
    if match is None:
        raise ReadError(f"the element type {code[:40]!r} is not one that NumPy writes")
    if match["object"]:
        return 8, True
    size = int(match["size"] or (1 if match["kind"] == "?" else 0))
    return size * (4 if match["kind"] == "U" else 1), False


def _count(shape: object) -> int:
    sides = shape if isinstance(shape, tuple) else (shape,)
    count = 1
    for side in sides:
        if type(side) is not int or not 0 <= side < 1 << 32:
            raise ReadError("a subarray has a shape that is not a tuple of lengths")
        count *= side
    return count


NPY = Format(
    name="npy",
    title="NumPy array",
    reads="The header of each array in the file, and the pickle of arrays of objects.",
    looks_for="Globals and calls in pickled elements, headers that NumPy does not write, and bytes after the array.",
    clue=Clue(first=_MAGIC[:1]),
    accepts=lambda content: content.head(6) == _MAGIC,
    read=read,
    endings=(".npy",),
)
