"""Tells the pickle machine how many raw bytes follow in a joblib stream, and of what they are.

joblib's unpickler looks after each BUILD whether the object is a wrapper of an array. If so, it reads from the stream:
for arrays of objects another pickle, else one byte with the length of a padding (joblib 1.2 and later), the padding
and the raw elements. Source: joblib/numpy_pickle.py, NumpyArrayWrapper.read_array and NumpyUnpickler.load_build.
"""

from __future__ import annotations

from modelguard.formats._dtypes import item_type
from modelguard.picklevm.hooks import Interrupted
from modelguard.picklevm.values import Constant, Global, Result, Sequence, Table, Value
from modelguard.terms.content import Content
from modelguard.terms.errors import ReadError
from modelguard.terms.facts import Asks, Fact, Malformed, Tensor

WRAPPER = ("joblib.numpy_pickle", "NumpyArrayWrapper")
# Wrappers of joblib before 0.10, which name another file, or bytes behind the pickle.
_POINTERS = frozenset(
    {
        (module, name)
        for module in ("joblib.numpy_pickle", "joblib.numpy_pickle_compat")
        for name in ("NDArrayWrapper", "ZNDArrayWrapper")
    }
)
# Functions through which an object of a class can be made without calling the class.
_MAKERS = frozenset({("copyreg", "_reconstructor"), ("copyreg", "__newobj__"), ("copyreg", "__newobj_ex__")})
_SUBCLASSES = frozenset(
    {
        ("numpy", "ndarray"),
        ("numpy", "memmap"),
        ("numpy", "matrix"),
        ("numpy.core.memmap", "memmap"),
        ("numpy._core.memmap", "memmap"),
        ("numpy.matrixlib.defmatrix", "matrix"),
    }
)
_KEYS = frozenset({"subclass", "shape", "order", "dtype"})
_MORE_KEYS = frozenset({"allow_mmap", "numpy_array_alignment_bytes"})


class Arrays:
    """The hook for `scan`; it keeps nothing."""

    def __init__(self) -> None:
        self.globals: frozenset[tuple[str, str]] = frozenset({WRAPPER}) | _POINTERS | _MAKERS

    def __call__(self, target: Value, state: Value, content: Content, offset: int) -> Interrupted | None:
        """Return what follows a BUILD. Raises `ReadError` when that cannot be told for certain."""
        made = _class_of(target)
        if made in _POINTERS:
            return Interrupted(skip=0, facts=(_other_file(made, state, content, offset),))
        if made != WRAPPER:
            return None
        entries = _entries(state)
        item = item_type(entries["dtype"])
        shape = _shape(entries["shape"])
        facts = tuple(_oddities(entries, content, offset))
        if item.has_object:
            return Interrupted(skip=None, facts=facts)
        start = offset + _padding(entries, content, offset)
        length = _product(shape, item.size, content.size)
        if start + length > content.size:
            raise ReadError(f"an array of {length} bytes at {start} does not fit into {content.size}")
        tensor = Tensor(
            location=content.location, name=f"array@{start}", dtype=item.code, shape=shape, start=start, length=length
        )
        return Interrupted(skip=start + length - offset, facts=(*facts, tensor))


def _class_of(target: Value) -> tuple[str, str] | None:
    """Return the class of which a call made an object."""
    if not isinstance(target, Result) or not isinstance(target.target, Global):
        return None
    called = (target.target.module, target.target.name)
    if called not in _MAKERS:
        return called
    first = target.arguments[0] if target.arguments else None
    return (first.module, first.name) if isinstance(first, Global) else None


def _entries(state: Value) -> dict[str, Value]:
    if not isinstance(state, Table) or state.entries is None:
        raise ReadError("the wrapper of an array has a state that is no dict")
    entries = {_text(key): value for key, value in state.entries}
    if not entries.keys() >= _KEYS or len(entries) != len(state.entries) or entries.keys() - _KEYS - _MORE_KEYS:
        names = ", ".join(sorted(entries))
        raise ReadError(f"the wrapper of an array has a state that joblib does not write: {names}")
    return entries


def _shape(value: Value) -> tuple[int, ...]:
    items = value.items if isinstance(value, Sequence) and value.kind == "tuple" else None
    sides = [_whole(item) for item in items or ()]
    if items is None or any(side is None or side < 0 for side in sides):
        raise ReadError("an array has a shape that is not a tuple of lengths")
    return tuple(side for side in sides if side is not None)


def _product(shape: tuple[int, ...], size: int, limit: int) -> int:
    """Return the bytes of an array. Raises `ReadError` beyond `limit`, before numbers grow."""
    if 0 in shape:
        return 0
    for side in shape:
        size *= side
        if size > limit:
            raise ReadError("an array has more bytes than the file")
    return size


def _padding(entries: dict[str, Value], content: Content, offset: int) -> int:
    """Return how many bytes stand before the elements: none before joblib 1.2, else a length byte and as many."""
    alignment = entries.get("numpy_array_alignment_bytes", Constant(None))
    if alignment == Constant(None):
        return 0
    return 1 + content.read(offset, 1)[0]


def _oddities(entries: dict[str, Value], content: Content, offset: int) -> list[Fact]:
    faults = []
    subclass = entries["subclass"]
    if not isinstance(subclass, Global) or (subclass.module, subclass.name) not in _SUBCLASSES:
        faults.append(("joblib-subclass", "the wrapper of an array names a class that is none of NumPy's arrays"))
    if entries["order"] not in (Constant("C", 1), Constant("F", 1)):
        faults.append(("joblib-order", "the wrapper of an array names an order that is neither C nor F"))
    location = content.location.at(offset)
    return [Malformed(location=location, format="joblib", rule=rule, detail=detail) for rule, detail in faults]


def _other_file(made: tuple[str, str], state: Value, content: Content, offset: int) -> Asks:
    entries = {_text(key): value for key, value in state.entries or ()} if isinstance(state, Table) else {}
    name = _text(entries.get("filename", Constant(None))) or "(a name that is not written in the file)"
    return Asks(
        location=content.location.at(offset),
        permission="external-files",
        name=name,
        detail=f"{'.'.join(made)} reads an array from another file, by numpy.load with pickles allowed",
        hazard="nested-load",
    )


def _text(value: Value) -> str:
    return value.value if isinstance(value, Constant) and isinstance(value.value, str) else ""


def _whole(value: Value) -> int | None:
    return value.value if isinstance(value, Constant) and type(value.value) is int else None
