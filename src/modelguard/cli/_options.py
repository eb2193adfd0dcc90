"""Options that several commands share, and what they stand for."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from modelguard.guard import Gate
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
    from modelguard._registry import parts  # as above
    from modelguard.reports.report import Report, Setting

    lock = gate.read_lock() if gate.lock_path.exists() else None
    setting = Setting(
        lock_path=os.path.relpath(gate.lock_path),
        lock_lines=tuple((key, lock.line_of(key)) for key in lock.entries) if lock else (),
        width=_width(),
        colour=_colour(options["output"]),
        show_excused=options["show_excused"],
    )
    writer = next(one for one in parts("modelguard.reports", Report) if one.name == options["format_"])
    emit(writer.write(examinations, setting), options["output"])
    if all(map(_is_empty, examinations)):
        click.echo("nothing was examined", err=True)
        return INCOMPLETE
    return 0 if all(one.allowed for one in examinations) else REFUSED


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


def _width() -> int:
    from shutil import get_terminal_size  # only when a report is written

    return max(60, min(120, get_terminal_size((100, 24)).columns))


def _colour(output: Path | None) -> bool:
    return output is None and sys.stdout.isatty() and "NO_COLOR" not in os.environ
