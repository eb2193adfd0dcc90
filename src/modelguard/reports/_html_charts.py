"""Charts of the HTML report: inline SVG with a text for those who do not see it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from html import escape

from modelguard.terms.artifact import printable

_ROW = 26
_LEFT, _WIDTH, _RIGHT = 84, 380, 40


def bars(rows: Sequence[tuple[str, int]]) -> str:
    """Return horizontal bars, one a row of (name, count); the class of a bar is its name."""
    most = max(1, *(count for _, count in rows))
    spoken = ", ".join(f"{name} {count}" for name, count in rows)
    height = _ROW * len(rows)
    parts = [
        f'<svg class="chart" viewBox="0 0 {_LEFT + _WIDTH + _RIGHT} {height}" role="img" aria-label="{escape(spoken)}">'
    ]
    for number, (name, count) in enumerate(rows):
        top = number * _ROW
        length = round(_WIDTH * count / most)
        parts.append(f'<text x="{_LEFT - 8}" y="{top + 17}" text-anchor="end">{escape(name)}</text>')
        parts.append(
            f'<rect class="bar {escape(name)}" x="{_LEFT}" y="{top + 5}" width="{length}" height="16" rx="2"/>'
        )
        parts.append(f'<text x="{_LEFT + length + 6}" y="{top + 17}">{count}</text>')
    return "".join([*parts, "</svg>"])


def timeline(moments: Sequence[tuple[str, str]]) -> str:
    """Return moments (ISO 8601, what happened) as a line with dots in proportion to time, and as a list below it."""
    ordered = sorted(moments)
    dated = [(_days(when), when, what) for when, what in ordered]
    known = [day for day, _, _ in dated if day is not None]
    parts = []
    if known:
        first, span = known[0], max(known[-1] - known[0], 1)
        spoken = "; ".join(f"{when[:10]} {what}" for _, when, what in dated)
        parts.append(f'<svg class="chart" viewBox="0 0 504 24" role="img" aria-label="{escape(printable(spoken))}">')
        parts.append('<line class="axis" x1="12" y1="12" x2="492" y2="12"/>')
        for day in known:
            parts.append(f'<circle class="dot" cx="{12 + round(480 * (day - first) / span)}" cy="12" r="5"/>')
        parts.append("</svg>")
    parts.append('<ol class="timeline">')
    for when, what in ordered:
        day_text = escape(printable(when[:10]))
        parts.append(f'<li><time datetime="{day_text}">{day_text}</time> {escape(printable(what))}</li>')
    return "".join([*parts, "</ol>"])


def _days(when: str) -> int | None:
    try:
        return datetime.fromisoformat(when).toordinal()
    except ValueError:
        return None
