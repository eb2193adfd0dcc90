"""The rules for the state that BUILD puts into an instance of a granted class. `RULES` names each.

Keys with leading and trailing double underscores and `__setstate__` are facts of their own, which the machine writes
down for every class; the rules here are about what only one class does with its state.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from attrs import frozen

from modelguard.picklevm.knowledge.arguments_numpy import is_array_class
from modelguard.picklevm.knowledge.element_types import dtype_fault
from modelguard.picklevm.knowledge.grants_table import Grant
from modelguard.picklevm.knowledge.reading import is_bytes, is_empty_hooks, is_none, named, text, wholes, words
from modelguard.picklevm.values import Global, Result, Sequence, Table, Value

# Granted classes whose instances a pickler fills with items, by the method that the opcodes call: `__setitem__`,
# `append` or `extend`, `add`. A dict with attributes (`Bunch`) has the others only if the file puts them there.
LISTS = frozenset({("builtins", "list"), ("collections", "deque")})
SETS = frozenset({("builtins", "set")})
DICTS = frozenset(
    (module, name)
    for module, names in {
        "builtins": "dict",
        "collections": "OrderedDict defaultdict Counter",
        "scipy.optimize._optimize": "OptimizeResult",
        "scipy.optimize.optimize": "OptimizeResult",
        "scipy.sparse._dok": "dok_array dok_matrix",
        "scipy.sparse.dok": "dok_matrix",
        "sklearn.utils": "Bunch",
        "sklearn.utils._bunch": "Bunch",
    }.items()
    for name in names.split()
)


@frozen
class Filling:
    """One BUILD: the granted class, the state, and what the instance was made with (None when that is not known)."""

    target: str
    state: Value
    arguments: tuple[Value, ...] | None


def fault(grant: Grant, filling: Filling) -> str:
    """Return what the state breaks of the rule of its grant, or ""."""
    return RULES[grant.state](filling) if grant.state else ""


# Methods that callers of a model use: an attribute of that name, put there by the file, is called in their place.
METHODS = words(
    "forward predict predict_proba transform fit fit_transform score decision_function state_dict load_state_dict "
    "_call_impl train eval to inverse_transform"
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


def _untold(filling: Filling) -> str:
    """Find out whether the attributes that a state sets can be told; a tuple is for the class's own method to read."""
    state = filling.state
    if isinstance(state, Result) and not is_bytes(state):
        return f"{filling.target} is filled with {named(state)}, so that its attributes are not told"
    pair = isinstance(state, Sequence) and state.items is not None and len(state.items) == 2
    parts = state.items if isinstance(state, Sequence) and state.items is not None and pair else (state,)
    if any(isinstance(part, Table) and part.entries is None for part in parts):
        return f"{filling.target} is given more attributes than any library's class has"
    return ""


def _fields(filling: Filling) -> str:
    wrong = _untold(filling)
    if wrong:
        return wrong
    for key, value in entries(filling.state) or ():
        if key in METHODS and isinstance(value, Global):
            return f"the file puts {named(value)} in place of the method {key}"
    return ""


def _without_hooks(filling: Filling) -> str:
    wrong = _fields(filling)
    if wrong:
        return wrong
    for key, value in entries(filling.state) or ():
        if key.endswith(("_hooks", "_hooks_with_kwargs", "_hooks_always_called")) and not is_empty_hooks(value):
            return f"{filling.target} comes with {key}, functions that run when the model is used"
    return ""


def _dtype(filling: Filling) -> str:
    if filling.arguments is None:
        return "an element type is made in a way that the bytes do not tell"
    return dtype_fault(Result(Global("numpy", "dtype"), filling.arguments, filling.state))


def _attributes(filling: Filling) -> str:
    found = entries(filling.state)
    if found is None or not all(key and not key.startswith("__") for key, _ in found):
        return f"{filling.target} is given a state that is not a dict of plain attribute names"
    return ""


def _interpolation(filling: Filling) -> str:
    """Check that a curve is computed by a method of its own class, which scipy keeps in the attribute `_call`."""
    found = entries(filling.state)
    if found is None:
        return f"{filling.target} is given a state that is not a small dict"
    for key, value in found:
        own = isinstance(value, Global) and f"{value.module}.{value.name}".startswith(f"{filling.target}._call_")
        if key == "_call" and not own:
            return f"the curve would be computed by {named(value)}, which is not a method of {filling.target}"
    return _fields(filling)


def _joblib_array(filling: Filling) -> str:
    """Check the description of an array: joblib makes an instance of the class that it names."""
    told = dict(entries(filling.state) or ())
    if not {"subclass", "shape", "dtype"} <= set(told):
        return f"{filling.target} is filled without class, shape and element type"
    if not (is_array_class(told["subclass"]) or told["subclass"] == Global("numpy", "memmap")):
        return f"joblib would make an instance of {named(told['subclass'])}, which is not a class of arrays"
    shape = wholes(told["shape"])
    if shape is None or min(shape, default=0) < 0:
        return "the shape of an array is not told in whole numbers"
    return dtype_fault(told["dtype"])


RULES: Mapping[str, Callable[[Filling], str]] = {
    "attributes": _attributes,
    "fields": _fields,
    "hookless": _without_hooks,
    "interpolation": _interpolation,
    "joblib-array": _joblib_array,
    "numpy-dtype": _dtype,
}
