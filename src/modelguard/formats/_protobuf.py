"""Reads protocol buffers at wire level, by a table of which fields are messages, without recursion.

A schema names, for each kind of message, the fields that hold further messages; all other fields are kept as numbers
or as places of bytes. A field that occurs more often than its schema means is kept each time: readers take the last
or merge, so whoever asks what a message says has to look at all of them.
Source: https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeAlias

from attrs import define, field, frozen

from modelguard.formats._cursor import WINDOW
from modelguard.terms.content import Budget, Content
from modelguard.terms.errors import BudgetSpent, ReadError

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
LARGEST_FIELD = (1 << 29) - 1
MOST_MESSAGES = 20_000_000
MOST_WAITING = 2_000_000  # messages of one level: what bounds the memory that a file of empty messages can take
MOST_KEPT = 65_536  # occurrences of one field that are kept; numbers written one by one may be many millions
DEEPEST = 100
"""Messages within messages: the limit of the reference readers."""

Schema: TypeAlias = Mapping[str, Mapping[int, str]]
"""Kind of message -> field number -> kind of the message in that field."""


@frozen
class Piece:
    """One field as it stands: its wire type, its number value, or the place of its bytes."""

    wire: int
    value: int
    start: int
    length: int


@frozen
class Message:
    """One message: its kind, the kinds above it, the place of its bytes, and its fields that are no messages."""

    kind: str
    above: tuple[str, ...]
    start: int
    end: int
    fields: Mapping[int, list[Piece]]
    wire: Wire = field(repr=False)
    shortened: frozenset[int] = frozenset()

    def has(self, number: int) -> bool:
        return number in self.fields

    def count(self, number: int) -> int:
        return len(self.fields.get(number, ()))

    def number(self, number: int, default: int = 0) -> int:
        """Return the last value of a varint or fixed field, as readers do."""
        pieces = self.fields.get(number)
        return pieces[-1].value if pieces else default

    def texts(self, number: int, *, limit: int = 1 << 20) -> tuple[str, ...]:
        """Return every text in a field; bytes that are not UTF-8 become surrogates.

        Raises `BudgetSpent` for a text longer than `limit` bytes.
        """
        return tuple(data.decode("utf-8", "surrogateescape") for data in self.data(number, limit=limit))

    def text(self, number: int, *, limit: int = 1 << 20) -> str:
        """Return the last text in a field, or an empty string."""
        found = self.fields.get(number)
        if not found:
            return ""
        return self.wire.bytes_of(found[-1], limit).decode("utf-8", "surrogateescape")

    def data(self, number: int, *, limit: int = 1 << 20) -> tuple[bytes, ...]:
        """Return the bytes of every occurrence of a field.

        Raises `BudgetSpent` for longer ones than `limit` or for more of them than are kept.
        """
        if number in self.shortened:
            raise BudgetSpent(f"protobuf: more than {MOST_KEPT} occurrences of field {number}")
        return tuple(self.wire.bytes_of(piece, limit) for piece in self.fields.get(number, ()))

    def numbers(self, number: int, *, most: int = 4096) -> tuple[int, ...]:
        """Return a repeated varint field, packed or not.

        Raises `BudgetSpent` for more than `most` numbers.
        """
        if number in self.shortened:
            raise BudgetSpent(f"protobuf: more than {MOST_KEPT} occurrences of field {number}")
        found: list[int] = []
        for piece in self.fields.get(number, ()):
            if piece.wire != BYTES:
                found.append(piece.value)
                continue
            place, end = piece.start, piece.start + piece.length
            while place < end:
                value, place = self.wire.varint(place, end)
                found.append(value)
                if len(found) > most:
                    raise BudgetSpent(f"more than {most} numbers in one field")
        return tuple(found)


@define
class Wire:
    """The bytes of a content, as protocol buffers. A window is fetched ahead for the many small fields."""

    content: Content
    budget: Budget
    _base: int = field(default=0, init=False)
    _window: bytes = field(default=b"", init=False, repr=False)

    def bytes_of(self, piece: Piece, limit: int) -> bytes:
        """Return the bytes of a field.

        Raises `BudgetSpent` when they are more than `limit`, `ReadError` when the field holds none.
        """
        if piece.wire != BYTES:
            raise ReadError(f"protobuf: a number at {piece.start} where text or a message belongs")
        if piece.length > limit:
            raise BudgetSpent(f"protobuf: a text of {piece.length} bytes at {piece.start}, the limit is {limit}")
        return self._bytes(piece.start, piece.length)

    def _bytes(self, at: int, length: int) -> bytes:
        start = at - self._base
        if start < 0 or start + length > len(self._window):
            if length > WINDOW:
                return self.content.read(at, length)
            self._base, start = at, 0
            self._window = self.content.read(at, max(length, self.content.ahead(at, WINDOW)))
        return self._window[start : start + length]

    def varint(self, at: int, end: int) -> tuple[int, int]:
        """Return the number at `at` and the place after it."""
        value = shift = 0
        while True:
            if at >= end:
                raise ReadError(f"protobuf: ends within a number at {at}")
            place = at - self._base
            if not 0 <= place < len(self._window):
                self._bytes(at, 1)
                place = 0
            byte = self._window[place]
            at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value & 0xFFFF_FFFF_FFFF_FFFF, at
            shift += 7
            if shift > 63:
                raise ReadError(f"protobuf: a number of more than ten bytes at {at}")

    def pieces(self, start: int, end: int, *, cut: bool = False) -> Iterator[tuple[int, Piece]]:
        """Yield the fields of the message between `start` and `end`: number and piece, in order.

        With `cut`, a last field that does not fit is yielded as far as it is there.

        Raises `ReadError` for a field that does not fit, a group, or a wire type that does not exist.
        """
        at = start
        while at < end:
            tag, at = self.varint(at, end)
            number, wire = tag >> 3, tag & 7
            if not 0 < number <= LARGEST_FIELD:
                raise ReadError(f"protobuf: field number {number} at {at}")
            if wire == VARINT:
                value, after = self.varint(at, end)
                yield number, Piece(wire, value, at, after - at)
                at = after
                continue
            if wire == BYTES:
                length, at = self.varint(at, end)
            elif wire in (FIXED64, FIXED32):
                length = 8 if wire == FIXED64 else 4
            else:
                raise ReadError(f"protobuf: wire type {wire} at {at}")
            if length > end - at and cut:
                yield number, Piece(wire, 0, at, end - at)
                return
            if length > end - at:
                raise ReadError(f"protobuf: {length} bytes at {at}, {end - at} left in the message")
            value = 0 if wire == BYTES else int.from_bytes(self._bytes(at, length), "little")
            yield number, Piece(wire, value, at, length)
            at += length

    def messages(self, schema: Schema, root: str, start: int = 0, end: int = -1) -> Iterator[Message]:
        """Yield the message of kind `root` and all below it that the schema names, each before those inside it.

        Raises `ReadError` for bytes that are no protocol buffers and `BudgetSpent` for too many or too deep messages.
        """
        pending: list[tuple[str, tuple[str, ...], int, int]] = []
        pending.append((root, (), start, self.content.size if end < 0 else end))
        count = 0
        while pending:
            kind, above, start, end = pending.pop()
            count += 1
            if count > MOST_MESSAGES:
                raise BudgetSpent(f"protobuf: more than {MOST_MESSAGES} messages")
            if count % 4096 == 0:
                self.budget.spend_time()
            if len(above) > DEEPEST:
                raise BudgetSpent(f"protobuf: messages nested deeper than {DEEPEST}")
            message, below = self._message(kind, above, start, end, schema.get(kind, {}))
            yield message
            if len(pending) + len(below) > MOST_WAITING:
                raise BudgetSpent(f"protobuf: more than {MOST_WAITING} messages side by side")
            pending.extend(reversed(below))

    def _message(
        self, kind: str, above: tuple[str, ...], start: int, end: int, inner: Mapping[int, str]
    ) -> tuple[Message, list[tuple[str, tuple[str, ...], int, int]]]:
        fields: dict[int, list[Piece]] = {}
        shortened: set[int] = set()
        below: list[tuple[str, tuple[str, ...], int, int]] = []
        path = (*above, kind)
        for number, piece in self.pieces(start, end):
            if number in inner and piece.wire == BYTES:
                below.append((inner[number], path, piece.start, piece.start + piece.length))
                if len(below) > MOST_WAITING:
                    raise BudgetSpent(f"protobuf: more than {MOST_WAITING} messages side by side")
                continue
            kept = fields.setdefault(number, [])
            if len(kept) < MOST_KEPT:
                kept.append(piece)
            else:
                kept[-1] = piece
                shortened.add(number)
        return Message(kind, above, start, end, fields, self, frozenset(shortened)), below


def first_bytes(shape: Mapping[int, int]) -> bytes:
    """Return the bytes that a content of a shape can begin with, however long its first tag is written."""
    low = {(number << 3 | wire) & 0x7F for number, wire in shape.items()}
    return bytes(sorted(low | {byte | 0x80 for byte in low}))


def _may_begin(head: bytes, shape: Mapping[int, int]) -> bool:
    """Tell whether the first field can be one of a shape; a tag of more than two bytes is left to the whole test."""
    if len(head) < 2 or (head[0] & head[1] & 0x80):
        return True
    tag = head[0] if head[0] < 0x80 else head[0] & 0x7F | head[1] << 7
    return shape.get(tag >> 3) == tag & 7


def has_shape(content: Content, shape: Mapping[int, int], required: frozenset[int], *, fields: int = 100_000) -> bool:
    """Tell whether the top-level fields of `content` are those of `shape` (number -> wire type), all `required` there.

    The last field may be cut off: a truncated file of the format is still one of its files.
    """
    if required and not _may_begin(content.head(2), shape):
        return False
    wire = Wire(content, Budget())
    seen: set[int] = set()
    try:
        for count, (number, piece) in enumerate(wire.pieces(0, content.size, cut=True)):
            if shape.get(number) != piece.wire:
                return False
            seen.add(number)
            if count > fields:
                break
    except ReadError:
        pass
    return required <= seen
