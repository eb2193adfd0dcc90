"""Reads PyTorch checkpoints in ZIP form: the pickle, and whether its storages are the bytes that it names."""

from __future__ import annotations

from collections.abc import Iterator

from attrs import evolve

from modelguard.formats._questions import has_directory
from modelguard.formats._torch_records import (
    PICKLES,
    TorchArchive,
    TorchRecord,
    is_expected,
    is_torch_zip,
    torch_archive_in,
)
from modelguard.formats._torch_storages import Storage, Storages
from modelguard.formats._torchscript_code import asked_by_code
from modelguard.formats._zip_records import STORED
from modelguard.formats.format import Clue, Format, Walk
from modelguard.formats.zip import check_crc, expanded_entry, read_entry
from modelguard.picklevm.scanner import scan
from modelguard.terms.content import Content
from modelguard.terms.errors import ReadError
from modelguard.terms.facts import Call, Fact, Import, Malformed, Member, Noted, Recognised, Tensor, Unread

_SMALL_LIMIT = 256
_BUILDERS = frozenset(
    {
        "build_intlist",
        "build_tensorlist",
        "build_doublelist",
        "build_boollist",
        "build_tensor_from_id",
        "restore_type_tag",
    }
)


def read(content: Content, walk: Walk) -> Iterator[Fact]:
    """Yield the facts of `data.pkl` and of the records that belong to it."""
    archive = torch_archive_in(content, walk.budget.members)
    yield from _ambiguities(content, archive)
    for pickle, storage in PICKLES:
        storages = Storages()
        for record in archive.of(pickle):
            yield from _read_pickle(content, record, archive, storages, walk)
        yield from _read_storages(content, archive.of(storage), storages, walk)
    for record in archive.of("small"):
        yield from _read_small(content, record, walk)
    for record in archive.of("debug"):
        yield from _read_pickle(content, record, archive, Storages(), walk)
    for record in archive.of("code"):
        yield from _read_code(content, record, walk)


def _ambiguities(content: Content, archive: TorchArchive) -> Iterator[Fact]:
    if len(archive.roots) > 1:
        names = ", ".join(repr(root) for root in archive.roots)
        yield _malformed(content, "torch-several-roots", f"several directories hold a data.pkl: {names}")
    for record in archive.records:
        if record.role in ("data", "constants", "traced", "small") and record.key != record.key.lower():
            yield _malformed(content, "torch-record-case", f"torch takes {record.key!r} for {record.key.lower()!r}")
        if record.entry.method != STORED and any(record.role in pair for pair in PICKLES):
            detail = f"{record.entry.name!r} is compressed, which torch never writes"
            yield _malformed(content, "torch-compressed", detail)


def _read_pickle(
    content: Content, record: TorchRecord, archive: TorchArchive, storages: Storages, walk: Walk
) -> Iterator[Fact]:
    walk.budget.spend_member()
    location = content.location.inside(record.entry.name)
    yield Member(location=location, size=record.entry.expanded)
    yield Recognised(location=location, formats=("pickle",))
    try:
        with expanded_entry(content, record.entry, walk) as (part, faults):
            for fact in scan(part, walk.budget, persistent=storages, inside=walk.inside):
                yield _resolved(fact, archive)
            yield from faults()
    except ReadError as error:
        yield Unread(location=location, format="torch-zip", reason=str(error))


def _resolved(fact: Fact, archive: TorchArchive) -> Fact:
    """Let the names that only TorchScript's own unpickler resolves be granted with the program.

    Those are the classes that the program brings itself and the builders of typed lists:
    https://github.com/pytorch/pytorch/blob/main/torch/csrc/jit/serialization/unpickler.cpp
    """
    if not archive.is_program:
        return fact
    if isinstance(fact, Import) and _is_own_name(fact.module, fact.name):
        return evolve(fact, profiles=("torchscript",), hazard="", why="")
    if isinstance(fact, Call) and _is_own_name(*fact.target.rpartition(".")[::2]):
        return evolve(fact, hazard="")
    return fact


