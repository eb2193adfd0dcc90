"""The two spellings of numbers and texts in Torch7 files: binary, and lines of words."""

from __future__ import annotations

import re
from typing import Protocol

from attrs import frozen

from modelguard.formats._cursor import Cursor
from modelguard.terms.content import Budget
from modelguard.terms.errors import BudgetSpent, ReadError

LONGEST_TEXT = 1 << 24
_SPACE = b" \t\r\n"
_WORD = re.compile(rb"[-+0-9A-Za-z.]{1,64}\Z")
_LONGEST_WORD = 64


class Numbers(Protocol):
    """What the reader of objects needs of a spelling."""

    @property
    def cursor(self) -> Cursor:
        """Where the reading is."""
        ...

    def whole(self) -> int:
        """Return a number of 32 bits."""
        ...

    def long(self) -> int:
        """Return a number of 64 bits."""
        ...

    def pass_real(self) -> None:
        """Pass over one number of Lua."""
        ...

    def pass_elements(self, count: int, size: int, budget: Budget) -> None:
        """Pass over the elements of a storage, `size` bytes each."""
        ...

    def text(self) -> bytes:
        """Return a text with its length in front."""
        ...


@frozen
class Binary:
    """Little-endian numbers, as torch.save writes them unless asked otherwise."""

    cursor: Cursor

    def whole(self) -> int:
        return self.cursor.signed(4)

    def long(self) -> int:
        return self.cursor.signed(8)

    def pass_real(self) -> None:
        self.cursor.skip(8)

    def pass_elements(self, count: int, size: int, budget: Budget) -> None:
        del budget
        self.cursor.skip(count * size)

    def text(self) -> bytes:
        length = self.cursor.signed(4)
        _check(length)
        return self.cursor.take(length)


@frozen
class Lines:
    """Words with blanks and line ends between them."""

    cursor: Cursor

    def whole(self) -> int:
        word = self._word()
        try:
            return int(word)
        except ValueError:
            raise ReadError(f"torch7: {word[:20]!r} where an integer belongs") from None

    def long(self) -> int:
        return self.whole()

    def pass_real(self) -> None:
        self._word()

    def pass_elements(self, count: int, size: int, budget: Budget) -> None:
        """Pass over numbers, or over characters as they are: those of bytes stand without blanks."""
        if size == 1:
            self.cursor.skip(min(count, self.cursor.left))
            return
        for number in range(count):
            if number % 65_536 == 0:
                budget.spend_time()
            self._word()

    def text(self) -> bytes:
        length = self.whole()
        _check(length)
        data = self.cursor.take(length)
        if self.cursor.left and self.cursor.take(1) not in _SPACE:
            raise ReadError("torch7: a text is longer than it says")
        return data

    def _word(self) -> bytes:
        found = self.cursor.take(1)
        while found in _SPACE:
            found = self.cursor.take(1)
        while self.cursor.left and len(found) <= _LONGEST_WORD:
            byte = self.cursor.take(1)
            if byte in _SPACE:
                break
            found += byte
        if not _WORD.match(found):
            raise ReadError(f"torch7: {found[:20]!r} where a number belongs")
        return found


def _check(length: int) -> None:
    if length < 0:
        raise ReadError(f"torch7: a text of {length} bytes")
    if length > LONGEST_TEXT:
        raise BudgetSpent(f"torch7: a text of {length} bytes, the limit is {LONGEST_TEXT}")
