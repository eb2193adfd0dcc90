"""TensorFlow meta graphs on their own: `model.ckpt.meta`, which TensorFlow 1 writes beside each checkpoint."""

from __future__ import annotations

from collections.abc import Iterator

from modelguard.formats._protobuf import BYTES, Wire, first_bytes, has_shape
from modelguard.formats.format import Clue, Format, Walk
from modelguard.formats.savedmodel import read_graphs
from modelguard.terms.content import Budget, Content
from modelguard.terms.errors import ReadError
from modelguard.terms.facts import Fact

NAME = "tensorflow-metagraph"
_SHAPE = dict.fromkeys(range(1, 8), BYTES)
_INFORMATION = dict.fromkeys(range(1, 8))  # fields of MetaInfoDef
_GRAPH = dict.fromkeys(range(1, 6))
_OPERATORS = 2  # the list of operators that the graph uses, without which TensorFlow writes no meta graph


def _accepts(content: Content) -> bool:
    if content.head(1) not in (b"\x0a", b"\x12") or not has_shape(content, _SHAPE, frozenset({1, 2})):
        return False
    return _begins_with_information(content)


def _begins_with_information(content: Content) -> bool:
    """Look whether field 1 is the information of a meta graph, and field 2 a graph of nodes."""
    wire = Wire(content, Budget())
    try:
        kinds: dict[int, set[int]] = {}
        for number, piece in wire.pieces(0, content.size, cut=True):
            if number in (1, 2) and number not in kinds:
                inner = wire.pieces(piece.start, piece.start + piece.length, cut=True)
                kinds[number] = {one for one, _ in inner}
        return (
            _OPERATORS in kinds[1] and kinds[1] <= _INFORMATION.keys() and 1 in kinds[2] and kinds[2] <= {1, 2, 3, 4, 5}
        )
    except (ReadError, KeyError):
        return False


def _read(content: Content, walk: Walk) -> Iterator[Fact]:
    yield from read_graphs(content, walk, "meta")


FORMAT = Format(
    name=NAME,
    title="TensorFlow meta graph",
    reads="every node of the graph and of its functions; signatures, assets, savers",
    looks_for="operators that reach files, the network, Python or machine code; assets outside the model",
    clue=Clue(first=first_bytes({1: BYTES, 2: BYTES})),
    accepts=_accepts,
    read=_read,
    endings=(".meta",),
)
