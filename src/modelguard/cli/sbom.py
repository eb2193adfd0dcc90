"""`modelguard sbom`: the models of the lock as a bill of materials."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from modelguard.cli._options import INCOMPLETE, emit, gate_options, open_gate
from modelguard.cli.command import Subcommand

FORMATS = ("cyclonedx", "spdx")


@click.command(
    short_help="Write a bill of materials: CycloneDX or SPDX", epilog="Example: modelguard sbom --output bom.json"
)
@click.option("--format", "format_", type=click.Choice(FORMATS), default="cyclonedx", show_default=True)
@click.option("--spec", type=click.Choice(("1.6", "1.7")), default="1.6", show_default=True, help="CycloneDX version.")
@click.option("--name", default="models", show_default=True, help="What the models are used in.")
@click.option("--author", default="", help="Who answers for the bill.")
@click.option("--coverage", is_flag=True, help="Print which of the G7's minimum elements the bill tells.")
@click.option("--json", "as_json", is_flag=True, help="With --coverage: print JSON.")
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="Write to a file.")
@gate_options
def sbom(format_: str, spec: str, name: str, author: str, coverage: bool, as_json: bool, **options: Any) -> int:
    """Write the models of the lock as a bill of materials, without asking any server.

    The same lock gives the same bytes. SOURCE_DATE_EPOCH sets the time in the bill.
    """
    from modelguard.bom import coverage as covering  # reads the lock and the store: only once the command runs
    from modelguard.bom import cyclonedx, spdx
    from modelguard.bom.material import bill_of

    gate = open_gate(options)
    bill = bill_of(gate.require_lock(), gate.store, name=name, author=author)
    if coverage:
        rows = covering.coverage(bill)
        document = covering.as_json(rows) if as_json else covering.as_text(rows)
    else:
        document = spdx.write(bill) if format_ == "spdx" else cyclonedx.write(bill, "1.7" if spec == "1.7" else "1.6")
    emit(document, options["output"])
    if not bill.materials:
        click.echo("the lock has no models", err=True)
        return INCOMPLETE
    return 0


COMMAND = Subcommand(sbom, "report")
