"""Proves or disproves that two weight files hold the same tensors.

Both files are first brought into the store and examined, so that what is read cannot change. A safetensors file is read
here; a torch file is read in the confined process, where nothing but its tensors is looked at.
"""

from __future__ import annotations

import os

from attrs import evolve, frozen

from modelguard.conversion import _cell, safetensors_file
from modelguard.conversion._cell import Limits, Task
from modelguard.conversion.weights import Difference, Row, Table, differences
from modelguard.guard import Gate, examine_snapshot
from modelguard.sources.source import source_for
from modelguard.terms.artifact import Artifact, Snapshot, printable
from modelguard.terms.errors import LoaderError, ModelRefused, NotFound
from modelguard.terms.facts import Import, Recognised
from modelguard.terms.finding import Finding
from modelguard.terms.verdict import Examination, Refused

TORCH = frozenset({"torch-zip", "torch-legacy"})
SAFETENSORS = frozenset({"safetensors"})

# Profiles whose names the confined process looks up: numbers and containers, nothing else.
_LOOKED_UP = frozenset({"core", "torch-weights", "numpy"})


@frozen(kw_only=True)
class Side:
    """One weight file: the snapshot that it belongs to, its own artifact in the store, what the scan made of it."""

    snapshot: Snapshot
    artifact: Artifact
    formats: frozenset[str]
    examination: Examination

    @property
    def is_torch(self) -> bool:
        return bool(self.formats & TORCH)


@frozen(kw_only=True)
class Reading:
    """The table of one side; `replaced` names what an inert object stood in for, `others` counts tensors left out."""

    table: Table
    key: str = ""
    replaced: tuple[str, ...] = ()
    others: int = 0
    network: str = ""


@frozen(kw_only=True)
class Comparison:
    """What was read of two files, and every difference between them."""

    a: Reading
    b: Reading
    differences: tuple[Difference, ...]

    @property
    def equal(self) -> bool:
        return not self.differences


def open_side(ref: str | os.PathLike[str], gate: Gate, file: str = "") -> Side:
    """Bring a model into the store and pick its weight file: the one named, or the only one there is.

    Raises `ModelRefused` when the file holds what no conversion mends, `NotFound`, `LoaderError` when several files
    could be meant, and the errors of the source.
    """
    found = gate.canonical(ref)
    source = source_for(found)
    resolved = source.resolve(found, gate.options)
    if file:
        resolved = evolve(resolved, files=tuple(one for one in resolved.files if one.path == file))
        if not resolved.files:
            raise NotFound(f"{found}: there is no file {printable(file)!r}")
    snapshot = source.fetch(resolved, gate.store, gate.options, {})
    examination = examine_snapshot(snapshot, gate, collectors=("contents",))
    artifact, formats = _weights(examination)
    _require_harmless(examination, artifact.path)
    return Side(snapshot=snapshot, artifact=artifact, formats=formats, examination=examination)


def compare(a: Side, b: Side, *, key: str = "", limits: Limits | None = None) -> Comparison:
    """Read both files and compare them tensor by tensor: names, types, shapes, elements, shared storages.

    `key` names the part of a torch checkpoint that holds the weights. Shared storages are compared when both files
    tell them: torch files do, and safetensors files that `convert` has written.

    Raises `LoaderError`, `ReadError` and `ModelRefused`.
    """
    first, second = (read(side, key=key, limits=limits or Limits()) for side in (a, b))
    return Comparison(a=first, b=second, differences=tuple(differences(first.table, second.table)))


def read(side: Side, *, key: str, limits: Limits) -> Reading:
    """Return the table of a weight file."""
    if not side.is_torch:
        assert side.artifact.file is not None
        return Reading(table=safetensors_file.read_table(side.artifact.file))
    return reading_of(_cell.run(task_for(side, key=key), limits))


def task_for(side: Side, *, key: str) -> Task:
    """Return what the confined process is to read: it may look up what only builds numbers and containers."""
    assert side.artifact.file is not None
    facts = side.examination.dossier.at(side.artifact.path, Import)
    granted = frozenset((fact.module, fact.name) for fact in facts if _LOOKED_UP.intersection(fact.profiles))
    return Task(source=side.artifact.file, name=side.artifact.path, imports=granted, key=key)


def reading_of(answer: dict[str, object]) -> Reading:
    """Return the answer of the confined process as a table."""
    match answer:
        case {"rows": list(rows), "shared": list(shared), "key": str(key), "replaced": list(replaced)}:
            return Reading(
                table=Table(
                    rows=tuple(Row(name, dtype, tuple(shape), digest) for name, dtype, shape, digest in rows),
                    shared=tuple(tuple(group) for group in shared),
                ),
                key=key,
                replaced=tuple(replaced),
                others=int(str(answer["others"])),
                network=str(answer["network"]),
            )
    raise LoaderError("the confined process gave an answer that cannot be read")


def _weights(examination: Examination) -> tuple[Artifact, frozenset[str]]:
    found = {
        fact.location.path: frozenset(fact.formats) & (TORCH | SAFETENSORS)
        for fact in examination.dossier.all(Recognised)
        if not fact.location.members and (TORCH | SAFETENSORS).intersection(fact.formats)
    }
    name = examination.snapshot.ref
    if not found:
        raise LoaderError(f"{name}: holds no torch checkpoint and no safetensors file")
    if len(found) > 1:
        names = ", ".join(printable(path) for path in sorted(found))
        raise LoaderError(f"{name}: several files hold weights: {names}", remedy="name one with --file")
    ((path, formats),) = found.items()
    artifact = examination.snapshot.artifact(path)
    assert artifact is not None
    return artifact, formats


def _require_harmless(examination: Examination, path: str) -> None:
    """Refuse a file that is more than weights with unknown names beside them.

    A name that nobody granted is no danger here, because it is not looked up; a known danger shows what the file is
    for. Whatever else the policy refuses about the file stays refused.
    """
    if not isinstance(examination.verdict, Refused):
        return
    hazards = {fact.qualified for fact in examination.dossier.at(path, Import) if fact.hazard}
    for decision in examination.verdict.because:
        finding = decision.finding
        if finding.location.path == path and not _is_left_behind(finding, hazards):
            raise ModelRefused(
                f"{printable(path)}: {finding.message}",
                remedy="ask its author for safetensors",
                examination=examination,
            )


def _is_left_behind(finding: Finding, hazards: set[str]) -> bool:
    return finding.check == "ungranted-import" and finding.subject not in hazards
