"""MessagePack: the parts of spaCy pipelines, and weights of Flax.

Walked without recursion and without making objects. Programs that some extensions of MessagePack would unpickle are
handed on to be read as what they are.
Format: https://github.com/msgpack/msgpack/blob/master/spec.md
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from posixpath import basename

from attrs import define, frozen

from modelguard.formats._cursor import Cursor
from modelguard.formats.format import Clue, Format, Walk
from modelguard.terms.content import Content
from modelguard.terms.errors import BudgetSpent, ReadError
from modelguard.terms.facts import Asks, Fact, Header, Noted

DEPTH = 512
VALUES = 20_000_000
"""Values of one file, numbers and texts and bytes."""

_SHORT = 64
_TRIED = 100_000
_OFTEN_EMPTY = frozenset({"lookups.bin", "key2row"})  # parts of a vocabulary of spaCy that has none
_ENDINGS = (".msgpack", ".mpk")

# First byte -> kind and width of the length that follows.
_LENGTHS: dict[int, tuple[str, int]] = {
    0xC4: ("bin", 1), 0xC5: ("bin", 2), 0xC6: ("bin", 4),
    0xC7: ("ext", 1), 0xC8: ("ext", 2), 0xC9: ("ext", 4),
    0xD9: ("str", 1), 0xDA: ("str", 2), 0xDB: ("str", 4),
    0xDC: ("array", 2), 0xDD: ("array", 4), 0xDE: ("map", 2), 0xDF: ("map", 4),
}  # fmt: skip
# First byte -> bytes of a number that follow.
_NUMBERS: dict[int, int] = {
    0xC0: 0, 0xC2: 0, 0xC3: 0, 0xCA: 4, 0xCB: 8, 0xCC: 1, 0xCD: 2, 0xCE: 4, 0xCF: 8, 0xD0: 1, 0xD1: 2, 0xD2: 4, 0xD3: 8,
}  # fmt: skip
_FIXED_EXTENSIONS = {0xD4: 1, 0xD5: 2, 0xD6: 4, 0xD7: 8, 0xD8: 16}

# Extensions that Flax defines (flax/serialization.py) and the timestamp of the specification.
_KNOWN_EXTENSIONS = {-1: "timestamp", 1: "array", 2: "complex number", 3: "NumPy scalar"}


@frozen
class _Value:
    """One value: its kind, the place of its bytes, the code of an extension, and how deep it lies."""

    kind: str
    start: int
    length: int
    code: int = 0
    depth: int = 0


@define
class _Level:
    """A collection that is open: values still to come, and whether keys and values alternate."""

    left: int
    is_map: bool


def accepts(content: Content) -> bool:
    """Tell by a map or list at the beginning whose values fill the content exactly; by the ending, by the beginning."""
    head = content.head(1)
    if content.size == 1 and head in (b"\x80", b"\x90"):
        return basename(content.name).lower() in _OFTEN_EMPTY
    if not head or not (0x81 <= head[0] <= 0x8F or 0x91 <= head[0] <= 0x9F or head[0] in (0xDC, 0xDD, 0xDE, 0xDF)):
        return False
    if content.name.lower().endswith(_ENDINGS):
        return True
    try:
        for count, _ in enumerate(_values(content)):
            if count >= _TRIED:
                break
    except ReadError:
        return False
    return True


def read(content: Content, walk: Walk) -> Iterable[Fact]:
    """Walk through every value; hand on what looks like a program."""
    count, codes = 0, set()
    kind_follows = False
    for value in _values(content):
        count += 1
        if count % 65536 == 0:
            walk.budget.spend_time()
        if value.kind == "ext":
            codes.add(value.code)
        short = (
            content.read(value.start, value.length) if value.kind in {"str", "bin"} and value.length < _SHORT else b""
        )
        if kind_follows and short == b"O":
            yield _object_array(content, value)
        kind_follows = short == b"kind"
        if value.kind in {"bin", "ext"} and _looks_like_a_program(content, value):
            member = f"bytes at {value.start}"
            yield from walk.inside(content.part(value.start, value.length, member))
    yield Header(location=content.location, format="msgpack", properties={"values": str(count)})
    if unknown := sorted(codes - _KNOWN_EXTENSIONS.keys()):
        detail = f"extension types {', '.join(map(str, unknown[:8]))}, which mean what the reader makes of them"
        yield Noted(location=content.location, format="msgpack", rule="msgpack-extension", detail=detail)


def _object_array(content: Content, value: _Value) -> Asks:
    return Asks(
        location=content.location.at(value.start),
        permission="remote-code",
        name="msgpack-numpy kind O",
        detail="an array of Python objects, which msgpack-numpy unpickles",
        hazard="unpickling",
    )


def _looks_like_a_program(content: Content, value: _Value) -> bool:
    head = content.read(value.start, min(value.length, 2))
    return value.length > 8 and head[:1] == b"\x80" and head[1:] in (b"\x02", b"\x03", b"\x04", b"\x05")


def _values(content: Content) -> Iterator[_Value]:
    """Yield every value that is no collection.

    Raises `ReadError` for what the format does not have, for a content that ends early or goes on, and `BudgetSpent`
    for too many values or too deep collections.
    """
    cursor = Cursor(content, order="big")
    levels = [_Level(left=1, is_map=False)]
    count = 0
    while levels:
        level = levels[-1]
        if not level.left:
            levels.pop()
            continue
        level.left -= 1
        count += 1
        if count > VALUES:
            raise BudgetSpent(f"MessagePack: more than {VALUES} values")
        kind, length, code = _header(cursor)
        if kind in {"array", "map"}:
            size = length * 2 if kind == "map" else length
            if size > cursor.left:
                raise ReadError(f"MessagePack: {size} values announced at {cursor.at}, {cursor.left} bytes left")
            if len(levels) > DEPTH:
                raise BudgetSpent(f"MessagePack: collections nested deeper than {DEPTH}")
            levels.append(_Level(left=size, is_map=kind == "map"))
            continue
        start = cursor.at
        cursor.skip(length)
        yield _Value(kind, start, length, code, len(levels))
    if cursor.left:
        raise ReadError(f"MessagePack: {cursor.left} bytes after the value")


def _header(cursor: Cursor) -> tuple[str, int, int]:
    """Return the kind of the next value, its length, and the code of an extension."""
    first = cursor.unsigned(1)
    if first < 0x80 or first >= 0xE0:
        return "number", 0, 0
    if first < 0x90:
        return "map", first & 0x0F, 0
    if first < 0xA0:
        return "array", first & 0x0F, 0
    if first < 0xC0:
        return "str", first & 0x1F, 0
    if first in _NUMBERS:
        return "number", _NUMBERS[first], 0
    if first in _FIXED_EXTENSIONS:
        return "ext", _FIXED_EXTENSIONS[first], cursor.signed(1)
    if first not in _LENGTHS:
        raise ReadError(f"MessagePack: byte {first:#04x} at {cursor.at - 1} begins no value")
    kind, width = _LENGTHS[first]
    length = cursor.unsigned(width)
    return kind, length, cursor.signed(1) if kind == "ext" else 0


FORMAT = Format(
    name="msgpack",
    title="MessagePack",
    reads="Every value to the end, without recursion, up to 20 million values and 512 levels.",
    looks_for="Pickles in its bytes, arrays of Python objects, extension types that nobody knows.",
    clue=Clue(first=bytes((*range(0x80, 0xA0), 0xDC, 0xDD, 0xDE, 0xDF))),
    accepts=accepts,
    read=read,
    endings=_ENDINGS,
)
