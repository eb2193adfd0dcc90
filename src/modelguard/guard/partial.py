"""Reading single tensors of locked safetensors files: what is read is verified, and nothing else is read.

Every read goes into memory of this process first, is hashed there, and is handed out from there: whatever happens to
the file before, meanwhile or after, no changed byte leaves this module. The header is verified when the file is opened;
it pins name, type, shape and place of every tensor, which must fill the file without overlap, gap or rest.
"""

from __future__ import annotations

import hashlib
import mmap
import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from attrs import define, field, frozen

from modelguard.guard.examining import examine_snapshot
from modelguard.guard.gate import Gate
from modelguard.guard.standing import approved_entry, bring, require_allowed, withheld
from modelguard.guard.tensors import Placed, Table, layout, parse_header, read_exactly, table_of
from modelguard.lock import Entry, LockedFile
from modelguard.sources import hashing
from modelguard.sources.local import in_place
from modelguard.terms.artifact import Artifact, LocalRef, Snapshot, printable
from modelguard.terms.errors import LoaderError, ModelRefused, SourceError

BLOCK = 1 << 18
"""Bytes read and hashed at a time: a block is hashed while the processor still holds it."""

# What an element type of the format is called by numpy and by torch; a type that one lacks cannot be read by it.
NUMPY: dict[str, str] = {
    "BOOL": "?", "U8": "u1", "I8": "i1", "U16": "<u2", "I16": "<i2", "U32": "<u4", "I32": "<i4", "U64": "<u8",
    "I64": "<i8", "F16": "<f2", "F32": "<f4", "F64": "<f8", "C64": "<c8",
}  # fmt: skip
TORCH: dict[str, str] = {
    "BOOL": "bool", "U8": "uint8", "I8": "int8", "U16": "uint16", "I16": "int16", "U32": "uint32", "I32": "int32",
    "U64": "uint64", "I64": "int64", "F16": "float16", "BF16": "bfloat16", "F32": "float32", "F64": "float64",
    "C64": "complex64", "F8_E5M2": "float8_e5m2", "F8_E4M3": "float8_e4m3fn", "F8_E8M0": "float8_e8m0fnu",
    "F8_E4M3FNUZ": "float8_e4m3fnuz", "F8_E5M2FNUZ": "float8_e5m2fnuz",
}  # fmt: skip
_FRAMEWORKS = {"np": "numpy", "numpy": "numpy", "pt": "torch", "torch": "torch", "pytorch": "torch"}


def guarded_open(
    ref: str | os.PathLike[str],
    framework: str = "numpy",
    device: Any = "cpu",
    *,
    file: str | None = None,
    gate: Gate | None = None,
) -> OpenedTensors:
    """Open the safetensors files of a locked model for reading single tensors, as `safetensors.safe_open` does.

        with guarded_open("org/name", framework="pt") as model:
            weight = model.get_tensor("embedding.weight")

    `framework` is `"numpy"` or `"pt"`. A model of several files is opened as one; `file` picks one. The model is judged
    as in `guarded_load`, except that of safetensors files only the header is read: the bytes of a tensor are compared
    with the lock when the tensor is read.

    Raises `ModelRefused`, `LoaderError`, and the errors of reading the lock, the policy and the source.
    """
    name = _FRAMEWORKS.get(framework)
    if name is None:
        raise LoaderError(f"guarded_open: no framework {framework!r}", remedy='write "numpy" or "pt"')
    with hashing.reading(str(ref)):
        opened = _opened(ref, file, gate or Gate.open())
    return OpenedTensors(files=opened, framework=name, device=device)


def _opened(ref: str | os.PathLike[str], file: str | None, gate: Gate) -> tuple[OpenedFile, ...]:
    entry, inner = approved_entry(gate.canonical(ref), gate)
    snapshot = _at_hand(entry, gate)
    examination = examine_snapshot(snapshot, gate, entry=entry)
    require_allowed(examination)
    chosen = _chosen(entry, file or inner, withheld(examination))
    opened: list[OpenedFile] = []
    try:
        for one in chosen:
            opened.append(_open(one, _place(snapshot, one.path), gate))
        return tuple(opened)
    except BaseException:
        for done in opened:
            os.close(done.descriptor)
        raise


