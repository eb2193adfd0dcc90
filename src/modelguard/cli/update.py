"""`modelguard update`: propose newer revisions of locked models, with what is different in them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from modelguard.cli._deciding import known
from modelguard.cli._options import INCOMPLETE, REFUSED, emit, gate_options, open_gate
from modelguard.cli._progress import bars
from modelguard.cli._speaking import json_option, note, tell_json
from modelguard.cli.command import Subcommand

if TYPE_CHECKING:
    from modelguard.guard import Gate
    from modelguard.lock import Entry, Lock
    from modelguard.monitor.proposing import Proposal


@click.command(
    short_help="Propose newer revisions of locked models", epilog="Example: modelguard update --write --pr-body body.md"
)
@click.argument("refs", nargs=-1)
@click.option("--cooldown", type=click.IntRange(min=0), help="Days a revision must be old; by default the policy's.")
@click.option("--pr-body", type=click.Path(path_type=Path, dir_okay=False), help="Write a pull request's body.")
@click.option("--assess", is_flag=True, help="Also assess the publishers, as modelguard assess does.")
@click.option("--write", is_flag=True, help="Record what the policy allows in the lock.")
@json_option
@gate_options
def update(refs: tuple[str, ...], as_json: bool, **options: Any) -> int:
    """Propose for each model the newest revision that is older than the cooldown.

    Exit codes: 0 nothing to propose or all proposals allowed, 1 some refused, 3 some models could not be looked at.
    """
    from modelguard.monitor.comparing import proposal_object  # only once the command runs
    from modelguard.monitor.proposing import proposal_text, pull_request

    with bars() as progress:
        gate = open_gate(options, progress=progress)
        days = gate.policy.cooldown_days if options["cooldown"] is None else options["cooldown"]
        proposals, failed = _proposals(_entries(gate, refs), gate, timedelta(days=days))
        if options["assess"]:
            proposals = [_assessed(one, gate) for one in proposals]
    if as_json:
        tell_json("proposals", {"proposals": [proposal_object(one) for one in proposals]})
    else:
        click.echo("".join(map(proposal_text, proposals)), nl=False)
        if not proposals and not failed:
            click.echo("nothing to update")
    if options["pr_body"] is not None:
        emit(pull_request(proposals), options["pr_body"])
    if options["write"]:
        _write(gate, [one.after for one in proposals if one.examination.allowed])
        for one in proposals:
            if not one.examination.allowed:
                click.echo(f"not recorded: {one.after.id} at {one.after.revision}: the policy refuses it", err=True)
    if failed:
        return INCOMPLETE
    return 0 if all(one.examination.allowed for one in proposals) else REFUSED


def _entries(gate: Gate, refs: tuple[str, ...]) -> list[Entry]:
    from modelguard.terms.artifact import HubRef  # as above

    lock = gate.require_lock()
    chosen = [known(lock, gate.canonical(ref).key) for ref in refs] or list(lock.entries.values())
    return [entry for entry in chosen if isinstance(entry.ref, HubRef)]


def _proposals(entries: list[Entry], gate: Gate, cooldown: timedelta) -> tuple[list[Proposal], int]:
    from modelguard.monitor.proposing import propose  # as above
    from modelguard.sources.upstream import open_observer
    from modelguard.terms.artifact import printable
    from modelguard.terms.errors import SourceError

    observer, proposals, failed = open_observer(gate.options), [], 0
    for entry in entries:
        if entry.approval.state == "revoked":
            click.echo(
                f"{entry.id}: not proposed: the approval was revoked: {printable(entry.approval.reason)}", err=True
            )
            continue
        try:
            found = propose(entry, gate, observer, cooldown=cooldown, now=datetime.now(UTC))
        except SourceError as error:
            click.echo(f"{entry.id}: {error}", err=True)
            failed += 1
            continue
        if found is not None:
            proposals.append(found)
    return proposals, failed


def _assessed(one: Proposal, gate: Gate) -> Proposal:
    """Return a proposal with what its publisher's assessment comes to: the score and the lowest marks."""
    from attrs import evolve  # as above

    from modelguard.collectors._publisher import Means, collect
    from modelguard.collectors.vendor import BUDGET, familiar_names
    from modelguard.sources.upstream import open_observer
    from modelguard.vendors.scoring import assess

    observer = open_observer(gate.options, budget=BUDGET)
    means = Means(
        observer=observer,
        options=gate.options,
        shelf=gate.store,
        lock=gate.read_lock(),
        familiar=familiar_names(gate.policy),
    )
    found = assess(collect(one.before.id, means), gate.today)
    score = "not enough is known for a score" if found.score is None else f"{found.score:.1f} of 10"
    known = sorted((mark.value, -mark.weight, mark.question) for mark in found.marks if mark.value is not None)
    lowest = ", ".join(f"{question} {value:.0f}" for value, _, question in known[:3])
    words = f"{score} ({found.coverage:.0%} of the weight known)" + (f"; lowest: {lowest}" if lowest else "")
    return evolve(one, publisher=words)


def _write(gate: Gate, entries: list[Entry]) -> None:
    from modelguard import __version__  # as above
    from modelguard.lock import update as change_lock

    def change(lock: Lock) -> Lock:
        for entry in entries:
            lock = lock.with_entry(entry)
        return lock

    if entries:
        change_lock(gate.lock_path, change, created_by=f"modelguard {__version__}")
    for entry in entries:
        note(f"locked: {entry.id} at {entry.revision}")


COMMAND = Subcommand(update, "decide")
