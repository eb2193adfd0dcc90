"""Core ML models: `.mlmodel`, and the one inside an `.mlpackage` directory, in protocol buffers.

Layers and models of a class that the app must bring, linked models, and weights in files beside the model are what
leaves the file. Source: https://apple.github.io/coremltools/mlmodel/
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from modelguard.formats._carriers import carried
from modelguard.formats._protobuf import BYTES, VARINT, Message, Schema, Wire, first_bytes, has_shape
from modelguard.formats._references import reference
from modelguard.formats.format import Clue, Format, Walk
from modelguard.terms.artifact import Location, printable
from modelguard.terms.content import Budget, Content
from modelguard.terms.errors import ReadError
from modelguard.terms.facts import Asks, Fact, Header

NAME = "coreml"
KINDS = frozenset(
    {200, 201, 202, 300, 301, 302, 303, 304, 400, 401, 402, 403, 404, 500, 501, 502, 555, 556, 560, 600, 601, 602, 603,
     604, 606, 607, 609, 610, 900, 2000, 2001, 2002, 2003, 2004, 2005, 2006, 3000}
)  # fmt: skip
"""Field numbers under which the kinds of model stand."""

SHAPE = {1: VARINT, 2: BYTES, 10: VARINT, **dict.fromkeys(KINDS, BYTES)}
SCHEMA: Schema = {
    "model": {
        2: "description", 200: "classifier", 201: "classifier", 202: "pipeline", 303: "network", 403: "network",
        500: "network", 502: "program", 555: "custom_model", 556: "linked", 3000: "serialized",
    },
    "classifier": {1: "pipeline"},
    "pipeline": {1: "model"},
    "network": {1: "layer"},
    "layer": {500: "custom_layer"},
    "description": {100: "metadata"},
    "metadata": {100: "pair"},
    "linked": {1: "linked_file"},
    "linked_file": {1: "linked_name", 2: "linked_path"},
    "program": {2: "function_entry", 4: "value_entry"},
    "function_entry": {2: "function"},
    "function": {3: "block_entry", 4: "value_entry"},
    "block_entry": {2: "block"},
    "block": {3: "operation", 4: "value_entry"},
    "operation": {2: "argument_entry", 4: "block", 5: "value_entry"},
    "argument_entry": {2: "argument"},
    "argument": {1: "binding"},
    "binding": {2: "value"},
    "value_entry": {2: "value"},
    "value": {5: "blob"},
}  # fmt: skip
METADATA = {1: "description", 2: "version", 3: "author", 4: "license"}
BESIDE = "@model_path/"


def _accepts(content: Content) -> bool:
    return has_shape(content, SHAPE, frozenset({1, 2})) and _names_a_kind(content)


def _names_a_kind(content: Content) -> bool:
    """Look whether a kind of model stands there: other messages also begin with a number and a description."""
    pieces = Wire(content, Budget()).pieces(0, content.size, cut=True)
    try:
        return any(number in KINDS for number, _ in islice(pieces, 1000))
    except ReadError:
        return False


def _read(content: Content, walk: Walk) -> Iterator[Fact]:
    at, beside = content.location, set[str]()
    asked: set[tuple[str, str]] = set()
    for message in Wire(content, walk.budget).messages(SCHEMA, "model"):
        place = at.at(message.start)
        match message.kind:
            case "model" if not message.above:
                yield Header(location=at, format=NAME, properties={"specification": str(message.number(1))})
            case "metadata":
                properties = {name: printable(message.text(field)[:1000]) for field, name in METADATA.items()}
                yield Header(location=at, format=NAME, properties=properties)
            case "pair":
                yield from carried(message.text(2), at, f"metadata.{message.text(1)}", walk)
            case "blob":
                for file in message.texts(1):
                    if file not in beside:
                        beside.add(file)
                        yield from reference(
                            file.removeprefix(BESIDE), place, walk, what="the weights of the program", raw=True
                        )
            case _:
                for ask in _asks(message, place):
                    if (ask.permission, ask.name) not in asked:
                        asked.add((ask.permission, ask.name))
                        yield ask


def _asks(message: Message, at: Location) -> Iterator[Asks]:
    if message.kind in ("custom_layer", "custom_model"):
        for name in message.texts(10) or ("",):
            detail = "a class that the app must bring"
            yield Asks(location=at, permission="custom-ops", name=printable(name) or "custom", detail=detail)
    elif message.kind == "serialized":
        name = printable(message.text(1)) or "serialized"
        yield Asks(location=at, permission="custom-ops", name=name, detail="a model that another framework reads")
    elif message.kind in ("linked_name", "linked_path"):
        for name in message.texts(1):
            yield Asks(location=at, permission="other-models", name=printable(name), detail="a model that is linked")
    elif message.kind == "operation":
        for name in message.texts(1):
            if name.startswith("custom"):
                detail = "an operation that the app must bring"
                yield Asks(location=at, permission="custom-ops", name=printable(name), detail=detail)


FORMAT = Format(
    name=NAME,
    title="Core ML",
    reads="every model, layer and operation; metadata; the names of weight files",
    looks_for="classes that the app must bring, linked models, weights outside the package",
    clue=Clue(first=first_bytes(SHAPE)),
    accepts=_accepts,
    read=_read,
    endings=(".mlmodel",),
)