def _at_hand(entry: Entry, gate: Gate) -> Snapshot:
    """Return the files of a model where they lie; those with digests of their tensors are not hashed here."""
    promised = {file.path: (file.size, file.digest) for file in entry.files if file.tensors is not None}
    if isinstance(entry.ref, LocalRef):
        return in_place(entry.ref, gate.options, promised)
    bring(entry, gate)
    artifacts: dict[str, Artifact] = {}

    def look(file: LockedFile, place: Path) -> None:
        digest, size = hashing.hash_file(place, progress=gate.options.progress)
        artifacts[file.path] = Artifact(path=file.path, size=size, digest=digest, file=place)

    hashed = []
    for file in entry.files:
        place = gate.store.path_of(file.digest)
        if place is not None and (file.path not in promised or _size(place) != file.size):
            hashed.append(partial(look, file, place))
        else:
            artifacts[file.path] = Artifact(path=file.path, size=file.size, digest=file.digest, file=place)
    if hashed:
        hashing.at_once(hashed)
    return Snapshot(
        ref=entry.ref, revision=entry.revision, artifacts=tuple(artifacts[path] for path in sorted(artifacts))
    )


def _place(snapshot: Snapshot, path: str) -> Path:
    artifact = snapshot.artifact(path)
    if artifact is None or artifact.file is None:  # a policy that only warns lets a model without bytes pass
        raise SourceError(f"{printable(path)}: its bytes are not on this machine")
    return artifact.file


def _size(place: Path) -> int:
    with hashing.reading(str(place)):
        return place.stat().st_size


def _chosen(entry: Entry, wanted: str | None, left_out: frozenset[str]) -> tuple[LockedFile, ...]:
    known = [file for file in entry.files if file.tensors is not None and file.path not in left_out]
    chosen = tuple(file for file in known if wanted is None or file.path == wanted)
    if not chosen:
        names = ", ".join(printable(file.path) for file in known) or "none"
        raise LoaderError(
            f"guarded_open: {printable(entry.id)} has no {printable(wanted or 'safetensors file')} with digests of its"
            f" tensors (there are: {names})",
            remedy=f"an entry made by an earlier modelguard gets them with: modelguard lock {entry.id}",
        )
    return chosen


@frozen(kw_only=True)
class OpenedFile:
    """One file: the descriptor that is read, its table of digests, and the tensors that its verified header places."""

    path: str
    descriptor: int
    table: Table
    tensors: dict[str, Placed] = field(hash=False)
    metadata: dict[str, str] = field(hash=False)


def _open(file: LockedFile, place: Path, gate: Gate) -> OpenedFile:
    table = table_of(file, place, gate.store)
    descriptor = hashing.open_regular(place)
    try:
        header = _verified_header(file, descriptor, table)
        tensors = {placed.name: placed for placed in layout(header, table.size)}
        metadata = parse_header(header).get("__metadata__") or {}
        return OpenedFile(path=file.path, descriptor=descriptor, table=table, tensors=tensors, metadata=metadata)
    except BaseException:
        os.close(descriptor)
        raise


def _verified_header(file: LockedFile, descriptor: int, table: Table) -> bytes:
    prefix = read_exactly(descriptor, 0, 8)
    header = bytes(read_exactly(descriptor, 8, table.length))
    if int.from_bytes(prefix, "little") != table.length or hashlib.sha256(header).hexdigest() != table.header.hex:
        raise _changed(file.path, "header")
    return header


def _changed(path: str, what: str) -> ModelRefused:
    return ModelRefused(
        f"{printable(path)}: digest-mismatch: the {what} is not what the lock approves",
        remedy="do not use these bytes; find out who changed them before you lock the model again",
    )


