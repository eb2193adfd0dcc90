"""TensorRT engines: compiled programs for one GPU, which its runtime executes as they are."""

from __future__ import annotations

from collections.abc import Iterator

from modelguard.formats.format import Clue, Format, Walk
from modelguard.terms.content import Content
from modelguard.terms.facts import Asks, Fact

NAME = "tensorrt"
HEADS = (b"ftrt", b"ptrt")


def _accepts(content: Content) -> bool:
    return content.head(4) in HEADS


def _read(content: Content, _walk: Walk) -> Iterator[Fact]:
    detail = "machine code for a GPU, and the names of plug-in libraries, that the runtime executes unread"
    yield Asks(location=content.location, permission="native-code", name="tensorrt-engine", detail=detail)


FORMAT = Format(
    name=NAME,
    title="TensorRT engine",
    reads="nothing but what it is: the format is not public",
    looks_for="nothing: an engine always needs a permission",
    clue=Clue(first=b"fp"),
    accepts=_accepts,
    read=_read,
    endings=(".engine", ".trt", ".plan"),
)
