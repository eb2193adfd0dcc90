"""`modelguard check`: every entry of the lock against its bytes and the policy."""

from __future__ import annotations

from typing import Any

import click

from modelguard.cli._options import INCOMPLETE, gate_options, open_gate, report, report_options
from modelguard.cli._progress import bars
from modelguard.cli.command import Subcommand


@click.command(
    short_help="Check locked models against their bytes and the policy",
    epilog="Example: modelguard check --format sarif --output modelguard.sarif",
)
@click.argument("refs", nargs=-1)
@gate_options
@report_options
def check(refs: tuple[str, ...], **options: Any) -> int:
    """Check every locked model, or those named, against its bytes and the policy."""
    from modelguard.guard.standing import approved_entry, examine_locked  # reads the whole house
    from modelguard.policy.judging import unused_excuses
    from modelguard.terms.errors import SourceError

    examinations, unreached = [], []
    with bars() as progress:
        gate = open_gate(options, progress=progress)
        lock = gate.require_lock()
        entries = [approved_entry(gate.canonical(ref), gate)[0] for ref in refs] or [*lock.entries.values()]
        for entry in entries:
            try:
                examinations.append(examine_locked(entry, gate))
            except SourceError as error:
                unreached.append((entry.id, str(error)))
    code = report(examinations, gate, options)
    for name, reason in unreached:
        click.echo(f"{name}: not checked: {reason}", err=True)
    if not refs:
        for excuse in unused_excuses(gate.policy, [(str(one.snapshot.ref.key), one.findings) for one in examinations]):
            click.echo(f"{excuse.line}: the excuse for {excuse.check} covers no finding of any model", err=True)
    return max(code, INCOMPLETE) if unreached else code


COMMAND = Subcommand(check, "begin")
