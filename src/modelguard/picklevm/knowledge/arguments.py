"""The rules for what a granted global may be called with. `RULES` names each; the grant tables refer to the names.

A rule gets one `Use` and returns one clause that says what is wrong, or "". What the bytes do not tell is wrong.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from modelguard.picklevm.knowledge.arguments_numpy import NUMPY_RULES
from modelguard.picklevm.knowledge.arguments_torch import TORCH_RULES
from modelguard.picklevm.knowledge.grants_table import Grant, grants
from modelguard.picklevm.knowledge.reading import (
    CONSTANT_DEPTH,
    Use,
    is_bytes,
    is_granted,
    is_none,
    is_plain,
    is_text,
    length,
    named,
    text,
    whole,
    words,
)
from modelguard.picklevm.values import Constant, Global, Persistent, Result, Sequence, Table, Value

PATTERN_LENGTH = 2_000
RANGE_LENGTH = 10_000_000
NUMBER_DIGITS = 4_300
"""Digits above which CPython itself refuses to read an integer from text."""

_FACTORIES = words("list dict tuple set frozenset int float str bytes bool complex object")
_BASES = words("object list dict tuple set frozenset int float str bytes complex")
_LATIN1 = frozenset({"latin1", "latin-1", "latin_1", "iso-8859-1", "iso8859-1"})
# A repeated group that is itself repeated: the shape of patterns that take exponential time.
_NESTED_REPEAT = re.compile(r"[+*}]\)[+*{]")


# Rules of globals that only build data whatever they are called with. Those of other rules may be called by the file,
# where the rule looks at the arguments, and not be kept for something else to call: scikit-learn, for one, calls
# functions that its estimators hold.
_KEEPABLE = words("any name new bare constant-arguments named-or-text bytes range counter factory parts numpy-dtype")
_HANDED_ON = frozenset({("numpy.random._pickle", "__bit_generator_ctor")})  # `__generator_ctor` is given it to call


def may_be_kept(module: str, name: str) -> bool:
    """Tell whether a global may stand in a container, where nothing checks how it will be called."""
    rows = grants(module, name)
    return not rows or (module, name) in _HANDED_ON or any(row.rule in _KEEPABLE for row in rows)


def fault(grant: Grant, module: str, name: str, arguments: tuple[Value, ...], opcode: str) -> str:
    """Return what the call breaks of the rule of its grant, or ""."""
    if grant.rule == "any":
        return ""
    return RULES[grant.rule](Use(module, name, arguments, opcode))


def _never_called(use: Use) -> str:
    return f"{use.module}.{use.name} is granted as a name only and is called here"


def _bare(use: Use) -> str:
    if use.arguments:
        return f"{use.module}.{use.name} is made with arguments, where its own library makes it empty and fills it"
    return ""


def _new(use: Use) -> str:
    if use.opcode not in {"NEWOBJ", "NEWOBJ_EX"}:
        return f"{use.module}.{use.name} is called, where its own library makes it without running its constructor"
    return _bare(use)


def _constants(use: Use) -> str:
    for argument in use.arguments:
        if not is_plain(argument):
            return f"{use.module}.{use.name} is given {named(argument)}, where only plain values belong"
        if use.name in {"int", "float", "Decimal"} and length(argument) > NUMBER_DIGITS:
            return f"{use.name} is given more digits than a number needs"
    return ""


def _text_only(use: Use) -> str:
    if len(use.arguments) <= 1 and all(is_text(argument) for argument in use.arguments):
        return ""
    return f"{use.module}.{use.name} is given something other than one text"


def _bytes(use: Use) -> str:
    match use.arguments:
        case () | (Constant(value=bytes()),):
            return ""
        case (argument,) if is_bytes(argument) or (isinstance(argument, Sequence) and is_plain(argument)):
            return ""
        case (argument, codec) if is_text(argument) and text(codec) in _LATIN1:
            return ""
    return f"{use.name} is given something other than bytes, so that it may ask for any amount of memory"


def _range(use: Use) -> str:
    numbers = [whole(argument) for argument in use.arguments]
    bounded = [number for number in numbers if number is not None and abs(number) <= RANGE_LENGTH]
    if 1 <= len(bounded) == len(numbers) <= 3:
        return ""
    return "range is given something other than one to three small numbers"


def _counter(use: Use) -> str:
    for argument in use.arguments:
        if not (isinstance(argument, Sequence | Table) or is_none(argument) or whole(argument) is not None):
            return f"{use.name} is made of {named(argument)}, where a container from the file belongs"
    return ""


def _factory(use: Use) -> str:
    if not use.arguments or is_none(use.arguments[0]):
        return ""
    factory = use.arguments[0]
    if isinstance(factory, Global):
        builtin = factory.module == "builtins" and factory.name in _FACTORIES
        if builtin or (factory.module, factory.name) == ("collections", "OrderedDict"):
            return ""
    return f"defaultdict would call {named(factory)} for each missing key"


def _latin1(use: Use) -> str:
    if len(use.arguments) == 2 and is_text(use.arguments[0]) and text(use.arguments[1]) in _LATIN1:
        return ""
    return "encode is used with another codec than latin-1, which can transform or decompress"


def _reconstruct(use: Use) -> str:
    if len(use.arguments) != 3:
        return "_reconstructor is given other arguments than class, base and state"
    cls, base, state = use.arguments
    if not isinstance(cls, Global):
        return f"_reconstructor makes an instance of {named(cls)}, which is not a class that the file names"
    if not (isinstance(base, Global) and base.module == "builtins" and base.name in _BASES):
        return f"_reconstructor starts from {named(base)}, which is not one of Python's own containers"
    if not (is_none(state) or isinstance(state, Constant | Sequence | Table)):
        return f"_reconstructor fills the instance with {named(state)}"
    return _of_class(cls, ())


def _of_class(cls: Global, arguments: tuple[Value, ...]) -> str:
    """Apply the rules of a class that another function makes. Of one that nobody grants, its import says it all."""
    faults = [fault(row, cls.module, cls.name, arguments, "NEWOBJ") for row in grants(cls.module, cls.name)]
    return next((found for found in faults if found), "")


def _newobj(use: Use) -> str:
    match use.arguments:
        case (Global() as cls, *rest):
            return _of_class(cls, tuple(rest))
    return "__newobj__ makes an instance of something that is not a class that the file names"


def _granted_first(use: Use) -> str:
    if not use.arguments:
        return f"{use.name} is given no class"
    cls = use.arguments[0]
    if not is_granted(cls):
        return f"{use.name} makes an instance of {named(cls)}, which no profile grants"
    if isinstance(cls, Global) and _package(cls.module) != _package(use.module):
        return f"{use.name} makes an instance of {named(cls)}, which is not a class of its own library"
    for argument in use.arguments[1:]:
        if isinstance(argument, Global) and not is_granted(argument):
            return f"{use.name} is given {named(argument)}, which no profile grants"
    return ""


def _package(module: str) -> str:
    return {"_loss": "sklearn"}.get(package := module.partition(".")[0], package)


def is_part(value: Value, depth: int = CONSTANT_DEPTH) -> bool:
    """Tell whether a value is built of constants, granted names and results of granted calls."""
    match value:
        case Constant() | Persistent():
            return True
        case Global():
            return is_granted(value)
        case Result():
            return is_granted(value.target)
        case Sequence():
            return value.items is None or (depth > 0 and all(is_part(item, depth - 1) for item in value.items))
        case Table():
            parts = None if value.entries is None else [part for entry in value.entries for part in entry]
            return parts is None or (depth > 0 and all(is_part(part, depth - 1) for part in parts))
        case _:
            return False


def _parts(use: Use) -> str:
    wrong = next((argument for argument in use.arguments if not is_part(argument)), None)
    return "" if wrong is None else f"{use.name} is made from {named(wrong)}, which no profile grants"


def _pattern(use: Use) -> str:
    pattern = text(use.arguments[0]) if use.arguments else None
    if len(use.arguments) != 2 or pattern is None or whole(use.arguments[1]) is None:
        return "a regular expression is made of something other than a short text and a number"
    if len(pattern) > PATTERN_LENGTH or _NESTED_REPEAT.search(pattern):
        return "a regular expression is so long or so nested that using it can hang"
    return ""


Rule = Callable[[Use], str]

RULES: Mapping[str, Rule] = {
    "name": _never_called,
    "bare": _bare,
    "new": _new,
    "constant-arguments": _constants,
    "named-or-text": _text_only,
    "bytes": _bytes,
    "range": _range,
    "counter": _counter,
    "factory": _factory,
    "latin1": _latin1,
    "reconstruct": _reconstruct,
    "newobj": _newobj,
    "granted-first": _granted_first,
    "parts": _parts,
    "pattern": _pattern,
    **NUMPY_RULES,
    **TORCH_RULES,
}
