"""CatBoost models: `.cbm`, a FlatBuffer with the trees, then parts for features that need more than numbers.

Source: https://github.com/catboost/catboost/blob/master/catboost/libs/model/flatbuffers/model.fbs
"""

from __future__ import annotations

from collections.abc import Iterator

from modelguard.formats._flatbuffer import Flat
from modelguard.formats.format import Clue, Format, Walk
from modelguard.terms.artifact import printable
from modelguard.terms.content import Content
from modelguard.terms.facts import Fact, Header, Malformed

NAME = "catboost"
MAGIC = b"CBM1"
CORE = {"version": 0, "info": 2, "parts": 3}


def _accepts(content: Content) -> bool:
    return content.head(4) == MAGIC


def _read(content: Content, walk: Walk) -> Iterator[Fact]:
    at = content.location
    size = int.from_bytes(content.read(4, 4), "little")
    core = Flat(content.part(8, size), walk.budget).root()
    start, count = core.span(CORE["parts"], 4)
    parts = [core.flat.text_at(start + 4 * index) for index in range(count)]
    properties = {"version": printable(core.text(CORE["version"])[:100]), "parts": printable(", ".join(parts)[:500])}
    for pair in core.tables(CORE["info"]):
        properties[printable(pair.text(0)[:100])] = printable(pair.text(1)[:1000])
    yield Header(location=at, format=NAME, properties=properties)
    rest = content.size - 8 - size
    if rest and not parts:
        detail = f"{rest} bytes after the model belong to no part"
        yield Malformed(location=at.at(8 + size), format=NAME, rule="catboost-trailing-data", detail=detail)
        yield from walk.inside(content.part(8 + size, rest, "trailing-data"))


FORMAT = Format(
    name=NAME,
    title="CatBoost",
    reads="the description of the model and the names of its parts",
    looks_for="a description that does not fit, bytes that belong to no part",
    clue=Clue(first=MAGIC[:1]),
    accepts=_accepts,
    read=_read,
    endings=(".cbm",),
)
