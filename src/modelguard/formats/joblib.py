"""Reads the streams of joblib: pickles with the raw bytes of arrays between their opcodes.

Such a stream can be read in two ways: joblib skips an array's bytes, plain `pickle.load` takes them for opcodes. A
payload can hide from either reader in what only the other one sees, so both readings are told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from modelguard.formats import bzip2, gzip, lz4, xz, zlib
from modelguard.formats._compression import Expansion, first_bytes
from modelguard.formats._joblib_arrays import Arrays
from modelguard.formats._joblib_stream import is_joblib, is_marked
from modelguard.formats.format import Clue, Format, Walk
from modelguard.picklevm.scanner import scan, scan_one
from modelguard.terms.content import Content
from modelguard.terms.errors import ReadError
from modelguard.terms.facts import Build, Call, Fact, Import, Unresolved

# The compressions that joblib tells by the first bytes: joblib/compressor.py.
_COMPRESSIONS: tuple[tuple[Format, Callable[[Content], Expansion]], ...] = (
    (zlib.ZLIB, zlib.expansion),
    (gzip.GZIP, gzip.expansion),
    (bzip2.BZIP2, bzip2.expansion),
    (xz.XZ, xz.expansion),
    (lz4.LZ4, lz4.expansion),
)

_PROTO = b"\x80"


def accepts(content: Content) -> bool:
    """Tell whether joblib would read these bytes: a stream with arrays, or a pickle behind a compression."""
    if content.head(1) == _PROTO:  # which no compression begins with
        return is_joblib(content)
    return is_compressed(content)


def is_compressed(content: Content) -> bool:
    """Tell whether a pickle of protocol 2 or later comes out of a compression that joblib knows."""
    for form, expansion in _COMPRESSIONS:
        if form.accepts(content):
            try:
                return is_marked(first_bytes(expansion(content)))
            except ReadError:
                return False
    return False


def read(content: Content, walk: Walk) -> Iterator[Fact]:
    """Yield the facts as joblib reads the stream, then those that only a plain unpickler would add.

    A compressed stream is read through the format of its compression.
    """
    if is_joblib(content):
        yield from read_both(content, walk)


def read_both(content: Content, walk: Walk) -> Iterator[Fact]:
    """Yield the facts of a stream as joblib reads it, then those that only a plain unpickler would add."""
    seen: set[Fact] = set()
    fault: ReadError | None = None
    try:
        for fact in scan(content, walk.budget, interruption=Arrays(), inside=walk.inside):
            seen.add(fact)
            yield fact
    except ReadError as error:
        fault = error
    for fact in scan_one(content, walk.budget, inside=walk.inside).facts:
        if isinstance(fact, Import | Call | Build | Unresolved) and fact not in seen:
            yield fact
    if fault is not None:
        try:
            raise fault
        finally:
            del fault  # with it this frame would hold the error that holds this frame


JOBLIB = Format(
    name="joblib",
    title="joblib file",
    reads="The pickle and the raw arrays in it; compressed files through the format of their compression.",
    looks_for=(
        "Globals and calls as joblib sees them and as plain pickle would, pickles of object arrays, "
        "sizes of arrays, and pointers to other files."
    ),
    clue=Clue(first=_PROTO + b"".join(form.clue.first for form, _ in _COMPRESSIONS if form.clue)),
    accepts=accepts,
    read=read,
    endings=(".joblib", ".pkl", ".pickle"),
)
