"""The rules for the state that BUILD puts into an instance of a granted class. `RULES` names each.

Keys with leading and trailing double underscores and `__setstate__` are facts of their own, which the machine writes
down for every class; the rules here are about what only one class does with its state.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from modelguard.picklevm.knowledge.arguments_numpy import PLAIN_CODE, dtype_code
from modelguard.picklevm.knowledge.grants_table import Grant
from modelguard.picklevm.knowledge.reading import is_empty_hooks, is_none, named, text, whole
from modelguard.picklevm.values import Global, Result, Sequence, Table, Value

Arguments: TypeAlias = "tuple[Value, ...] | None"


def fault(grant: Grant, module: str, name: str, state: Value, arguments: Arguments) -> str:
    """Return what the state breaks of the rule of its grant, or ""."""
    wrong = _shadowed_method(state)
    if wrong or not grant.state:
        return wrong
    return RULES[grant.state](f"{module}.{name}", state, arguments)


# Methods that callers of a model use: an attribute of that name, put there by the file, is called in their place.
_METHODS = frozenset(
    [
        "forward",
        "predict",
        "predict_proba",
        "transform",
        "fit",
        "fit_transform",
        "score",
        "decision_function",
        "state_dict",
        "load_state_dict",
        "_call_impl",
        "train",
        "eval",
        "to",
        "inverse_transform",
    ]
)


def entries(state: Value) -> tuple[tuple[str, Value], ...] | None:
    """Return the attributes that a state sets, from a dict or a pair of dicts; None when it is something else."""
    if isinstance(state, Table) and state.entries is not None:
        return tuple((text(key) or "", value) for key, value in state.entries)
    if isinstance(state, Sequence) and state.items is not None and len(state.items) == 2:
        parts = [entries(item) for item in state.items if not is_none(item)]
        if all(part is not None for part in parts):
            return tuple(entry for part in parts if part is not None for entry in part)
    return None


def _shadowed_method(state: Value) -> str:
    for key, value in entries(state) or ():
        if key in _METHODS and isinstance(value, Global | Result):
            return f"the file puts {named(value)} in place of the method {key}"
    return ""


_HOOKS = ("_hooks", "_hooks_with_kwargs", "_hooks_always_called")


def _module_state(target: str, state: Value, arguments: Arguments) -> str:
    for key, value in entries(state) or ():
        if key.endswith(_HOOKS) and not is_empty_hooks(value):
            return f"{target} comes with {key}, functions that run when the model is used"
    return ""


def _dtype_state(target: str, state: Value, arguments: Arguments) -> str:
    """Check the flags of an element type: wrong ones make NumPy take bytes of the file for object pointers."""
    if not isinstance(state, Sequence) or state.items is None or not 5 <= len(state.items) <= 9:
        return "an element type is given a state that NumPy does not write"
    code = dtype_code(Result(Global("numpy", "dtype"), arguments)) if arguments is not None else None
    flags = whole(state.items[7]) if len(state.items) >= 8 else 0
    if flags is None:
        return "an element type is given flags that are not a number"
    if code is None or PLAIN_CODE.match(code):
        return "" if flags == 0 or code is None else f"an element type of plain numbers is given the flags {flags}"
    if code.lstrip("<>|=").startswith("O"):
        return "" if flags == 63 else f"an element type of objects is given the flags {flags}, not 63"
    return ""


def _array_state(target: str, state: Value, arguments: Arguments) -> str:
    return ""


def _attributes(target: str, state: Value, arguments: Arguments) -> str:
    found = entries(state)
    if found is None or not all(key and not key.startswith("__") for key, _ in found):
        return f"{target} is given a state that is not a dict of plain attribute names"
    return ""


RULES: Mapping[str, Callable[[str, Value, Arguments], str]] = {
    "attributes": _attributes,
    "torch-module": _module_state,
    "numpy-dtype": _dtype_state,
    "numpy-array": _array_state,
}
