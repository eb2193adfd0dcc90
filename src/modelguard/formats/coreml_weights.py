"""Core ML weight files: `weight.bin` in an `.mlpackage`, numbers with a small description before each array.

Source: https://github.com/apple/coremltools/blob/main/mlmodel/src/MILBlob/Blob/StorageFormat.hpp
"""

from __future__ import annotations

from collections.abc import Iterator

from modelguard.formats.format import Clue, Format, Walk
from modelguard.terms.content import Content
from modelguard.terms.errors import ReadError
from modelguard.terms.facts import Fact, Header, Malformed, Tensor

NAME = "coreml-weights"
BLOCK = 64
VERSION = 2
SENTINEL = 0xDEADBEEF.to_bytes(4, "little")
TYPES = {1: "float16", 2: "float32", 3: "uint8", 4: "int8", 5: "bfloat16", 6: "int16", 7: "uint16"}


def _accepts(content: Content) -> bool:
    return (
        content.size >= 2 * BLOCK
        and content.read(4, 4) == VERSION.to_bytes(4, "little")
        and content.read(8, BLOCK - 8) == bytes(BLOCK - 8)
        and content.read(BLOCK, 4) == SENTINEL
    )


def _read(content: Content, walk: Walk) -> Iterator[Fact]:
    count, place = int.from_bytes(content.read(0, 4), "little"), BLOCK
    yield Header(location=content.location, format=NAME, properties={"arrays": str(count)})
    for number in range(count):
        walk.budget.spend_time()
        head = content.read(place, 24)
        if head[:4] != SENTINEL:
            raise ReadError(f"{NAME}: no description of array {number} at {place}")
        kind, length, start = (
            int.from_bytes(head[at : at + width], "little") for at, width in ((4, 4), (8, 8), (16, 8))
        )
        if start < place + BLOCK or start + length > content.size:
            detail = f"array {number} claims {length} bytes at {start} of {content.size}"
            yield Malformed(
                location=content.location.at(place), format=NAME, rule="coreml-weights-range", detail=detail
            )
            return
        name = TYPES.get(kind, f"type-{kind}")
        yield Tensor(location=content.location, name=str(number), dtype=name, shape=(), start=start, length=length)
        place = -(-(start + length) // BLOCK) * BLOCK
    if place < content.size:
        detail = f"{content.size - place} bytes after the last array"
        yield Malformed(location=content.location.at(place), format=NAME, rule="coreml-weights-trailing", detail=detail)
        yield from walk.inside(content.part(place, content.size - place, "trailing-data"))


FORMAT = Format(
    name=NAME,
    title="Core ML weights",
    reads="the description and the place of every array",
    looks_for="arrays that do not fit, bytes that belong to nothing",
    clue=Clue(begins=rb".{4}\x02\0\0\0"),
    accepts=_accepts,
    read=_read,
    whole_names=("weight.bin",),
)
