"""Caffe's trained networks (`.caffemodel`): layers with their numbers, in protocol buffers.

Schema: src/caffe/proto/caffe.proto of https://github.com/BVLC/caffe
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from modelguard.formats._caffe_layers import file_named, python_layer
from modelguard.formats._protobuf import BYTES, VARINT, Schema, Wire, has_shape
from modelguard.formats.format import Clue, Format, Walk
from modelguard.terms.artifact import printable
from modelguard.terms.content import Budget, Content
from modelguard.terms.errors import ReadError
from modelguard.terms.facts import Fact, Header

NAME = "caffe"
_SHAPE = {1: BYTES, 2: BYTES, 3: BYTES, 4: VARINT, 5: VARINT, 6: BYTES, 7: VARINT, 8: BYTES, 100: BYTES}
# Fields of a layer that hold parameters with a file name -> their name in the schema, and the field of the name.
_FILE_FIELDS: dict[int, tuple[str, int]] = {
    107: ("data_param", 1), 112: ("hdf5_data_param", 1), 113: ("hdf5_output_param", 1), 115: ("image_data_param", 1),
    116: ("infogain_loss_param", 1), 129: ("window_data_param", 1), 100: ("transform_param", 4),
}  # fmt: skip
# The same in layers of before 2014.
_OLD_FILE_FIELDS: dict[int, tuple[str, int]] = {
    11: ("data_param", 1), 13: ("hdf5_data_param", 1), 14: ("hdf5_output_param", 1), 15: ("image_data_param", 1),
    16: ("infogain_loss_param", 1), 20: ("window_data_param", 1), 36: ("transform_param", 4),
}  # fmt: skip
_PYTHON = 130
SCHEMA: Schema = {
    "net": {2: "old layer", 100: "layer"},
    "layer": {_PYTHON: "python", **{number: name for number, (name, _) in _FILE_FIELDS.items()}},
    "old layer": {number: name for number, (name, _) in _OLD_FILE_FIELDS.items()},
}
_NAME_FIELDS = dict((*_FILE_FIELDS.values(), *_OLD_FILE_FIELDS.values()))
_TYPE = 2
_TYPE_NAME = re.compile(rb"[A-Z][A-Za-z0-9_]{1,60}")
_OLD_LAYER_FIELDS = frozenset(range(1, 43)) | {1001, 1002}


def _accepts(content: Content) -> bool:
    if content.head(1) not in (b"\x0a", b"\x12", b"\xa2"):
        return False
    return has_shape(content, _SHAPE, frozenset(), fields=10_000) and _has_layers(content)


def _has_layers(content: Content) -> bool:
    """Look at the first layer: a type as a name, or, in the older form, a type as a number and inputs or outputs."""
    wire = Wire(content, Budget())
    try:
        for number, piece in wire.pieces(0, content.size, cut=True):
            if number not in (2, 100):
                continue
            fields = dict(wire.pieces(piece.start, piece.start + piece.length, cut=True))
            if number == 100:
                kind = fields.get(_TYPE)
                named = kind is not None and kind.wire == BYTES and kind.length < 64
                return bool(named and kind and _TYPE_NAME.fullmatch(wire.bytes_of(kind, 64)))
            old = 4 in fields and fields[4].wire == BYTES and 5 in fields and fields[5].wire == VARINT
            return old and fields.keys() <= _OLD_LAYER_FIELDS
    except ReadError:
        return False
    return False


def _read(content: Content, walk: Walk) -> Iterator[Fact]:
    layers = 0
    for message in Wire(content, walk.budget).messages(SCHEMA, "net"):
        at = content.location.at(message.start)
        if message.kind in ("layer", "old layer"):
            layers += 1
        elif message.kind == "python":
            yield python_layer(message.text(1), message.text(2), at)
        elif message.kind in _NAME_FIELDS:
            for path in message.texts(_NAME_FIELDS[message.kind]):
                yield from file_named(message.kind, path, at, walk)
        elif message.kind == "net":
            properties = {"name": printable(message.text(1)[:200])}
            yield Header(location=content.location, format=NAME, properties=properties)
    yield Header(location=content.location, format=NAME, properties={"layers": str(layers)})


FORMAT = Format(
    name=NAME,
    title="Caffe network",
    reads="every layer of both forms of the schema",
    looks_for="layers that call Python, files that layers read or write",
    clue=Clue(first=b"\x0a\x12\xa2"),
    accepts=_accepts,
    read=_read,
    endings=(".caffemodel",),
)
