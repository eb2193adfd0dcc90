"""`modelguard inventory`: which models are in use, over one or many locks."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from modelguard.cli._options import INCOMPLETE, emit, gate_options, open_gate, terminal_width
from modelguard.cli.command import Subcommand

if TYPE_CHECKING:
    from modelguard.bom.inventory import Row


@click.command(
    short_help="List the models of one or many locks",
    epilog="Example: modelguard inventory services/*/modelguard.lock --format csv",
)
@click.argument("locks", nargs=-1, type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--format", "format_", type=click.Choice(("table", "csv", "json")), default="table", show_default=True)
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="Write to a file.")
@gate_options
def inventory(locks: tuple[Path, ...], format_: str, **options: Any) -> int:
    """List the models of LOCKS, or of this project's lock.

    Locks named here are only read: a signature that a policy wants on a lock is checked for this project's own.
    """
    from modelguard.bom.inventory import as_csv, as_json, as_table, rows  # only once the command runs
    from modelguard.lock import Lock

    if locks:
        read = [(path.as_posix(), Lock.read(path)) for path in locks]
    else:
        gate = open_gate(options)
        read = [(Path(os.path.relpath(gate.lock_path)).as_posix(), gate.require_lock())]
    found = rows(read)
    writers: dict[str, Callable[[Sequence[Row]], str]] = {
        "csv": as_csv,
        "json": as_json,
        "table": partial(as_table, width=terminal_width()),
    }
    emit(writers[format_](found), options["output"])
    if not found:
        click.echo("the locks name no models", err=True)
        return INCOMPLETE
    return 0


COMMAND = Subcommand(inventory, "report")
