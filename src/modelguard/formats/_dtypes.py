"""How many bytes an element of a NumPy type has, and whether it holds objects, from the type as a pickle builds it.

`numpy.dtype('f8', False, True)` is followed by a state: version, byte order, subarray, names, fields, size, alignment,
flags. For structured types fields and size stand in the state only. Where text, fields and flags disagree about
objects, readers would differ between raw bytes and a pickle, so that is refused.
"""

from __future__ import annotations

import re

from attrs import frozen

from modelguard.picklevm.values import Constant, Global, Result, Sequence, Table, Value
from modelguard.terms.errors import ReadError

_CODE = re.compile(r"[<>|=]?(?P<kind>[bBhHiIlLqQuefdgFDGcSaUVOMmT?])(?P<size>\d{1,9})\Z")
_LARGEST = 1 << 31
_HAS_OBJECT = 1
_DEPTH = 6


@frozen(kw_only=True)
class ItemType:
    """One element: its kind as NumPy's letter and digits, its size in bytes, and whether it holds objects."""

    code: str
    size: int
    has_object: bool


def item_type(value: Value, depth: int = _DEPTH) -> ItemType:
    """Read a type from the values of a pickle.

    Raises `ReadError` when the type is not one whose size and objects are known for certain.
    """
    if depth == 0 or not isinstance(value, Result) or value.target != Global("numpy", "dtype") or not value.arguments:
        raise ReadError("an array's element type is not built as NumPy builds it")
    code = _text(value.arguments[0])
    match = _CODE.match(code)
    if match is None:
        raise ReadError(f"an array's element type is written as {code!r}, which NumPy does not write")
    size = int(match["size"]) * (4 if match["kind"] == "U" else 1)
    state = value.state.items if isinstance(value.state, Sequence) else ()
    if value.state is not None and (state is None or len(state) not in (7, 8, 9)):
        raise ReadError("an array's element type has a state that is not known")
    has_object = match["kind"] in "OT" or any(inner.has_object for inner in _inner(state or (), depth))
    if match["kind"] == "T":
        raise ReadError("an array of variable-width text is not raw bytes")
    if state:
        _compare(state, size, match["kind"], has_object=has_object)
    elif has_object and match["kind"] == "V":
        raise ReadError("a structured element type has no state")
    return ItemType(code=code, size=size, has_object=has_object)


def _inner(state: tuple[Value, ...], depth: int) -> list[ItemType]:
    """Return the types inside of a structured or subarray type."""
    if len(state) < 5:
        return []
    found = []
    base, fields = state[2], state[4]
    if isinstance(base, Sequence) and base.items:
        found.append(item_type(base.items[0], depth - 1))
    elif base != Constant(None):
        raise ReadError("a subarray type is not built as NumPy builds it")
    if isinstance(fields, Table) and fields.entries is not None:
        for _, field in fields.entries:
            if not isinstance(field, Sequence) or not field.items:
                raise ReadError("a field of a structured type is not built as NumPy builds it")
            found.append(item_type(field.items[0], depth - 1))
    elif fields != Constant(None):
        raise ReadError("the fields of a structured type are more than are kept, or not known")
    return found


def _compare(state: tuple[Value, ...], size: int, kind: str, *, has_object: bool) -> None:
    stated = _whole(state[5])
    if stated is not None and stated not in (-1, size):
        raise ReadError(f"an element type of {size} bytes has a state of {stated} bytes")
    flags = _whole(state[7]) if len(state) > 7 else None
    if flags is not None and bool(flags & _HAS_OBJECT) != has_object:
        raise ReadError("an element type's flags do not tell the truth about objects in it")
    if kind == "V" and has_object and flags is None:
        raise ReadError("a structured type with objects does not say so")


def _text(value: Value) -> str:
    return value.value if isinstance(value, Constant) and isinstance(value.value, str) else ""


def _whole(value: Value) -> int | None:
    return value.value if isinstance(value, Constant) and type(value.value) is int else None
