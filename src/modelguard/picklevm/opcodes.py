"""The opcodes of pickle protocols 0 to 5, one row each.

The table is read by the trace and by the tests; the machine's loop has the same facts compiled into it. Sources: the
behaviour of `Modules/_pickle.c` and `Lib/pickle.py` of CPython 3.11 to 3.13, and PEP 307, 3154 and 574.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from attrs import frozen

Argument: TypeAlias = Literal[
    "",  # nothing follows the opcode
    "uint1",
    "uint2",
    "uint4",
    "uint8",
    "int4",
    "float8",
    "line",  # up to and with a newline
    "lines",  # two of them
    "bytes1",  # a length of one byte, then so many bytes
    "bytes4",  # a length of four bytes
    "bytes4s",  # a signed length of four bytes
    "bytes8",  # a length of eight bytes
]

NONE: Argument = ""
UINT1: Argument = "uint1"
UINT2: Argument = "uint2"
UINT4: Argument = "uint4"
UINT8: Argument = "uint8"
INT4: Argument = "int4"
FLOAT8: Argument = "float8"
LINE: Argument = "line"
LINES: Argument = "lines"
BYTES1: Argument = "bytes1"
BYTES4: Argument = "bytes4"
BYTES4S: Argument = "bytes4s"
BYTES8: Argument = "bytes8"

TO_MARK = True
TOP = False

HIGHEST_PROTOCOL = 5


@frozen
class Opcode:
    """One opcode: what follows it in the stream and what it does to the stack.

    It takes `pops` values; one that takes `to_mark` takes everything down to the topmost mark, the mark itself, and
    then `pops` more. It puts back `pushes`. `protocol` is the first that writes it.
    """

    code: int
    name: str
    argument: Argument
    protocol: int
    pops: int
    to_mark: bool
    pushes: int
    does: str


def _row(
    code: int, name: str, argument: Argument, protocol: int, pops: int, to_mark: bool, pushes: int, does: str
) -> Opcode:
    return Opcode(code, name, argument, protocol, pops, to_mark, pushes, does)


# fmt: off
OPCODES: tuple[Opcode, ...] = (
    _row(0x28, "MARK", NONE, 0, 0, TOP, 0, "Pushes a mark."),
    _row(0x29, "EMPTY_TUPLE", NONE, 1, 0, TOP, 1, "The empty tuple."),
    _row(0x2E, "STOP", NONE, 0, 1, TOP, 0, "Ends the pickle; the top is its value."),
    _row(0x30, "POP", NONE, 0, 1, TOP, 0, "Drops the top, or the mark if that is on top."),
    _row(0x31, "POP_MARK", NONE, 1, 0, TO_MARK, 0, "Drops everything down to the mark, and the mark."),
    _row(0x32, "DUP", NONE, 0, 1, TOP, 2, "Pushes the top again: the same object."),
    _row(0x42, "BINBYTES", BYTES4, 3, 0, TOP, 1, "Bytes, a length of four."),
    _row(0x43, "SHORT_BINBYTES", BYTES1, 3, 0, TOP, 1, "Bytes, a length byte."),
    _row(0x46, "FLOAT", LINE, 0, 0, TOP, 1, "A line: a float in decimal."),
    _row(0x47, "BINFLOAT", FLOAT8, 1, 0, TOP, 1, "Eight bytes, big-endian."),
    _row(0x49, "INT", LINE, 0, 0, TOP, 1, "A line: an integer in base 0 (`0x10` counts); `00` and `01` are False and True."),
    _row(0x4A, "BININT", INT4, 1, 0, TOP, 1, "Four bytes, signed."),
    _row(0x4B, "BININT1", UINT1, 1, 0, TOP, 1, "One byte."),
    _row(0x4C, "LONG", LINE, 0, 0, TOP, 1, "A line: an integer in base 0, an `L` at its end is dropped."),
    _row(0x4D, "BININT2", UINT2, 1, 0, TOP, 1, "Two bytes."),
    _row(0x4E, "NONE", NONE, 0, 0, TOP, 1, "None."),
    _row(0x50, "PERSID", LINE, 0, 0, TOP, 1, "A line: asks the unpickler's `persistent_load` for that id."),
    _row(0x51, "BINPERSID", NONE, 1, 1, TOP, 1, "Asks `persistent_load` for the id on top."),
    _row(0x52, "REDUCE", NONE, 0, 2, TOP, 1, "Calls the object below the top with the tuple on top."),
    _row(0x53, "STRING", LINE, 0, 0, TOP, 1, "A quoted line with Python escapes; decoded by the reader's `encoding` (ASCII unless told)."),
    _row(0x54, "BINSTRING", BYTES4S, 1, 0, TOP, 1, "A signed length; decoded by the reader's `encoding`."),
    _row(0x55, "SHORT_BINSTRING", BYTES1, 1, 0, TOP, 1, "As BINSTRING, a length byte."),
    _row(0x56, "UNICODE", LINE, 0, 0, TOP, 1, "A line in raw-unicode-escape."),
    _row(0x58, "BINUNICODE", BYTES4, 1, 0, TOP, 1, "As SHORT_BINUNICODE, a length of four."),
    _row(0x5D, "EMPTY_LIST", NONE, 1, 0, TOP, 1, "A new list."),
    _row(0x61, "APPEND", NONE, 0, 2, TOP, 1, "Appends the top to the list below it; on other objects it calls `append`."),
    _row(0x62, "BUILD", NONE, 0, 2, TOP, 1, "Gives the top as state to the object below: `__setstate__`, or into its `__dict__`, or by setattr."),
    _row(0x63, "GLOBAL", LINES, 0, 0, TOP, 1, "Two lines: looks up the name of the second in the module of the first."),
    _row(0x64, "DICT", NONE, 0, 0, TO_MARK, 1, "A dict of the pairs above the mark."),
    _row(0x65, "APPENDS", NONE, 1, 1, TO_MARK, 1, "Extends the list below the mark; on other objects it calls `extend` or `append`."),
    _row(0x67, "GET", LINE, 0, 0, TOP, 1, "A line: pushes that memo entry."),
    _row(0x68, "BINGET", UINT1, 1, 0, TOP, 1, "Pushes a memo entry, an index byte."),
    _row(0x69, "INST", LINES, 0, 0, TO_MARK, 1, "Two lines as GLOBAL, called with what stands above the mark."),
    _row(0x6A, "LONG_BINGET", UINT4, 1, 0, TOP, 1, "Pushes a memo entry, an index of four."),
    _row(0x6C, "LIST", NONE, 0, 0, TO_MARK, 1, "A list of what stands above the mark."),
    _row(0x6F, "OBJ", NONE, 1, 0, TO_MARK, 1, "Calls what stands just above the mark with what stands above that."),
    _row(0x70, "PUT", LINE, 0, 0, TOP, 0, "A line: stores the top in that memo entry."),
    _row(0x71, "BINPUT", UINT1, 1, 0, TOP, 0, "Stores the top, an index byte."),
    _row(0x72, "LONG_BINPUT", UINT4, 1, 0, TOP, 0, "Stores the top, an index of four."),
    _row(0x73, "SETITEM", NONE, 0, 3, TOP, 1, "Sets one item of the dict below; on other objects it calls `__setitem__`."),
    _row(0x74, "TUPLE", NONE, 0, 0, TO_MARK, 1, "A tuple of what stands above the mark."),
    _row(0x75, "SETITEMS", NONE, 1, 1, TO_MARK, 1, "Sets the pairs above the mark in the dict below it."),
    _row(0x7D, "EMPTY_DICT", NONE, 1, 0, TOP, 1, "A new dict."),
    _row(0x80, "PROTO", UINT1, 2, 0, TOP, 0, "The protocol number: name mapping applies below 3, dotted names from 4."),
    _row(0x81, "NEWOBJ", NONE, 2, 2, TOP, 1, "Calls `__new__` of the class below the top with the tuple on top."),
    _row(0x82, "EXT1", UINT1, 2, 0, TOP, 1, "Looks up a global by a number registered with copyreg."),
    _row(0x83, "EXT2", UINT2, 2, 0, TOP, 1, "As EXT1, two bytes."),
    _row(0x84, "EXT4", INT4, 2, 0, TOP, 1, "As EXT1, four bytes signed."),
    _row(0x85, "TUPLE1", NONE, 2, 1, TOP, 1, "A tuple of one."),
    _row(0x86, "TUPLE2", NONE, 2, 2, TOP, 1, "A tuple of two."),
    _row(0x87, "TUPLE3", NONE, 2, 3, TOP, 1, "A tuple of three."),
    _row(0x88, "NEWTRUE", NONE, 2, 0, TOP, 1, "True."),
    _row(0x89, "NEWFALSE", NONE, 2, 0, TOP, 1, "False."),
    _row(0x8A, "LONG1", BYTES1, 2, 0, TOP, 1, "A length byte, then that many bytes, signed."),
    _row(0x8B, "LONG4", BYTES4S, 2, 0, TOP, 1, "A signed length of four bytes; negative is a fault."),
    _row(0x8C, "SHORT_BINUNICODE", BYTES1, 4, 0, TOP, 1, "UTF-8 with lone surrogates allowed, a length byte."),
    _row(0x8D, "BINUNICODE8", BYTES8, 4, 0, TOP, 1, "As SHORT_BINUNICODE, a length of eight."),
    _row(0x8E, "BINBYTES8", BYTES8, 4, 0, TOP, 1, "Bytes, a length of eight."),
    _row(0x8F, "EMPTY_SET", NONE, 4, 0, TOP, 1, "A new set."),
    _row(0x90, "ADDITEMS", NONE, 4, 1, TO_MARK, 1, "Adds what stands above the mark to the set below it; on other objects it calls `add`."),
    _row(0x91, "FROZENSET", NONE, 4, 0, TO_MARK, 1, "A frozenset of what stands above the mark."),
    _row(0x92, "NEWOBJ_EX", NONE, 4, 3, TOP, 1, "As NEWOBJ with a dict of keyword arguments on top."),
    _row(0x93, "STACK_GLOBAL", NONE, 4, 2, TOP, 1, "Looks up a global: the name on top, the module below it."),
    _row(0x94, "MEMOIZE", NONE, 4, 0, TOP, 0, "Stores the top under the number of entries that the memo has."),
    _row(0x95, "FRAME", UINT8, 4, 0, TOP, 0, "The next bytes, a length of eight, were written in one piece; no opcode may cross its end."),
    _row(0x96, "BYTEARRAY8", BYTES8, 5, 0, TOP, 1, "A bytearray, a length of eight."),
    _row(0x97, "NEXT_BUFFER", NONE, 5, 0, TOP, 1, "A buffer that the caller of the unpickler supplies."),
    _row(0x98, "READONLY_BUFFER", NONE, 5, 1, TOP, 1, "Makes a read-only view of the buffer on top."),
)
# fmt: on

BY_CODE: dict[int, Opcode] = {row.code: row for row in OPCODES}
BY_NAME: dict[str, Opcode] = {row.name: row for row in OPCODES}
