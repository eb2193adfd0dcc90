"""`modelguard path`: a verified directory for programs that load models themselves."""

from __future__ import annotations

from typing import Any

import click

from modelguard.cli._options import gate_options, open_gate
from modelguard.cli._progress import bars
from modelguard.cli.command import Subcommand


@click.command(
    short_help="Print a directory of approved files for any server",
    epilog='Example: vllm serve "$(modelguard path org/name)"',
)
@click.argument("ref")
@gate_options
def path(ref: str, **options: Any) -> int:
    """Print a directory (or file) that holds exactly the approved bytes of REF.

    It stays until `modelguard store gc` and is verified each time that this command prints it.
    """
    from modelguard.guard.standing import lasting  # reads the whole house: only once the command runs

    with bars() as progress:
        standing = lasting(ref, open_gate(options, progress=progress))
    click.echo(str(standing.path))
    return 0


COMMAND = Subcommand(path, "use")
