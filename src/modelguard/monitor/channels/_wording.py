"""Words for people: an event as a few lines of plain text. What comes from the Hub is made printable first."""

from __future__ import annotations

from collections.abc import Sequence

from modelguard.monitor.event import Event
from modelguard.terms.artifact import printable

DETAILS = 10
"""Lines of details that are shown of one event."""


def headline(one: Event) -> str:
    return printable(f"{one.ref}: {one.kind} ({one.severity}): {one.message}")


def lines(one: Event) -> list[str]:
    """Return what to read about an event: the headline, some details, and what to do."""
    shown = [printable(detail) for detail in one.details[:DETAILS]]
    more = len(one.details) - len(shown)
    return [
        headline(one),
        *shown,
        *([f"… and {more} more"] if more > 0 else []),
        f"What to do: {printable(one.remedy)}",
    ]


def summary(events: Sequence[Event]) -> str:
    """Return one line over several events."""
    if len(events) == 1:
        return f"{events[0].severity}: {printable(events[0].ref)}: {events[0].title}"
    models = len({one.ref for one in events})
    worst = max(one.severity for one in events)
    return f"{len(events)} events in {models} models, the worst of them {worst}"
