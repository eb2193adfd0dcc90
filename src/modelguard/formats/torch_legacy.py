"""Reads PyTorch checkpoints of the legacy format: five pickles, then the raw bytes of the storages."""

from __future__ import annotations

from collections.abc import Iterator

from modelguard.formats._torch_storages import Storage, Storages
from modelguard.formats._torch_stream import is_protocol_1001, is_torch_stream, storage_keys
from modelguard.formats.format import Clue, Format, Walk
from modelguard.picklevm.scanner import scan, scan_one
from modelguard.terms.content import Content
from modelguard.terms.errors import ReadError
from modelguard.terms.facts import Fact, Malformed, Tensor

_STEPS = ("the magic number", "the protocol version", "the system's properties", "the object", "the storage keys")


def read(content: Content, walk: Walk) -> Iterator[Fact]:
    """Yield the facts of the five pickles, and compare the storages with what the object says of them."""
    storages = Storages()
    start, ends = 0, [0]
    for step in _STEPS:
        if start >= content.size:
            raise ReadError(f"the file ends before {step}")
        one = scan_one(content, walk.budget, start=start, persistent=storages, inside=walk.inside)
        yield from one.facts
        if one.fault is not None:
            yield _malformed(content, start, "torch-legacy-cut", f"{step} cannot be read to its end")
            yield from scan(
                content, walk.budget, start=min(one.end + 1, content.size), persistent=storages, inside=walk.inside
            )
            return
        start = one.end
        ends.append(start)
    if not is_protocol_1001(content.read(ends[1], min(ends[2] - ends[1], 64))):
        yield _malformed(content, ends[1], "torch-legacy-protocol", "the protocol version is not 1001")
    yield from _read_storages(content, storage_keys(content, ends[4], ends[5]), ends[5], storages, walk)


def _read_storages(content: Content, keys: list[str], at: int, storages: Storages, walk: Walk) -> Iterator[Fact]:
    for key in keys:
        storage = storages.accepted.get(key)
        if storage is None:
            yield _malformed(content, at, "torch-storage-unused", f"storage {key!r} is in the file, but in no tensor")
            break
        length = _length(content, at, storage)
        if length is None:
            detail = f"the object says that storage {key!r} has {storage.size} bytes, the file says something else"
            yield _malformed(content, at, "torch-storage-size", detail)
            break
        yield _tensor(content, at + 8, storage)
        at += 8 + length
    for key in sorted(storages.accepted.keys() - set(keys)):
        yield _malformed(content, at, "torch-storage-missing", f"the object names storage {key!r}, which is not there")
    if at < content.size:
        detail = f"{content.size - at} bytes follow what torch reads"
        yield _malformed(content, at, "torch-legacy-trailing", detail)
        yield from walk.inside(content.part(at, content.size - at, f"(bytes from {at})"))
        yield from scan(content, walk.budget, start=at, inside=walk.inside)


def _length(content: Content, at: int, storage: Storage) -> int | None:
    """Return the bytes of a storage when the number in front of them agrees with the object and they are there."""
    if at + 8 > content.size:
        return None
    data = content.read(at, 8)
    count = storage.size // storage.item
    if data not in (count.to_bytes(8, "little"), count.to_bytes(8, "big")) or storage.size > content.size - at - 8:
        return None
    return storage.size


def _tensor(content: Content, start: int, storage: Storage) -> Tensor:
    return Tensor(
        location=content.location,
        name=storage.key,
        dtype=storage.type,
        shape=(storage.size // storage.item,),
        start=start,
        length=storage.size,
    )


def _malformed(content: Content, at: int, rule: str, detail: str) -> Malformed:
    return Malformed(location=content.location.at(at), format="torch-legacy", rule=rule, detail=detail)


TORCH_LEGACY = Format(
    name="torch-legacy",
    title="PyTorch checkpoint (legacy stream)",
    reads="All five pickles with torch's persistent ids, and the storages behind them.",
    looks_for="Globals and calls in any of the pickles, storages that disagree with them, bytes that torch ignores.",
    clue=Clue(first=b"\x80"),
    accepts=is_torch_stream,
    read=read,
    endings=(".pt", ".pth", ".ckpt"),
)
