"""Reads a content through a window, so that memory does not grow with the file."""

from __future__ import annotations

from modelguard.terms.content import Content
from modelguard.terms.errors import ReadError

WINDOW = 1 << 18
"""Bytes held at a time when opcodes follow opcodes."""

FIRST = 1 << 13
"""Bytes held after a jump over a long constant; windows that follow one another double."""

MARGIN = 272
"""More than the longest opcode with a length byte: one that starts within the window lies in it as a whole."""

LINE = 1 << 20
"""The longest line that is kept."""


class Window:
    """Some bytes of a content: `data` starts at `base`, ends with `MARGIN` zero bytes if the content ends there.

    An opcode that starts before `safe` (an index into `data`) can be read without looking at the window's end.
    """

    __slots__ = ("base", "content", "data", "last", "safe", "size", "step")

    def __init__(self, content: Content) -> None:
        self.content = content
        self.size = content.size
        self.base = 0
        self.data = b""
        self.safe = 0
        self.step = FIRST
        self.last = False

    def load(self, offset: int) -> None:
        """Move the window so that it starts at `offset`.

        Raises `ReadError` when the file underneath has shrunk.
        """
        follows = self.base < offset <= self.base + len(self.data)
        self.step = min(2 * self.step, WINDOW) if follows else FIRST
        length = min(self.step, self.size - offset)
        data = self.content.read(offset, length) if length > 0 else b""
        self.base = offset
        self.last = offset + length >= self.size
        self.safe = length if self.last else length - MARGIN
        self.data = data + bytes(MARGIN) if self.last else data

    def bytes_at(self, offset: int, length: int) -> bytes:
        """Return bytes at an absolute offset; the caller has compared the length with what is left."""
        start = offset - self.base
        end = self.base + len(self.data) - (MARGIN if self.last else 0)
        if start >= 0 and offset + length <= end:
            return self.data[start : start + length]
        return self.content.read(offset, length)

    def line_at(self, offset: int) -> tuple[bytes | None, int]:
        """Return the line at an absolute offset without its newline, and the offset behind the newline.

        The line is None when it is longer than `LINE`. Raises `EndOfLine` with what there was when no newline follows.
        """
        found = b""
        at = offset
        while at < self.size:
            piece = self.bytes_at(at, min(4096 if at == offset else WINDOW, self.size - at))
            newline = piece.find(b"\n")
            kept = len(found) <= LINE
            if newline >= 0:
                return (found + piece[:newline] if kept else None), at + newline + 1
            if kept:
                found += piece
            at += len(piece)
        raise EndOfLine(found)


class EndOfLine(ReadError):
    """A line runs into the end of the content; `rest` is what there was of it."""

    def __init__(self, rest: bytes) -> None:
        super().__init__("a line without a newline at the end")
        self.rest = rest
