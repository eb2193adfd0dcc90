"""The table of a weight file: each tensor's name, type, shape and digest, and which of them share their storage.

Two files hold the same tensors when their tables are equal. The digest is over the elements in C order, little-endian,
as safetensors stores them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator

from attrs import frozen

from modelguard.terms.artifact import printable

SHARED = "modelguard.shared"
"""The metadata key of a safetensors file under which converted files keep which tensors shared a storage."""


@frozen
class Row:
    """One tensor: `dtype` as safetensors writes it (`F32`), `sha256` over its elements."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    sha256: str


@frozen(kw_only=True)
class Table:
    """All tensors by name. `shared` are the groups of names over one storage, None where the file does not tell."""

    rows: tuple[Row, ...]
    shared: tuple[tuple[str, ...], ...] | None = None

    @property
    def digest(self) -> str:
        """The SHA-256 over all rows in order of name: the same for the same tensors, whatever the file format."""
        text = json.dumps([[r.name, r.dtype, r.shape, r.sha256] for r in sorted(self.rows, key=lambda r: r.name)])
        return hashlib.sha256(text.encode()).hexdigest()


@frozen(kw_only=True)
class Difference:
    """One way in which two files differ: `what` is missing, extra, dtype, shape, bytes or shared."""

    tensor: str
    what: str
    detail: str

    def __str__(self) -> str:
        return f"{printable(self.tensor)}: {self.detail}"


def differences(a: Table, b: Table) -> Iterator[Difference]:
    """Yield every difference between two tables, by name."""
    left, right = {row.name: row for row in a.rows}, {row.name: row for row in b.rows}
    for name in sorted(left.keys() | right.keys()):
        if name not in right:
            yield Difference(tensor=name, what="missing", detail="only in the first file")
        elif name not in left:
            yield Difference(tensor=name, what="extra", detail="only in the second file")
        else:
            yield from _in_rows(left[name], right[name])
    if a.shared is not None and b.shared is not None:
        yield from _in_sharing(a.shared, b.shared)


def _in_rows(a: Row, b: Row) -> Iterator[Difference]:
    if a.dtype != b.dtype:
        yield Difference(tensor=a.name, what="dtype", detail=f"{a.dtype} in the first, {b.dtype} in the second")
    if a.shape != b.shape:
        yield Difference(tensor=a.name, what="shape", detail=f"{a.shape} in the first, {b.shape} in the second")
    elif a.dtype == b.dtype and a.sha256 != b.sha256:
        yield Difference(tensor=a.name, what="bytes", detail="the elements differ")


def _in_sharing(a: Iterable[tuple[str, ...]], b: Iterable[tuple[str, ...]]) -> Iterator[Difference]:
    first, second = {tuple(sorted(group)) for group in a}, {tuple(sorted(group)) for group in b}
    for group in sorted(first ^ second):
        where = "first" if group in first else "second"
        detail = f"shares its storage with {', '.join(group[1:])} in the {where} file only"
        yield Difference(tensor=group[0], what="shared", detail=printable(detail))
