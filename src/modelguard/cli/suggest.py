"""`modelguard suggest`: which exemptions to review first, because they cost least to get rid of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import click

from modelguard.cli._discovered import covers, judged, look
from modelguard.cli._options import gate_options, open_gate
from modelguard.cli._progress import bars
from modelguard.cli._speaking import json_option, note, say, tell_json
from modelguard.cli.command import Subcommand

if TYPE_CHECKING:
    from modelguard.guard import Gate
    from modelguard.policy.settings import Excuse

Row: TypeAlias = "tuple[Excuse, list[str], str]"
"""An excuse, the places that it covers, and what to do about the first of them."""


@click.command(short_help="Tell which exemptions to get rid of first", epilog="Example: modelguard suggest")
@json_option
@gate_options
def suggest(as_json: bool, **options: Any) -> int:
    """List the excuses of the policy, for models and for programs, the cheapest to review first.

    An excuse that covers nothing costs a deletion; then those that cover the fewest findings.
    """
    with bars() as progress:
        gate = open_gate(options, progress=progress)
        ranked = sorted((*_covered(gate), *_uses(gate)), key=lambda row: (len(row[1]), row[0].line))
    if as_json:
        tell_json("excuses", {"excuses": [_as_object(*row) for row in ranked]})
        return 0
    for excuse, covered, remedy in ranked:
        until = f", until {excuse.until}" if excuse.until else ", without an end"
        what = "covers nothing: delete it" if not covered else f"covers {len(covered)}: {', '.join(covered[:3])}"
        about = excuse.path or "programs" if excuse.model == "*" else excuse.model
        say(f"{excuse.line}  {excuse.check} of {about}{until}: {what}")
        if covered:
            say(f"     → {remedy}", indent=7)
    if not ranked:
        note("the policy excuses nothing")
    return 0


def _as_object(excuse: Excuse, covered: list[str], remedy: str) -> dict[str, object]:
    named = {name: getattr(excuse, name) for name in ("line", "check", "model", "path", "subject", "reason", "until")}
    return {**named, "covers": covered, "remedy": remedy}


def _uses(gate: Gate) -> list[Row]:
    """Return each excuse for programs with the places that it covers, below the working directory."""
    if not gate.policy.excused_uses:
        return []
    made = judged(look(()), gate)
    rows = []
    for excuse in gate.policy.excused_uses:
        covered = [one for one in made if covers(excuse, one, gate)]
        rows.append((excuse, [f"{one.path}:{one.line}" for one in covered], covered[0].remedy if covered else ""))
    return rows


def _covered(gate: Gate) -> list[Row]:
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
        rows.append((excuse, places, f"modelguard explain {excuse.check}"))
    return rows


COMMAND = Subcommand(suggest, "begin")
