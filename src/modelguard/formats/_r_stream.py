"""Reads the numbers and texts of R's serialization, in each of its three spellings, never past the end.

XDR is binary with the highest byte first, `B` with the lowest first, `A` is words of text with escapes.
Source: R Internals, 1.8 Serialization Formats (https://cran.r-project.org/doc/manuals/r-release/R-ints.html).
"""

from __future__ import annotations

import re
from typing import Literal, Protocol

from attrs import define, field

from modelguard.formats._cursor import Cursor
from modelguard.terms.errors import ReadError

_LONGEST_WORD = 64
_SPACE = b" \t\r\n"
_WORD = re.compile(rb"[-+0-9A-Za-z.]{1,64}\Z")
_ESCAPES = {b"n": 10, b"t": 9, b"v": 11, b"b": 8, b"r": 13, b"f": 12, b"a": 7, b"\\": 92, b"?": 63, b"'": 39, b'"': 34}
_OCTAL = b"01234567"
LONGEST_TEXT = 1 << 24
"""Bytes of one text that are taken into memory; a longer one is skipped in binary, refused as words."""


class Stream(Protocol):
    """What the reader of values needs of a spelling."""

    cursor: Cursor

    def whole(self) -> int:
        """Return the next integer of 32 bits."""
        ...

    def numbers(self, count: int, width: Literal[4, 8]) -> None:
        """Pass over numbers of `width` bytes each."""
        ...

    def text(self, length: int) -> bytes:
        """Return a text of `length` bytes."""
        ...

    def raw(self, length: int) -> tuple[int, bytes]:
        """Pass over raw bytes; return where they begin, and the bytes themselves if they are spelled out as words."""
        ...

    def least(self, width: int) -> int:
        """Return the least bytes that a value of `width` binary bytes takes."""
        ...


@define
class Binary:
    """XDR and the native binary form."""

    cursor: Cursor

    def whole(self) -> int:
        return self.cursor.signed(4)

    def numbers(self, count: int, width: Literal[4, 8]) -> None:
        self.cursor.skip(count * width)

    def text(self, length: int) -> bytes:
        if length > LONGEST_TEXT:
            self.cursor.skip(length)
            return b""
        return self.cursor.take(length)

    def raw(self, length: int) -> tuple[int, bytes]:
        start = self.cursor.at
        self.cursor.skip(length)
        return start, b""

    def least(self, width: int) -> int:
        return width


@define
class Words:
    """The form as text: each number is a word, each text a line with escapes."""

    cursor: Cursor
    _spelled: int = field(default=0, init=False)

    def whole(self) -> int:
        word = self._word()
        if word == b"NA":
            return -(1 << 31)
        try:
            value = int(word)
        except ValueError:
            raise ReadError(f"r-data: {word[:20]!r} where an integer belongs") from None
        if not -(1 << 31) <= value < 1 << 31:
            raise ReadError(f"r-data: {value} does not fit into 32 bits")
        return value

    def numbers(self, count: int, width: Literal[4, 8]) -> None:
        del width
        for _ in range(count):
            self._word()

    def text(self, length: int) -> bytes:
        if length > LONGEST_TEXT:
            raise ReadError(f"r-data: a text of {length} bytes as words is more than {LONGEST_TEXT}")
        if not length:
            return b""
        byte = self._after_space()
        found = bytearray()
        while len(found) < length:
            if byte == b"\\":
                value, byte = self._escaped()
                found.append(value)
            else:
                found += byte
                byte = b""
            if len(found) < length and not byte:
                byte = self.cursor.take(1)
        return bytes(found)

    def raw(self, length: int) -> tuple[int, bytes]:
        start = self.cursor.at
        found = bytearray()
        for _ in range(length):
            word = self._word()
            if len(word) != 2:
                raise ReadError(f"r-data: {word[:20]!r} where a byte belongs")
            try:
                found.append(int(word, 16))
            except ValueError:
                raise ReadError(f"r-data: {word[:20]!r} where a byte belongs") from None
        return start, bytes(found)

    def least(self, width: int) -> int:
        return 2 if width else 0

    def _after_space(self) -> bytes:
        byte = self.cursor.take(1)
        while byte in _SPACE:
            byte = self.cursor.take(1)
        return byte

    def _word(self) -> bytes:
        found = self._after_space()
        while self.cursor.left:
            byte = self.cursor.take(1)
            if byte in _SPACE:
                break
            found += byte
            if len(found) > _LONGEST_WORD:
                break
        if not _WORD.match(found):
            raise ReadError(f"r-data: {found[:20]!r} where a number belongs")
        return found

    def _escaped(self) -> tuple[int, bytes]:
        """Return the byte of an escape, and a byte that was read beyond it."""
        byte = self.cursor.take(1)
        if byte not in _OCTAL:
            if byte not in _ESCAPES:
                raise ReadError(f"r-data: the escape {byte!r} does not exist")
            return _ESCAPES[byte], b""
        value = 0
        for _ in range(3):
            value = value * 8 + int(byte)
            if not self.cursor.left:
                return value & 0xFF, b""
            byte = self.cursor.take(1)
            if byte not in _OCTAL:
                break
        return value & 0xFF, byte
