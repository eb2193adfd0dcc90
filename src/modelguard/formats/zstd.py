"""Reads Zstandard: expanded, by all formats (RFC 8878). Needs the package zstandard."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from attrs import define, field

from modelguard.formats._compression import Expansion, read_stream
from modelguard.formats.format import Clue, Format, Walk
from modelguard.terms.content import Content
from modelguard.terms.errors import ReadError
from modelguard.terms.facts import Fact

_MAGIC = b"\x28\xb5\x2f\xfd"
_WINDOW = 1 << 27
"""Bytes of memory that a frame may ask for as its window."""

_STEP = 1 << 10
"""Bytes handed over at a time: four bytes can stand for a block of 128 KiB, and the package puts out all at once."""


@define
class _Frame:
    """One frame, with the interface of the standard library's decompressors; the package gives all or nothing."""

    inner: Any = field(factory=lambda: _package().ZstdDecompressor(max_window_size=_WINDOW).decompressobj())

    @property
    def eof(self) -> bool:
        return bool(self.inner.eof)

    @property
    def unused_data(self) -> bytes:
        return self.inner.unused_data or b""

    def decompress(self, data: bytes, limit: int) -> bytes:
        del limit
        result: bytes = self.inner.decompress(data)
        return result


def _package() -> Any:
    try:
        import zstandard  # an optional package
    except ImportError:
        reason = "Zstandard is read by the package zstandard, which is not installed: pip install zstandard"
        raise ReadError(reason) from None
    return zstandard


def _faults() -> tuple[type[Exception], ...]:
    return (_package().ZstdError, ValueError, EOFError, MemoryError)


def expansion(content: Content) -> Expansion:
    """Return the stream, ready to be expanded. Raises `ReadError` when zstandard is missing."""
    return Expansion(content, make=_Frame, faults=_faults(), begins=lambda head: head.startswith(_MAGIC), step=_STEP)


def read(content: Content, walk: Walk) -> Iterator[Fact]:
    """Yield the facts of the expanded bytes. Raises `ReadError` when they are damaged or zstandard is missing."""
    yield from read_stream(expansion(content), "zstd", ".zst", walk)


ZSTD = Format(
    name="zstd",
    title="Zstandard",
    reads="All frames, expanded within limits, by all formats; with the package zstandard.",
    looks_for="Damaged frames, bytes after the last frame, windows of more than 128 MiB, and bombs.",
    clue=Clue(first=_MAGIC[:1]),
    accepts=lambda content: content.head(4) == _MAGIC,
    read=read,
    endings=(".zst",),
)
