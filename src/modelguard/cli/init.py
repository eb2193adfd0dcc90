"""`modelguard init`: a policy to start from, under which what is locked already stays green."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from modelguard.cli.command import Subcommand

if TYPE_CHECKING:
    from modelguard.policy.settings import Excuse

EXCUSED_DAYS = 90
"""Days for which `init` excuses what it finds, so that a first run is green and somebody has to look."""


@click.command(epilog="Example: modelguard init && modelguard lock org/name")
@click.option("--print", "print_only", is_flag=True, help="Print the policy and write nothing.")
def init(print_only: bool) -> int:
    """Write a policy with comments: into pyproject.toml if there is one, else into modelguard.toml.

    Findings about models that are locked already are excused for 90 days, each with its own entry to review.
    """
    from modelguard.policy.reading import find_policy  # only once the command runs
    from modelguard.policy.template import policy_text

    here = Path.cwd()
    project = here / "pyproject.toml"
    text = policy_text(in_pyproject=project.is_file(), excuses=[] if print_only else _excuses(here))
    if print_only:
        click.echo(text, nl=False)
        return 0
    found = find_policy(here)
    if found is not None and found.parent == here:
        raise click.UsageError(f"{found} holds a policy already")
    target = project if project.is_file() else here / "modelguard.toml"
    before = target.read_text("utf-8").rstrip("\n") + "\n\n" if target.is_file() else ""
    temporary = target.with_name(f".{target.name}.part")
    temporary.write_text(before + text, "utf-8")
    temporary.replace(target)
    click.echo(f"wrote the policy to {target.name}; next: modelguard lock ORG/NAME (or a path)", err=True)
    return 0


def _excuses(here: Path) -> list[Excuse]:
    """Return an excuse for everything that the policy to be written would refuse in what is locked already."""
    import tomllib
    from datetime import timedelta  # as above

    from modelguard.guard import Gate
    from modelguard.guard.standing import examine_locked
    from modelguard.policy.reading import read_policy
    from modelguard.policy.settings import Excuse
    from modelguard.policy.template import policy_text
    from modelguard.terms.verdict import Refused

    gate = Gate.open(start=here, policy=read_policy(tomllib.loads(policy_text(in_pyproject=False))))
    lock = gate.read_lock()
    until = (gate.today + timedelta(days=EXCUSED_DAYS)).isoformat()
    excuses: dict[tuple[str, str, str, str], Excuse] = {}
    for entry in lock.entries.values() if lock else ():
        verdict = examine_locked(entry, gate).verdict
        for decision in verdict.because if isinstance(verdict, Refused) else ():
            finding = decision.finding
            key = (finding.check, entry.id, finding.location.path, finding.subject)
            reason = f"found by modelguard init on {gate.today.isoformat()}: review it"
            excuses[key] = Excuse(
                check=key[0], model=key[1], path=key[2], subject=key[3], reason=reason, until=until, line=""
            )
    return [excuses[key] for key in sorted(excuses)]


COMMAND = Subcommand(init)
