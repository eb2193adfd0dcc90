"""Turns a torch checkpoint into safetensors, and proves that the tensors are the same.

One confined process writes the file; a second one, which knows nothing of the first, reads the original again, and its
table is compared with that of the written file. Only then does the file get its name.
"""

from __future__ import annotations

import secrets
from pathlib import Path

from attrs import evolve, frozen

from modelguard.conversion import _cell
from modelguard.conversion._cell import Limits
from modelguard.conversion.comparing import Comparison, Reading, Side, read, reading_of, task_for
from modelguard.conversion.safetensors_file import read_table
from modelguard.conversion.weights import differences
from modelguard.lock import LineageRecord
from modelguard.terms.artifact import printable
from modelguard.terms.errors import LoaderError, ModelguardError


@frozen(kw_only=True)
class Conversion:
    """A written safetensors file, what was read of the original, and the proof that both hold the same tensors."""

    original: Side
    output: Path
    proof: Comparison

    @property
    def written(self) -> Reading:
        return self.proof.b

    @property
    def lineage(self) -> LineageRecord:
        """What the lock records about where the file comes from."""
        return LineageRecord(
            original=str(self.original.snapshot.ref),
            path=self.original.artifact.path,
            digest=str(self.original.artifact.digest),
            tensors=f"sha256:{self.proof.a.table.digest}",
            how="converted",
        )


def convert(original: Side, output: Path, *, key: str = "", limits: Limits | None = None) -> Conversion:
    """Write the tensors of a torch checkpoint to `output` as safetensors, and prove them equal.

    `key` names the part of the checkpoint that holds the weights (`state_dict`, `model.ema`); without it the only part
    with tensors is taken, and several are an error that lists them. `.` takes all.

    Raises `LoaderError` when the file is no torch checkpoint, holds what safetensors cannot, or the output exists.
    """
    if not original.is_torch:
        raise LoaderError(f"{printable(original.artifact.path)}: not a torch checkpoint")
    if output.exists():
        raise LoaderError(f"{output}: is there already", remedy="name another file with --output")
    limits = limits or Limits()
    part = output.with_name(f".{output.name}.{secrets.token_hex(8)}.part")
    try:
        written = reading_of(_cell.run(evolve(task_for(original, key=key), output=part), limits))
        proof = _prove(original, part, written.key or ("." if key == "." else ""), limits)
        part.rename(output)
    except OSError as error:
        raise LoaderError(f"{output}: cannot be written: {error.strerror}") from error
    finally:
        part.unlink(missing_ok=True)
    return Conversion(original=original, output=output, proof=proof)


def _prove(original: Side, part: Path, key: str, limits: Limits) -> Comparison:
    """Read the original anew and compare. Raises `ModelguardError` when a single tensor differs."""
    again, written = read(original, key=key, limits=limits), Reading(table=read_table(part))
    found = tuple(differences(again.table, written.table))
    if found:
        raise ModelguardError(f"the written file differs from {printable(original.artifact.path)}: {found[0]}")
    return Comparison(a=again, b=written, differences=())
