"""Tables and small databases: Parquet, Arrow, Feather, ORC, Avro, SQLite. Recognised by their first and last bytes.

An Arrow schema may name a Python type by its pickle, which pyarrow before 14.0.1 loads with the table
(CVE-2023-47248). The schema lies at the beginning and at the end of a file, in Parquet as base64.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator

from modelguard.formats._magic import Kind, kind_of, read_kind
from modelguard.formats.format import Clue, Format, Walk
from modelguard.terms.content import Content
from modelguard.terms.errors import ReadError
from modelguard.terms.facts import Asks, Fact

_PICKLED_TYPE = b"arrow.py_extension_type"
_SEARCHED = 1 << 20
"""Bytes at the beginning and the end that are searched in any case."""

_LARGEST_SCHEMA = 64 << 20
_CONTINUED = b"\xff\xff\xff\xff"


def _ends_with(mark: bytes) -> Callable[[Content], bool]:
    return lambda content: content.size > 2 * len(mark) and content.tail(len(mark)) == mark


KINDS = (
    Kind(name="Parquet", begins=re.compile(rb"PAR1"), fits=_ends_with(b"PAR1")),
    Kind(name="encrypted Parquet", begins=re.compile(rb"PARE"), fits=_ends_with(b"PARE")),
    Kind(name="Arrow file", begins=re.compile(rb"ARROW1\x00\x00"), fits=_ends_with(b"ARROW1")),
    Kind(name="Arrow stream", begins=re.compile(rb"\xff\xff\xff\xff.{2}\x00\x00\x10\x00\x00\x00", re.S)),
    Kind(name="Feather", begins=re.compile(rb"FEA1"), fits=_ends_with(b"FEA1")),
    Kind(name="ORC", begins=re.compile(rb"ORC"), fits=lambda content: content.tail(4)[:3] == b"ORC"),
    Kind(name="Avro", begins=re.compile(rb"Obj\x01")),
    Kind(name="SQLite", begins=re.compile(rb"SQLite format 3\x00")),
)


def accepts(content: Content) -> bool:
    return kind_of(content, KINDS) is not None


def read(content: Content, walk: Walk) -> Iterable[Fact]:
    yield from read_kind(content, walk, "columns", KINDS)
    if any(_FOUND.search(content.read(start, length)) for start, length in _schemas(content)):
        detail = "a column of a Python type, which pyarrow before 14.0.1 unpickles with the table (CVE-2023-47248)"
        name = _PICKLED_TYPE.decode()
        yield Asks(location=content.location, permission="remote-code", name=name, detail=detail, hazard="unpickling")


def _anyhow_written(name: bytes) -> re.Pattern[bytes]:
    """Return what finds a name as it is and in base64, in which it has three forms and its ends are lost."""
    forms = [name]
    for shift in range(3):
        encoded = b64encode(b"\0" * shift + name).rstrip(b"=")
        forms.append(encoded[2 * bool(shift) + (shift == 2) : len(encoded) - 1])
    return re.compile(b"|".join(map(re.escape, forms)))


_FOUND = _anyhow_written(_PICKLED_TYPE)


def _schemas(content: Content) -> Iterator[tuple[int, int]]:
    """Yield offset and length of what may hold a schema.

    Raises `ReadError` when a file states one that is too long to be searched.
    """
    size = content.size
    yield 0, min(size, _SEARCHED)
    yield max(0, size - _SEARCHED), min(size, _SEARCHED)
    for start, length in _stated(content):
        if start >= 0 and 0 < length <= size - start:
            if length > _LARGEST_SCHEMA:
                raise ReadError(f"a schema of {length} bytes, which is more than is searched")
            yield start, length


def _stated(content: Content) -> Iterator[tuple[int, int]]:
    head, tail = content.head(16), content.tail(10)
    if head[:4] == b"PAR1":
        length = int.from_bytes(tail[2:6], "little")
        yield content.size - 8 - length, length
    elif head[:6] == b"ARROW1":
        length = int.from_bytes(tail[:4], "little")
        yield content.size - 10 - length, length
        at = 12 if head[8:12] == _CONTINUED else 8
        yield at + 4, int.from_bytes(head[at : at + 4], "little")
    elif head[:4] == _CONTINUED:
        yield 8, int.from_bytes(head[4:8], "little")


FORMAT = Format(
    name="columns",
    title="Table or database file",
    reads="The first and last bytes of Parquet, Arrow, Feather, ORC, Avro and SQLite, and Arrow schemas in them.",
    looks_for="Columns of a Python type that pyarrow would unpickle (CVE-2023-47248).",
    clue=Clue(first=b"PA\xffFOS"),
    accepts=accepts,
    read=read,
    endings=(".parquet", ".arrow", ".feather", ".orc", ".avro", ".sqlite", ".sqlite3"),
)