def _is_own_name(module: str, name: str) -> bool:
    if module == "torch.jit._pickle":
        return name in _BUILDERS
    return module == "__torch__" or module.startswith("__torch__.")


def _read_storages(
    content: Content, records: tuple[TorchRecord, ...], storages: Storages, walk: Walk
) -> Iterator[Fact]:
    """Compare records with what the pickle says; whatever it does not speak of is read by every format."""
    seen: set[str] = set()
    for record in records:
        key = record.key.rpartition("/")[2]
        storage = storages.accepted.get(key)
        if storage is None:
            location = content.location.inside(record.entry.name)
            detail = "no tensor of the pickle lies in this record"
            yield Noted(location=location, format="torch-zip", rule="torch-storage-unused", detail=detail)
            yield from read_entry(content, record.entry, walk)
            continue
        seen.add(key)
        if record.role == "traced input" and record.entry.expanded == 0:
            continue  # torch keeps the shapes of example inputs, not their numbers
        if storage.size != record.entry.expanded or record.entry.method != STORED:
            location = content.location.inside(record.entry.name)
            detail = f"the pickle says {storage.size} bytes, the record has {record.entry.expanded}"
            yield Malformed(location=location, format="torch-zip", rule="torch-storage-size", detail=detail)
            yield from read_entry(content, record.entry, walk)
            continue
        walk.budget.spend_member()
        yield _tensor(content, record, storage)
    for key in sorted(storages.accepted.keys() - seen):
        if storages.accepted[key].size:
            yield _malformed(content, "torch-storage-missing", f"the pickle names storage {key!r}, which is not there")


def _tensor(content: Content, record: TorchRecord, storage: Storage) -> Tensor:
    return Tensor(
        location=content.location.inside(record.entry.name),
        name=record.entry.name,
        dtype=storage.type,
        shape=(storage.size // storage.item,),
        start=record.entry.start,
        length=storage.size,
    )


def _read_small(content: Content, record: TorchRecord, walk: Walk) -> Iterator[Fact]:
    entry = record.entry
    if entry.method == STORED and entry.compressed <= _SMALL_LIMIT:
        part = content.part(entry.start, entry.compressed, entry.name)
        if is_expected(record.key, part.all(_SMALL_LIMIT)):
            walk.budget.spend_member()
            yield Member(location=part.location, size=part.size)
            yield from check_crc(part, entry)
            return
    detail = f"torch writes something else into {record.key!r}"
    yield Malformed(
        location=content.location.inside(entry.name), format="torch-zip", rule="torch-record", detail=detail
    )
    yield from read_entry(content, entry, walk)


def _read_code(content: Content, record: TorchRecord, walk: Walk) -> Iterator[Fact]:
    """Yield what the source of a TorchScript program asks for; the program itself is asked for by its own format."""
    walk.budget.spend_member()
    location = content.location.inside(record.entry.name)
    yield Member(location=location, size=record.entry.expanded, method="deflated" if record.entry.method else "stored")
    try:
        with expanded_entry(content, record.entry, walk) as (part, faults):
            yield from asked_by_code(part)
            yield from faults()
    except ReadError as error:
        yield Unread(location=location, format="torch-zip", reason=str(error))


def _malformed(content: Content, rule: str, detail: str) -> Malformed:
    return Malformed(location=content.location, format="torch-zip", rule=rule, detail=detail)


TORCH_ZIP = Format(
    name="torch-zip",
    title="PyTorch checkpoint (ZIP)",
    reads="The pickle `data.pkl` with torch's persistent ids, and the sizes of all storages.",
    looks_for=(
        "Globals and calls of the pickle; storages that are missing, unused or of another size than the pickle says; "
        "records whose names or contents torch and other readers understand differently."
    ),
    clue=Clue(when=has_directory),
    accepts=is_torch_zip,
    read=read,
    endings=(".pt", ".pth", ".ckpt", ".ptl"),
)
