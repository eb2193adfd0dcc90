"""SentencePiece models: `tokenizer.model`, `spiece.model`, `sentencepiece.bpe.model`, as protocol buffers.

Field numbers are those of sentencepiece_model.proto (https://github.com/google/sentencepiece).
"""

from __future__ import annotations

from collections.abc import Iterable

from modelguard.formats._protobuf import BYTES, FIXED32, VARINT, Wire, has_shape
from modelguard.formats.format import Clue, Format, Walk
from modelguard.terms.content import Budget, Content
from modelguard.terms.errors import ReadError
from modelguard.terms.facts import Fact, Header, Malformed

_SHAPE = {1: BYTES, 2: BYTES, 3: BYTES, 4: BYTES, 5: BYTES}
_PIECE, _TRAINER = 1, 2
_TEXT, _SCORE, _KIND = 1, 2, 3
_PIECE_SHAPE = {_TEXT: BYTES, _SCORE: FIXED32, _KIND: VARINT}
LONGEST = 4096
"""Bytes of one piece of vocabulary; pieces of real models stay below 100."""


def accepts(content: Content) -> bool:
    """Tell by the first field, a piece with a text and a score, and by the numbers of the fields that follow."""
    if content.head(1) != b"\x0a" or not has_shape(content, _SHAPE, frozenset({_PIECE}), fields=1000):
        return False
    try:
        wire = Wire(content, Budget())
        _, first = next(wire.pieces(0, content.size))
        inner = {number: piece.wire for number, piece in wire.pieces(first.start, first.start + first.length)}
    except (ReadError, StopIteration):
        return False
    return _TEXT in inner and inner.items() <= _PIECE_SHAPE.items()


def read(content: Content, walk: Walk) -> Iterable[Fact]:
    """Follow the fields to the end and count the pieces of vocabulary."""
    wire = Wire(content, walk.budget)
    pieces, longest, unknown = 0, 0, set()
    for number, piece in wire.pieces(0, content.size):
        if number == _PIECE:
            pieces += 1
            longest = max(longest, piece.length)
            if pieces % 4096 == 0:
                walk.budget.spend_time()
        elif number not in _SHAPE and number < 200:  # the schema leaves fields from 200 on to extensions
            unknown.add(number)
    properties = {"pieces": str(pieces)}
    yield Header(location=content.location, format="sentencepiece", properties=properties)
    faults = []
    if longest > LONGEST:
        faults.append(("sentencepiece-long-piece", f"a piece of vocabulary has {longest} bytes"))
    if unknown:
        faults.append(("sentencepiece-unknown-field", f"has fields that no schema knows: {sorted(unknown)[:8]}"))
    for rule, detail in faults:
        yield Malformed(location=content.location, format="sentencepiece", rule=rule, detail=detail)


FORMAT = Format(
    name="sentencepiece",
    title="SentencePiece model",
    reads="The fields of the protocol buffer to its end, and the number of pieces.",
    looks_for="Fields that the schema does not have, and pieces too long to be vocabulary.",
    clue=Clue(first=b"\x0a"),
    accepts=accepts,
    read=read,
    whole_names=("spiece.model", "sentencepiece.bpe.model"),
)
