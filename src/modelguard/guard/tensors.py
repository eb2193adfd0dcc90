"""The digests of single tensors: what lets one tensor of a large safetensors file be verified without the others.

A table names the file that it belongs to (size and SHA-256), the length and SHA-256 of the header, and the SHA-256 of
each tensor's bytes. The lock holds the SHA-256 of the table; the table itself is an object of the store, and can be
made anew from the file at any time. Type, shape and place of each tensor are in the header, whose digest pins them.

    {"schema": "modelguard/tensors/1", "size": 4194312, "sha256": "…", "header": {"length": 120, "sha256": "…"},
     "tensors": {"embedding.weight": "…", "head.bias": "…"}}
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from attrs import frozen

from modelguard.formats.safetensors import BITS, LONGEST_HEADER
from modelguard.lock import LockedFile
from modelguard.sources import hashing
from modelguard.sources.store import Store
from modelguard.terms.artifact import Artifact, Digest, printable
from modelguard.terms.errors import ReadError, Tampered

SCHEMA = "modelguard/tensors/1"
LARGEST_TABLE = 256 << 20
"""Bytes of a table that are read at most: about two million tensors."""


@frozen(kw_only=True)
class Placed:
    """One tensor: element type and shape as the header has them, and its bytes in the file, from `begin` to `end`."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


@frozen(kw_only=True)
class Table:
    """What is known of one safetensors file: `length` bytes of header (without the eight before it), all digests."""

    size: int
    digest: Digest
    length: int
    header: Digest
    tensors: Mapping[str, Digest]

    def text(self) -> bytes:
        """Return the document: the same table always gives the same bytes."""
        document = {
            "schema": SCHEMA,
            "size": self.size,
            "sha256": self.digest.hex,
            "header": {"length": self.length, "sha256": self.header.hex},
            "tensors": {name: digest.hex for name, digest in self.tensors.items()},
        }
        return json.dumps(document, ensure_ascii=True, separators=(",", ":")).encode()


def keep_table(artifact: Artifact, store: Store) -> Digest | None:
    """Put the table of a file into the store and return its digest; None where the layout does not allow one."""
    if artifact.file is None:
        return None
    try:
        text = make_table(artifact.file, artifact.digest).text()
    except ReadError:
        return None
    digest, _ = store.keep_bytes(text, name=f"tensors of {artifact.path}")
    return digest


def table_of(file: LockedFile, place: Path, store: Store) -> Table:
    """Return the table that the lock pins for a file; without one in the store, it is made from the bytes at `place`.

    Raises `Tampered` when what was found is not what the lock pins, `ReadError` when the lock pins no table.
    """
    if file.tensors is None:
        raise ReadError(f"{printable(file.path)}: the lock has no digests of its tensors")
    kept = store.path_of(file.tensors)
    if kept is not None:
        text = _read_table_file(kept)
        if hashlib.sha256(text).hexdigest() == file.tensors.hex:
            return read_table(text)
    text = make_table(place, file.digest).text()
    store.keep_bytes(text, name=f"tensors of {file.path}", expected=file.tensors)
    return read_table(text)


def _read_table_file(kept: Path) -> bytes:
    """Return the bytes of a table in the store, empty when they cannot be had: it is then made anew."""
    try:
        with kept.open("rb") as file:
            text = file.read(LARGEST_TABLE + 1)
    except OSError:
        return b""
    return text if len(text) <= LARGEST_TABLE else b""


