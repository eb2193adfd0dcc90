"""`modelguard convert`: a way out of pickle."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from modelguard.cli._options import REFUSED, gate_options, open_gate
from modelguard.cli._progress import bars
from modelguard.cli._speaking import note
from modelguard.cli.command import Subcommand
from modelguard.terms.words import counted

if TYPE_CHECKING:
    from modelguard.conversion import Conversion
    from modelguard.guard import Gate

_SHOWN = 8


@click.command(
    short_help="Turn a torch checkpoint into safetensors",
    epilog="Example: modelguard convert checkpoint.pt --key state_dict",
)
@click.argument("ref")
@click.option("--file", default="", help="The file of the model to convert, if it has several.")
@click.option("--key", default="", help="The part of the checkpoint that holds the weights; '.' for all.")
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="The file to write.")
@click.option("--no-lock", is_flag=True, help="Do not record the new file in the lock.")
@gate_options
def convert(ref: str, file: str, key: str, output: Path | None, no_lock: bool, **options: Any) -> int:
    """Write the weights of a torch checkpoint as safetensors, prove them equal, and lock the result.

    The checkpoint is read in a process without network, programs or much memory, which looks up nothing but what
    builds numbers and containers. Whatever is not a tensor is left behind and named.
    """
    from modelguard.conversion import convert  # reads the whole house: only once the command runs
    from modelguard.conversion.comparing import open_side

    with bars() as progress:
        gate = open_gate(options, progress=progress)
        original = open_side(ref, gate, file)
    target = output or _beside(ref, original.artifact.path)
    done = convert(original, target, key=key)
    _tell(done)
    return 0 if no_lock else _lock(done, gate)


def _beside(ref: str, path: str) -> Path:
    """Return the same name with another ending: beside a local file, in the working directory for all else."""
    place = Path(ref).expanduser()
    name = Path(path).with_suffix(".safetensors").name
    return place.with_name(name) if place.is_file() else Path(name)


def _tell(done: Conversion) -> None:
    reading = done.proof.a
    rows = reading.table.rows
    click.echo(
        f"{done.output}: {counted(len(rows), 'tensor')}, each equal to the original in name, type, shape and bytes"
    )
    if reading.key:
        click.echo(f"  taken from {reading.key!r}")
    if reading.table.shared:
        count = len(reading.table.shared)
        words = "1 group shares" if count == 1 else f"{count} groups share"
        click.echo(f"  {words} a storage in the original; here each tensor is whole")
    if reading.others:
        click.echo(f"  left behind: {reading.others} other tensors")
    if reading.replaced:
        names = ", ".join(reading.replaced[:_SHOWN])
        more = f" and {len(reading.replaced) - _SHOWN} more" if len(reading.replaced) > _SHOWN else ""
        click.echo(f"  left behind, and not looked up: {names}{more}")
    click.echo(f"  network: {reading.network}")


def _lock(done: Conversion, gate: Gate) -> int:
    from attrs import evolve

    from modelguard import __version__  # as above
    from modelguard.guard import Wish, pin
    from modelguard.lock import update

    ref = gate.canonical(done.output)
    entry, examination = pin(ref, gate, Wish(reason=f"converted from {done.original.snapshot.ref}"))
    if not examination.allowed:
        click.echo(f"not locked: {ref}: the policy refuses it; see: modelguard lock {done.output}", err=True)
        return REFUSED
    entry = evolve(entry, lineage=done.lineage)
    update(gate.lock_path, lambda lock: lock.with_entry(entry), created_by=f"modelguard {__version__}")
    note(f"locked: {entry.id}, converted from {done.lineage.digest}")
    return 0


COMMAND = Subcommand(convert, "use")
