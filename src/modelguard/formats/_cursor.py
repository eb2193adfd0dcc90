"""Reads numbers and byte strings forward through a content, never past its end.

Small reads are served from a window that is fetched ahead, so that a format made of many small fields costs few
fetches. Lengths are compared with what is left before anything is allocated.
"""

from __future__ import annotations

from struct import unpack
from typing import Literal

from attrs import define, field

from modelguard.terms.artifact import Location
from modelguard.terms.content import Content
from modelguard.terms.errors import ReadError

WINDOW = 1 << 16
"""Bytes fetched ahead."""


@define
class Cursor:
    """A place in a content that moves forward as it is read. `end` is where reading must stop."""

    content: Content
    at: int = 0
    end: int = -1
    order: Literal["little", "big"] = "little"
    _base: int = field(default=0, init=False)
    _window: bytes = field(default=b"", init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        self.end = self.content.size if self.end < 0 else min(self.end, self.content.size)

    @property
    def left(self) -> int:
        """The number of bytes between here and the end."""
        return self.end - self.at

    def take(self, length: int) -> bytes:
        """Return the next `length` bytes.

        Raises `ReadError` when fewer are left.
        """
        if length < 0 or length > self.end - self.at:
            raise ReadError(f"ends early: {length} bytes wanted at {self.at}, {max(self.end - self.at, 0)} left")
        start = self.at - self._base
        if start < 0 or start + length > len(self._window):
            if length > WINDOW:
                data = self.content.read(self.at, length)
                self.at += length
                return data
            self._base, start = self.at, 0
            ahead = min(self.content.ahead(self.at, WINDOW), self.end - self.at)
            self._window = self.content.read(self.at, max(length, ahead))
        self.at += length
        return self._window[start : start + length]

    def skip(self, length: int) -> None:
        """Move on by `length` bytes without reading them.

        Raises `ReadError` when fewer are left.
        """
        if length < 0 or length > self.end - self.at:
            raise ReadError(f"ends early: {length} bytes to skip at {self.at}, {max(self.end - self.at, 0)} left")
        self.at += length

    def unsigned(self, width: int) -> int:
        """Return the next `width` bytes as an integer of at least zero."""
        return int.from_bytes(self.take(width), self.order)

    def signed(self, width: int) -> int:
        """Return the next `width` bytes as a two's complement integer."""
        return int.from_bytes(self.take(width), self.order, signed=True)

    def real(self, width: Literal[4, 8]) -> float:
        """Return the next 4 or 8 bytes as an IEEE 754 number."""
        letter = {4: "f", 8: "d"}[width]
        value: float = unpack(("<" if self.order == "little" else ">") + letter, self.take(width))[0]
        return value


def over(data: bytes, order: Literal["little", "big"] = "little") -> Cursor:
    """Return a cursor over bytes that were read already."""
    return Cursor(Content.of(data, Location("")), order=order)
