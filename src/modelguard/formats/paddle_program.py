"""PaddlePaddle programs up to version 2 (`.pdmodel`, `__model__`): blocks of operators in protocol buffers.

The parameters lie beside them and are read by their own format. Operators can call functions of the process, read and
write files and run other engines; others come from plug-ins.
Schema: https://github.com/PaddlePaddle/Paddle/blob/develop/paddle/phi/core/framework/framework.proto
"""

from __future__ import annotations

from collections.abc import Iterator

from modelguard.formats._paddle_operators import REACHING, is_own
from modelguard.formats._protobuf import BYTES, VARINT, Message, Schema, Wire, has_shape
from modelguard.formats.format import Clue, Format, Walk
from modelguard.terms.artifact import Location, printable
from modelguard.terms.content import Budget, Content
from modelguard.terms.errors import ReadError
from modelguard.terms.facts import Asks, Fact, Header, Malformed
from modelguard.terms.words import counted

NAME = "paddle-program"
# Program, block, operator and attribute: the fields that hold messages.
SCHEMA: Schema = {"program": {1: "block", 4: "version"}, "block": {4: "operator"}, "operator": {4: "attribute"}}
_PROGRAM_SHAPE = {1: BYTES, 2: BYTES, 3: BYTES, 4: BYTES, 5: BYTES}
_BLOCK_SHAPE = {1: VARINT, 2: VARINT, 3: BYTES, 4: BYTES, 5: VARINT}
_TYPE = 3
_ATTRIBUTE_NAME, _ATTRIBUTE_TEXT = 1, 5
_PATHS = frozenset({"file_path", "filename", "model_path", "engine_serialized_data", "file_names"})
_SHOWN = 200


def _accepts(content: Content) -> bool:
    return content.head(1) == b"\x0a" and has_shape(content, _PROGRAM_SHAPE, frozenset({1})) and _is_block(content)


def _is_block(content: Content) -> bool:
    """Look whether the first block has an index, a parent, and nothing that a block has not."""
    wire = Wire(content, Budget())
    seen: dict[int, int] = {}
    try:
        for _, piece in wire.pieces(0, content.size, cut=True):
            for count, (number, field) in enumerate(wire.pieces(piece.start, piece.start + piece.length, cut=True)):
                if _BLOCK_SHAPE.get(number) != field.wire:
                    return False
                seen.setdefault(number, field.value)
                if count > 64:
                    break
            break
    except ReadError:
        pass
    return seen.get(1) == 0 and 2 in seen and (3 in seen or 4 in seen)


def _read(content: Content, walk: Walk) -> Iterator[Fact]:
    counts: dict[str, tuple[int, int]] = {}
    paths: dict[str, set[str]] = {}
    operator, blocks = "", 0
    for message in Wire(content, walk.budget).messages(SCHEMA, "program"):
        if message.kind == "block":
            blocks += 1
        elif message.kind == "operator":
            operator = message.text(_TYPE)
            count, first = counts.get(operator, (0, message.start))
            counts[operator] = (count + 1, first)
            if message.count(_TYPE) != 1:
                yield _malformed(content.location.at(message.start), f"{message.count(_TYPE)} types")
        elif message.kind == "attribute" and operator in REACHING:
            paths.setdefault(operator, set()).update(_named(message))
    properties = {"blocks": str(blocks), "operators": str(sum(count for count, _ in counts.values()))}
    yield Header(location=content.location, format=NAME, properties=properties)
    for name, (count, first) in sorted(counts.items()):
        yield from asked_by(name, count, sorted(paths.get(name, ())), content.location.at(first))


def _named(attribute: Message) -> Iterator[str]:
    if attribute.text(_ATTRIBUTE_NAME) in _PATHS:
        yield from (printable(text[:_SHOWN]) for text in attribute.texts(_ATTRIBUTE_TEXT))


def asked_by(name: str, count: int, paths: list[str], at: Location) -> Iterator[Fact]:
    """Yield what one operator of a program asks for."""
    times = counted(count, "operator")
    reach = REACHING.get(name)
    if reach is not None:
        detail = f"{reach.why} ({times})" + (f": {', '.join(paths[:8])}" if paths else "")
        yield Asks(
            location=at, permission=reach.permission, name=name, detail=detail, hazard=reach.hazard,
        )  # fmt: skip
    elif not is_own(name):
        detail = f"no operator of PaddlePaddle 3.3: a plug-in has to bring it ({times})"
        yield Asks(location=at, permission="custom-ops", name=printable(name[:_SHOWN]), detail=detail)


def _malformed(at: Location, what: str) -> Malformed:
    return Malformed(location=at, format=NAME, rule="paddle-operator", detail=f"an operator with {what}")


FORMAT = Format(
    name=NAME,
    title="PaddlePaddle program",
    reads="every operator of every block",
    looks_for="operators that call Python, read or write files, use the network, run engines or need a plug-in",
    clue=Clue(first=b"\x0a"),
    accepts=_accepts,
    read=_read,
    endings=(".pdmodel",),
)
