"""Options that several commands share, and what they stand for."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from modelguard.cli._speaking import is_dumb

if TYPE_CHECKING:
    from modelguard.guard import Gate
    from modelguard.lock import Entry
    from modelguard.reports.report import Background
    from modelguard.sources.source import Progress
    from modelguard.terms.verdict import Examination

Command = TypeVar("Command", bound=Callable[..., Any])

REFUSED, INCOMPLETE = 1, 3
FORMATS = ("text", "json", "jsonl", "sarif", "github", "junit", "markdown", "html")


def gate_options(command: Command) -> Command:
    """Add the options that say which policy, lock and store to use."""
    for option in (
        click.option("--policy", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="Policy file."),
        click.option("--lock", "lock_path", type=click.Path(path_type=Path, dir_okay=False), help="Lock file."),
        click.option("--store", type=click.Path(path_type=Path, file_okay=False), help="Directory of the store."),
        click.option("--offline", is_flag=True, help="Use no network."),
    ):
        command = option(command)
    return command


def report_options(command: Command) -> Command:
    """Add the options that say how to report."""
    for option in (
        click.option("--format", "format_", type=click.Choice(FORMATS), default="text", show_default=True),
        click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="Write the report to a file."),
        click.option("--show-excused", is_flag=True, help="Also show findings that an excuse covers."),
    ):
        command = option(command)
    return command


def open_gate(options: dict[str, Any], *, progress: Progress | None = None, **more: Any) -> Gate:
    """Open the gate that the options of `gate_options` describe."""
    from modelguard.guard import Gate  # reads the whole house: only once a command runs

    return Gate.open(
        policy=options["policy"],
        lock=options["lock_path"],
        store=options["store"],
        offline=options["offline"],
        progress=progress,
        **more,
    )


def report(examinations: Sequence[Examination], gate: Gate, options: dict[str, Any]) -> int:
    """Write the report of examinations and return the exit code that they call for."""
    from modelguard._registry import part  # as above
    from modelguard.reports.report import Report, Setting

    lock = gate.read_lock() if gate.lock_path.exists() else None
    setting = Setting(
        lock_path=Path(os.path.relpath(gate.lock_path)).as_posix(),
        lock_lines=tuple((key, lock.line_of(key)) for key in lock.entries) if lock else (),
        background=tuple(map(_background, lock.entries.values())) if lock else (),
        pages=_pages() if options["format_"] == "sarif" else (),
        width=terminal_width(),
        colour=_colour(options["output"]),
        show_excused=options["show_excused"],
    )
    writer = part("modelguard.reports", Report, options["format_"])
    emit(writer.write(examinations, setting), options["output"])
    if writer.name == "github":
        _summarize(part("modelguard.reports", Report, "markdown").write(examinations, setting))
    if all(map(_is_empty, examinations)):
        click.echo("nothing was examined", err=True)
        return INCOMPLETE
    return 0 if all(one.allowed for one in examinations) else REFUSED


def _background(entry: Entry) -> Background:
    """Return what a report may tell from the lock about a model."""
    from modelguard.reports.report import Background  # as above

    moments = (
        (entry.revision_date, "revision made"),
        (entry.resolved_at, "revision resolved"),
        (entry.provenance.signed_at, "signed"),
        (entry.approval.at, entry.approval.state),
        (entry.approval.until, "approval ends"),
        *((one.until, f"acceptance of {one.check} ends") for one in entry.accepted),
    )
    return Background(
        key=entry.id,
        license=entry.license.expression,
        declared=entry.license.declared,
        signer=entry.provenance.identity or entry.provenance.signer,
        state=entry.approval.state,
        by=entry.approval.by,
        reason=entry.approval.reason,
        moments=tuple((when, what) for when, what in moments if when),
    )


def _pages() -> tuple[tuple[str, str], ...]:
    from modelguard._registry import parts  # as above
    from modelguard.checks.check import Check

    return tuple((one.name, one.page) for one in parts("modelguard.checks", Check))


def _summarize(document: str) -> None:
    """Append a Markdown document to the step summary of GitHub Actions, if this runs there."""
    summary = os.environ.get("GITHUB_STEP_SUMMARY")
    if summary:
        with Path(summary).open("a", encoding="utf-8", newline="\n") as file:
            file.write(document)


def _is_empty(examination: Examination) -> bool:
    """Tell whether there was nothing to look into: no bytes, and no other reason to refuse."""
    return not examination.snapshot.artifacts and {one.check for one in examination.findings} <= {"not-examined"}


def emit(document: str, output: Path | None) -> None:
    """Write a document to a file, or to stdout."""
    if output is None:
        sys.stdout.write(document)
        return
    temporary = output.with_name(f".{output.name}.part")
    temporary.write_text(document, "utf-8")
    temporary.replace(output)


def terminal_width() -> int:
    """Return the columns of the terminal, between 60 and 120."""
    from shutil import get_terminal_size  # only when a report is written

    return max(60, min(120, get_terminal_size((100, 24)).columns))


def _colour(output: Path | None) -> bool:
    return output is None and sys.stdout.isatty() and "NO_COLOR" not in os.environ and not is_dumb()
