"""`modelguard formats`: what is read, and what is looked for in it."""

from __future__ import annotations

import json

import click

from modelguard.cli._speaking import say
from modelguard.cli.command import Subcommand


@click.command(short_help="List the file formats that are read", epilog="Example: modelguard formats --format json")
@click.option("--format", "format_", type=click.Choice(["text", "json", "markdown"]), default="text", show_default=True)
def formats(format_: str) -> int:
    """Print the table of file formats: what modelguard reads of each, and what it looks for."""
    from modelguard._registry import parts  # reads every format: only once the command runs
    from modelguard.formats.format import Format

    rows = [(one.name, one.title, one.reads, one.looks_for) for one in parts("modelguard.formats", Format)]
    if format_ == "json":
        keys = ("name", "title", "reads", "looks_for")
        click.echo(json.dumps([dict(zip(keys, row, strict=True)) for row in rows], indent=2))
    elif format_ == "markdown":
        click.echo("| format | | reads | looks for |\n| --- | --- | --- | --- |")
        for row in rows:
            click.echo(f"| {' | '.join(cell.replace('|', '&#124;') for cell in row)} |")
    else:
        for name, title, reads, looks_for in rows:
            say(f"{name}: {title}")
            for head, text in (("reads", reads), ("looks for", looks_for)):
                say(f"    {head:9}  {text}", indent=15)
        click.echo(f"{len(rows)} formats")
    return 0


COMMAND = Subcommand(formats, "look")
