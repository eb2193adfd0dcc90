"""The report for people at a terminal: verdict first, then what counts, then what else was seen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from textwrap import fill

from modelguard.reports._telling import Told, bytes_text, counted, extent, named, placed, summary, told, totals
from modelguard.reports.report import Report, Setting
from modelguard.terms.artifact import printable
from modelguard.terms.facts import Import
from modelguard.terms.finding import Severity
from modelguard.terms.verdict import Examination

_COLOURS = {"refused": "31;1", "allowed": "32;1", "noted": "33", "excused": "2", "dim": "2"}
_SHOWN_IMPORTS = 12


def write(examinations: Sequence[Examination], setting: Setting) -> str:
    """Return the text, folded to the setting's width, coloured if it asks for colour."""
    lines: list[str] = []
    for examination in examinations:
        lines += [*_examination(examination, setting), ""]
    if len(examinations) > 1:
        lines += [_table(examinations, setting), ""]
    lines.append(totals(examinations))
    return "\n".join(lines) + "\n"


def _examination(examination: Examination, setting: Setting) -> Iterator[str]:
    word = "allowed" if examination.allowed else "refused"
    snapshot = examination.snapshot
    files, size = extent(examination)
    amount = f"{counted(files, 'file')}, {bytes_text(size)}"
    yield f"{_coloured(word.upper(), word, setting)}  {printable(str(snapshot.ref))}  ({amount})"
    yield from _folded("  ", summary(examination), setting)
    yield from _imports(examination, setting)
    for one in told(examination, excused=setting.show_excused):
        # What is noted and of no weight would bury the rest; --format json lists it.
        if one.sort != "noted" or one.finding.severity > Severity.INFO:
            yield from _told(one, placed(snapshot, one.finding), setting)
    excused = len(examination.verdict.excused)
    if excused and not setting.show_excused:
        yield f"  {counted(excused, 'excused finding')}, shown by --show-excused"


def _imports(examination: Examination, setting: Setting) -> Iterator[str]:
    grants: dict[str, str] = {}
    for fact in examination.dossier.all(Import):
        grants.setdefault(fact.qualified, fact.profiles[0] if fact.profiles else "no profile")
    shown = sorted(grants.items())[:_SHOWN_IMPORTS]
    for name, grant in shown:
        yield from _folded("  ", f"imports {name} ({grant})", setting)
    if len(grants) > len(shown):
        yield f"  imports {len(grants) - len(shown)} more, listed by --format json"


def _told(one: Told, place: str, setting: Setting) -> Iterator[str]:
    finding = one.finding
    head = f"{finding.severity}[{finding.check}]"
    yield f"  {_coloured(head, one.sort, setting)} {place}"
    yield from _folded("     ", finding.message, setting)
    if finding.remedy:
        yield from _folded("     → ", finding.remedy, setting)
    word = {"refused": "refused by", "noted": "noted by", "excused": "excused by"}[one.sort]
    for line in _folded("     ", f"{word} {one.line}", setting):
        yield _coloured(line, "dim", setting)


def _table(examinations: Sequence[Examination], setting: Setting) -> str:
    """Return one row a model: what one wants to see first when there are many."""
    from io import StringIO  # only beside its use, as the next

    from rich import box  # costs tens of milliseconds: only when several models were examined
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for title in ("model", "verdict", "size", "areas"):
        table.add_column(title, overflow="fold", justify="right" if title == "size" else "left")
    for one in examinations:
        word, style = ("allowed", "green") if one.allowed else ("refused", "bold red")
        cells = (named(one.snapshot), word, bytes_text(extent(one)[1]), summary(one))
        table.add_row(*(Text(cell, style=style if cell == word else "") for cell in cells))
    out = StringIO()
    console = Console(
        file=out, width=setting.width, force_terminal=setting.colour, no_color=not setting.colour, legacy_windows=False
    )
    console.print(table)
    return "\n".join(line.rstrip() for line in out.getvalue().rstrip().splitlines())


def _folded(indent: str, text: str, setting: Setting) -> Iterator[str]:
    blank = " " * len(indent)
    yield from fill(
        printable(text), setting.width, initial_indent=indent, subsequent_indent=blank, break_on_hyphens=False,
        break_long_words=False,
    ).splitlines() or [indent]  # fmt: skip


def _coloured(text: str, style: str, setting: Setting) -> str:
    return f"\x1b[{_COLOURS[style]}m{text}\x1b[0m" if setting.colour else text


REPORT = Report(name="text", title="for people at a terminal", write=write)
