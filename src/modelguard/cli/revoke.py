"""`modelguard revoke`: withdraw the approval of a model, so that no load of it is allowed any more."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from modelguard.cli._deciding import decide
from modelguard.cli.command import Subcommand


@click.command(
    short_help="Revoke the approval of models",
    epilog="Example: modelguard revoke org/name --reason 'the account was taken over'",
)
@click.argument("refs", nargs=-1, required=True)
@click.option("--reason", required=True, help="Why the model may not be used any more.")
@click.option("--by", default=None, help="Who revokes; by default git's user.email.")
@click.option("--policy", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="Policy file.")
@click.option("--lock", "lock_path", type=click.Path(path_type=Path, dir_okay=False), help="Lock file.")
def revoke(refs: tuple[str, ...], **options: Any) -> int:
    """Revoke the approval of models: they stay in the lock, and every load and check of them is refused."""
    decide(refs, "revoked", options)
    return 0


COMMAND = Subcommand(revoke, "decide")
