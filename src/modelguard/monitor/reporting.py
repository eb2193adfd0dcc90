"""Reports of a run, for a terminal, a program, or the annotations of GitHub Actions."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from modelguard.monitor.channels._wording import headline, lines
from modelguard.monitor.channels.webhook import cloud_event
from modelguard.terms.finding import Severity
from modelguard.terms.words import counted

if TYPE_CHECKING:
    from modelguard.monitor.event import Event
    from modelguard.monitor.running import Run

_LEVELS = {Severity.INFO: "notice", Severity.LOW: "notice", Severity.MEDIUM: "warning"}


def text(run: Run) -> str:
    """Return what to read: new events with the worst first, then one line on the pass."""
    outcome = run.outcome
    rows: list[str] = []
    for one in sorted(outcome.events, key=lambda one: -one.severity):
        first, *rest = lines(one)
        rows += [first, *(f"    {line}" for line in rest), ""]
    rows.append(
        f"{counted(outcome.watched, 'model')} watched, {counted(len(outcome.events), 'new event')}, "
        f"{len(run.view.open)} open; {len(outcome.unseen)} not seen; {counted(outcome.requests, 'request')}"
    )
    return "\n".join(rows) + "\n"


def as_json(run: Run) -> str:
    """Return one object; its events are CloudEvents."""
    outcome = run.outcome
    document = {
        "schema": "modelguard/events/1",
        "watched": outcome.watched,
        "requests": outcome.requests,
        "events": [cloud_event(one) for one in outcome.events],
        "open": [one.id for one in run.view.open],
        "not_seen": [{"model": ref, "reason": reason} for ref, reason in outcome.unseen],
        "remarks": list(run.remarks),
        "not_sent": [{"channel": name, "reason": reason} for name, reason in run.undelivered],
    }
    return json.dumps(document, indent=2, ensure_ascii=True) + "\n"


def github(run: Run) -> str:
    """Return workflow commands: https://docs.github.com/actions/reference/workflow-commands-for-github-actions."""
    return "".join(_annotation(one) for one in run.outcome.events)


def _annotation(one: Event) -> str:
    level = _LEVELS.get(one.severity, "error")
    body = "\n".join([headline(one), *lines(one)[1:]]).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    return f"::{level} title=modelguard {one.kind}::{body}\n"


WRITERS: Mapping[str, Callable[[Run], str]] = {"text": text, "json": as_json, "github": github}
