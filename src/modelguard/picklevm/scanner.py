"""Reads every pickle of a content, from its first byte to its last, and yields what they would do."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from attrs import frozen

from modelguard.picklevm.carriers import TRIED, Found, Inside, search, starts
from modelguard.picklevm.hooks import WATCHER, Fault, Interrupted, Interruption, PersistentRule
from modelguard.picklevm.machine import Machine
from modelguard.picklevm.objects import Raw
from modelguard.picklevm.recorder import Recorder
from modelguard.terms.content import Budget, Content
from modelguard.terms.errors import ReadError
from modelguard.terms.facts import Fact, Import, Unresolved

__all__ = ["Fault", "Interrupted", "Interruption", "One", "PersistentRule", "scan", "scan_one"]

REST = 1 << 22
"""Bytes after a fault or after the last STOP in which the starts of pickles are looked for, at a time."""


@frozen(kw_only=True)
class One:
    """One pickle: the facts about it, the offset behind its STOP, and the `Fault` that stopped it before, if any."""

    facts: tuple[Fact, ...]
    end: int
    fault: Fault | None = None


def scan(
    content: Content,
    budget: Budget,
    *,
    interruption: Interruption | None = None,
    persistent: PersistentRule | None = None,
    start: int = 0,
    inside: Inside | None = None,
) -> Iterator[Fact]:
    """Yield the facts about all pickles of a content from `start` to its end.

    Concatenated pickles, bytes behind the last STOP, bytes behind a fault, and pickles in constants are all read.
    `interruption` lets a loader's raw bytes between opcodes be skipped, `persistent` decides about persistent ids,
    `inside` reads the archives that constants hold.

    Raises `ReadError` when the content shrinks or a limit is reached; what was seen before has been yielded.
    """
    found = Found(content, budget, 0, inside)
    recorder = Recorder(content.location)
    machine = Machine(content, budget, recorder, interruption=interruption, persistent=persistent, carriers=found)
    told = _watched(machine, start)
    recorder = machine.recorder
    machine.keeps_memo = True
    at, streams, broken = start, 0, -1
    carried: dict[int, Raw] = {}
    if start >= content.size:
        recorder.malformed("pickle-empty", start, "there is no pickle in an empty content")
    try:
        while at < content.size:
            try:
                end = machine.run(at, old=carried)
            except Fault as fault:
                recorder.malformed(fault.rule, fault.offset, fault.detail)
                if streams:
                    recorder.malformed("pickle-bytes-after-stop", at, f"{content.size - at} bytes follow the last STOP")
                broken = at + 1 if streams else max(machine.at, at) + 1
            told()
            if machine.memoized and carried:
                _carried_over(machine, carried, at)
            elif broken < 0 and end < content.size:
                carried.update(machine.memo)
            yield from recorder.take()
            if broken >= 0:
                break
            at, streams = end, streams + 1
    except ReadError:
        told()
        yield from recorder.take()
        raise
    yield from recorder.take()
    yield from found.facts()
    if broken >= 0:
        yield from _rest(content, budget, broken, inside)


def scan_one(
    content: Content,
    budget: Budget,
    *,
    start: int = 0,
    interruption: Interruption | None = None,
    persistent: PersistentRule | None = None,
    inside: Inside | None = None,
) -> One:
    """Return the facts about the one pickle at `start`, and where it ends.

    A pickle that breaks off has a `fault`; the fact about it is among the facts and `end` is where it broke off.
    Raises `ReadError` only when the content shrinks or a limit is reached.
    """
    found = Found(content, budget, 0, inside)
    recorder = Recorder(content.location)
    machine = Machine(content, budget, recorder, interruption=interruption, persistent=persistent, carriers=found)
    told = _watched(machine, start)
    recorder = machine.recorder
    stopped: Fault | None = None
    try:
        end = machine.run(start)
    except Fault as fault:
        recorder.malformed(fault.rule, fault.offset, fault.detail)
        stopped, end = fault, fault.offset
    finally:
        told()
    return One(facts=(*recorder.take(), *found.facts()), end=end, fault=stopped)


def _watched(machine: Machine, start: int) -> Callable[[], None]:
    """Show the machine to whoever watches; return what to call when it has stopped."""
    watcher = WATCHER.get()
    told = None if watcher is None else watcher(machine, start)
    return told if told is not None else _nothing


def _nothing() -> None:
    """Stand in for the end of a watch that nobody keeps."""


def _carried_over(machine: Machine, carried: dict[int, Raw], at: int) -> None:
    """Read a pickle again as an unpickler does that is used for several and so keeps its memo, which is `carried`.

    Its MEMOIZE counts on from the entries of the pickles before, so its GETs can name other objects than those of a
    fresh unpickler. Only globals are told: that the objects do not fit is what most readers would find too.
    """
    outer, machine.recorder = machine.recorder, Recorder(machine.content.location)
    carriers, machine.carriers = machine.carriers, None
    try:
        machine.run(at, memo=carried)
    except Fault:
        pass
    finally:
        inner, machine.recorder = machine.recorder, outer
        machine.carriers = carriers
    for fact in inner.take():
        if isinstance(fact, Import):
            outer.add(("import", fact.module, fact.name), fact)
        elif isinstance(fact, Unresolved) and fact.what == "computed-global":
            outer.add(("unresolved", fact.what, fact.detail), fact)


def _rest(content: Content, budget: Budget, start: int, inside: Inside | None) -> Iterator[Fact]:
    """Look for pickles in bytes that no unpickler would reach from the start."""
    for at in range(start, content.size, REST):
        part = content.part(at, content.size - at)
        yield from search(part, starts(part.head(REST))[:TRIED], budget, 0, f"pickle@{at}", inside)
