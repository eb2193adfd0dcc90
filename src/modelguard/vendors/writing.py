"""Writes an assessment as text, JSON, a markdown record for a risk file, or a page of HTML."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from html import escape
from typing import Any

from attrs import asdict, frozen

from modelguard.terms.artifact import printable
from modelguard.terms.vendor import Assessment, Mark
from modelguard.vendors.questions import QUESTIONS

SCHEMA = "modelguard/assessment/1"


@frozen(kw_only=True)
class Decision:
    """What somebody makes of an assessment: the assessor, the decision and its reason, and the findings by policy."""

    assessor: str = ""
    decision: str = ""
    reason: str = ""
    findings: tuple[tuple[str, str], ...] = ()


def as_text(assessment: Assessment, decision: Decision) -> str:
    """Return the assessment for people at a terminal."""
    lines = [f"{printable(assessment.subject)}: {_headline(assessment)}", ""]
    for mark in assessment.marks:
        value = "   ?" if mark.value is None else f"{mark.value:4.1f}"
        lines.append(f"  {value}  {mark.question:21} x{mark.weight:<4g} {printable(mark.reason)}")
    lines += ["", *(f"  {name}: {printable(value)} (shown, never scored)" for name, value in assessment.shown)]
    lines += [f"  look-alike: {printable(_alike(one))}" for one in assessment.look_alikes]
    lines += [f"  not reached: {printable(name)}: {printable(why)}" for name, why in assessment.unreached]
    lines += [f"  {severity}: {printable(message)}" for severity, message in decision.findings]
    return "\n".join(lines).rstrip() + "\n"


def as_json(assessment: Assessment, decision: Decision) -> str:
    """Return one JSON object; values that are not known are null."""
    document: dict[str, Any] = {"schema": SCHEMA, **asdict(assessment)}
    document["coverage"] = round(assessment.coverage, 3)
    document["questions"] = {
        one.id: {"asks": one.asks, "weight": one.weight, "formula": one.formula} for one in QUESTIONS
    }
    document["decision"] = asdict(decision)
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def as_markdown(assessment: Assessment, decision: Decision) -> str:
    """Return the record that goes into a risk file: who, when, the marks, the evidence, the decision."""
    lines = [f"# Vendor assessment: {_cell(assessment.subject)}", ""]
    rows = [
        ("Assessed at", assessment.at),
        ("Assessor", decision.assessor or "(to be filled in)"),
        ("Score", _headline(assessment)),
        ("Decision", decision.decision or "(to be filled in)"),
        ("Reason", decision.reason or "(to be filled in)"),
    ]
    lines += [f"- **{name}:** {_cell(value)}" for name, value in rows]
    lines += ["", "| Question | Weight | Mark | Why |", "|---|---|---|---|"]
    lines += [f"| {one.question} | {one.weight:g} | {_value(one)} | {_cell(one.reason)} |" for one in assessment.marks]
    lines += ["", "## Findings by policy", ""]
    lines += [f"- **{severity}:** {_cell(message)}" for severity, message in decision.findings] or ["None."]
    lines += ["", "## Look-alike names", ""]
    lines += [f"- {_cell(_alike(one))}" for one in assessment.look_alikes] or ["None found."]
    lines += ["", "## Shown, never scored", ""]
    lines += [f"- {name}: {_cell(value)}" for name, value in assessment.shown] or ["Nothing."]
    lines += ["", "## Not reached", ""]
    lines += [f"- {_cell(name)}: {_cell(why)}" for name, why in assessment.unreached] or ["Nothing."]
    lines += ["", "## Evidence", "", "| Question | Source | Field | Value |", "|---|---|---|---|"]
    for mark in assessment.marks:
        for row in mark.evidence:
            lines.append(f"| {mark.question} | {_cell(row.source)} | {_cell(row.name)} | {_cell(row.value)} |")
    lines += ["", "## Formulas", "", *(f"- **{one.id}** (x{one.weight:g}): {one.formula}" for one in QUESTIONS)]
    return "\n".join(lines) + "\n"


def as_html(assessment: Assessment, decision: Decision) -> str:
    """Return one page without scripts or foreign parts."""
    return "\n".join(_html(assessment, decision)) + "\n"


_STYLE = (
    "body{font-family:sans-serif;max-width:70em;margin:2em auto;padding:0 1em}"
    "table{border-collapse:collapse}td,th{border:1px solid #bbb;padding:.3em .6em;text-align:left;vertical-align:top}"
)


def _html(assessment: Assessment, decision: Decision) -> Iterator[str]:
    title = f"Vendor assessment: {_safe(assessment.subject)}"
    yield f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
    yield f"<style>{_STYLE}</style></head><body><h1>{title}</h1><table>"
    for name, value in (
        ("Score", _headline(assessment)),
        ("Assessed at", assessment.at),
        ("Assessor", decision.assessor or "(to be filled in)"),
        ("Decision", decision.decision or "(to be filled in)"),
        ("Reason", decision.reason or "(to be filled in)"),
    ):
        yield f"<tr><th>{name}</th><td>{_safe(value)}</td></tr>"
    yield "</table><h2>Marks</h2>"
    yield from _table(
        ("Question", "Weight", "Mark", "Why"),
        [(one.question, f"{one.weight:g}", _value(one), one.reason) for one in assessment.marks],
    )
    for heading, rows in (
        ("Findings by policy", [f"{severity}: {message}" for severity, message in decision.findings]),
        ("Look-alike names", [_alike(one) for one in assessment.look_alikes]),
        ("Shown, never scored", [f"{name}: {value}" for name, value in assessment.shown]),
        ("Not reached", [f"{name}: {why}" for name, why in assessment.unreached]),
    ):
        yield f"<h2>{heading}</h2><ul>" + "".join(f"<li>{_safe(row)}</li>" for row in rows or ["none"]) + "</ul>"
    yield "<h2>Evidence</h2>"
    yield from _table(
        ("Question", "Source", "Field", "Value"),
        [(mark.question, one.source, one.name, one.value) for mark in assessment.marks for one in mark.evidence],
    )
    yield "<h2>Formulas</h2>"
    yield from _table(
        ("Question", "Weight", "Formula"), [(one.id, f"{one.weight:g}", one.formula) for one in QUESTIONS]
    )
    yield "</body></html>"


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    yield "<table><tr>" + "".join(f"<th>{name}</th>" for name in head) + "</tr>"
    for row in rows:
        yield "<tr>" + "".join(f"<td>{_safe(cell)}</td>" for cell in row) + "</tr>"
    yield "</table>"


def _headline(assessment: Assessment) -> str:
    known = f"{assessment.coverage:.0%} of the weight known"
    return f"no score: {known}" if assessment.score is None else f"{assessment.score:.1f} of 10 ({known})"


def _value(mark: Mark) -> str:
    return "?" if mark.value is None else f"{mark.value:.1f}"


def _alike(one: Any) -> str:
    return f"{one.name} can be taken for {one.target}: {one.how}"


def _cell(text: str) -> str:
    """Return text of others as inert markdown in one cell."""
    safe = printable(text).replace("&", "&amp;").replace("<", "&lt;").replace("|", "\\|")
    return safe.replace("[", "\\[").replace("`", "\\`").replace("*", "\\*").replace("_", "\\_")


def _safe(text: str) -> str:
    return escape(printable(text))


WRITERS: dict[str, Callable[[Assessment, Decision], str]] = {
    "text": as_text,
    "json": as_json,
    "markdown": as_markdown,
    "html": as_html,
}
