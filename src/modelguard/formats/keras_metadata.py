"""Keras's notes beside a SavedModel: `keras_metadata.pb`, one JSON configuration per object."""

from __future__ import annotations

from collections.abc import Iterator

from modelguard.formats._json import parse_json
from modelguard.formats._keras_config import keras_facts
from modelguard.formats._protobuf import BYTES, VARINT, Schema, Wire, first_bytes, has_shape
from modelguard.formats.format import Clue, Format, Walk
from modelguard.terms.artifact import printable
from modelguard.terms.content import Budget, Content
from modelguard.terms.errors import ReadError
from modelguard.terms.facts import Fact, Header, Malformed

NAME = "keras-metadata"
SCHEMA: Schema = {"notes": {1: "object"}}
NODE_SHAPE = {1: BYTES, 2: VARINT, 3: BYTES, 4: BYTES, 5: BYTES}
LONGEST_NOTE = 64 << 20


def _accepts(content: Content) -> bool:
    if not has_shape(content, {1: BYTES}, frozenset({1})):
        return False
    wire = Wire(content, Budget())
    try:
        _, first = next(wire.pieces(0, content.size, cut=True))
        found = dict(wire.pieces(first.start, first.start + first.length, cut=True))
    except ReadError:
        return False
    return {4, 5} <= set(found) and all(NODE_SHAPE.get(number) == piece.wire for number, piece in found.items())


def _read(content: Content, walk: Walk) -> Iterator[Fact]:
    at, count = content.location, 0
    for message in Wire(content, walk.budget).messages(SCHEMA, "notes"):
        if message.kind != "object":
            continue
        count += 1
        for text in message.data(5, limit=LONGEST_NOTE):
            place = at.inside(printable(message.text(3)[:200]) or f"object {count}")
            parsed = parse_json(text or b"{}")
            for key in parsed.twice:
                detail = f"{printable(key[:200])!r} stands twice in one table"
                yield Malformed(location=place, format=NAME, rule="keras-duplicate-key", detail=detail)
            yield from keras_facts([parsed.value, *parsed.lost], place, walk, revived=True)
    yield Header(location=at, format=NAME, properties={"objects": str(count)})


FORMAT = Format(
    name=NAME,
    title="Keras metadata of a SavedModel",
    reads="the configuration of every object",
    looks_for="what Keras configurations are looked through for",
    clue=Clue(first=first_bytes({1: BYTES})),
    accepts=_accepts,
    read=_read,
    whole_names=("keras_metadata.pb",),
)
