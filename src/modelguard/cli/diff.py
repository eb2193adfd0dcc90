"""`modelguard diff`: how two revisions of a model differ, in files, in what they ask for, in license and in code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from modelguard.cli._deciding import known
from modelguard.cli._options import gate_options, open_gate
from modelguard.cli._progress import bars
from modelguard.cli._speaking import json_option, tell_json
from modelguard.cli.command import Subcommand

if TYPE_CHECKING:
    from modelguard.guard import Gate
    from modelguard.lock import Entry
    from modelguard.terms.artifact import HubRef


@click.command(
    short_help="Show how two revisions of a model differ", epilog="Example: modelguard diff org/name v1 main"
)
@click.argument("ref")
@click.argument("old", required=False)
@click.argument("new", required=False)
@json_option
@gate_options
def diff(ref: str, old: str | None, new: str | None, as_json: bool, **options: Any) -> int:
    """Compare two revisions of a Hub model; by default the locked one with its branch as it is now.

    Both are fetched into the store and examined; nothing is recorded and nothing of them is run.
    """
    from modelguard.monitor.comparing import difference_object  # only once the command runs
    from modelguard.monitor.proposing import compare_entries, difference_lines
    from modelguard.terms.artifact import HubRef

    with bars() as progress:
        gate = open_gate(options, progress=progress, unreachable_commits=True)
        model = gate.canonical(ref)
        if not isinstance(model, HubRef):
            raise click.UsageError("only models of a Hub have revisions")
        locked = known(gate.require_lock(), model.key) if old is None or new is None else None
        before = locked if old is None and locked is not None else _entry(model, old or "main", gate)
        after = _entry(model, new or (locked.requested if locked else "") or "main", gate)
        difference = compare_entries(before, after, gate)
    if as_json:
        tell_json("difference", difference_object(before, after, difference))
        return 0
    click.echo(f"{model.key}: {before.revision} to {after.revision}")
    click.echo("\n".join(difference_lines(difference)))
    return 0


def _entry(model: HubRef, revision: str, gate: Gate) -> Entry:
    """Return what the lock would record of a revision, whatever the verdict on it."""
    from modelguard.guard import Wish, pin  # as above
    from modelguard.terms.artifact import parse_ref

    entry, _ = pin(parse_ref(f"hf://{model.repo}@{revision}"), gate, Wish())
    return entry


COMMAND = Subcommand(diff, "decide")
