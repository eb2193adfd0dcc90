"""Reads gzip: every member of the stream, expanded, by all formats (RFC 1952)."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from modelguard.formats._compression import PICKLES, R_FILES, Expansion, read_stream
from modelguard.formats.format import Clue, Format, Walk
from modelguard.terms.content import Content
from modelguard.terms.facts import Fact

_MAGIC = b"\x1f\x8b\x08"


def expansion(content: Content) -> Expansion:
    """Return the stream, ready to be expanded."""
    return Expansion(
        content,
        make=lambda: zlib.decompressobj(16 + zlib.MAX_WBITS),
        faults=(zlib.error,),
        begins=lambda head: head.startswith(_MAGIC),
    )


def read(content: Content, walk: Walk) -> Iterator[Fact]:
    """Yield the facts of the expanded bytes. Raises `ReadError` when the stream is damaged."""
    yield from read_stream(expansion(content), "gzip", ".gz", walk)


GZIP = Format(
    name="gzip",
    title="gzip",
    reads="All members, expanded within limits, by all formats.",
    looks_for="Damaged members, bytes after the last member, and bombs.",
    clue=Clue(first=_MAGIC[:1]),
    accepts=lambda content: content.head(3) == _MAGIC,
    read=read,
    endings=(".gz", ".tgz", ".nemo", *PICKLES, *R_FILES),
)
