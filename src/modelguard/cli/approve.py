"""`modelguard approve`: say who answers for a locked model, why, and until when."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from modelguard.cli._deciding import decide
from modelguard.cli.command import Subcommand


@click.command(
    short_help="Approve locked bytes anew",
    epilog="Example: modelguard approve org/name --reason 'reviewed again' --until 2027-06-30",
)
@click.argument("refs", nargs=-1, required=True)
@click.option("--reason", required=True, help="Why the model may be used.")
@click.option("--by", default=None, help="Who approves; by default git's user.email.")
@click.option("--until", default="", metavar="YYYY-MM-DD", help="The day on which the approval ends.")
@click.option("--policy", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="Policy file.")
@click.option("--lock", "lock_path", type=click.Path(path_type=Path, dir_okay=False), help="Lock file.")
def approve(refs: tuple[str, ...], **options: Any) -> int:
    """Approve the locked bytes of models anew, also after `modelguard revoke`.

    The files and revision of an entry stay as they are; `modelguard lock --upgrade` moves them.
    """
    decide(refs, "approved", options)
    return 0


COMMAND = Subcommand(approve, "decide")
