"""`modelguard scan`: look into models without asking the lock about them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from modelguard.cli._options import gate_options, open_gate, report, report_options
from modelguard.cli._progress import bars
from modelguard.cli.command import Subcommand

if TYPE_CHECKING:
    from modelguard.guard import Gate


_COLLECTORS = ("contents", "advisories")
"""What a scan goes by: the bytes, and what feeds of advisories say about them where the policy names any."""


@click.command(epilog="Example: modelguard scan model.pt downloads/")
@click.argument("targets", nargs=-1, required=True)
@click.option("--whole", is_flag=True, help="Fetch large files of a Hub instead of reading parts of them there.")
@click.option("--trace", is_flag=True, help="Print the decoded pickle program of a file instead.")
@gate_options
@report_options
def scan(targets: tuple[str, ...], whole: bool, trace: bool, **options: Any) -> int:
    """Examine the content of files, directories or Hub repositories.

    Each TARGET is a path, org/name[@revision] or an https address; a directory is one model.
    Of large files in a Hub repository only headers, directories and pickles are read, by ranges, where they lie.
    """
    if trace:
        for target in targets:
            _trace(target, open_gate(options))
        return 0
    from modelguard.guard import examine  # reads the whole house: only once the command runs

    with bars() as progress:
        gate = open_gate(options, progress=progress)
        examinations = [examine(target, gate, collectors=_COLLECTORS, remote=not whole) for target in targets]
    return report(examinations, gate, options)


def _trace(target: str, gate: Gate) -> None:
    """Print the decoded pickle program of each file of a local model."""
    from modelguard.collectors.contents import opened  # as above
    from modelguard.picklevm.trace import trace
    from modelguard.sources.local import in_place
    from modelguard.terms.artifact import LocalRef
    from modelguard.terms.content import Budget

    ref = gate.canonical(target)
    if not isinstance(ref, LocalRef):
        raise click.UsageError("--trace reads files and directories of this machine")
    for artifact in in_place(ref, gate.options).artifacts:
        click.echo(f"# {artifact.path}")
        with opened(artifact) as content:
            for line in trace(content, Budget()):
                click.echo(line)


COMMAND = Subcommand(scan)
