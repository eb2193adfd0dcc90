"""Caffe's descriptions of networks and of their training (`.prototxt`), as text.

Schema: src/caffe/proto/caffe.proto of https://github.com/BVLC/caffe
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from modelguard.formats._caffe_layers import FILES, file_named, python_layer
from modelguard.formats._references import reference
from modelguard.formats._text import is_text
from modelguard.formats._text_proto import text_fields
from modelguard.formats.format import Clue, Format, Walk
from modelguard.terms.artifact import Location
from modelguard.terms.content import Content
from modelguard.terms.errors import ReadError
from modelguard.terms.facts import Asks, Fact, Header

NAME = "caffe-text"
LARGEST = 16 << 20
_LAYER = re.compile(rb"^[ \t]*layers?[ \t]*:?[ \t]*\{", re.MULTILINE)
_OF_LAYERS = re.compile(rb"\b(?:type|bottom|top)\s*:")
# Fields of a description of training that name files.
_SOLVER_FILES = frozenset({"net", "train_net", "test_net", "train_state", "weights"})


def _accepts(content: Content) -> bool:
    if not content.once(is_text):
        return False
    head = content.head(content.ahead(0, 1 << 16))
    if content.name.lower().endswith(".prototxt"):
        return b":" in head or b"{" in head
    return _LAYER.search(head) is not None and _OF_LAYERS.search(head) is not None and b"meta_graphs" not in head


def _read(content: Content, walk: Walk) -> Iterator[Fact]:
    at = content.location
    try:
        text = content.all(LARGEST).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ReadError(f"{NAME}: not UTF-8 at byte {error.start}") from None
    layers, module = 0, ""
    for path, value in text_fields(text, walk.budget):
        if value == "{" and path[-1] in ("layer", "layers"):
            layers += 1
        elif path[-2:-1] == ("python_param",) and path[-1] == "module":
            module = value
        elif path[-2:-1] == ("python_param",) and path[-1] == "layer":
            yield python_layer(module, value, at)
            module = ""
        elif len(path) > 1 and path[-2] in FILES and path[-1] == FILES[path[-2]][0]:
            yield from file_named(path[-2], value, at, walk)
        elif len(path) == 1:
            yield from _solver(path[0], value, at, walk)
    yield Header(location=at, format=NAME, properties={"layers": str(layers)})


def _solver(name: str, value: str, at: Location, walk: Walk) -> Iterator[Fact]:
    if name in _SOLVER_FILES:
        yield from reference(value, at, walk, what=f"{name} of the training")
    elif name == "snapshot_prefix":
        detail = "training writes its snapshots under this path"
        yield Asks(location=at, permission="external-files", name=value, detail=detail)


FORMAT = Format(
    name=NAME,
    title="Caffe network as text",
    reads="every field of a description of a network or of its training",
    looks_for="layers that call Python, files that layers read or write",
    clue=Clue(endings=(".prototxt",), when=is_text),
    accepts=_accepts,
    read=_read,
    endings=(".prototxt",),
)
