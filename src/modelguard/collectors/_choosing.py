"""Picks the formats that are asked about a content, and those that its name promises, without asking each of them.

The clues of all formats are laid out once: by first byte, by ending, by name, and the few that need a closer look. What
is picked is asked and may still say no; what is not picked cannot say yes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import PurePosixPath

from modelguard._registry import parts
from modelguard.formats.format import Clue, Format
from modelguard.terms.content import BEGINNING, Content

_NO_CLUE = Clue()


class Choice:
    """Some formats, in order. A set of them is an integer with one bit for each."""

    def __init__(self, formats: Iterable[Format]) -> None:
        self.formats = tuple(formats)
        self._all = (1 << len(self.formats)) - 1
        self._sets: dict[int, tuple[Format, ...]] = {}
        self._whenever = 0
        self._by_first = [0] * 256
        self._by_ending: dict[str, int] = {}
        self._by_name: dict[str, int] = {}
        self._begins: list[tuple[re.Pattern[bytes], int]] = []
        self._questions: dict[Callable[[Content], bool], int] = {}
        self._claimed_endings: dict[str, int] = {}
        self._claimed_names: dict[str, int] = {}
        for index, format_ in enumerate(self.formats):
            self._lay_out(format_, 1 << index)
        patterns = [pattern.pattern for pattern, _ in self._begins]
        self._any_begins = re.compile(b"|".join(patterns), re.DOTALL) if patterns else None
        self._longest = max(map(len, (*self._by_ending, *self._claimed_endings)), default=0)

    def _lay_out(self, format_: Format, bit: int) -> None:
        clue = format_.clue or _NO_CLUE
        if format_.clue is None:
            self._whenever |= bit
        for byte in clue.first:
            self._by_first[byte] |= bit
        if clue.begins:
            self._begins.append((re.compile(clue.begins, re.DOTALL), bit))
        if clue.when is not None:
            self._questions[clue.when] = self._questions.get(clue.when, 0) | bit
        for table, texts in (
            (self._by_ending, clue.endings),
            (self._by_name, clue.names),
            (self._claimed_endings, format_.endings),
            (self._claimed_names, format_.whole_names),
        ):
            for text in texts:
                table[text] = table.get(text, 0) | bit
        if any(ending[:1] != "." for ending in (*clue.endings, *format_.endings)):
            raise ValueError(f"{format_.name}: an ending is written with its dot")

    def candidates(self, content: Content) -> tuple[Format, ...]:
        """Return the formats that have to be asked about a content: all of them when it cannot be looked at."""
        try:
            return self._formats_of(self._candidates(content))
        except Exception:  # noqa: BLE001  # each format meets the fault itself, and it is written down there
            return self.formats

    def _candidates(self, content: Content) -> int:
        head = content.head(BEGINNING)
        chosen = self._whenever
        if head:
            chosen |= self._by_first[head[0]]
        if self._any_begins is not None and self._any_begins.match(head):
            for pattern, bit in self._begins:
                if pattern.match(head):
                    chosen |= bit
        for question, bits in self._questions.items():
            if content.once(question):
                chosen |= bits
        return chosen | self._named(_last_part(content.name), self._by_ending, self._by_name)

    def claimants(self, name: str) -> tuple[Format, ...]:
        """Return the formats that loaders expect under this file name."""
        return self._formats_of(self._named(_last_part(name), self._claimed_endings, self._claimed_names))

    def _named(self, last: str, endings: dict[str, int], names: dict[str, int]) -> int:
        found = names.get(last, 0)
        end = last[-self._longest :]
        dot = end.find(".")
        while dot >= 0:
            found |= endings.get(end[dot:], 0)
            dot = end.find(".", dot + 1)
        return found

    def _formats_of(self, bits: int) -> tuple[Format, ...]:
        found = self._sets.get(bits)
        if found is None:
            found = tuple(format_ for index, format_ in enumerate(self.formats) if bits >> index & 1)
            if len(self._sets) < 4096:  # a hostile snapshot could else fill the memory with odd sets
                self._sets[bits] = found
        return found


def _last_part(name: str) -> str:
    last = name.rpartition("/")[2]
    return (PurePosixPath(name).name if last in ("", ".") else last).lower()


@cache
def every_format() -> Choice:
    """Return the choice among all formats of the room."""
    return Choice(parts("modelguard.formats", Format))
