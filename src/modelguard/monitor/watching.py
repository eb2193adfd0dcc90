"""One pass: observe the locked models and what they were made from, compare, and remember what happened.

Models that were not tried for longest come first, so that a pass that a budget cut short is taken up where it ended.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TypeAlias

from attrs import define, evolve, field, frozen

from modelguard.lock import Entry
from modelguard.monitor.differing import diff
from modelguard.monitor.event import Event, event
from modelguard.monitor.licensing import Weigh, unweighed
from modelguard.monitor.scene import INACTIVE_DAYS, Notice, Scene, ancestor_scene, first_scene, next_scene
from modelguard.monitor.state import Known, State
from modelguard.sources.upstream import Observer
from modelguard.terms.artifact import HubRef, parse_ref, printable
from modelguard.terms.errors import ModelguardError, RefError
from modelguard.terms.finding import Severity
from modelguard.terms.upstream import NotKnown

Advise: TypeAlias = Callable[[Entry], Iterable[Notice] | None]
Step: TypeAlias = Callable[[int, int, str], None]


def no_advice(_: Entry) -> None:
    """Know nothing about advisories."""


def no_step(_: int, __: int, ___: str) -> None:
    """Show no progress."""


@frozen(kw_only=True)
class Outcome:
    """What a pass found: new events, the models that could not be seen with the reason, and what it cost."""

    events: tuple[Event, ...]
    unseen: tuple[tuple[str, str], ...]
    watched: int
    requests: int
    waited: float


@define(kw_only=True)
class Watch:
    """How to watch: with whom to observe, where to remember, whom to tell.

    `channels` are the names whose outbox gets every new event. `advise` returns the advisories that match an entry, or
    None when it does not know. `weigh` may give an event another severity. `step` is told the number, the total and the
    name of each model before it is observed.
    """

    observer: Observer
    state: State
    channels: Sequence[str] = ()
    advise: Advise = no_advice
    weigh: Weigh = unweighed
    inactive_days: int = INACTIVE_DAYS
    ancestors: bool = True
    step: Step = no_step
    _children: dict[str, set[str]] = field(factory=dict, init=False)
    _unseen: dict[str, str] = field(factory=dict, init=False)
    _events: list[Event] = field(factory=list, init=False)

    def once(self, entries: Iterable[Entry]) -> Outcome:
        """Watch these entries once; those that are no Hub models have no upstream and are left out.

        Raises `StateError`.
        """
        chosen = {entry.id: entry for entry in entries if isinstance(entry.ref, HubRef)}
        host = self.observer.asker.host
        known = self.state.all_known(host)
        for one in known.values():
            if one.scene.ref in chosen:
                self._adopt(one.scene)
        tried = {name: one.tried_at for name, one in known.items()}
        order = sorted(chosen.values(), key=lambda entry: (tried.get(entry.id, ""), entry.id))
        for number, entry in enumerate(order, 1):
            self.step(number, len(order), entry.id)
            if entry.host and entry.host != host:
                self._unseen[entry.id] = f"locked from {entry.host}, and {host} is asked: set HF_ENDPOINT"
                continue
            before = known.pop(entry.id) if entry.id in known else Known(scene=first_scene(entry))
            self._one(entry.ref, before, host, entry)
        if self.ancestors:
            self._look_at_ancestors(chosen, host, tried)
        asker = self.observer.asker
        return Outcome(
            events=tuple(self._events),
            unseen=tuple(sorted(self._unseen.items())),
            watched=len(chosen),
            requests=asker.spent,
            waited=asker.waited,
        )

    def _look_at_ancestors(self, chosen: Mapping[str, Entry], host: str, tried: Mapping[str, str]) -> None:
        for name in sorted(self._children.keys() - chosen.keys(), key=lambda name: (tried.get(name, ""), name)):
            try:
                ref = parse_ref(f"hf://{name}")
            except RefError:
                continue  # a card may name anything; a path on somebody's disk has no upstream
            self._one(ref, self.state.known(name, host) or Known(scene=ancestor_scene(name, host)), host, None)

    def _one(self, ref: object, known: Known, host: str, entry: Entry | None) -> None:
        assert isinstance(ref, HubRef)
        before, moment = known.scene, self.observer.now().astimezone(UTC)
        revision = entry.revision if entry is not None else ""
        asker = self.observer.asker
        spent = asker.spent
        sighting = self.observer.observe(ref, locked=revision, before=before.seen)
        trouble = sighting.reason if isinstance(sighting, NotKnown) else ""
        if trouble:
            self._unseen[before.ref] = trouble
        after = next_scene(
            before, sighting, now=moment, entry=entry,
            notices=None if entry is None else self._notices(entry), inactive_days=self.inactive_days,
        )  # fmt: skip
        at = iso(moment)
        found = [self.weigh(evolve(one, at=at), after) for one in diff(before, after)]
        if entry is not None:
            self._adopt(after)
        told = found if entry is not None else []
        told += [inherited(one, child) for one in found for child in sorted(self._children.get(before.ref, ()))]
        self._events += self.state.record(
            known, host, after, told, self.channels, at=at, trouble=trouble, tried=asker.spent > spent
        )

    def _notices(self, entry: Entry) -> Iterable[Notice] | None:
        """Return the advisories that match an entry; a feed that cannot be used is told, and changes nothing."""
        try:
            return self.advise(entry)
        except ModelguardError as error:
            self._unseen.setdefault(entry.id, error.message)
            return None

    def _adopt(self, scene: Scene) -> None:
        """Remember what a locked model was made from."""
        for name in scene.seen.base_models or ():
            if name != scene.ref:
                self._children.setdefault(name, set()).add(scene.ref)


def inherited(one: Event, child: str) -> Event:
    """Return what an event of a model means for another one that was made from it."""
    worth = one.severity >= Severity.MEDIUM
    return event(
        "base-model-event",
        child,
        f"made from {printable(one.ref)}: {one.kind}: {one.message}",
        subject=f"{one.ref} {one.kind} {one.subject}".rstrip(),
        before=one.before,
        after=one.after,
        details=one.details,
        at=one.at,
        severity=min(one.severity, Severity.HIGH) if worth else Severity.INFO,
    )


def iso(moment: datetime) -> str:
    return moment.astimezone(UTC).replace(microsecond=0).isoformat()
