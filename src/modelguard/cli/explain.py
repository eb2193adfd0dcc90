"""`modelguard explain`: what a check reports, why it matters and what to do."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from difflib import get_close_matches
from itertools import groupby
from typing import TYPE_CHECKING

import click

from modelguard.cli._speaking import json_option, say, tell_json
from modelguard.cli.command import Subcommand

if TYPE_CHECKING:
    from modelguard.checks.check import Check


@click.command(
    short_help="Tell what a check reports and what to do", epilog="Example: modelguard explain ungranted-import"
)
@click.argument("check", required=False)
@json_option
def explain(check: str | None, as_json: bool) -> int:
    """Print the page of CHECK, or the list of all checks."""
    from modelguard._registry import parts  # reads every check: only once the command runs
    from modelguard.checks.check import Check

    known = {one.name: one for one in parts("modelguard.checks", Check)}
    if check is None and as_json:
        tell_json("checks", {"checks": [_as_object(known[name]) for name in sorted(known)]})
        return 0
    if check is None:
        width = max(map(len, known))
        for name in sorted(known):
            say(f"{name:{width}}  {known[name].page.splitlines()[0]}", indent=width + 2)
        return 0
    if check not in known:
        close = get_close_matches(check, known, n=1)
        raise click.UsageError(f"there is no check {check!r}" + (f"; did you mean {close[0]!r}?" if close else ""))
    if as_json:
        tell_json("check", _as_object(known[check]))
        return 0
    click.echo(f"{check}  ({known[check].area})\n")
    page = known[check].page.strip()
    for line in _paragraphs(page) if sys.stdout.isatty() else page.splitlines():
        say(line, indent=len(line) - len(line.lstrip()))
    return 0


def _paragraphs(page: str) -> Iterator[str]:
    """Yield a page with each indented paragraph as one line, which a terminal breaks; the example stays as it is."""
    text, heading, example = page.partition("\nExample\n")
    for indent, lines in groupby(text.splitlines(), key=lambda line: len(line) - len(line.lstrip())):
        if indent:
            yield " " * indent + " ".join(line.strip() for line in lines)
        else:
            yield from lines
    yield from (heading + example).splitlines()


def _as_object(check: Check) -> dict[str, str]:
    return {"name": check.name, "area": check.area, "reports": check.page.splitlines()[0], "page": check.page.strip()}


COMMAND = Subcommand(explain, "look")
