"""Picks the formats that are asked about a content, and those that its name promises, without asking each of them.

The clues of all formats are laid out once: by first byte, by ending, by name, and the few that need a closer look. What
is picked is asked and may still say no; what is not picked cannot say yes. The clues come from the index of the room,
so that of the formats only those are imported that are picked.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache, cached_property
from pathlib import PurePosixPath
from typing import Any

from attrs import frozen

from modelguard._registry import index, named, part, parts
from modelguard.formats.format import Clue, Format
from modelguard.terms.content import BEGINNING, Content

_ROOM = "modelguard.formats"
_NO_CLUE = Clue()
_SETS = 4096
"""Sets of formats that are kept: a hostile snapshot could else fill the memory with odd ones."""


@frozen
class Listed:
    """A format that the index of the room tells about, and that is imported only when it is picked."""

    module: str
    name: str
    endings: tuple[str, ...]
    whole_names: tuple[str, ...]
    clue: Clue | None

    @classmethod
    def of(cls, row: tuple[Any, ...]) -> Listed:
        module, name, endings, whole_names, clue = row
        if clue is not None:
            first, endings_of_clue, names, begins, when = clue
            question = named(when) if when else None
            clue = Clue(first=first, endings=endings_of_clue, names=names, begins=begins, when=question)
        return cls(module, name, endings, whole_names, clue)


class Choice:
    """Some formats, in order. A set of them is an integer with one bit for each."""

    def __init__(self, formats: Iterable[Format | Listed]) -> None:
        self._listed = tuple(formats)
        self._sets: dict[int, tuple[Format, ...]] = {}
        self._promises: dict[int, tuple[str, ...]] = {}
        self._whenever = 0
        self._by_first = [0] * 256
        self._by_ending: dict[str, int] = {}
        self._by_name: dict[str, int] = {}
        self._begins: list[tuple[re.Pattern[bytes], int]] = []
        self._questions: dict[Callable[[Content], bool], int] = {}
        self._claimed_endings: dict[str, int] = {}
        self._claimed_names: dict[str, int] = {}
        for at, format_ in enumerate(self._listed):
            self._lay_out(format_, 1 << at)
        patterns = [pattern.pattern for pattern, _ in self._begins]
        self._any_begins = re.compile(b"|".join(patterns), re.DOTALL) if patterns else None
        self._longest = max(map(len, (*self._by_ending, *self._claimed_endings)), default=0)

    def _lay_out(self, format_: Format | Listed, bit: int) -> None:
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

    @cached_property
    def formats(self) -> tuple[Format, ...]:
        """All of them, imported."""
        return tuple(map(_imported, self._listed))

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
        return self._formats_of(self._claiming(name))

    def promised(self, name: str) -> tuple[str, ...]:
        """Return the names of the formats that loaders expect under this file name, without importing them."""
        bits = self._claiming(name)
        found = self._promises.get(bits)
        if found is None:
            found = tuple(one.name for one in self._members(bits))
            if len(self._promises) < _SETS:
                self._promises[bits] = found
        return found

    def _claiming(self, name: str) -> int:
        return self._named(_last_part(name), self._claimed_endings, self._claimed_names)

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
            found = tuple(map(_imported, self._members(bits)))
            if len(self._sets) < _SETS:
                self._sets[bits] = found
        return found

    def _members(self, bits: int) -> Iterator[Format | Listed]:
        return (format_ for at, format_ in enumerate(self._listed) if bits >> at & 1)


def _imported(format_: Format | Listed) -> Format:
    return format_ if isinstance(format_, Format) else part(_ROOM, Format, format_.module)


def _last_part(name: str) -> str:
    last = name.rpartition("/")[2]
    return (PurePosixPath(name).name if last in ("", ".") else last).lower()


@cache
def every_format() -> Choice:
    """Return the choice among all formats of the room."""
    rows = index(_ROOM)
    return Choice(parts(_ROOM, Format) if rows is None else map(Listed.of, rows))
