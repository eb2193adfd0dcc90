"""TensorFlow SavedModels: `saved_model.pb`, graphs with functions, signatures and declared assets.

A graph is a program of operators. Most compute; some read and write files, call Python, or talk to other processes,
and a graph may run them when it is loaded (through its initialiser) or called. Every graph and every function of its
library is gone through. Keras's own notes in the object graph are read as Keras configurations.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from modelguard.formats._json import parse_json
from modelguard.formats._keras_config import keras_facts
from modelguard.formats._protobuf import BYTES, VARINT, Message, Piece, Schema, Wire, first_bytes, has_shape
from modelguard.formats._references import reference
from modelguard.formats._tensorflow_graph import GRAPH_SCHEMA, Graphs
from modelguard.formats.format import Clue, Format, Walk
from modelguard.terms.artifact import Location, printable
from modelguard.terms.content import Budget, Content
from modelguard.terms.errors import ReadError
from modelguard.terms.facts import Fact, Header, Noted

NAME = "savedmodel"
LONGEST_NOTE = 64 << 20

SCHEMA: Schema = {
    **GRAPH_SCHEMA,
    "saved": {2: "meta"},
    "meta": {1: "info", 2: "graph", 3: "saver", 4: "collection", 5: "signature_entry", 6: "asset", 7: "objects"},
    "collection": {2: "collected"},
    "collected": {1: "node_list", 5: "any_list"},
    "any_list": {1: "any"},
    "signature_entry": {2: "signature_def"},
    "signature_def": {1: "named_tensor", 2: "named_tensor"},
    "named_tensor": {2: "tensor_info"},
    "tensor_info": {4: "sparse", 5: "composite"},
    "composite": {2: "tensor_info"},
    "asset": {1: "asset_tensor"},
    "objects": {1: "object"},
    "object": {4: "user_object"},
}
_GRAPH_SHAPE = {1: BYTES, 2: BYTES, 3: VARINT, 4: BYTES, 5: BYTES}
RUN_AT_LOADING = ("saved_model_main_op", "legacy_init_op", "__saved_model_init_op")
_PORT = re.compile(r":\d+$")


def _accepts(content: Content) -> bool:
    return has_shape(content, {1: VARINT, 2: BYTES}, frozenset({2})) and _holds_a_graph(content)


def _holds_a_graph(content: Content) -> bool:
    """Look whether the first meta graph has only fields of one, and begins with what one begins with."""
    wire = Wire(content, Budget())
    try:
        for number, piece in wire.pieces(0, content.size, cut=True):
            if number == 2:
                found = dict(wire.pieces(piece.start, piece.start + piece.length, cut=True))
                return bool(found) and set(found) <= set(range(1, 8)) and 2 in found and _is_graph(wire, found[2])
    except ReadError:
        return False
    return False


def _is_graph(wire: Wire, piece: Piece) -> bool:
    """Look whether the fields of a message are of the kinds that a graph's are; one that is cut off may be."""
    if piece.wire != BYTES:
        return False
    try:
        fields = wire.pieces(piece.start, piece.start + piece.length, cut=True)
        return all(_GRAPH_SHAPE.get(number) == field.wire for number, field in fields)
    except ReadError:
        return True


def _read(content: Content, walk: Walk) -> Iterator[Fact]:
    yield from read_graphs(content, walk, "saved")


def read_graphs(content: Content, walk: Walk, root: str) -> Iterator[Fact]:
    """Yield the facts of a message of `SCHEMA` with graphs in it: a model, or one meta graph on its own."""
    graphs = Graphs()
    at = content.location
    notes: list[Message] = []
    key = ""
    for message in Wire(content, walk.budget).messages(SCHEMA, root):
        match message.kind:
            case "info":
                yield _header(message, at)
            case "saver":
                continue
            case "collection" | "signature_entry":
                key = message.text(1)
                if key in RUN_AT_LOADING:
                    detail = f"{key}: this part of the graph runs when the model is loaded"
                    yield Noted(
                        location=at.at(message.start), format=NAME, rule="savedmodel-initialiser", detail=detail
                    )
            case "node_list" | "any" if key in RUN_AT_LOADING:
                graphs.fetched.update(_PORT.sub("", name) for name in _names(message))
            case "tensor_info":
                graphs.fetched.update(_PORT.sub("", name) for name in message.texts(1))
            case "asset":
                for path in message.texts(2):
                    yield from _asset(path, at.at(message.start), walk)
            case "asset_tensor":
                graphs.assets.update(_PORT.sub("", name) for name in message.texts(1))
            case "user_object":
                notes.append(message)
            case _:
                graphs.take(message)
    yield from graphs.facts(at)
    for message in notes:
        yield from _keras_notes(message, at, walk)


def _header(message: Message, at: Location) -> Header:
    versions = {"tensorflow": printable(message.text(5)[:100]), "tags": printable(", ".join(message.texts(4))[:200])}
    return Header(location=at, format=NAME, properties=versions)


def _names(message: Message) -> Iterator[str]:
    """Yield node names in a list of them, or behind an `Any` that holds one."""
    for number in (1, 2):
        for text in message.texts(number):
            yield text.lstrip("\n\x0b\x0c\r\x12 ")
            yield text


def _asset(path: str, at: Location, walk: Walk) -> Iterator[Fact]:
    """Check that a declared asset lies in the directory `assets` beside the model."""
    yield from reference(f"assets/{path}" if not path.startswith(("/", "\\")) else path, at, walk, what="an asset")


def _keras_notes(message: Message, at: Location, walk: Walk) -> Iterator[Fact]:
    """Read what Keras noted about an object: its configuration as JSON."""
    for text in message.data(3, limit=LONGEST_NOTE):
        if text.lstrip()[:1] == b"{":
            yield from keras_facts(parse_json(text).value, at.inside(f"object@{message.start}"), walk, revived=True)


FORMAT = Format(
    name=NAME,
    title="TensorFlow SavedModel",
    reads="every node of every graph and function; signatures, assets, savers, notes of Keras",
    looks_for="operators that reach files, the network, Python or machine code; assets outside the model",
    clue=Clue(first=first_bytes({1: VARINT, 2: BYTES})),
    accepts=_accepts,
    read=_read,
    whole_names=("saved_model.pb",),
)
