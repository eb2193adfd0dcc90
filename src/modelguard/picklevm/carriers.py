"""Finds pickles and archives that a constant or unread bytes carry: as they are, encoded or compressed.

A constant only does harm when something unpickles it, and calls that do so are granted by no profile. What is found
here is told in addition, so its cost is bounded:

- The first 4 KiB of every constant are searched for starts of pickles, and tell whether it is encoded or compressed.
- What is encoded or compressed is decoded up to 1 MiB, and that is searched as a whole.
- Texts beyond their first 4 KiB are searched up to 16 MiB of one content, other bytes up to 512 KiB; short ones first.
  Of a file on another machine, where each piece is a trip over the network, nothing beyond is searched.
- An archive is handed to the formats, if whoever scans has brought them, else it is `Unread`.

What the bounds leave out is told as `Noted`, rule `pickle-constants-unsearched`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

from modelguard.picklevm.disguises import (
    ARCHIVES,
    EXPANDED,
    IDIOM,
    NAME_LINE,
    PROTO,
    SEARCHED,
    is_text,
    may_carry,
    may_carry_text,
    undisguised,
)
from modelguard.picklevm.hooks import Fault
from modelguard.picklevm.machine import Machine
from modelguard.picklevm.recorder import Recorder
from modelguard.terms.content import Budget, Content
from modelguard.terms.errors import ReadError
from modelguard.terms.facts import Call, Fact, Import, Nested, Noted, Unread

TEXT, RAW = 1 << 24, 1 << 19
"""Bytes beyond the starts of texts, and of other constants, that are searched in one content."""

DECODED = 1 << 26
"""Bytes that are decoded or expanded in one content."""

TRIED = 64
"""Starts that are tried in one constant."""

CANDIDATES = 16_384
"""Constants of one content that look as if they carried something."""

ATTEMPT = 1 << 22
"""Bytes that one attempt may read, when the start of a pickle is only a guess."""

STEP, OVERLAP = 1 << 16, 512
"""Bytes searched at a time, and by how much two such pieces overlap."""

Inside: TypeAlias = Callable[[Content], Iterator[Fact]]
"""Reads a part of a content by every format, as the walk over formats does."""


class Found:
    """The constants of one content that may carry a pickle; the machine tells them, `facts` reads them."""

    def __init__(self, content: Content, budget: Budget, depth: int, inside: Inside | None = None) -> None:
        self.content = content
        self.budget = budget
        self.depth = depth
        self.inside = inside
        self.overflow = False
        self._decoded = 0
        self._unsearched = 0
        self._untried = 0
        self._spots: list[tuple[str, int, int]] = []
        self._long: list[tuple[int, int, str, bool]] = []

    def __call__(self, kind: str, offset: int, length: int, head: bytes) -> None:
        if length > SEARCHED:
            self._long.append((length, offset, kind, kind == "str" or is_text(head)))
        if not (may_carry_text(head) if kind == "str" else may_carry(head)):
            return
        if len(self._spots) >= CANDIDATES:
            self.overflow = True
        else:
            self._spots.append((kind, offset, length))

    def facts(self) -> Iterator[Fact]:
        """Read what was told, and yield the facts about the pickles and archives that are carried."""
        spots, self._spots = self._spots, []
        if self.overflow:
            yield Unread(
                location=self.content.location, format="pickle", reason="more constants look like pickles than are read"
            )
        read = set()
        for kind, offset, length in spots:
            facts = list(self._carried(kind, self.content.part(offset, length), offset))
            if facts:
                read.add(offset)
                yield from facts
        yield from self._beyond(read)
        if self._unsearched or self._untried:
            yield Noted(
                location=self.content.location, format="pickle", rule="pickle-constants-unsearched",
                detail=f"{self._unsearched} bytes and {self._untried} possible starts in constants were not looked at",
            )  # fmt: skip

    def _carried(self, kind: str, part: Content, offset: int) -> Iterator[Fact]:
        head = part.head(SEARCHED)
        if head.startswith(ARCHIVES):
            yield from self._archive(kind, part, offset)
            return
        found = list(self._search(part, starts(head), f"pickle@{offset}"))
        if not found:
            for name, decoded in self._forms(kind, part):
                inner = Content.of(decoded, part.location.inside(f"{name}@{offset}"))
                if decoded.startswith(ARCHIVES):
                    yield from self._archive(f"{kind} ({name})", inner, offset)
                    return
                found = list(self._search(inner, starts(decoded), "pickle"))
                if found:
                    kind = f"{kind} ({name})"
                    break
        if found:
            yield Nested(location=self.content.location.at(offset), format="pickle", carrier=kind)
            yield from found

    def _forms(self, kind: str, part: Content) -> Iterator[tuple[str, bytes]]:
        if self._decoded > DECODED:
            self._unsearched += part.size
            return
        for name, decoded in undisguised(kind, part.head(EXPANDED)):
            self.budget.spend_bytes(len(decoded))
            self._decoded += len(decoded)
            if part.size > EXPANDED or len(decoded) >= EXPANDED:
                self._unsearched += max(part.size - EXPANDED, 1)
            yield name, decoded

    def _archive(self, kind: str, part: Content, offset: int) -> Iterator[Fact]:
        if self.inside is None:
            reason = f"an archive inside {kind} at byte {offset} is not opened here"
            yield Unread(location=self.content.location.at(offset), format="pickle", reason=reason)
            return
        inner = part.part(0, part.size, f"{kind}@{offset}")
        yield Nested(location=self.content.location.at(offset), format="archive", carrier=kind)
        yield from self.inside(inner)

    def _search(self, part: Content, found: list[int], name: str) -> Iterator[Fact]:
        self._untried += max(len(found) - TRIED, 0)
        yield from search(part, found[:TRIED], self.budget, self.depth, name, self.inside)

    def _beyond(self, read: set[int]) -> Iterator[Fact]:
        """Search long constants behind their first bytes, those of them first that are short."""
        left = {True: 0, False: 0} if self.content.remote else {True: TEXT, False: RAW}
        long, self._long = self._long, []
        for length, offset, kind, textual in sorted(long):
            if offset in read:
                continue
            size = length - SEARCHED
            searched = min(size, left[textual])
            left[textual] -= searched
            self._unsearched += size - searched
            if not searched:
                continue
            part = self.content.part(offset, length)
            found = _starts_behind(part, SEARCHED - OVERLAP if textual else 0, SEARCHED + searched)
            facts = list(self._search(part, found, f"pickle@{offset}")) if found else []
            if facts:
                yield Nested(location=self.content.location.at(offset), format="pickle", carrier=kind)
                yield from facts


def starts(data: bytes) -> list[int]:
    """Return where in some bytes a pickle may begin, in order; with the idiom of protocol 0, also at their start."""
    found = [match.start() for match in PROTO.finditer(data)]
    for line in NAME_LINE.finditer(data):
        before = max(data.rfind(b"\n", 0, line.start()) + 1, line.start() - OVERLAP // 2)
        idiom = IDIOM.search(data, before, line.end() + 1)
        if idiom is not None:
            found += [0, idiom.start()]
    return sorted(set(found))


def _starts_behind(part: Content, start: int, end: int) -> list[int]:
    """Return the starts between two offsets of a content, piece by piece."""
    found: set[int] = set()
    for at in range(start, end - OVERLAP, STEP):
        data = part.read(at, min(STEP + OVERLAP, part.size - at))
        found |= {at + inner for inner in starts(data) if at + inner == 0 or inner}
        if len(found) > 2 * TRIED:
            break
    return sorted(found)


def search(
    part: Content, found: list[int], budget: Budget, depth: int, name: str, inside: Inside | None = None
) -> Iterator[Fact]:
    """Yield the facts about pickles that begin at one of these offsets of `part`.

    A start that is only a guess counts when a whole pickle with a global follows, or one that makes a call.
    """
    if depth >= budget.depth:
        yield Unread(location=part.location, format="pickle", reason="pickles within pickles, too many levels")
        return
    behind = 0
    for start in found:
        if start < behind:
            continue
        whole = start == 0
        length = part.size - start if whole else min(part.size - start, ATTEMPT)
        label = name if whole else f"{name}+{start}"
        behind = start
        facts, end = attempt(part.part(start, length, label), budget, depth + 1, inside)
        if facts:
            yield from facts
            behind = start + end


def attempt(content: Content, budget: Budget, depth: int, inside: Inside | None = None) -> tuple[list[Fact], int]:
    """Try to read a pickle at the start of a content: the facts if it is one, and where it ends."""
    recorder = Recorder(content.location)
    found = Found(content, budget, depth, inside)
    machine = Machine(content, budget, recorder, carriers=found)
    stopped = True
    end = 0
    try:
        end = machine.run(0)
    except Fault as fault:
        stopped = False
        recorder.malformed(fault.rule, fault.offset, fault.detail)
    except ReadError:
        stopped = False
    facts = recorder.take()
    imports = any(isinstance(fact, Import) for fact in facts)
    called = any(isinstance(fact, Call) for fact in facts)
    is_whole = stopped and end == content.size and content.head(1) == b"\x80"
    if (imports and (stopped or called)) or is_whole:
        return [*facts, *found.facts()], max(end, 1)
    return [], 0