def read_table(text: bytes) -> Table:
    """Read a table whose digest was compared. Raises `ReadError`."""
    try:
        document = json.loads(text)
        if document["schema"] != SCHEMA:
            raise ReadError(f"tensors: this modelguard reads {SCHEMA}")
        return Table(
            size=int(document["size"]),
            digest=Digest.sha256(document["sha256"]),
            length=int(document["header"]["length"]),
            header=Digest.sha256(document["header"]["sha256"]),
            tensors={str(name): Digest.sha256(digits) for name, digits in document["tensors"].items()},
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ReadError(f"tensors: the table is damaged: {error}") from error


def make_table(place: Path, expected: Digest) -> Table:
    """Read a whole safetensors file once; return its table.

    Raises `Tampered` when the file is not `expected`, `ReadError` when its layout breaks a rule of the format,
    `SourceError` when it cannot be read or changes meanwhile.
    """
    descriptor = hashing.open_regular(place)
    try:
        with hashing.unchanging(descriptor, str(place)):
            return _make(descriptor, str(place), expected)
    finally:
        os.close(descriptor)


def _make(descriptor: int, name: str, expected: Digest) -> Table:
    size = os.fstat(descriptor).st_size
    prefix = os.pread(descriptor, 8, 0)
    length = _header_length(prefix, size)
    header = read_exactly(descriptor, 8, length)
    whole = hashlib.sha256(prefix)
    whole.update(header)
    digests: dict[str, Digest] = {}
    for placed in layout(bytes(header), size):
        part = hashlib.sha256()
        for block in _blocks(descriptor, placed.begin, placed.end):
            part.update(block)
            whole.update(block)
        digests[placed.name] = Digest("sha256", part.hexdigest())
    found = Digest("sha256", whole.hexdigest())
    if found != expected:
        raise Tampered(
            f"{printable(name)}: expected {expected}, found {found}",
            path=name, expected=str(expected), found=str(found),
        )  # fmt: skip
    header_digest = Digest("sha256", hashlib.sha256(header).hexdigest())
    return Table(size=size, digest=found, length=length, header=header_digest, tensors=digests)


def _header_length(prefix: bytes, size: int) -> int:
    length = int.from_bytes(prefix, "little")
    if len(prefix) != 8 or length > LONGEST_HEADER or length > size - 8:
        raise ReadError("safetensors: the header does not fit into the file")
    return length


def _blocks(descriptor: int, begin: int, end: int) -> Iterator[bytes]:
    while begin < end:
        with hashing.reading("safetensors"):
            block = os.pread(descriptor, min(hashing.BLOCK, end - begin), begin)
        if not block:
            raise ReadError("safetensors: the file ends too early")
        begin += len(block)
        yield block


def read_exactly(descriptor: int, offset: int, length: int) -> bytearray:
    """Return `length` bytes from `offset` in memory of our own. Raises `ReadError` when the file ends before."""
    data = bytearray()
    for block in _blocks(descriptor, offset, offset + length):
        data += block
    return data


def layout(header: bytes, size: int) -> list[Placed]:
    """Return the tensors of a header in the order of their bytes, which must fill a file of `size` bytes exactly.

    Raises `ReadError` for a name that stands twice, overlaps, gaps, and sizes that do not fit type and shape.
    Source: https://github.com/huggingface/safetensors#format
    """
    start = 8 + len(header)
    table = parse_header(header)
    table.pop("__metadata__", None)
    found = sorted((_placed(name, row, start) for name, row in table.items()), key=lambda one: (one.begin, one.end))
    reached = start
    for placed in found:
        if placed.begin != reached:
            raise ReadError(f"safetensors: {printable(placed.name)} begins at {placed.begin}, not at {reached}")
        reached = placed.end
    if reached != size:
        raise ReadError(f"safetensors: the tensors end at {reached}, the file at {size}")
    return found


def parse_header(header: bytes) -> dict[str, Any]:
    """Parse the JSON of a header. Raises `ReadError` for anything but one table, and for keys that stand twice."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len({key for key, _ in pairs}) != len(pairs):
            raise ReadError("safetensors: a key of the header stands twice")
        return dict(pairs)

    try:
        table = json.loads(header, object_pairs_hook=once)
    except (ValueError, RecursionError) as error:
        raise ReadError(f"safetensors: the header is no JSON: {error}") from error
    if not isinstance(table, dict):
        raise ReadError("safetensors: the header is not a table")
    return table


def _placed(name: str, row: Any, start: int) -> Placed:
    try:
        dtype, shape, (begin, end) = row["dtype"], tuple(row["shape"]), row["data_offsets"]
        bits = BITS[dtype]
        for extent in (*shape, begin, end):
            if type(extent) is not int or extent < 0:
                raise ReadError(f"safetensors: {printable(name)}: {extent!r} is not a size")
    except (KeyError, TypeError, ValueError) as error:
        raise ReadError(f"safetensors: {printable(name)}: the entry is damaged") from error
    for extent in shape:
        bits *= extent
    if bits != 8 * (end - begin):
        raise ReadError(
            f"safetensors: {printable(name)}: shape and type make {bits} bits, the place {8 * (end - begin)}"
        )
    return Placed(name=name, dtype=dtype, shape=shape, begin=start + begin, end=start + end)
