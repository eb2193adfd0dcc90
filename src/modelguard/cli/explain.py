"""`modelguard explain`: what a check reports, why it matters and what to do."""

from __future__ import annotations

from difflib import get_close_matches

import click

from modelguard.cli.command import Subcommand


@click.command()
@click.argument("check", required=False)
def explain(check: str | None) -> int:
    """Print the page of CHECK, or the list of all checks."""
    from modelguard._registry import parts  # reads every check: only once the command runs
    from modelguard.checks.check import Check

    known = {one.name: one for one in parts("modelguard.checks", Check)}
    if check is None:
        for name in sorted(known):
            click.echo(f"{name:24} {known[name].page.splitlines()[0]}")
        return 0
    if check not in known:
        close = get_close_matches(check, known, n=1)
        raise click.UsageError(f"there is no check {check!r}" + (f"; did you mean {close[0]!r}?" if close else ""))
    click.echo(f"{check}  ({known[check].area})\n\n{known[check].page.strip()}")
    return 0


COMMAND = Subcommand(explain)
