"""Bytes that can be read at any offset: what readers of formats are given.

A `Content` does no input or output itself; whoever opens the file brings the function that reads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from time import monotonic
from typing import Any, TypeVar

from attrs import define, field, frozen

from modelguard.terms.artifact import Location
from modelguard.terms.errors import BudgetSpent, ReadError

NEAR_HEAD, NEAR_TAIL = 48 << 10, 66_000
"""Bytes at both ends of a remote content that come with the first look. A ZIP archive's end record begins at the
earliest 65,557 bytes before its end."""

CHUNK = 1 << 20
"""Bytes read at a time when a whole content is walked through."""

BEGINNING = 1 << 12
"""Bytes at the start of a content that are kept once they were asked for: each format looks at them."""

Answer = TypeVar("Answer")


@define
class Budget:
    """Limits on the work that one snapshot may cause. Spending one of them ends the reading as `BudgetSpent`.

    Sizes are in bytes, `seconds` is wall time for the whole snapshot. The defaults are generous for real models.
    """

    opcodes: int = 500_000_000
    expanded: int = 64 << 30
    members: int = 200_000
    depth: int = 8
    ratio: int = 2_000
    seconds: float = 900.0
    _started: float = field(factory=monotonic, init=False)

    def spend_opcodes(self, count: int) -> None:
        self.opcodes -= count
        if self.opcodes < 0:
            raise BudgetSpent("more pickle opcodes than the budget allows")
        self.spend_time()

    def spend_bytes(self, count: int) -> None:
        """Count bytes that came out of a compressed or encoded container."""
        self.expanded -= count
        if self.expanded < 0:
            raise BudgetSpent("more expanded bytes than the budget allows")
        self.spend_time()

    def spend_member(self) -> None:
        self.members -= 1
        if self.members < 0:
            raise BudgetSpent("more archive members than the budget allows")

    def spend_time(self) -> None:
        if monotonic() - self._started > self.seconds:
            raise BudgetSpent(f"reading took longer than {self.seconds:g} seconds")


@frozen(kw_only=True)
class Content:
    """A sequence of `size` bytes at a place, readable at any offset.

    `fetch(offset, length)` returns exactly `length` bytes; it may return fewer only if the bytes underneath have
    shrunk, which is reported as a `ReadError`. With `remote`, each read far from both ends is a trip over a network:
    readers then leave out what only confirms what they know, and say so.
    """

    location: Location
    size: int
    fetch: Callable[[int, int], bytes] = field(repr=False, eq=False)
    _answers: dict[Any, Any] = field(init=False, repr=False, eq=False, factory=dict)
    remote: bool = False

    @classmethod
    def of(cls, data: bytes, location: Location) -> Content:
        """Wrap bytes that are already in memory."""
        return cls(location=location, size=len(data), fetch=lambda offset, length: data[offset : offset + length])

    @property
    def name(self) -> str:
        """The innermost name: the member's within its container, else the file's."""
        return self.location.members[-1] if self.location.members else self.location.path

    def read(self, offset: int, length: int) -> bytes:
        """Return exactly `length` bytes from `offset`.

        Raises `ReadError` when the content ends before, or when the file underneath has shrunk.
        """
        if offset < 0 or length < 0 or offset + length > self.size:
            raise ReadError(f"ends early: {length} bytes wanted at {offset}, {max(self.size - offset, 0)} there")
        kept: bytes | None = self._answers.get(BEGINNING)
        if kept is not None and offset + length <= len(kept):
            return kept[offset : offset + length]
        data = self.fetch(offset, length)
        if len(data) != length:
            raise ReadError(f"the file shrank while it was read: {length} bytes wanted at {offset}, {len(data)} came")
        return data

    def is_near(self, offset: int, length: int) -> bool:
        """Tell whether a read costs no trip of its own. A part of a remote content is read like any other."""
        if not self.remote:
            return True
        return offset + length <= NEAR_HEAD or offset >= self.size - NEAR_TAIL

    def ahead(self, offset: int, most: int) -> int:
        """Return how many bytes to read ahead from `offset`: at most `most`, and of a remote head only what is near."""
        there = min(most, max(self.size - offset, 0))
        return min(there, NEAR_HEAD - offset) if self.remote and offset < NEAR_HEAD else there

    def head(self, length: int) -> bytes:
        """Return the first `length` bytes, or all of them if there are fewer."""
        if length <= BEGINNING:
            kept: bytes | None = self._answers.get(BEGINNING)
            if kept is None:
                kept = self._answers[BEGINNING] = self.read(0, min(BEGINNING, self.size))
            return kept[:length]
        return self.read(0, min(length, self.size))

    def once(self, question: Callable[[Content], Answer]) -> Answer:
        """Return what `question` answers about this content, and ask it only the first time.

        For what several formats want to know, such as whether the bytes are text. One that raises is asked again.
        """
        answers = self._answers
        if question in answers:
            answer: Answer = answers[question]
        else:
            answer = answers[question] = question(self)
        return answer

    def tail(self, length: int) -> bytes:
        """Return the last `length` bytes, or all of them if there are fewer."""
        length = min(length, self.size)
        return self.read(self.size - length, length)

    def all(self, limit: int) -> bytes:
        """Return every byte.

        Raises `BudgetSpent` when there are more than `limit`.
        """
        if self.size > limit:
            raise BudgetSpent(f"{self.size} bytes are more than the {limit} that this format is given")
        return self.read(0, self.size)

    def chunks(self, size: int = CHUNK, *, start: int = 0) -> Iterator[bytes]:
        """Yield the bytes from `start` to the end, `size` at a time."""
        for offset in range(start, self.size, size):
            yield self.read(offset, min(size, self.size - offset))

    def part(self, offset: int, length: int, member: str | None = None) -> Content:
        """Return a window into this content; with `member`, its location is one step further inside."""
        if offset < 0 or length < 0 or offset + length > self.size:
            raise ReadError(f"ends early: a part of {length} bytes at {offset} does not fit into {self.size}")
        fetch = self.fetch
        return Content(
            location=self.location if member is None else self.location.inside(member),
            size=length,
            fetch=lambda at, count: fetch(offset + at, max(0, min(count, length - at))),
        )
