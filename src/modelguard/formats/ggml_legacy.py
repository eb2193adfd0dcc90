"""The forms of llama.cpp's models before GGUF: `ggml`, `ggmf`, `ggjt` and the adapters `ggla`.

Their numbers carry no names, so that a reader has to know the kind of model; that of LLaMA is followed here. What is
laid out otherwise (Whisper, GPT-2 and others wrote the same magic) stays unread, which refuses it.
Layout: llama.cpp before August 2023 (https://github.com/ggml-org/llama.cpp, llama_file_loader).
"""

from __future__ import annotations

from collections.abc import Iterator

from modelguard.formats._cursor import Cursor
from modelguard.formats.format import Clue, Format, Walk
from modelguard.formats.gguf import TYPES
from modelguard.terms.artifact import printable
from modelguard.terms.content import Content
from modelguard.terms.errors import ReadError
from modelguard.terms.facts import Fact, Header, Malformed, Tensor

NAME = "ggml-legacy"
LARGEST = (1 << 63) - 1
_MAGICS: dict[bytes, tuple[str, frozenset[int]]] = {
    b"lmgg": ("ggml", frozenset()),  # no version at all
    b"fmgg": ("ggmf", frozenset({1})),
    b"tjgg": ("ggjt", frozenset({1, 2, 3})),
    b"algg": ("ggla", frozenset({1})),
}
_PARAMETERS = ("vocabulary", "embedding", "multiplier", "heads", "layers", "rotation", "file-type")
_LONGEST_TOKEN, _LONGEST_NAME = 1 << 16, 1 << 10
_MOST_DIMENSIONS = 4
_ALIGNMENT = 32
# Before version 3 of `ggjt` the scales of these blocks were numbers of four bytes.
_OLD_BLOCKS = {2: 20, 3: 24, 8: 36}


def _accepts(content: Content) -> bool:
    return content.head(4) in _MAGICS


def _read(content: Content, walk: Walk) -> Iterator[Fact]:
    if not _accepts(content):
        raise ReadError(f"{NAME}: begins like none of the forms")
    cursor = Cursor(content, at=4)
    kind, versions = _MAGICS[content.head(4)]
    version = cursor.unsigned(4) if versions else 0
    if versions and version not in versions:
        raise ReadError(f"{kind}: version {version}")
    properties = {"form": kind, "version": str(version)}
    if kind == "ggla":
        properties["rank"], properties["alpha"] = str(cursor.unsigned(4)), str(cursor.unsigned(4))
    else:
        values = [cursor.unsigned(4) for _ in _PARAMETERS]
        properties.update(zip(_PARAMETERS, map(str, values), strict=True))
        _tokens(cursor, values[0], scored=kind != "ggml", walk=walk)
    yield Header(location=content.location, format=NAME, properties=properties)
    number = 0
    while cursor.left:
        walk.budget.spend_time()
        yield from _tensor(cursor, number, kind, version, content)
        number += 1


def _tokens(cursor: Cursor, count: int, *, scored: bool, walk: Walk) -> None:
    if count > cursor.left // 4:
        raise ReadError(f"{NAME}: {count} tokens in {cursor.left} bytes")
    for number in range(count):
        if number % 4096 == 0:
            walk.budget.spend_time()
        length = cursor.unsigned(4)
        if length > _LONGEST_TOKEN:
            raise ReadError(f"{NAME}: token {number} has {length} bytes")
        cursor.skip(length + (4 if scored else 0))


def _tensor(cursor: Cursor, number: int, kind: str, version: int, content: Content) -> Iterator[Fact]:
    start = cursor.at
    dimensions, length, type_ = (cursor.unsigned(4) for _ in range(3))
    if not 1 <= dimensions <= _MOST_DIMENSIONS or length > _LONGEST_NAME or type_ not in TYPES:
        detail = f"{dimensions} dimensions, a name of {length} bytes, element type {type_}"
        raise ReadError(f"{NAME}: no tensor of LLaMA at {start}: {detail}")
    shape = tuple(cursor.unsigned(4) for _ in range(dimensions))
    name = cursor.take(length).decode("utf-8", "backslashreplace")
    dtype, elements, size = TYPES[type_]
    if kind != "ggjt" or version < 3:
        size = _OLD_BLOCKS.get(type_, size)
    count = 1
    for extent in shape:
        count *= extent
    if count * size > LARGEST or not name or name != printable(name):
        detail = f"tensor {number} ({printable(name[:100])!r}): its shape {shape} overflows, or its name does not print"
        yield Malformed(location=content.location.at(start), format=NAME, rule="ggml-tensor", detail=detail)
        raise ReadError(f"{NAME}: where tensor {number} ends cannot be told")
    if kind in ("ggjt", "ggla"):
        cursor.skip(-cursor.at % _ALIGNMENT)
    total = -(-count // elements) * size
    yield Tensor(
        location=content.location, name=name, dtype=dtype, shape=shape, start=cursor.at, length=total,
    )  # fmt: skip
    cursor.skip(total)


FORMAT = Format(
    name=NAME,
    title="GGML before GGUF",
    reads="parameters, tokens and every tensor of LLaMA's layout; other layouts of the same magic are unread",
    looks_for="counts, lengths and shapes that do not fit the file",
    clue=Clue(first=bytes({magic[0] for magic in _MAGICS})),
    accepts=_accepts,
    read=_read,
)
