"""Reads abstract values for the argument rules: plain constants, numbers, granted classes."""

from __future__ import annotations

from attrs import frozen

from modelguard.picklevm.knowledge.grants_table import grants
from modelguard.picklevm.values import Constant, Global, Result, Sequence, Table, Value

CONSTANT_DEPTH = 8
"""How deep plain constants may be nested in an argument; real ones are nested twice."""


@frozen
class Use:
    """One call of a granted global: what is called, with what, by which opcode."""

    module: str
    name: str
    arguments: tuple[Value, ...]
    opcode: str


def words(text: str) -> frozenset[str]:
    """Return the blank-separated words of a table's row."""
    return frozenset(text.split())


def length(value: Value) -> int:
    """Return the length of a text or bytes, 0 for anything else."""
    if isinstance(value, Constant) and isinstance(value.value, str | bytes):
        return max(value.size, len(value.value))
    return 0


def is_text(value: Value) -> bool:
    return isinstance(value, Constant) and isinstance(value.value, str)


def text(value: Value) -> str | None:
    """Return a text written in full, or None."""
    if isinstance(value, Constant) and isinstance(value.value, str) and (value.value or not value.size):
        return value.value
    return None


def whole(value: Value) -> int | None:
    """Return an integer that is not a truth value and not too long to be kept, or None."""
    if isinstance(value, Constant) and type(value.value) is int and not value.size:
        return value.value
    return None


def is_none(value: Value) -> bool:
    return isinstance(value, Constant) and value.value is None


def called(value: Value, *targets: tuple[str, str]) -> tuple[Value, ...] | None:
    """Return the arguments of a call result when the callee is one of `targets`, else None."""
    if isinstance(value, Result) and isinstance(value.target, Global):
        return value.arguments if (value.target.module, value.target.name) in targets else None
    return None


def is_bytes(value: Value) -> bool:
    """Tell whether a value is bytes: written as such, or as latin-1 text by protocols 0 to 2."""
    if isinstance(value, Constant):
        return isinstance(value.value, bytes)
    return called(value, ("_codecs", "encode"), ("builtins", "bytes"), ("builtins", "bytearray")) is not None


def wholes(value: Value) -> tuple[int, ...] | None:
    """Return a tuple, list or torch.Size of integers that are not truth values, or None."""
    inner = called(value, ("torch", "Size"))
    if inner is not None:
        value = inner[0] if len(inner) == 1 else Sequence("tuple", ())
    if not isinstance(value, Sequence) or value.items is None:
        return None
    numbers = [whole(item) for item in value.items]
    return None if None in numbers else tuple(number for number in numbers if number is not None)


def is_plain(value: Value, depth: int = CONSTANT_DEPTH) -> bool:
    """Tell whether a value is built of constants alone."""
    if isinstance(value, Constant):
        return True
    if depth == 0:
        return False
    if isinstance(value, Sequence):
        return value.items is not None and all(is_plain(item, depth - 1) for item in value.items)
    if isinstance(value, Table):
        return value.entries is not None and all(is_plain(part, depth - 1) for entry in value.entries for part in entry)
    arguments = called(value, ("_codecs", "encode"), ("builtins", "bytes"), ("datetime", "timedelta"),
                       ("datetime", "timezone"), ("decimal", "Decimal"))  # fmt: skip
    return arguments is not None and all(is_plain(argument, depth - 1) for argument in arguments)


def is_granted(value: Value) -> bool:
    return isinstance(value, Global) and bool(grants(value.module, value.name))


def is_empty_hooks(value: Value) -> bool:
    """Tell whether a value is what tensors are written with in place of hooks: None, {} or an empty OrderedDict."""
    if is_none(value) or value == Table(()):
        return True
    arguments = called(value, ("collections", "OrderedDict"))
    if isinstance(value, Result) and (value.filled or value.state is not None):
        return False
    empty = (Sequence("list", ()), Sequence("tuple", ()))
    return arguments is not None and all(argument in empty for argument in arguments)


def named(value: Value) -> str:
    """Return how to call a value in a message."""
    match value:
        case Global():
            return f"{value.module}.{value.name}"
        case Result():
            return f"the result of {named(value.target)}"
        case Constant():
            return repr(value.value)[:60]
        case Sequence():
            return f"a {value.kind}"
        case Table():
            return "a dict"
        case _:
            return "something that the bytes do not tell"
