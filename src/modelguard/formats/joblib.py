"""Reads the streams of joblib: pickles with the raw bytes of arrays between their opcodes.

Such a stream can be read in two ways: joblib skips an array's bytes, plain `pickle.load` takes them for opcodes. A
payload can hide from either reader in what only the other one sees, so both readings are told.
"""

from __future__ import annotations

from collections.abc import Iterator

from modelguard.formats._joblib_arrays import Arrays
from modelguard.formats._joblib_stream import is_joblib
from modelguard.formats.format import Format, Walk
from modelguard.picklevm.scanner import scan, scan_one
from modelguard.terms.content import Content
from modelguard.terms.errors import ReadError
from modelguard.terms.facts import Build, Call, Fact, Import, Unresolved


def read(content: Content, walk: Walk) -> Iterator[Fact]:
    """Yield the facts as joblib reads the stream, then those that only a plain unpickler would add."""
    seen: set[Fact] = set()
    fault: ReadError | None = None
    try:
        for fact in scan(content, walk.budget, interruption=Arrays()):
            seen.add(fact)
            yield fact
    except ReadError as error:
        fault = error
    for fact in scan_one(content, walk.budget).facts:
        if isinstance(fact, Import | Call | Build | Unresolved) and fact not in seen:
            yield fact
    if fault is not None:
        raise fault


JOBLIB = Format(
    name="joblib",
    title="joblib file",
    reads="The pickle and the raw arrays in it; compressed files through the format of their compression.",
    looks_for=(
        "Globals and calls as joblib sees them and as plain pickle would, pickles of object arrays, "
        "sizes of arrays, and pointers to other files."
    ),
    accepts=is_joblib,
    read=read,
    endings=(".joblib", ".pkl", ".pickle"),
)
