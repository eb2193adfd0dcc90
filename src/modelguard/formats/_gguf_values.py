"""The key-value part of a GGUF file: typed scalars, strings and arrays, read within what is left of the file.

Source: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

from typing import TypeAlias

from attrs import frozen

from modelguard.formats._cursor import Cursor
from modelguard.terms.content import Budget
from modelguard.terms.errors import ReadError

LONGEST_TEXT = 1 << 26  # bytes of one string; chat templates and tokenizer tables stay far below
KEPT_TEXTS = 64  # strings of an array that are kept, so that a vocabulary of 256,000 costs no memory

STRING, ARRAY = 8, 9
# Value types: name and width in bytes. Strings and arrays have their own length.
SCALARS: dict[int, tuple[str, int]] = {
    0: ("u8", 1), 1: ("i8", 1), 2: ("u16", 2), 3: ("i16", 2), 4: ("u32", 4), 5: ("i32", 4), 6: ("f32", 4),
    7: ("bool", 1), 10: ("u64", 8), 11: ("i64", 8), 12: ("f64", 8),
}  # fmt: skip


@frozen
class Items:
    """An array: the name of its element type, the number of its items, and the first strings of a list of strings."""

    kind: str
    count: int
    texts: tuple[str, ...] = ()
    longest: int = 0


Value: TypeAlias = int | float | bool | str | Items


def read_text(cursor: Cursor) -> str:
    """Read a string: a length of 8 bytes, then UTF-8. Bytes that are not UTF-8 are kept as surrogates.

    Raises `ReadError` when it does not fit into what is left.
    """
    length = cursor.unsigned(8)
    if length > cursor.left or length > LONGEST_TEXT:
        raise ReadError(f"gguf: a string of {length} bytes at {cursor.at}, {cursor.left} left")
    return cursor.take(length).decode("utf-8", "surrogateescape")


def read_value(cursor: Cursor, kind: int, budget: Budget) -> Value:
    """Read one value of the type numbered `kind`.

    Raises `ReadError` for an unknown type, an array of arrays, or a length that does not fit.
    """
    if kind == STRING:
        return read_text(cursor)
    if kind == ARRAY:
        return _read_items(cursor, budget)
    name, width = _scalar(kind)
    if name[0] == "f":
        return cursor.real(8 if width == 8 else 4)
    if name == "bool":
        number = cursor.unsigned(1)
        if number > 1:
            raise ReadError(f"gguf: a truth value of {number} at {cursor.at - 1}")
        return bool(number)
    return cursor.unsigned(width) if name[0] == "u" else cursor.signed(width)


def _scalar(kind: int) -> tuple[str, int]:
    if kind not in SCALARS:
        raise ReadError(f"gguf: unknown value type {kind}")
    return SCALARS[kind]


def _read_items(cursor: Cursor, budget: Budget) -> Items:
    kind, count = cursor.unsigned(4), cursor.unsigned(8)
    if kind == ARRAY:
        raise ReadError("gguf: an array of arrays, which its reference reader refuses")
    if kind != STRING:
        name, width = _scalar(kind)
        if count > cursor.left // width:
            raise ReadError(f"gguf: an array of {count} {name} in {cursor.left} bytes")
        cursor.skip(count * width)
        return Items(name, count)
    if count > cursor.left // 8:
        raise ReadError(f"gguf: an array of {count} strings in {cursor.left} bytes")
    kept, longest = [], 0
    for number in range(count):
        if number % 65_536 == 0:
            budget.spend_time()
        if number < KEPT_TEXTS:
            kept.append(read_text(cursor))
            continue
        length = cursor.unsigned(8)
        longest = max(longest, length)
        cursor.skip(length)
    return Items("string", count, tuple(kept), max([longest, *(len(text) for text in kept)]))
