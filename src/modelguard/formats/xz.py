"""Reads xz, and the older `.lzma` that has no mark of its own: expanded, by all formats."""

from __future__ import annotations

import lzma
import struct
from collections.abc import Iterator

from modelguard.formats._compression import PICKLES, R_FILES, Expansion, expands, read_stream
from modelguard.formats.format import Clue, Format, Walk
from modelguard.terms.content import Content
from modelguard.terms.facts import Fact

_MAGIC = b"\xfd7zXZ\x00"
_MEMORY = 1 << 28
"""Bytes of memory that a stream may ask for as its dictionary."""


def is_lzma_alone(content: Content) -> bool:
    """Tell whether the bytes are LZMA with the 13-byte header: properties, dictionary size, size or -1."""
    if content.size < 14:
        return False
    properties, dictionary, size = struct.unpack("<BLQ", content.head(13))
    if (
        properties != 0x5D
        or dictionary < 4096
        or dictionary & (dictionary - 1)
        or not (size < 1 << 40 or ~size == -(1 << 64))
    ):
        return False
    return expands(expansion(content))


def expansion(content: Content) -> Expansion:
    """Return the stream, ready to be expanded."""
    form = lzma.FORMAT_XZ if content.head(6) == _MAGIC else lzma.FORMAT_ALONE
    return Expansion(
        content,
        make=lambda: lzma.LZMADecompressor(format=form, memlimit=_MEMORY),
        faults=(lzma.LZMAError, EOFError, ValueError),
        begins=lambda head: form == lzma.FORMAT_XZ and head.startswith(_MAGIC),
    )


def read(content: Content, walk: Walk) -> Iterator[Fact]:
    """Yield the facts of the expanded bytes. Raises `ReadError` when the stream is damaged or asks for too much."""
    ending = ".lzma" if content.name.lower().endswith(".lzma") else ".xz"
    yield from read_stream(expansion(content), "xz", ending, walk)


XZ = Format(
    name="xz",
    title="xz and LZMA",
    reads="All streams, expanded within limits, by all formats.",
    looks_for="Damaged streams, bytes after the last stream, dictionaries of more than 256 MiB, and bombs.",
    clue=Clue(first=b"\xfd\x5d"),
    accepts=lambda content: content.head(6) == _MAGIC or is_lzma_alone(content),
    read=read,
    endings=(".xz", ".lzma", ".txz", *PICKLES, *R_FILES),
)
