"""Writes how models stand for the textfile collector of Prometheus' node_exporter.

[monitor.channels.prometheus]
path = "/var/lib/node_exporter/modelguard.prom"
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from pathlib import Path

from attrs import frozen

from modelguard.monitor.channels._files import replace
from modelguard.monitor.channels.channel import Channel, Standing, Surroundings, View
from modelguard.terms.artifact import printable
from modelguard.terms.section import Section

# name, help, and the value of one model (None: not known, no sample)
_GAUGES = (
    ("modelguard_model_drift", "Whether the default branch is at another commit than the locked one."),
    ("modelguard_model_available", "Whether the Hub shows the model."),
    ("modelguard_model_not_seen", "Whether the last pass could not find out about the model."),
    ("modelguard_lock_age_days", "Days since the model was approved."),
)


@frozen(kw_only=True)
class Prometheus:
    """Replaces the metrics at `path`."""

    path: Path

    def write(self, view: View) -> None:
        replace(self.path, metrics(view))


def metrics(view: View) -> str:
    """Return the metrics in the text format (https://prometheus.io/docs/instrumenting/exposition_formats/)."""
    rows: list[str] = []
    for name, about in _GAUGES:
        rows += [f"# HELP {name} {about}", f"# TYPE {name} gauge"]
        for one in view.models:
            value = _values(one, view.now)[name]
            if value is not None:
                rows.append(f'{name}{{model="{_label(one.ref)}"}} {value}')
    name = "modelguard_open_events"
    rows += [f"# HELP {name} Events that nobody has answered.", f"# TYPE {name} gauge"]
    counts = Counter((one.ref, one.kind, str(one.severity)) for one in view.open)
    for (ref, kind, severity), count in sorted(counts.items()):
        rows.append(f'{name}{{model="{_label(ref)}",kind="{kind}",severity="{severity}"}} {count}')
    name = "modelguard_last_pass_timestamp_seconds"
    rows += [f"# HELP {name} When the last pass ended.", f"# TYPE {name} gauge", f"{name} {int(view.now.timestamp())}"]
    return "\n".join(rows) + "\n"


def _values(one: Standing, now: datetime) -> dict[str, float | int | None]:
    drift = int(one.newest != one.revision) if one.newest and one.revision else None
    age = None
    if one.locked_at:
        age = round((now - datetime.fromisoformat(one.locked_at)).total_seconds() / 86400, 3)
    return {
        "modelguard_model_drift": drift,
        "modelguard_model_available": int(not one.absence) if one.seen_at else None,
        "modelguard_model_not_seen": int(bool(one.trouble) or not one.seen_at),
        "modelguard_lock_age_days": age,
    }


def _label(text: str) -> str:
    return printable(text).replace("\\", "\\\\").replace('"', '\\"')


def _open(section: Section, surroundings: Surroundings) -> Prometheus:
    return Prometheus(path=surroundings.home / section.text("path"))


CHANNEL = Channel(name="prometheus", open=_open)
