"""Answers "fine" for the calls and states that real models hold most, from the machine's own values.

Making the values that the rules of `knowledge` are shown takes longer than all else that is done about a call. Each
function here accepts a part of what the rule of the same name accepts, and says nothing about the rest: what it does
not accept goes to that rule. So a mistake here could only be to accept too much, which the tests look for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TypeAlias

from modelguard.picklevm.attributes import METHOD_KEYS
from modelguard.picklevm.knowledge.arguments_torch import LARGEST
from modelguard.picklevm.knowledge.states import METHODS
from modelguard.picklevm.objects import UNBUILT, Called, Held, Named, Raw, Table

Fine: TypeAlias = Callable[[tuple[Raw, ...], str], bool]
"""Tells of the arguments of a call, and its opcode, that they certainly keep the rule."""

FineState: TypeAlias = Callable[[Raw], bool]
"""Tells of a state that it certainly keeps the rule."""

_PLAIN_CODE = re.compile(rb"[<>|=]?[biufc][1248]\Z|[<>|=]?c16\Z|[|]?O8?\Z")
_METHODS = frozenset(name.encode("ascii") for name in METHODS)
_HOOKS = (b"_hooks", b"_hooks_with_kwargs", b"_hooks_always_called")


def _bare(arguments: tuple[Raw, ...], opcode: str) -> bool:
    return opcode == "NEWOBJ" and not arguments


def _tensor(arguments: tuple[Raw, ...], opcode: str) -> bool:
    del opcode
    if len(arguments) != 6:
        return False
    held, offset, size, stride, _, hooks = arguments
    if type(held) is not Held or type(size) is not tuple or type(stride) is not tuple or len(size) != len(stride):
        return False
    id_ = held.id
    if type(id_) is not tuple or not 5 <= len(id_) <= 6:
        return False
    word, kind, length = id_[0], id_[1], id_[4]
    if word != b"storage" or type(kind) is not Named or not kind.listed or type(length) is not int:
        return False
    if type(offset) is not int or offset < 0:
        return False
    last = offset
    for side, step in zip(size, stride, strict=True):
        if type(side) is not int or type(step) is not int or side < 1 or step < 0:
            return False
        last += (side - 1) * step
        if side > LARGEST or step > LARGEST:
            return False
    return last < length <= LARGEST and _no_hooks(hooks)


def _no_hooks(raw: Raw) -> bool:
    """Tell whether a value is None, an empty dict, or an empty OrderedDict that nothing was put into."""
    if type(raw) is Called:
        target = raw.target
        return (
            type(target) is Named
            and target.name == "OrderedDict"
            and target.module == "collections"
            and raw.arguments == ()
            and not raw.filled
            and raw.state is UNBUILT
        )
    return raw is None or (type(raw) is Table and raw.flat == [])


def _parameter(arguments: tuple[Raw, ...], opcode: str) -> bool:
    del opcode
    if len(arguments) != 3:
        return False
    data, _, hooks = arguments
    if type(data) is not Called or type(data.target) is not Named or type(data.arguments) is not tuple:
        return False
    return (data.target.module, data.target.name) == ("torch._utils", "_rebuild_tensor_v2") and _no_hooks(hooks)


def _element_type(arguments: tuple[Raw, ...], opcode: str) -> bool:
    del opcode
    if len(arguments) != 3:
        return False
    code, align, copy = arguments
    return type(code) is bytes and bool(_PLAIN_CODE.match(code)) and type(align) is bool and type(copy) is bool


def _fields(state: Raw) -> bool:
    """Tell whether a state puts no global in place of a method, names no methods and has no hooks."""
    if type(state) is not Table or state.flat is None or len(state.flat) % 2:
        return False
    flat = state.flat
    for index in range(0, len(flat), 2):
        key, value = flat[index], flat[index + 1]
        if type(key) is not bytes or (type(value) is Named and key in _METHODS):
            return False
        if key.endswith(METHOD_KEYS) or (key.endswith(_HOOKS) and not _no_hooks(value)):
            return False
    return True


QUIET: Mapping[Fine | FineState, tuple[str, int]] = {
    _tensor: ("REDUCE", 4),
    _bare: ("NEWOBJ", 8),
    _fields: ("BUILD", 64),
}
"""Those that the compiled loop has as well: the opcode, and the bit of `Named.quiet` that lets it use them."""

ARGUMENTS: Mapping[str, Fine] = {
    "new": _bare,
    "numpy-dtype": _element_type,
    "torch-parameter": _parameter,
    "torch-tensor": _tensor,
}
"""For rules of `knowledge.arguments`, by name."""

STATES: Mapping[str, FineState] = {"fields": _fields, "hookless": _fields}
"""For rules of `knowledge.states`, by name."""
