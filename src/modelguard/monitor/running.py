"""A whole run of the monitor: watch, remember, remind, deliver."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from attrs import define, evolve, field, frozen

from modelguard.guard import Gate
from modelguard.lock import Entry
from modelguard.monitor.advising import Advice
from modelguard.monitor.channels.channel import Sender, Standing, Surroundings, Target, View, open_channels
from modelguard.monitor.delivering import deliver
from modelguard.monitor.event import Event
from modelguard.monitor.licensing import weighing
from modelguard.monitor.settings import Settings, read_settings
from modelguard.monitor.state import Known, State, open_events
from modelguard.monitor.watching import Outcome, Step, Watch, iso, no_step
from modelguard.sources.upstream import open_observer
from modelguard.terms.artifact import HubRef

LATEST = 200
"""Events that channels which show how things stand are given."""


@frozen(kw_only=True)
class Run:
    """What a run found and told: the outcome of the pass, the channels that failed, and what is open.

    `remarks` are about the feeds of advisories, such as records that were left out.
    """

    outcome: Outcome
    undelivered: tuple[tuple[str, str], ...]
    view: View
    reminded: int = 0
    remarks: tuple[str, ...] = ()


@define(kw_only=True)
class Monitor:
    """Watches the models of one lock. `remind` tells again of what nobody has answered for so long."""

    gate: Gate
    settings: Settings
    targets: dict[str, Target]
    state_path: Path
    budget: int | None = None
    patience: float = 300.0
    remind: timedelta | None = None
    step: Step = field(default=no_step)

    @classmethod
    def open(cls, gate: Gate, *, state: Path | None = None, **more: object) -> Monitor:
        """Read the settings and open the channels. Raises `PolicyError`."""
        settings = read_settings(gate.policy)
        return cls(
            gate=gate,
            settings=settings,
            targets=open_channels(settings.channels, Surroundings(home=gate.home)),
            state_path=state or gate.home / settings.state,
            **more,  # type: ignore[arg-type]
        )

    def run(self, chosen: Iterable[Entry] | None = None, *, closely: bool = False) -> Run:
        """Watch all models of the lock, or the chosen ones; `closely` also looks at refs and history of each.

        Raises `LockError`, `StateError` or `Offline`.
        """
        lock = self.gate.require_lock()
        entries = tuple(lock.entries.values())
        observer = open_observer(
            self.gate.options, budget=self.budget, closely_every=0.0 if closely else self.settings.closely_every
        )
        observer.asker.patience = self.patience
        advice = Advice(self.gate)
        senders = [name for name, target in self.targets.items() if isinstance(target, Sender)]
        with State.open(self.state_path) as state:
            watch = Watch(
                observer=observer,
                state=state,
                channels=senders,
                advise=advice,
                weigh=weighing(self.gate),
                inactive_days=self.settings.inactive_days,
                ancestors=self.settings.ancestors,
                step=self.step,
            )
            outcome = watch.once(entries if chosen is None else chosen)
            now = datetime.now(UTC)
            view = _view(state, entries, observer.asker.host, now)
            reminded = state.remind(view.open, senders, iso(now), self.remind) if self.remind is not None else 0
            undelivered = deliver(state, self.targets, view)
        remarks = tuple(advice.remarks)
        return Run(outcome=outcome, undelivered=undelivered, view=view, reminded=reminded, remarks=remarks)


def _view(state: State, entries: Iterable[Entry], host: str, now: datetime) -> View:
    events = state.events()
    models = [_standing(entry, state.known(entry.id, host)) for entry in entries if isinstance(entry.ref, HubRef)]
    decided = {entry.id: entry.approval.at for entry in entries}
    return View(now=now, models=tuple(models), events=tuple(events[-LATEST:]), open=tuple(open_events(events, decided)))


def _standing(entry: Entry, known: Known | None) -> Standing:
    one = Standing(ref=entry.id, revision=entry.revision, locked_at=entry.approval.at)
    if known is None:
        return one
    scene = known.scene
    return evolve(
        one,
        newest=scene.seen.sha or "",
        absence=scene.absence.kind if scene.absence is not None else "",
        trouble=known.trouble,
        seen_at=known.seen_at or "",
    )


def recorded_events(gate: Gate, ref: str, state: Path | None = None) -> list[Event]:
    """Return what the monitor remembers of one model, oldest first; nothing when it has never run."""
    found = State.look(state or gate.home / read_settings(gate.policy).state)
    if found is None:
        return []
    with found:
        return found.events(ref)
