"""TensorFlow graphs on their own: frozen graphs (`frozen_inference_graph.pb`) and exported GraphDefs."""

from __future__ import annotations

import re
from collections.abc import Iterator

from modelguard.formats._protobuf import BYTES, VARINT, Wire, first_bytes, has_shape
from modelguard.formats._tensorflow_graph import GRAPH_SCHEMA, Graphs
from modelguard.formats.format import Clue, Format, Walk
from modelguard.terms.content import Budget, Content
from modelguard.terms.errors import ReadError
from modelguard.terms.facts import Fact, Header

NAME = "tensorflow-graph"
_OPERATOR = re.compile(rb"[A-Za-z_][A-Za-z0-9_>./]*")


_SHAPE = {1: BYTES, 2: BYTES, 3: VARINT, 4: BYTES, 5: BYTES}


def _accepts(content: Content) -> bool:
    return has_shape(content, _SHAPE, frozenset({1})) and _begins_with_a_node(content)


def _begins_with_a_node(content: Content) -> bool:
    """Look whether the first message has an operator, as nodes have and other messages of this shape have not."""
    wire = Wire(content, Budget())
    try:
        for number, piece in wire.pieces(0, content.size, cut=True):
            if number != 1:
                continue
            fields = dict(wire.pieces(piece.start, piece.start + piece.length, cut=True))
            known = set(fields) <= set(range(1, 8)) and 2 in fields and fields[2].wire == BYTES
            return known and _OPERATOR.fullmatch(wire.bytes_of(fields[2], 1 << 16)) is not None
    except ReadError:
        return False
    return False


def _read(content: Content, walk: Walk) -> Iterator[Fact]:
    graphs = Graphs()
    for message in Wire(content, walk.budget).messages(GRAPH_SCHEMA, "graph"):
        graphs.take(message)
    # Nothing says what of a bare graph is run, so that every node counts as fetched.
    graphs.fetched.update(node.name for nodes in graphs.nodes.values() for node in nodes)
    count = sum(len(nodes) for nodes in graphs.nodes.values())
    yield Header(location=content.location, format=NAME, properties={"nodes": str(count)})
    yield from graphs.facts(content.location)


FORMAT = Format(
    name=NAME,
    title="TensorFlow graph",
    reads="every node of the graph and of its functions",
    looks_for="operators that reach files, the network, Python or machine code",
    clue=Clue(first=first_bytes(_SHAPE)),
    accepts=_accepts,
    read=_read,
)
