"""Reads LZ4 frames: expanded, by all formats. Needs the package lz4; without it the bytes are unread."""

from __future__ import annotations

from collections.abc import Iterator

from attrs import define, field

from modelguard.formats._compression import PICKLES, Expansion, read_stream
from modelguard.formats.format import Clue, Format, Walk
from modelguard.terms.content import Content
from modelguard.terms.errors import ReadError
from modelguard.terms.facts import Fact

_MAGIC = b"\x04\x22\x4d\x18"


@define
class _Frame:
    """One frame, with the interface of the standard library's decompressors."""

    inner: object = field(init=False)

    def __attrs_post_init__(self) -> None:
        try:
            from lz4 import frame  # an optional package
        except ImportError:
            raise ReadError("LZ4 is read by the package lz4, which is not installed: pip install lz4") from None
        self.inner = frame.LZ4FrameDecompressor()

    @property
    def eof(self) -> bool:
        return bool(self.inner.eof)  # type: ignore[attr-defined]

    @property
    def unused_data(self) -> bytes:
        return self.inner.unused_data or b""  # type: ignore[attr-defined]

    def decompress(self, data: bytes, limit: int) -> bytes:
        result: bytes = self.inner.decompress(data, max_length=limit)  # type: ignore[attr-defined]
        return result


def expansion(content: Content) -> Expansion:
    """Return the stream, ready to be expanded."""
    return Expansion(
        content,
        make=_Frame,
        faults=(RuntimeError, ValueError, EOFError, MemoryError),
        begins=lambda head: head.startswith(_MAGIC),
    )


def read(content: Content, walk: Walk) -> Iterator[Fact]:
    """Yield the facts of the expanded bytes. Raises `ReadError` when they are damaged or lz4 is not installed."""
    yield from read_stream(expansion(content), "lz4", ".lz4", walk)


LZ4 = Format(
    name="lz4",
    title="LZ4 frame",
    reads="All frames, expanded within limits, by all formats; with the package lz4.",
    looks_for="Damaged frames, bytes after the last frame, and bombs.",
    clue=Clue(first=_MAGIC[:1]),
    accepts=lambda content: content.head(4) == _MAGIC,
    read=read,
    endings=(".lz4", *PICKLES),
)
