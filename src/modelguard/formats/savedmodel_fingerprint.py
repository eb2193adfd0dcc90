"""The hashes beside a SavedModel: `fingerprint.pb`, five numbers and a version."""

from __future__ import annotations

from collections.abc import Iterator

from modelguard.formats._protobuf import BYTES, VARINT, Wire, first_bytes, has_shape
from modelguard.formats.format import Clue, Format, Walk
from modelguard.terms.content import Content
from modelguard.terms.facts import Fact, Header

NAME = "savedmodel-fingerprint"
SHAPE = {1: VARINT, 2: VARINT, 3: VARINT, 4: VARINT, 5: VARINT, 6: BYTES, 7: BYTES}
NAMES = {1: "checksum", 2: "graph-hash", 3: "signature-hash", 4: "objects-hash", 5: "checkpoint-hash"}
LARGEST = 1024


def _accepts(content: Content) -> bool:
    return content.size <= LARGEST and has_shape(content, SHAPE, frozenset({1, 2, 3}))


def _read(content: Content, walk: Walk) -> Iterator[Fact]:
    for message in Wire(content, walk.budget).messages({}, "fingerprint"):
        properties = {name: f"{message.number(number):016x}" for number, name in NAMES.items()}
        yield Header(location=content.location, format=NAME, properties=properties)


FORMAT = Format(
    name=NAME,
    title="SavedModel fingerprint",
    reads="all of it",
    looks_for="nothing: it holds numbers only",
    clue=Clue(first=first_bytes(SHAPE)),
    accepts=_accepts,
    read=_read,
    whole_names=("fingerprint.pb",),
)
