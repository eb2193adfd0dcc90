"""`modelguard compare`: do two weight files hold the same tensors?"""

from __future__ import annotations

from typing import Any

import click

from modelguard.cli._options import REFUSED, gate_options, open_gate
from modelguard.cli._progress import bars
from modelguard.cli._speaking import json_option, tell_json
from modelguard.cli.command import Subcommand
from modelguard.terms.words import counted

_SHOWN = 100


@click.command(
    short_help="Tell whether two weight files hold the same tensors",
    epilog="Example: modelguard compare pytorch_model.bin model.safetensors",
)
@click.argument("a")
@click.argument("b")
@click.option("--file-a", default="", help="The weight file of A, if it has several.")
@click.option("--file-b", default="", help="The weight file of B, if it has several.")
@click.option("--key", default="", help="The part of a torch checkpoint that holds the weights; '.' for all.")
@json_option
@gate_options
def compare(a: str, b: str, file_a: str, file_b: str, key: str, as_json: bool, **options: Any) -> int:
    """Prove or disprove that two weight files hold the same tensors: names, types, shapes and bytes.

    A and B are torch checkpoints or safetensors files. The exit code is 0 when they are equal, 1 when they differ.
    """
    from modelguard.conversion.comparing import compare, open_side  # reads the whole house: only once it runs

    with bars() as progress:
        gate = open_gate(options, progress=progress)
        sides = open_side(a, gate, file_a), open_side(b, gate, file_b)
    found = compare(*sides, key=key)
    if as_json:
        differences = [str(one) for one in found.differences]
        tell_json("comparison", {"equal": found.equal, "tensors": len(found.a.table.rows), "differences": differences})
        return 0 if found.equal else REFUSED
    if found.equal:
        click.echo(f"equal: {counted(len(found.a.table.rows), 'tensor')}, sha256:{found.a.table.digest}")
        if found.a.table.shared is None or found.b.table.shared is None:
            click.echo("  shared storages were not compared: one of the files does not tell them")
        return 0
    for difference in found.differences[:_SHOWN]:
        click.echo(str(difference))
    click.echo(f"different: {len(found.differences)} differences")
    return REFUSED


COMMAND = Subcommand(compare, "look")
