"""The report for people at a terminal: verdict first, then what counts, then what else was seen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from textwrap import fill

from modelguard.reports.report import Report, Setting
from modelguard.terms.artifact import printable
from modelguard.terms.facts import Import
from modelguard.terms.finding import Severity
from modelguard.terms.verdict import Decision, Examination, Refused

_COLOURS = {"refused": "31;1", "allowed": "32;1", "note": "33", "dim": "2"}
_SHOWN_IMPORTS = 12


def write(examinations: Sequence[Examination], setting: Setting) -> str:
    """Return the text, folded to the setting's width, coloured if it asks for colour."""
    lines: list[str] = []
    for examination in examinations:
        lines += [*_examination(examination, setting), ""]
    refused = sum(not one.allowed for one in examinations)
    allowed = len(examinations) - refused
    lines.append(f"{len(examinations)} examined · {allowed} allowed · {refused} refused")
    return "\n".join(lines) + "\n"


def _examination(examination: Examination, setting: Setting) -> Iterator[str]:
    verdict = examination.verdict
    word = "allowed" if examination.allowed else "refused"
    snapshot = examination.snapshot
    size = sum(artifact.size for artifact in snapshot.artifacts)
    name = printable(str(snapshot.ref))
    extent = f"{_count(len(snapshot.artifacts), 'file')}, {_bytes(size)}"
    yield f"{_coloured(word.upper(), word, setting)}  {name}  ({extent})"
    yield from _imports(examination)
    if isinstance(verdict, Refused):
        for decision in _worst_first(verdict.because):
            yield from _decision(decision, "refused", setting)
    for decision in _worst_first(verdict.noted):
        if decision.finding.severity > Severity.INFO:
            yield from _decision(decision, "note", setting)
    if setting.show_excused:
        for decision in verdict.excused:
            yield from _decision(decision, "dim", setting)
    elif verdict.excused:
        yield f"  {_count(len(verdict.excused), 'excused finding')}, shown by --show-excused"


def _imports(examination: Examination) -> Iterator[str]:
    grants: dict[str, str] = {}
    for fact in examination.dossier.all(Import):
        grants.setdefault(fact.qualified, fact.profiles[0] if fact.profiles else "no profile")
    shown = sorted(grants.items())[:_SHOWN_IMPORTS]
    for name, grant in shown:
        yield f"  imports {printable(name)} ({grant})"
    if len(grants) > len(shown):
        yield f"  imports {len(grants) - len(shown)} more, listed by --format json"


def _worst_first(decisions: Sequence[Decision]) -> list[Decision]:
    return sorted(decisions, key=lambda decision: (-decision.finding.severity, str(decision.finding.location)))


def _decision(decision: Decision, style: str, setting: Setting) -> Iterator[str]:
    finding = decision.finding
    yield f"  {_coloured(f'{finding.severity}[{finding.check}]', style, setting)} {finding.location}"
    yield from _folded("     ", finding.message, setting)
    if finding.remedy:
        yield from _folded("     → ", finding.remedy, setting)
    yield f"     {_coloured(f'decided by {decision.line}', 'dim', setting)}"


def _folded(indent: str, text: str, setting: Setting) -> Iterator[str]:
    blank = " " * len(indent)
    yield fill(
        printable(text), setting.width, initial_indent=indent, subsequent_indent=blank, break_on_hyphens=False,
        break_long_words=False,
    )  # fmt: skip


def _coloured(text: str, style: str, setting: Setting) -> str:
    return f"\x1b[{_COLOURS[style]}m{text}\x1b[0m" if setting.colour else text


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _bytes(size: int) -> str:
    amount = float(size)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"


REPORT = Report(name="text", title="for people at a terminal", write=write)
