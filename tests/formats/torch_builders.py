"""Torch checkpoints assembled from pickle opcodes and archive records, without torch."""

from __future__ import annotations

import struct

from container_builders import Piece, zip_of
from pickle_builders import ECHO, Parts, call, named, program, push

MAGIC = 0x1950A86A20F9469CFC6C


def storage(key: str, count: int, kind: str = "FloatStorage", *, view: bool = False, protocol: int = 2) -> Parts:
    """The persistent id of a storage."""
    more = (None,) if view else ()
    return Parts(*push(("storage", named("torch", kind, protocol=protocol), key, "cpu", count, *more)), "BINPERSID")


def tensor(of: Parts, size: tuple[int, ...] = (3,), stride: tuple[int, ...] = (1,), offset: int = 0) -> Parts:
    hooks = call(named("collections", "OrderedDict", protocol=2))
    rebuild = named("torch._utils", "_rebuild_tensor_v2", protocol=2)
    return call(rebuild, of, offset, size, stride, False, hooks)


def echo() -> Parts:
    """The payload of all tests: a call that is never made."""
    return call(named("os", "system", protocol=2), ECHO)


def pickled(value: object) -> bytes:
    return program(*push(value), protocol=2)


WEIGHTS = pickled({"w": tensor(storage("0", 3))})
NUMBERS = struct.pack("<3f", 1.0, 2.0, 3.0)


def torch_zip(
    data: bytes = WEIGHTS, *more: Piece, storages: dict[str, bytes] | None = None, name: bytes = b"data.pkl",
    byteorder: bytes = b"little", method: int = 0,
) -> bytes:  # fmt: skip
    """An archive as `torch.save` writes it, with `more` members at its end."""
    records = {"0": NUMBERS} if storages is None else storages
    return zip_of(
        Piece(name=b"archive/" + name, data=data, method=method),
        Piece(name=b"archive/.format_version", data=b"1"),
        Piece(name=b"archive/.storage_alignment", data=b"64"),
        Piece(name=b"archive/byteorder", data=byteorder),
        *(Piece(name=b"archive/data/" + key.encode(), data=value) for key, value in records.items()),
        Piece(name=b"archive/version", data=b"3\n"),
        Piece(name=b"archive/.data/serialization_id", data=b"0" * 40),
        *more,
    )


def torch_stream(
    *steps: bytes, keys: tuple[str, ...] = ("7",), counts: dict[str, int] | None = None, after: bytes = b""
) -> bytes:
    """The legacy stream; `steps` replace its five pickles from the first on."""
    own = [
        program(("LONG1", MAGIC), protocol=2),
        program(("BININT2", 1001), protocol=2),
        pickled({"protocol_version": 1001, "little_endian": True}),
        pickled({"w": tensor(storage("7", 3, view=True))}),
        pickled(list(keys)),
    ]
    body = b"".join([*steps, *own[len(steps) :]])
    for key in keys:
        body += struct.pack("<q", (counts or {}).get(key, 3)) + NUMBERS
    return body + after
