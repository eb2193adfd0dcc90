"""The machine's own cheap values: what stands on its stack and in its memo while it reads.

Speed decides their shape. A text is its UTF-8 `bytes`; an integer up to 64 bits, None, True and False are themselves; a
tuple of up to `KEPT` items is a tuple, a list is a list whose items stop being kept after `KEPT`, a dict is a `Table`.
Everything else is one of the classes below. `describe` turns them into the values that rules are shown.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from itertools import count
from typing import Any, TypeAlias

from modelguard.picklevm.values import (
    Constant,
    Global,
    Persistent,
    Result,
    Sequence,
    Unknown,
    Value,
)
from modelguard.picklevm.values import Table as TableValue
from modelguard.terms.artifact import printable

KEPT = 32
"""Items of a list or set that are kept for rules about arguments."""

KEPT_PAIRS = 256
"""Pairs of a dict that are kept: the state of an object has to be shown whole, and settings have over a hundred."""

KEPT_TUPLE = 64
"""Items of a tuple that are kept: no array has more dimensions."""

KEPT_BYTES = 1024
"""Bytes of a text or bytes constant that are kept."""

DEPTH = 16
"""Levels that `describe` goes down; what lies deeper is `Unknown`, which no rule accepts."""

SHOWN = 4_096
"""Compound values that one `describe` shows; what comes later is `Unknown`."""

Raw: TypeAlias = Any


ACTS = 128
"""The bit of `Named.quiet` for a global that only its own calls, which a rule checks, may use."""


class Named:
    """A global after name mapping; one object per global and content.

    `quiet` are bits that let the compiled loop go on by itself: after a call by REDUCE (1) or NEWOBJ (2) about which
    nothing more is to be written down; by REDUCE when the rule of tensors is kept (4), by NEWOBJ without arguments (8);
    for items set on a result (16); for BUILD on a result, with any dict (32) or one that keeps the rule of fields (64).
    The bit 128 (`ACTS`) does the opposite: a container that the global is put into is left to Python.
    `ruled` and `stated` tell whether the tables have rules for its arguments and its state,
    `fine` and `fine_state` are the short ways to tell that those are kept, where there are any; `told` holds the
    opcodes by which a call that keeps the rules is written down. `listed` tells whether a table lists this very name.
    """

    __slots__ = (
        "fine", "fine_state", "hazard", "listed", "module", "name", "profiles", "quiet", "ruled", "stated", "told",
    )  # fmt: skip

    def __init__(self, module: str, name: str, hazard: str, profiles: tuple[str, ...]) -> None:
        self.module = module
        self.name = name
        self.hazard = hazard
        self.profiles = profiles
        self.quiet = 0
        self.ruled = False
        self.stated = False
        self.listed = False
        self.fine: Callable[[tuple[Raw, ...], str], bool] | None = None
        self.fine_state: Callable[[Raw], bool] | None = None
        self.told: tuple[str, ...] = ()

    @property
    def qualified(self) -> str:
        return f"{self.module}.{self.name}"


class Called:
    """What a call returned. `odd` are the suspicious keys set on it, `state` what BUILD gave it."""

    __slots__ = ("arguments", "filled", "odd", "offset", "opcode", "state", "target")

    def __init__(self, target: Raw, arguments: Raw, opcode: str, offset: int) -> None:
        self.target = target
        self.arguments = arguments
        self.opcode = opcode
        self.offset = offset
        self.state: Raw = UNBUILT
        self.odd: list[bytes] | None = None
        self.filled = False


class Held:
    """The object of a persistent id."""

    __slots__ = ("id",)

    def __init__(self, id_: Raw) -> None:
        self.id = id_


class Blob:
    """Bytes, or a text or integer too long to keep. `value` is None when it was not kept."""

    __slots__ = ("kind", "size", "value")

    def __init__(self, kind: str, size: int, value: bytes | None = None) -> None:
        self.kind = kind
        self.size = size
        self.value = value


class Bag:
    """A set or frozenset, or a tuple with more items than are kept (`items` is None)."""

    __slots__ = ("items", "kind")

    def __init__(self, kind: str, items: list[Raw] | None) -> None:
        self.kind = kind
        self.items = items


class Table:
    """A dict: keys and values in turn (None when there are too many), and the suspicious keys among all of them."""

    __slots__ = ("flat", "odd")

    def __init__(self) -> None:
        self.flat: list[Raw] | None = []
        self.odd: list[bytes] | None = None


class Lost:
    """Something that the bytes alone do not tell: an unknown memo entry, an extension code."""

    __slots__ = ("reason",)

    def __init__(self, reason: str) -> None:
        self.reason = reason


UNBUILT = Lost("no state")
"""The state of an object that no BUILD has touched."""

FLOAT = Blob("float", 8)
"""Every float: no rule asks for the value of one."""


def text_of(raw: bytes) -> str:
    """Return the text of a str constant as the unpicklers decode it; bytes that are no text stay visible."""
    try:
        return raw.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return raw.decode("utf-8", "backslashreplace")


def kind_of(raw: Raw) -> str:
    """Return a word for a raw value, fit for the detail of a fact."""
    if type(raw) is Named:
        return printable(raw.qualified)
    if type(raw) is Called:
        return f"the result of {kind_of(raw.target)}" if type(raw.target) is Named else "the result of a call"
    if type(raw) in (Blob, Bag):
        return str(raw.kind)
    names = {bytes: "str", Table: "dict", Held: "a persistent object", Lost: "an unknown object", type(None): "None"}
    return names.get(type(raw), type(raw).__name__)


def is_never_text(raw: Raw) -> bool:
    """Tell whether a value cannot be an exact str, which both unpicklers ask of the operands of STACK_GLOBAL.

    Granted globals are classes and functions, and an instance of a granted class is one of that class; of other
    globals nobody knows what they are.
    """
    if type(raw) is Called and raw.opcode in ("NEWOBJ", "NEWOBJ_EX"):
        return is_never_text(raw.target) and (raw.target.module, raw.target.name) != ("builtins", "str")
    return type(raw) is Named and bool(raw.profiles)


def describe(raw: Raw) -> Value:
    """Return the `Value` of a raw value, as deep as `DEPTH` levels and as many as `SHOWN` values.

    One tuple may be shared by many others, so a few hundred bytes can stand for more values than any memory holds.
    """
    return _describe(raw, DEPTH, count(SHOWN, -1))


def _describe(raw: Raw, depth: int, room: count[int]) -> Value:
    kind = type(raw)
    if kind is bytes:
        return _text(raw)
    if raw is None or kind in (bool, int):
        return _number(raw)
    if kind is Blob:
        return _blob(raw)
    if kind is Named:
        return _global(raw.module, raw.name)
    if depth == 0:
        return Unknown("nested too deeply")
    if next(room) <= 0:
        return Unknown("too many values to show")
    return _compound(raw, kind, depth - 1, room)


# Values are frozen, so that the same one can stand for the same constant each time; making one anew costs more.
@lru_cache(maxsize=2048)
def _text(raw: bytes) -> Constant:
    return Constant(text_of(raw), len(raw))


@lru_cache(maxsize=8192, typed=True)
def _number(raw: int | None) -> Constant:
    return Constant(raw)


@lru_cache(maxsize=2048)
def _global(module: str, name: str) -> Global:
    return Global(module, name)


def _blob(raw: Blob) -> Value:
    if raw.kind == "float":
        return Constant(0.0, raw.size)
    if raw.kind == "int":
        return Constant(0, raw.size)
    if raw.kind == "str":
        return Constant("", raw.size)
    if raw.kind in ("bytes", "bytearray"):
        return Constant(raw.value or b"", raw.size)
    return Unknown(raw.kind)


def _compound(raw: Raw, kind: type, depth: int, room: count[int]) -> Value:
    if kind is tuple:
        return Sequence("tuple", tuple([_describe(item, depth, room) for item in raw]))
    if kind is list:
        return Sequence("list", None if len(raw) > KEPT else tuple(_describe(item, depth, room) for item in raw))
    if kind is Bag:
        return Sequence(
            raw.kind, None if raw.items is None else tuple(_describe(item, depth, room) for item in raw.items)
        )
    if kind is Table:
        flat = raw.flat
        if flat is None or len(flat) % 2:  # an unpickler would stop at a key without a value
            return TableValue(None)
        keys, values = flat[::2], flat[1::2]
        return TableValue(
            tuple(
                (_describe(key, depth, room), _describe(value, depth, room))
                for key, value in zip(keys, values, strict=True)
            )
        )
    if kind is Called:
        arguments = raw.arguments if type(raw.arguments) is tuple else (Lost("computed arguments"),)
        state = None if raw.state is UNBUILT else _describe(raw.state, depth, room)
        shown = tuple([_describe(item, depth, room) for item in arguments])
        return Result(_describe(raw.target, depth, room), shown, state, raw.filled)
    if kind is Held:
        return Persistent(_describe(raw.id, depth, room))
    return Unknown(raw.reason if kind is Lost else kind.__name__)
