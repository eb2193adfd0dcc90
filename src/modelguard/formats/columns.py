"""Tables and small databases: Parquet, Arrow, Feather, ORC, Avro, SQLite. Recognised by their first and last bytes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from modelguard.formats._magic import Kind, kind_of, read_kind
from modelguard.formats.format import Clue, Format, Walk
from modelguard.terms.content import Content
from modelguard.terms.facts import Fact


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
    return read_kind(content, walk, "columns", KINDS)


FORMAT = Format(
    name="columns",
    title="Table or database file",
    reads="The first and last bytes of Parquet, Arrow, Feather, ORC, Avro and SQLite.",
    looks_for="Nothing: tables are recognised so that they are not unknown.",
    clue=Clue(first=b"PA\xffFOS"),
    accepts=accepts,
    read=read,
    endings=(".parquet", ".arrow", ".feather", ".orc", ".avro", ".sqlite", ".sqlite3"),
)
