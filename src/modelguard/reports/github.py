"""The report for GitHub Actions: workflow commands that show findings beside the line of the lock.

GitHub shows ten errors and ten warnings a step
(https://docs.github.com/actions/reference/limits), so that the rest is counted in one notice. Beside these commands the
command line appends the Markdown report to the step summary.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from modelguard.reports._telling import Told, counted, named, told, totals
from modelguard.reports.report import Report, Setting
from modelguard.terms.artifact import printable
from modelguard.terms.finding import Severity
from modelguard.terms.verdict import Examination

_SHOWN = 10
_LEVELS = ("error", "warning")


def write(examinations: Sequence[Examination], setting: Setting) -> str:
    """Return one workflow command a line."""
    commands: dict[str, list[str]] = {level: [] for level in _LEVELS}
    for examination in examinations:
        for level, command in _commands(examination, setting):
            commands[level].append(command)
    lines = [command for level in _LEVELS for command in islice(commands[level], _SHOWN)]
    hidden = sum(max(len(commands[level]) - _SHOWN, 0) for level in _LEVELS)
    if hidden:
        lines.append(f"::notice title=modelguard::{counted(hidden, 'finding')} more, in the step summary")
    lines.append(f"::notice title=modelguard::{_data(totals(examinations))}")
    return "\n".join(lines) + "\n"


def _commands(examination: Examination, setting: Setting) -> Iterator[tuple[str, str]]:
    for one in told(examination, excused=False, info=False):
        if one.sort == "refused":
            yield "error", _command("error", one, examination, setting)
        elif one.finding.severity >= Severity.MEDIUM:
            yield "warning", _command("warning", one, examination, setting)


def _command(level: str, one: Told, examination: Examination, setting: Setting) -> str:
    finding = one.finding
    line = dict(setting.lock_lines).get(examination.snapshot.ref.key)
    place = f"file={_property(setting.lock_path)},line={line}," if line and setting.lock_path else ""
    title = f"{finding.severity}[{finding.check}] {named(examination.snapshot)}"
    parts = (
        f"{finding.location}: {finding.message}",
        finding.remedy and f"→ {finding.remedy}",
        f"decided by {one.line}",
    )
    message = "\n".join(printable(part) for part in parts if part)
    return f"::{level} {place}title={_property(title)}::{_data(message)}"


def _data(text: str) -> str:
    """Escape the text after the second pair of colons, as the runner's toolkit does (actions/toolkit command.ts)."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(printable(text)).replace(":", "%3A").replace(",", "%2C")


REPORT = Report(name="github", title="annotations of GitHub Actions", write=write)
