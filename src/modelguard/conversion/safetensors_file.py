"""Safetensors files read into a table, and written tensor by tensor, with nothing but the standard library.

The format: https://huggingface.co/docs/safetensors. The reader is only given files that the scanner has allowed, and
checks again what it relies on.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Callable, Iterable, Mapping
from math import prod
from pathlib import Path
from typing import IO, Any

from modelguard.conversion.weights import SHARED, Row, Table
from modelguard.formats.safetensors import BITS
from modelguard.terms.artifact import printable
from modelguard.terms.errors import ReadError

_LARGEST_HEADER = 100_000_000  # the limit of the reference implementation
_CHUNK = 1 << 20


def read_table(path: Path) -> Table:
    """Return the table of a safetensors file, hashing every tensor. Raises `ReadError` for a malformed one."""
    with path.open("rb") as file:
        size = path.stat().st_size
        header, start = _header(file, size)
        metadata = header.pop("__metadata__", {})
        rows = tuple(_row(name, about, file, start, size) for name, about in header.items())
    return Table(rows=rows, shared=_shared(metadata))


def _header(file: IO[bytes], size: int) -> tuple[dict[str, Any], int]:
    prefix = file.read(8)
    length = struct.unpack("<Q", prefix)[0] if len(prefix) == 8 else size
    if length > min(_LARGEST_HEADER, size - 8):
        raise ReadError("not a safetensors file: the length of its header does not fit")
    try:
        header = json.loads(file.read(length), object_pairs_hook=_without_twins)
    except (ValueError, RecursionError) as error:
        raise ReadError(f"not a safetensors file: {printable(str(error))}") from error
    if not isinstance(header, dict):
        raise ReadError("not a safetensors file: its header is no object")
    return header, 8 + length


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a name stands twice in the header")
    return made


def _row(name: str, about: Any, file: IO[bytes], start: int, size: int) -> Row:
    try:
        dtype, shape, (first, last) = str(about["dtype"]), tuple(int(n) for n in about["shape"]), about["data_offsets"]
        bits = BITS[dtype]
    except (KeyError, TypeError, ValueError) as error:
        raise ReadError(f"{printable(name)}: an unreadable header row: {error!r}") from error
    if not 0 <= first <= last <= size - start or min(shape, default=0) < 0 or (last - first) * 8 != prod(shape) * bits:
        raise ReadError(f"{printable(name)}: its bytes do not fit its shape, or the file")
    return Row(name, dtype, shape, _hash(file, start + first, last - first))


def _hash(file: IO[bytes], start: int, length: int) -> str:
    digest = hashlib.sha256()
    file.seek(start)
    while length:
        block = file.read(min(_CHUNK, length))
        if not block:
            raise ReadError("the file ends early")
        digest.update(block)
        length -= len(block)
    return digest.hexdigest()


def _shared(metadata: Any) -> tuple[tuple[str, ...], ...] | None:
    text = metadata.get(SHARED) if isinstance(metadata, dict) else None
    if text is None:
        return None
    try:
        return tuple(tuple(str(name) for name in group) for group in json.loads(text))
    except (ValueError, TypeError) as error:
        raise ReadError(f"the metadata {SHARED} cannot be read: {error!r}") from error


def write(
    file: IO[bytes],
    tensors: Iterable[tuple[str, str, tuple[int, ...], Callable[[], bytes | memoryview]]],
    metadata: Mapping[str, str],
) -> None:
    """Write (name, dtype, shape, its bytes) in order of name; the same tensors always give the same file."""
    ordered = sorted(tensors, key=lambda tensor: tensor[0])
    header: dict[str, Any] = {"__metadata__": dict(sorted(metadata.items()))}
    at = 0
    for name, dtype, shape, _ in ordered:
        length = prod(shape) * BITS[dtype] // 8
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [at, at + length]}
        at += length
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    file.write(struct.pack("<Q", len(text)) + text)
    for _, _, _, data in ordered:
        file.write(data())
