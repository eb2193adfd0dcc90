"""fastText models: settings, a dictionary, and two matrices, quantized or not.

Source: https://github.com/facebookresearch/fastText/blob/main/src/fasttext.cc
"""

from __future__ import annotations

from collections.abc import Iterator

from modelguard.formats._cursor import Cursor
from modelguard.formats.format import Clue, Format, Walk
from modelguard.terms.content import Content
from modelguard.terms.errors import ReadError
from modelguard.terms.facts import Fact, Header, Malformed, Tensor

NAME = "fasttext"
MAGIC = (793_712_314).to_bytes(4, "little")
SETTINGS = ("dim", "ws", "epoch", "min-count", "negative", "word-n-grams", "loss", "model", "bucket", "minn", "maxn",
            "learning-rate-update")  # fmt: skip
LONGEST_WORD = 1 << 16
LARGEST = 1 << 48
CENTROIDS = 256


def _accepts(content: Content) -> bool:
    return content.head(4) == MAGIC


def _read(content: Content, walk: Walk) -> Iterator[Fact]:
    cursor = Cursor(content, at=4)
    version = cursor.unsigned(4)
    if version not in (11, 12):
        raise ReadError(f"fasttext: version {version}")
    settings = {name: str(cursor.signed(4)) for name in SETTINGS}
    cursor.skip(8)
    words, labels = _dictionary(cursor, walk)
    properties = {**settings, "version": str(version), "words": str(words), "labels": str(labels)}
    yield Header(location=content.location, format=NAME, properties=properties)
    yield from _matrix(cursor, content, "input", quantized=cursor.unsigned(1) != 0)
    yield from _matrix(cursor, content, "output", quantized=cursor.unsigned(1) != 0)
    if cursor.left:
        place = content.location.at(cursor.at)
        detail = f"{cursor.left} bytes after the last matrix"
        yield Malformed(location=place, format=NAME, rule="fasttext-trailing-data", detail=detail)
        yield from walk.inside(content.part(cursor.at, cursor.left, "trailing-data"))


def _dictionary(cursor: Cursor, walk: Walk) -> tuple[int, int]:
    entries, words, labels = (cursor.signed(4) for _ in range(3))
    cursor.skip(8)
    pruned = cursor.signed(8)
    if entries < 0 or entries > cursor.left // 10 or words + labels != entries or pruned > cursor.left // 8:
        raise ReadError(f"fasttext: {words} words and {labels} labels in {entries} entries of {cursor.left} bytes")
    for number in range(entries):
        if number % 65_536 == 0:
            walk.budget.spend_time()
        length = 0
        while cursor.unsigned(1):
            length += 1
            if length > LONGEST_WORD:
                raise ReadError("fasttext: a word without an end")
        cursor.skip(9)
    cursor.skip(8 * max(pruned, 0))
    return words, labels


def _matrix(cursor: Cursor, content: Content, name: str, *, quantized: bool) -> Iterator[Fact]:
    start = cursor.at
    if quantized:
        shape = _quantized(cursor)
    else:
        shape = _shape(cursor)
        cursor.skip(4 * shape[0] * shape[1])
    yield Tensor(
        location=content.location, name=name, dtype="quantized" if quantized else "float32", shape=shape, start=start,
        length=cursor.at - start,
    )  # fmt: skip


def _shape(cursor: Cursor) -> tuple[int, int]:
    rows, columns = cursor.signed(8), cursor.signed(8)
    if rows < 0 or columns < 0 or rows * columns > LARGEST:
        raise ReadError(f"fasttext: a matrix of {rows} times {columns}")
    return rows, columns


def _quantized(cursor: Cursor) -> tuple[int, int]:
    normed = cursor.unsigned(1)
    rows, columns = _shape(cursor)
    codes = cursor.signed(4)
    cursor.skip(codes)
    _quantizer(cursor)
    if normed:
        cursor.skip(rows)
        _quantizer(cursor)
    return rows, columns


def _quantizer(cursor: Cursor) -> None:
    width, _, _, _ = (cursor.signed(4) for _ in range(4))
    if not 0 <= width <= LARGEST:
        raise ReadError(f"fasttext: a quantizer of width {width}")
    cursor.skip(4 * width * CENTROIDS)


FORMAT = Format(
    name=NAME,
    title="fastText",
    reads="settings, dictionary and the places of both matrices, to the last byte",
    looks_for="counts that do not fit, bytes after the end",
    clue=Clue(first=MAGIC[:1]),
    accepts=_accepts,
    read=_read,
    endings=(".ftz",),
)
