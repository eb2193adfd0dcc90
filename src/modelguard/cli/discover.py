"""`modelguard discover`: which models a code base uses, and which of these uses nobody guards."""

from __future__ import annotations

import shlex
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from modelguard.cli._discovered import judged, look
from modelguard.cli._options import INCOMPLETE, REFUSED, emit, terminal_width
from modelguard.cli._speaking import note
from modelguard.cli.command import Subcommand

if TYPE_CHECKING:
    from modelguard.discovery.rules import Remark

_LEVELS = ("low", "medium", "never")


@click.command(
    short_help="Find the models that programs here use",
    epilog="Example: modelguard discover src/ --format sarif --output discover.sarif",
)
@click.argument("places", nargs=-1, type=click.Path(path_type=Path, exists=True), metavar="[PATH]...")
@click.option("--lock", "propose", is_flag=True, help="Print the commands that would lock what is used and not locked.")
@click.option("--caches", is_flag=True, help="Also list the models in the caches of this machine.")
@click.option(
    "--fail-from",
    type=click.Choice(_LEVELS),
    default="medium",
    show_default=True,
    help="Lowest severity that gives exit code 1.",
)
@click.option("--policy", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="Policy file.")
@click.option("--lock-file", type=click.Path(path_type=Path, dir_okay=False), help="Lock file.")
@click.option(
    "--format", "format_", type=click.Choice(("text", "json", "sarif", "github")), default="text", show_default=True
)
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="Write the report to a file.")
def discover(
    places: tuple[Path, ...],
    propose: bool,
    caches: bool,
    fail_from: str,
    policy: Path | None,
    lock_file: Path | None,
    format_: str,
    output: Path | None,
) -> int:
    """Find the models that the programs below PATH use, without running them.

    Reads Python, notebooks, configuration, shell scripts and Dockerfiles; the working directory if no PATH is given.
    """
    from attrs import evolve  # as below

    from modelguard.discovery.rendering import WRITERS, text  # reads the room: only once the command runs
    from modelguard.guard import Gate
    from modelguard.terms.finding import Severity

    gate = Gate.open(policy=policy, lock=lock_file)
    found = look(places)
    if caches:
        from modelguard.discovery.caches import cached_models  # only where asked for

        found = evolve(found, cached=cached_models())
    made = judged(found, gate)
    if propose:
        return _propose(made)
    lock = gate.read_lock()
    write = WRITERS[format_]
    if write is text and output is None and sys.stdout.isatty():
        write = partial(text, width=terminal_width())
    emit(write(found, made, frozenset(lock.entries) if lock else frozenset()), output)
    if not found.files:
        click.echo("nothing was examined: no file that discover reads", err=True)
        return INCOMPLETE
    threshold = None if fail_from == "never" else Severity.parse(fail_from)
    failing = threshold is not None and any(one.severity >= threshold and not one.excuse for one in made)
    return REFUSED if failing else 0


def _propose(made: tuple[Remark, ...]) -> int:
    """Print one command for each model that is used and not locked; exit code 1 while there is one."""
    from modelguard.discovery.rules import NOT_IN_LOCK  # as above

    commands = dict.fromkeys(one.remedy for one in made if one.rule is NOT_IN_LOCK)
    for command in commands:
        click.echo(shlex.join(command.split(" ", 2)))
    if not commands:
        note("every model that was found is locked")
    return REFUSED if commands else 0


COMMAND = Subcommand(discover, "begin")
