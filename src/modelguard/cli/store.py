"""`modelguard store`: the private store that models are frozen into."""

from __future__ import annotations

from typing import Any

import click

from modelguard.cli._options import REFUSED, gate_options, open_gate
from modelguard.cli._speaking import json_option, tell_json
from modelguard.cli.command import Subcommand


@click.group(short_help="Look after the private store of model files")
def store() -> None:
    """Look after the private store of model files."""


@store.command(short_help="Print the directory of the store", epilog="Example: modelguard store path")
@gate_options
def path(**options: Any) -> int:
    """Print the directory of the store."""
    click.echo(str(open_gate(options).store.root))
    return 0


@store.command(short_help="Hash every object again", epilog="Example: modelguard store verify")
@json_option
@gate_options
def verify(as_json: bool, **options: Any) -> int:
    """Hash every object of the store again; bad ones are set aside."""
    outcome = open_gate(options).store.verify()
    if as_json:
        tell_json("store", {"looked_at": outcome.looked_at, "damaged": [str(one) for one in outcome.damaged]})
        return REFUSED if outcome.damaged else 0
    for digest in outcome.damaged:
        click.echo(f"damaged: {digest}: set aside")
    click.echo(f"{outcome.looked_at} objects looked at, {len(outcome.damaged)} damaged")
    return REFUSED if outcome.damaged else 0


@store.command(short_help="Remove what the lock does not name", epilog="Example: modelguard store gc --dry-run")
@click.option("--dry-run", is_flag=True, help="Only tell what would be removed.")
@json_option
@gate_options
def gc(dry_run: bool, as_json: bool, **options: Any) -> int:
    """Remove objects that the lock does not name, and what crashed processes left behind."""
    gate = open_gate(options)
    keep = {digest for entry in gate.require_lock().entries.values() for digest in entry.kept}
    outcome = gate.store.gc(keep, dry_run=dry_run)
    if as_json:
        tell_json("store", {"removed": [str(one) for one in outcome.removed], "freed": outcome.freed})
        return 0
    click.echo(f"{'would remove' if dry_run else 'removed'} {len(outcome.removed)} objects, {outcome.freed} bytes")
    return 0


COMMAND = Subcommand(store, "machine")