@define(eq=False)
class OpenedTensors:
    """Locked safetensors files, open for reading: the methods are those of `safetensors.safe_open`.

    A tensor is verified as a whole each time that it is asked for; `get_slice` therefore reads the whole tensor when
    the first slice is taken. Each tensor is handed out in memory of its own, which the caller may change.
    """

    files: tuple[OpenedFile, ...]
    framework: str
    device: Any = "cpu"
    _home: dict[str, OpenedFile] = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        self._home = {}
        for file in self.files:
            for name in file.tensors:
                if name in self._home:
                    first = self._home[name].path
                    self.close()
                    raise LoaderError(
                        f"guarded_open: {printable(name)} is in {first} and in {file.path}",
                        remedy="name one of them with file=…",
                    )
                self._home[name] = file

    def keys(self) -> list[str]:
        """Return the names of all tensors, sorted."""
        return sorted(self._home)

    def offset_keys(self) -> list[str]:
        """Return the names of all tensors in the order of their bytes."""
        return [name for file in self.files for name in file.tensors]

    def metadata(self) -> dict[str, str]:
        """Return the texts of `__metadata__`; of several files, those of the later win."""
        return {key: text for file in self.files for key, text in file.metadata.items()}

    def get_tensor(self, name: str) -> Any:
        """Read, verify and return one tensor.

        Raises `ModelRefused` when its bytes are not those of the lock, `LoaderError` when there is none of this name or
        the framework has no such element type.
        """
        file, placed = self._find(name)
        return self._array(placed, _verified(file, placed))

    def get_slice(self, name: str) -> TensorSlice:
        """Return an object to take slices of a tensor from. Raises `LoaderError` when there is none of this name."""
        return TensorSlice(placed=self._find(name)[1], read=partial(self.get_tensor, name))

    def close(self) -> None:
        """Close the files. Tensors handed out stay valid."""
        for file in self.files:
            with suppress(OSError):
                os.close(file.descriptor)
        self.files, self._home = (), {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def _find(self, name: str) -> tuple[OpenedFile, Placed]:
        file = self._home.get(name)
        if file is None:
            raise LoaderError(f"guarded_open: there is no tensor {printable(name)!r}", remedy="see keys()")
        return file, file.tensors[name]

    def _array(self, placed: Placed, data: memoryview) -> Any:
        if self.framework == "numpy":
            import numpy as np  # costs time: only a read needs it

            return np.frombuffer(data, dtype=_known(NUMPY, placed, "numpy")).reshape(placed.shape)
        import torch  # costs seconds: only a read needs it

        dtype = getattr(torch, _known(TORCH, placed, "torch"), None)
        if dtype is None:
            raise LoaderError(f"guarded_open: this torch has no {placed.dtype}", remedy="upgrade torch")
        if not len(data):
            return torch.empty(placed.shape, dtype=dtype, device=self.device)
        tensor = torch.frombuffer(data, dtype=dtype).reshape(placed.shape)
        return tensor if str(self.device) == "cpu" else tensor.to(self.device)


@frozen(kw_only=True)
class TensorSlice:
    """A tensor that is read when a part of it is taken."""

    placed: Placed
    read: Any

    def get_shape(self) -> list[int]:
        return list(self.placed.shape)

    def get_dtype(self) -> str:
        return self.placed.dtype

    def __getitem__(self, index: Any) -> Any:
        return self.read()[index]


def _known(names: dict[str, str], placed: Placed, framework: str) -> str:
    if placed.dtype not in names:
        raise LoaderError(f"guarded_open: {framework} has no {placed.dtype}", remedy='try framework="pt"')
    return names[placed.dtype]


def _fresh(length: int) -> memoryview:
    """Return zeroed memory of this process alone, in large pages where the kernel has some.

    32 MiB are then copied into in 7 ms instead of 33: each small page that is touched first costs a fault.
    """
    if not length:
        return memoryview(bytearray())
    if sys.platform != "linux":
        return memoryview(mmap.mmap(-1, length))
    area = mmap.mmap(-1, length, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    with suppress(OSError):  # a kernel that was built without them
        area.madvise(mmap.MADV_HUGEPAGE)
    return memoryview(area)


def _verified(file: OpenedFile, placed: Placed) -> memoryview:
    """Read the bytes of a tensor into fresh memory and return it, if they are those of the lock."""
    length = placed.end - placed.begin
    data = _fresh(length)
    sha256, done = hashlib.sha256(), 0
    while done < length:
        with hashing.reading(file.path):
            count = os.preadv(file.descriptor, [data[done : done + BLOCK]], placed.begin + done)
        if not count:
            raise _changed(file.path, f"tensor {printable(placed.name)!r}")
        sha256.update(data[done : done + count])
        done += count
    if sha256.hexdigest() != file.table.tensors[placed.name].hex:
        raise _changed(file.path, f"tensor {printable(placed.name)!r}")
    return data
