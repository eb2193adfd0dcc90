"""`modelguard suggest`: which exemptions to review first, because they cost least to get rid of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from modelguard.cli._options import gate_options, open_gate
from modelguard.cli._progress import bars
from modelguard.cli.command import Subcommand

if TYPE_CHECKING:
    from modelguard.guard import Gate
    from modelguard.policy.settings import Excuse


@click.command(epilog="Example: modelguard suggest")
@gate_options
def suggest(**options: Any) -> int:
    """List the excuses of the policy, the cheapest to review first.

    An excuse that covers nothing costs a deletion; then those that cover the fewest findings.
    """
    with bars() as progress:
        gate = open_gate(options, progress=progress)
        ranked = sorted(
            ((len(covered), excuse.line, excuse, covered) for excuse, covered in _covered(gate)),
            key=lambda row: row[:2],
        )
    for count, line, excuse, covered in ranked:
        until = f", until {excuse.until}" if excuse.until else ", without an end"
        what = "covers nothing: delete it" if not count else f"covers {count}: {', '.join(covered[:3])}"
        click.echo(f"{line}  {excuse.check} of {excuse.model}{until}: {what}")
        if count:
            click.echo(f"     → modelguard explain {excuse.check}")
    if not ranked:
        click.echo("the policy excuses nothing", err=True)
    return 0


def _covered(gate: Gate) -> list[tuple[Excuse, list[str]]]:
    """Return each excuse with the places of the findings that it covers in locked models."""
    from modelguard.guard.standing import examine_locked  # reads the whole house: only once the command runs

    lock = gate.read_lock()
    found = [(str(entry.id), examine_locked(entry, gate)) for entry in (lock.entries.values() if lock else ())]
    rows = []
    for excuse in gate.policy.excuses:
        places = [
            f"{name} {finding.location}"
            for name, examination in found
            for finding in examination.findings
            if excuse.covers(check=finding.check, model=name, path=finding.location.path, subject=finding.subject)
        ]
        rows.append((excuse, places))
    return rows


COMMAND = Subcommand(suggest)
