"""Makes the classes of containers that are measured: torch's archive and legacy stream, joblib with and without zlib.

The frameworks' own writers are imitated for torch, so that it need not be installed; joblib writes its own files. The
yardstick reads no less than the loader has to: the pickles with an unpickler, and the bytes of every storage.
"""

from __future__ import annotations

import io
import os
import pickle
import struct
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

from pickle_classes import Module, Pickler, Unpickler, torch_pickle

MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
SYSTEM = {"protocol_version": PROTOCOL, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}


class LegacyPickler(Pickler):
    """Names storages as before 1.6: with a sixth part, for views."""

    def persistent_id(self, value: object) -> object:
        identifier = super().persistent_id(value)
        return (*identifier, None) if isinstance(identifier, tuple) else None


def _storages(count: int) -> Iterator[bytes]:
    for number in range(count):
        yield bytes([number % 251]) * (4 * (64 * 64 if number % 2 == 0 else 64))


def _counted(count: int) -> list[str]:
    return [str(number + 1) for number in range(count)]


class Harmful:
    """Would run a program if it were unpickled; nobody here does."""

    def __reduce__(self) -> tuple[object, ...]:
        return os.system, ("echo pwned",)


def _model(key: list[int], *more: object) -> object:
    return [Module(1, key), *more] if more else Module(4, key)


def torch_zip(*more: object) -> bytes:
    """A module as `torch.save` writes it: every record stored, each beginning at a multiple of 64."""
    key = [0]
    data = torch_pickle(_model(key, *more))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:

        def add(name: str, content: bytes) -> None:
            info = zipfile.ZipInfo(f"archive/{name}")
            start = buffer.tell() + 30 + len(info.filename) + 4
            room = -start % 64
            info.extra = struct.pack("<HH", 0x4246, room) + b"Z" * room
            archive.writestr(info, content)

        add("data.pkl", data)
        add(".format_version", b"1")
        add("byteorder", b"little")
        for name, storage in zip(_counted(key[0]), _storages(key[0]), strict=True):
            add(f"data/{name}", storage)
        add("version", b"3\n")
        add(".data/serialization_id", b"1" * 40)
    return buffer.getvalue()


def torch_legacy(*more: object) -> bytes:
    """The same module as `torch.save` wrote it before 1.6: five pickles, then the storages."""
    key = [0]
    buffer = io.BytesIO()
    for value in (MAGIC, PROTOCOL, SYSTEM):
        pickle.dump(value, buffer, protocol=2)
    LegacyPickler(buffer, 2).dump(_model(key, *more))
    pickle.dump(_counted(key[0]), buffer, protocol=2)
    for storage in _storages(key[0]):
        buffer.write(struct.pack("<q", len(storage) // 4) + storage)
    return buffer.getvalue()


def _arrays(count: int) -> object:
    import numpy

    random = numpy.random.default_rng(4)
    return [
        {"name": f"layer {number}", "coef": random.random((200, 100)), "steps": [1, 2, 3]} for number in range(count)
    ]


def joblib_raw(*more: object) -> bytes:
    """Arrays as joblib writes them, between the opcodes."""
    import joblib

    buffer = io.BytesIO()
    joblib.dump([_arrays(1 if more else 150), *more], buffer)
    return buffer.getvalue()


def joblib_zlib(*more: object) -> bytes:
    """The same with `compress=3`."""
    import joblib

    buffer = io.BytesIO()
    joblib.dump([_arrays(1 if more else 50), *more], buffer, compress=3)
    return buffer.getvalue()


CONTAINERS: dict[str, Callable[..., bytes]] = {
    "torch archive.pt": torch_zip,
    "torch legacy.pth": torch_legacy,
    "joblib, raw.joblib": joblib_raw,
    "joblib, zlib.joblib": joblib_zlib,
}


def make_twins(folder: Path) -> dict[str, Path]:
    """Write a small file of each kind of class, which holds a harmful object, and return the paths by class.

    A scanner that does not find it has not read files of that kind, however quickly it comes back.
    """
    folder.mkdir(parents=True, exist_ok=True)
    twins = {"": folder / "harmful.pkl"}
    twins[""].write_bytes(pickle.dumps([1, Harmful()]))
    for name, maker in CONTAINERS.items():
        label, _, ending = name.rpartition(".")
        twins[label] = folder / f"harmful_{maker.__name__}.{ending}"
        twins[label].write_bytes(maker(Harmful()))
    return twins


def load_torch_zip(path: Path) -> None:
    """Unpickle the archive's object and read every record, without a look at their checksums."""
    with path.open("rb") as file, zipfile.ZipFile(file) as archive:
        Unpickler(io.BytesIO(archive.read("archive/data.pkl"))).load()
        for info in archive.infolist():
            file.seek(info.header_offset + 30 + len(info.filename) + len(info.extra))
            file.read(info.file_size)


def load_torch_legacy(path: Path) -> None:
    """Unpickle the five pickles and read the storages."""
    with path.open("rb") as file:
        for _ in range(4):
            Unpickler(file).load()
        for _ in pickle.load(file):
            file.read(4 * struct.unpack("<q", file.read(8))[0])


def load_joblib(path: Path) -> None:
    """Load with joblib itself."""
    import joblib

    joblib.load(path)
