"""Reads FlatBuffers tables within bounds: every offset is compared with the file before it is followed.

Source: https://flatbuffers.dev/internals/
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from attrs import define, field, frozen

from modelguard.terms.content import Budget, Content
from modelguard.terms.errors import BudgetSpent, ReadError

MOST_TABLES = 5_000_000
LONGEST_TEXT = 1 << 20
_WINDOW = 1 << 16


@define
class Flat:
    """The bytes of a content as a FlatBuffer. A window is fetched around each place that is read."""

    content: Content
    budget: Budget
    _base: int = field(default=0, init=False)
    _window: bytes = field(default=b"", init=False, repr=False)
    _tables: int = field(default=0, init=False)

    def number(self, at: int, width: int, *, signed: bool = False) -> int:
        """Return the little-endian number at a place."""
        return int.from_bytes(self.bytes_at(at, width), "little", signed=signed)

    def bytes_at(self, at: int, length: int) -> bytes:
        """Return bytes at a place.

        Raises `ReadError` when they are not all within the file.
        """
        if at < 0 or at + length > self.content.size:
            raise ReadError(f"flatbuffer: {length} bytes at {at} of {self.content.size}")
        start = at - self._base
        if start < 0 or start + length > len(self._window):
            if length > _WINDOW:
                return self.content.read(at, length)
            self._base = max(0, at - _WINDOW // 2)
            self._window = self.content.read(self._base, min(2 * _WINDOW, self.content.size - self._base))
            start = at - self._base
        return self._window[start : start + length]

    def text_at(self, place: int) -> str:
        """Return the text that the offset at a place leads to."""
        start = place + self.number(place, 4)
        length = self.number(start, 4)
        if length > LONGEST_TEXT:
            raise BudgetSpent(f"flatbuffer: a text of {length} bytes")
        return self.bytes_at(start + 4, length).decode("utf-8", "surrogateescape")

    def root(self) -> Table:
        """Return the table that the first offset leads to."""
        return self.table(self.number(0, 4))

    def table(self, at: int) -> Table:
        """Return the table at a place.

        Raises `ReadError` for one whose fields lie outside, `BudgetSpent` for too many tables.
        """
        self._tables += 1
        if self._tables > MOST_TABLES:
            raise BudgetSpent(f"flatbuffer: more than {MOST_TABLES} tables")
        if self._tables % 4096 == 0:
            self.budget.spend_time()
        places = at - self.number(at, 4, signed=True)
        size = self.number(places, 2)
        if size < 4 or size % 2:
            raise ReadError(f"flatbuffer: a list of fields of {size} bytes at {places}")
        raw = self.bytes_at(places + 4, size - 4)
        return Table(self, at, tuple(int.from_bytes(raw[i : i + 2], "little") for i in range(0, len(raw), 2)))


@frozen
class Table:
    """A table: numbers, texts, vectors and other tables by the number of their field."""

    flat: Flat = field(repr=False)
    at: int
    fields: tuple[int, ...]

    def _place(self, number: int) -> int:
        return self.at + self.fields[number] if number < len(self.fields) and self.fields[number] else 0

    def number(self, number: int, width: Literal[1, 2, 4, 8], *, default: int = 0, signed: bool = False) -> int:
        """Return a number field, or its default when it is not there."""
        place = self._place(number)
        return self.flat.number(place, width, signed=signed) if place else default

    def table(self, number: int) -> Table | None:
        """Return the table in a field."""
        place = self._place(number)
        return self.flat.table(place + self.flat.number(place, 4)) if place else None

    def span(self, number: int, width: int) -> tuple[int, int]:
        """Return the place and the count of a vector of `width`-byte items; a missing one is empty.

        Raises `ReadError` when it does not fit.
        """
        place = self._place(number)
        if not place:
            return 0, 0
        start = place + self.flat.number(place, 4)
        count = self.flat.number(start, 4)
        if count * width > self.flat.content.size - start - 4:
            raise ReadError(f"flatbuffer: {count} items of {width} bytes at {start}")
        return start + 4, count

    def numbers(self, number: int, width: int, *, most: int = 1_000_000) -> tuple[int, ...]:
        """Return a vector of signed numbers."""
        start, count = self.span(number, width)
        if count > most:
            raise BudgetSpent(f"flatbuffer: {count} numbers in one vector")
        raw = self.flat.bytes_at(start, count * width)
        return tuple(int.from_bytes(raw[i : i + width], "little", signed=True) for i in range(0, len(raw), width))

    def text(self, number: int) -> str:
        """Return a text; bytes that are not UTF-8 become surrogates."""
        start, length = self.span(number, 1)
        if length > LONGEST_TEXT:
            raise BudgetSpent(f"flatbuffer: a text of {length} bytes")
        return self.flat.bytes_at(start, length).decode("utf-8", "surrogateescape")

    def tables(self, number: int) -> Iterator[Table]:
        """Yield the tables of a vector."""
        start, count = self.span(number, 4)
        for index in range(count):
            place = start + 4 * index
            yield self.flat.table(place + self.flat.number(place, 4))
