"""Checks NumPy element types: the state of a dtype decides whether bytes of the file are taken for object pointers.

`dtype.__setstate__` takes flags, fields and offsets as they come. A dtype of objects without the object flags, or a
field that lies beyond its structure, makes an array read memory that is not its own.
"""

from __future__ import annotations

import re
from math import prod

from modelguard.picklevm.knowledge.reading import called, is_none, text, whole, wholes
from modelguard.picklevm.values import Result, Sequence, Table, Value

# Booleans, integers, floats, complex numbers, text, bytes, dates; V and O are structures and object pointers.
PLAIN_CODE = re.compile(r"[<>|=]?[biufcSUaMm?](?:\d{1,9})?(?:\[\d*[A-Za-zμ]{1,3}\])?\Z")
CODE = re.compile(r"[<>|=]?[biufcSUaMm?VO](?:\d{1,9})?(?:\[\d*[A-Za-zμ]{1,3}\])?\Z")
_SIZED = re.compile(r"[<>|=]?([biufcSUaMmVO?])(\d{0,9})")
_DTYPE = ("numpy", "dtype")

OBJECT_FLAGS = 63
"""The flags of the object type: https://numpy.org/doc/stable/reference/c-api/types-and-structures.html"""

PLAIN_FLAGS = (0, 8)
"""Those of numbers, and of text, which must be set to zero when an array is made."""

OBJECT_BITS = 0b11
"""Those that say that a structure holds objects, which are pickled as a list and not as bytes."""


def dtype_code(value: Value) -> str | None:
    """Return the code with which an element type was made, as `f8`, or None when it was made otherwise."""
    arguments = called(value, _DTYPE)
    if not arguments:
        return None
    code = text(arguments[0])
    return code if code is not None and CODE.match(code) else None


def is_plain_dtype(value: Value) -> bool:
    """Tell whether an element type is one of plain values or of structures of them, whose bytes are never pointers."""
    return dtype_code(value) is not None and not _holds_objects(value) and not dtype_fault(value)


def _items(value: Value) -> tuple[Value, ...] | None:
    """Return the state of an element type, or None when it is not one that NumPy writes."""
    state = value.state if isinstance(value, Result) else None
    if isinstance(state, Sequence) and state.items is not None and 5 <= len(state.items) <= 9:
        return state.items
    return None


def item_bytes(value: Value) -> int | None:
    """Return the bytes of one element, or None when they cannot be told."""
    code = dtype_code(value)
    match = _SIZED.match(code) if code is not None else None
    if match is None:
        return None
    kind, digits = match.groups()
    if kind in "SUV":
        items = _items(value)
        told = whole(items[5]) if items is not None and len(items) > 5 else None
        return told if told is not None else int(digits or 0) * (4 if kind == "U" else 1)
    return int(digits) if digits else 8 if kind in "MmO" else 1


def dtype_fault(value: Value) -> str:
    """Return what is wrong with an element type and its state, or ""."""
    code = dtype_code(value)
    if code is None:
        return ""  # made from a scalar type: NumPy does not write a state for it that matters
    if not isinstance(value, Result) or value.state is None:
        return ""
    items = _items(value)
    if items is None:
        return "an element type is given a state that NumPy does not write"
    flags = whole(items[7]) if len(items) > 7 else 0
    if flags is None:
        return "an element type is given flags that are not a number"
    if PLAIN_CODE.match(code):
        return "" if flags in PLAIN_FLAGS else f"an element type of plain values is given the flags {flags}"
    if "O" in code:
        return "" if flags == OBJECT_FLAGS else f"an element type of objects is given the flags {flags}, not 63"
    return _structure_fault(value, items, flags)


def _structure_fault(value: Value, items: tuple[Value, ...], flags: int) -> str:
    size = item_bytes(value)
    if size is None or size < 0:
        return "a structure has no usable size"
    parts = [*_fields(items[4]), *_repeated(items[2])]
    for part, offset, count in parts:
        length = item_bytes(part)
        if length is None or offset < 0 or offset + length * count > size:
            return f"a field of a structure lies outside its {size} bytes, or is of an element type that is not told"
        if _holds_objects(part) and flags & OBJECT_BITS != OBJECT_BITS:
            return f"a structure that holds objects is given the flags {flags}, so that bytes become pointers"
    return ""


UNTOLD: Value = Sequence("tuple", None)


def _fields(value: Value) -> list[tuple[Value, int, int]]:
    """Return element type, offset and count of each field; a field that cannot be told has no element type."""
    if is_none(value):
        return []
    entries = value.entries if isinstance(value, Table) else None
    if entries is None:
        return [(UNTOLD, 0, 1)]
    found = []
    for _, field in entries:
        items = field.items if isinstance(field, Sequence) else None
        offset = whole(items[1]) if items is not None and 2 <= len(items) <= 3 else None
        found.append((UNTOLD, 0, 1) if items is None or offset is None else (items[0], offset, 1))
    return found


def _repeated(value: Value) -> list[tuple[Value, int, int]]:
    """Return the element type of a sub-array, with the number of its elements."""
    if is_none(value):
        return []
    items = value.items if isinstance(value, Sequence) else None
    if items is None or len(items) != 2:
        return [(UNTOLD, 0, 1)]
    single = whole(items[1])
    shape = (single,) if single is not None else wholes(items[1])
    return [(UNTOLD, 0, 1)] if shape is None or min(shape, default=0) < 0 else [(items[0], 0, prod(shape))]


def _holds_objects(value: Value) -> bool:
    code = dtype_code(value) or "O"
    if "O" in code:
        return True
    items = _items(value)
    flags = whole(items[7]) if items is not None and len(items) > 7 else 0
    return flags is None or bool(flags & OBJECT_BITS)
