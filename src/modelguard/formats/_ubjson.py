"""Reads UBJSON, the binary JSON of XGBoost, iteratively and within what is left of the file.

Arrays of numbers of one type are kept as Python arrays, at the size they have in the file.
Source: https://ubjson.org/
"""

from __future__ import annotations

import sys
from array import array
from typing import Any

from modelguard.formats._cursor import Cursor
from modelguard.terms.content import Budget, Content
from modelguard.terms.errors import BudgetSpent, ReadError

MOST_VALUES = 20_000_000
DEEPEST = 200
LONGEST_TEXT = 64 << 20
INTEGERS = {b"i": (1, True), b"U": (1, False), b"I": (2, True), b"l": (4, True), b"L": (8, True)}
# Marker of an element type -> letter of Python's array.
ARRAYS = {b"i": "b", b"U": "B", b"I": "h", b"l": "i", b"L": "q", b"d": "f", b"D": "d"}
_PLAIN = {b"Z": None, b"T": True, b"F": False}


def read_ubjson(content: Content, budget: Budget) -> tuple[Any, int]:
    """Return the value and where it ends.

    Raises `ReadError` for bytes that are not UBJSON and `BudgetSpent` for too much of it.
    """
    cursor = Cursor(content, order="big")
    result: list[Any] = []
    # Each frame: the container, the number of items left (-1 when an end marker closes it), the type of all items.
    frames: list[tuple[Any, int, bytes]] = [(result, 1, b"")]
    count = 0
    while frames:
        container, left, kind = frames.pop()
        if left == 0:
            continue
        count += 1
        if count > MOST_VALUES or len(frames) > DEEPEST:
            raise BudgetSpent("ubjson: too many values, or nested too deep")
        if count % 65_536 == 0:
            budget.spend_time()
        marker = b""
        if left < 0:
            marker = cursor.take(1)
            if marker == (b"]" if isinstance(container, list) else b"}"):
                continue
            if marker == b"N":
                frames.append((container, left, kind))
                continue
        key = ""
        if isinstance(container, dict):
            key = _text(cursor, marker or cursor.take(1))
            marker = b""
        frames.append((container, left - 1 if left > 0 else left, kind))
        value, opened = _value(cursor, kind or marker or cursor.take(1))
        if isinstance(container, dict):
            if key in container:
                raise ReadError(f"ubjson: the key {key[:100]!r} stands twice")
            container[key] = value
        else:
            container.append(value)
        if opened:
            frames.append((value, *opened))
    return result[0], cursor.at


def _value(cursor: Cursor, marker: bytes) -> tuple[Any, tuple[int, bytes] | None]:
    """Return a value; for a container that still has to be filled, also how many items of which type follow."""
    if marker in _PLAIN:
        return _PLAIN[marker], None
    if marker in INTEGERS:
        width, signed = INTEGERS[marker]
        return (cursor.signed(width) if signed else cursor.unsigned(width)), None
    if marker == b"d":
        return cursor.real(4), None
    if marker == b"D":
        return cursor.real(8), None
    if marker == b"C":
        return cursor.take(1).decode("latin-1"), None
    if marker in (b"S", b"H"):
        return _text(cursor, cursor.take(1)), None
    if marker in (b"[", b"{"):
        return _container(cursor, marker)
    raise ReadError(f"ubjson: unknown marker {marker!r} at {cursor.at - 1}")


def _container(cursor: Cursor, marker: bytes) -> tuple[Any, tuple[int, bytes] | None]:
    kind, count = b"", -1
    head = cursor.content.read(cursor.at, 1) if cursor.left else b""
    if head == b"$":
        cursor.skip(1)
        kind = cursor.take(1)
        head = cursor.content.read(cursor.at, 1) if cursor.left else b""
        if head != b"#":
            raise ReadError("ubjson: a type without a count")
    if head == b"#":
        cursor.skip(1)
        count = _integer(cursor, cursor.take(1))
    if marker == b"[" and kind in ARRAYS:
        letter = ARRAYS[kind]
        numbers = array(letter)
        numbers.frombytes(cursor.take(count * numbers.itemsize))
        if sys.byteorder == "little":
            numbers.byteswap()
        return numbers, None
    if count > cursor.left:
        raise ReadError(f"ubjson: {count} items in {cursor.left} bytes")
    return ({} if marker == b"{" else []), (count, kind)


def _integer(cursor: Cursor, marker: bytes) -> int:
    if marker not in INTEGERS:
        raise ReadError(f"ubjson: {marker!r} where a length should be")
    width, signed = INTEGERS[marker]
    value = cursor.signed(width) if signed else cursor.unsigned(width)
    if value < 0:
        raise ReadError(f"ubjson: a length of {value}")
    return value


def _text(cursor: Cursor, marker: bytes) -> str:
    length = _integer(cursor, marker)
    if length > LONGEST_TEXT:
        raise BudgetSpent(f"ubjson: a text of {length} bytes")
    return cursor.take(length).decode("utf-8", "surrogateescape")
