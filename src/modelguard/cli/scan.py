"""`modelguard scan`: look into models without asking the lock about them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from modelguard.cli._options import gate_options, open_gate, report, report_options
from modelguard.cli._progress import bars
from modelguard.cli.command import Subcommand


@click.command(epilog="Example: modelguard scan model.pt downloads/")
@click.argument("targets", nargs=-1, required=True)
@click.option("--trace", is_flag=True, help="Print the decoded pickle program of a file instead.")
@gate_options
@report_options
def scan(targets: tuple[str, ...], trace: bool, **options: Any) -> int:
    """Examine the content of files, directories or Hub repositories.

    Each TARGET is a path, org/name[@revision] or an https address; a directory is one model.
    """
    if trace:
        for target in targets:
            _trace(Path(target))
        return 0
    from modelguard.guard import examine  # reads the whole house: only once the command runs

    with bars() as progress:
        gate = open_gate(options, progress=progress)
        examinations = [examine(target, gate, collectors=("contents",)) for target in targets]
    return report(examinations, gate, options)


def _trace(path: Path) -> None:
    from modelguard.collectors.contents import open_content  # as above
    from modelguard.picklevm.trace import trace

    with open_content(path) as content:
        for line in trace(content):
            click.echo(line)


COMMAND = Subcommand(scan)
