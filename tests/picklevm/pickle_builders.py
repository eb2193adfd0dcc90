"""Assembles pickles from opcode names, so that no test holds a binary blob and none runs what it describes.

    asm("PROTO 4", ("SHORT_BINUNICODE", "os"), ("SHORT_BINUNICODE", "system"), "STACK_GLOBAL", "STOP")

A part is an opcode name, a name with number arguments behind blanks ("BINPUT 3"), a tuple of the name and its
arguments as Python values, raw bytes, or a list of parts. `program` adds PROTO and STOP; `push`, `call` and `state`
write the parts that a pickler would write for a value, a call and a BUILD.
"""

from __future__ import annotations

import pickletools
import struct
from collections.abc import Callable
from typing import Any, TypeAlias

Part: TypeAlias = "str | bytes | tuple[Any, ...] | list[Part]"

ECHO = "echo pwned"
"""The only shell command in any payload; it is never run."""

_OPCODES = {opcode.name: opcode for opcode in pickletools.opcodes}


def _line(value: object) -> bytes:
    return (value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")) + b"\n"


def _bytes(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode("utf-8", "surrogatepass")


def _counted(format_: str) -> Callable[[Any], bytes]:
    return lambda value: struct.pack(format_, len(_bytes(value))) + _bytes(value)


def _packed(format_: str) -> Callable[[Any], bytes]:
    return lambda value: struct.pack(format_, int(value))


def _two_complement(value: int | bytes) -> bytes:
    return value if isinstance(value, bytes) else encode_long(int(value))


def encode_long(value: int) -> bytes:
    """Encode an integer as LONG1 and LONG4 do: little-endian two's complement, nothing for zero."""
    if value == 0:
        return b""
    size = (value.bit_length() >> 3) + 1
    encoded = value.to_bytes(size, "little", signed=True)
    return encoded[:-1] if value < 0 and size > 1 and encoded[-1] == 0xFF and encoded[-2] & 0x80 else encoded


# How the argument of an opcode is written, by the name of its kind in pickletools. A bytes value stands as it is, so
# that malformed lines can be made.
_ENCODERS: dict[str, Callable[[Any], bytes]] = {
    "uint1": _packed("<B"),
    "uint2": _packed("<H"),
    "int4": _packed("<i"),
    "uint4": _packed("<I"),
    "uint8": _packed("<Q"),
    "decimalnl_short": _line,
    "decimalnl_long": lambda value: _line(value if isinstance(value, str | bytes) else f"{value}L"),
    "floatnl": lambda value: _line(value if isinstance(value, str | bytes) else repr(value)),
    "float8": lambda value: struct.pack(">d", value),
    "stringnl": lambda value: _line(value if isinstance(value, bytes) else repr(value)),
    "stringnl_noescape": _line,
    "unicodestringnl": lambda value: _line(value if isinstance(value, bytes) else value.encode("raw-unicode-escape")),
    "string1": _counted("<B"),
    "string4": _counted("<i"),
    "bytes1": _counted("<B"),
    "bytes4": _counted("<I"),
    "bytes8": _counted("<Q"),
    "bytearray8": _counted("<Q"),
    "unicodestring1": _counted("<B"),
    "unicodestring4": _counted("<I"),
    "unicodestring8": _counted("<Q"),
    "long1": lambda value: _counted("<B")(_two_complement(value)),
    "long4": lambda value: _counted("<i")(_two_complement(value)),
}


def asm(*parts: Part) -> bytes:
    """Return the bytes of the opcodes named, in order."""
    return b"".join(_one(part) for part in parts)


def _one(part: Part) -> bytes:
    if isinstance(part, bytes):
        return part
    if isinstance(part, list):
        return asm(*part)
    if isinstance(part, str):
        name, *arguments = part.split()
        return _opcode(name, tuple(arguments))
    return _opcode(part[0], part[1:])


def _opcode(name: str, arguments: tuple[Any, ...]) -> bytes:
    opcode = _OPCODES[name]
    code = opcode.code.encode("latin-1")
    if opcode.arg is None:
        assert not arguments, f"{name} takes no argument"
        return code
    if opcode.arg.name == "stringnl_noescape_pair":
        module, qualified = arguments
        return code + _line(module) + _line(qualified)
    (argument,) = arguments
    return code + _ENCODERS[opcode.arg.name](argument)


def program(*parts: Part, protocol: int = 4) -> bytes:
    """Return a whole pickle: PROTO, the parts, STOP. Below protocol 2 there is no PROTO."""
    return asm(*([f"PROTO {protocol}"] if protocol >= 2 else []), *parts, "STOP")


def push(value: object) -> list[Part]:
    """Return the parts that push a plain value: a constant, bytes, a tuple, list or dict, or `Parts`."""
    if isinstance(value, Parts):
        return value.parts
    if value is None or isinstance(value, bool):
        return [{None: "NONE", True: "NEWTRUE", False: "NEWFALSE"}[value]]
    if isinstance(value, int):
        return [("BININT", value)] if -(2**31) <= value < 2**31 else [("LONG1", value)]
    if isinstance(value, float):
        return [("BINFLOAT", value)]
    if isinstance(value, str):
        return [("BINUNICODE", value)]
    if isinstance(value, bytes):
        return [("BINBYTES", value)]
    if isinstance(value, tuple):
        return ["MARK", *(part for item in value for part in push(item)), "TUPLE"]
    if isinstance(value, list):
        return ["EMPTY_LIST", "MARK", *(part for item in value for part in push(item)), "APPENDS"]
    if isinstance(value, dict):
        items = [part for key, item in value.items() for part in (*push(key), *push(item))]
        return ["EMPTY_DICT", "MARK", *items, "SETITEMS"]
    raise TypeError(f"no opcodes are known for {type(value).__name__}")


class Parts:
    """Parts to be used where `push` expects a value, such as a global inside a tuple."""

    def __init__(self, *parts: Part) -> None:
        self.parts: list[Part] = list(parts)


def named(module: str, name: str, *, protocol: int = 4) -> Parts:
    """Return the parts that push a global: STACK_GLOBAL from protocol 4, GLOBAL below."""
    if protocol < 4:
        return Parts(("GLOBAL", module, name))
    return Parts(("BINUNICODE", module), ("BINUNICODE", name), "STACK_GLOBAL")


def qualified(text: str) -> tuple[str, str]:
    """Split `module.name` at its last dot, for callables that stand at the top of their module."""
    module, _, name = text.rpartition(".")
    return module, name


def call(target: object, *arguments: object, opcode: str = "REDUCE") -> Parts:
    """Return the parts of a call of `target` (Parts that push a callable), result on the stack."""
    pushed = push(target)
    if opcode == "INST":
        ((_, module, name),) = (part for part in pushed if isinstance(part, tuple) and part[0] == "GLOBAL")
        return Parts("MARK", *(part for item in arguments for part in push(item)), ("INST", module, name))
    if opcode == "OBJ":
        return Parts("MARK", *pushed, *(part for item in arguments for part in push(item)), "OBJ")
    if opcode == "NEWOBJ_EX":
        return Parts(*pushed, *push(tuple(arguments)), "EMPTY_DICT", "NEWOBJ_EX")
    return Parts(*pushed, *push(tuple(arguments)), opcode)


def state(target: object, value: object) -> Parts:
    """Return the parts of a BUILD of `value` into `target`."""
    return Parts(*push(target), *push(value), "BUILD")
