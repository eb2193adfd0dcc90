"""Torch7 files (`.t7`): objects of Lua, binary or as text.

Tables and tensors are data. A function is bytecode of Lua, which Lua loads when it reads the file and which is not
verified; a class is looked up by its name. Layout: File.lua and File.c of https://github.com/torch/torch7
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from attrs import define, field

from modelguard.formats._cursor import Cursor
from modelguard.formats._torch7_numbers import Binary, Lines, Numbers
from modelguard.formats.format import Clue, Format, Walk
from modelguard.terms.artifact import Location, printable
from modelguard.terms.content import Budget, Content
from modelguard.terms.errors import BudgetSpent, ReadError
from modelguard.terms.facts import Asks, Fact, Header, Malformed

NAME = "torch7"
LARGEST = (1 << 63) - 1
MOST_VALUES = 20_000_000
MOST_WAITING = 2_000_000
MOST_CLASSES = 10_000
_MOST_DIMENSIONS = 64
_SHOWN = 200

NIL, NUMBER, TEXT, TABLE, OBJECT, BOOLEAN, FUNCTION, OLD_CLOSURE, CLOSURE = range(9)
_FUNCTIONS = frozenset({FUNCTION, OLD_CLOSURE, CLOSURE})
_KEYS = frozenset(kind.to_bytes(4, "little") for kind in (NUMBER, TEXT, TABLE, OBJECT, BOOLEAN))

_ELEMENTS = {"Byte": 1, "Char": 1, "Short": 2, "Int": 4, "Long": 8, "Float": 4, "Double": 8, "Half": 2}
_NUMERIC = re.compile(
    r"torch\.(?:Cuda)?(?P<element>Byte|Char|Short|Int|Long|Float|Double|Half)?(?P<kind>Tensor|Storage)\Z"
)
_VERSION = re.compile(rb"V \d{1,4}\Z")
# Packages whose classes are modules of networks and whose state is a table.
_NETWORK = re.compile(r"(?:nn|cudnn|cunn|nngraph|graph|rnn|dpnn|inn|stn|nnx|nnlr|onmt)\.[\w.]+\Z")

# A model is a table or an object, the first of its file: its type and its number.
_BINARY = re.compile(rb"[\x03\x04]\0\0\0\x01\0\0\0")
_LINES = re.compile(rb"4\n1\n3\nV \d\n\d{1,4}\n[A-Za-z_][\w.]|3\n1\n\d{1,9}\n[12345]\n")
_BINARY_VERSION = re.compile(rb"\x03\0\0\0V \d")


@define
class _Objects:
    """The objects of one file, read to their end."""

    numbers: Numbers
    budget: Budget
    values: int = 0
    functions: int = 0
    classes: dict[str, int] = field(factory=dict)
    _known: set[int] = field(factory=set)
    _waiting: list[int] = field(factory=lambda: [1])

    def read(self) -> None:
        """Read the first object and all in it. Raises `ReadError` for bytes that Torch7 would not read."""
        while self._waiting:
            left = self._waiting.pop()
            if left > 1:
                self._waiting.append(left - 1)
            self.values += 1
            if self.values > MOST_VALUES or len(self._waiting) > MOST_WAITING:
                raise BudgetSpent(f"torch7: more than {MOST_VALUES} values, or {MOST_WAITING} within one another")
            if self.values % 4096 == 0:
                self.budget.spend_time()
            self._object(self.numbers.whole())

    def _object(self, kind: int) -> None:
        if kind == NUMBER:
            self.numbers.pass_real()
        elif kind == TEXT:
            self.numbers.text()
        elif kind == BOOLEAN:
            self.numbers.whole()
        elif kind == TABLE:
            if self._is_new():
                self._entries()
        elif kind == OBJECT:
            if self._is_new():
                self._instance()
        elif kind in _FUNCTIONS:
            if self._is_new():
                self.functions += 1
                self.numbers.text()
                self._waiting.append(1)
        elif kind != NIL:
            raise ReadError(f"torch7: a value of type {kind} at {self.numbers.cursor.at}")

    def _is_new(self) -> bool:
        number = self.numbers.whole()
        if number in self._known:
            return False
        self._known.add(number)
        return True

    def _entries(self) -> None:
        count = self.numbers.whole()
        if not 0 <= count <= self.numbers.cursor.left // 4:
            raise ReadError(f"torch7: a table of {count} entries, {self.numbers.cursor.left} bytes are left")
        if count:
            self._waiting.append(count * 2)

    def _instance(self) -> None:
        name = self.numbers.text()
        if _VERSION.match(name):
            name = self.numbers.text()
        shown = name[:1000].decode("utf-8", "backslashreplace")
        self.classes[shown] = self.classes.get(shown, 0) + 1
        if len(self.classes) > MOST_CLASSES:
            raise BudgetSpent(f"torch7: more than {MOST_CLASSES} classes")
        match = _NUMERIC.match(shown)
        if match is None:
            self._waiting.append(1)  # an instance without a reader of its own is a table
        elif match["kind"] == "Tensor":
            self._tensor()
        else:
            size = _ELEMENTS[match["element"] or "Float"]
            count = self._count()
            self.numbers.pass_elements(count, size, self.budget)

    def _tensor(self) -> None:
        dimensions = self.numbers.whole()
        if not 0 <= dimensions <= _MOST_DIMENSIONS:
            raise ReadError(f"torch7: a tensor of {dimensions} dimensions")
        for _ in range(2 * dimensions + 1):  # extents, strides, and where it begins in its storage
            self.numbers.long()
        self._waiting.append(1)

    def _count(self) -> int:
        count = self.numbers.long()
        if not 0 <= count <= self.numbers.cursor.left:
            raise ReadError(f"torch7: a storage of {count} elements, {self.numbers.cursor.left} bytes are left")
        return count


def _accepts(content: Content) -> bool:
    head = content.head(64)
    if not _BINARY.match(head):
        return _LINES.match(head) is not None
    if head[0] == OBJECT:
        return _BINARY_VERSION.match(head[8:]) is not None
    return head[8:12] != bytes(4) and head[11] == 0 and head[12:16] in _KEYS


def _read(content: Content, walk: Walk) -> Iterator[Fact]:
    cursor = Cursor(content)
    numbers: Numbers = Binary(cursor) if _BINARY.match(content.head(8)) else Lines(cursor)
    objects = _Objects(numbers, walk.budget)
    try:
        objects.read()
    except ReadError:
        yield from _asked(objects, content.location)
        raise
    yield Header(location=content.location, format=NAME, properties={"values": str(objects.values)})
    yield from _asked(objects, content.location)
    if cursor.left and content.read(cursor.at, min(cursor.left, 8)).strip():
        detail = f"{cursor.left} bytes after the object"
        yield Malformed(location=content.location.at(cursor.at), format=NAME, rule="torch7-trailing", detail=detail)
        yield from walk.inside(content.part(cursor.at, cursor.left, "after the object"))


def _asked(objects: _Objects, at: Location) -> Iterator[Fact]:
    if objects.functions:
        detail = f"{objects.functions} of them, as bytecode that Lua loads without verifying it"
        yield Asks(location=at, permission="remote-code", name="Lua function", detail=detail)
    for name, count in sorted(objects.classes.items()):
        if not _NUMERIC.match(name) and not _NETWORK.match(name):
            detail = f"Torch7 looks up the class and lets it read its own state ({count} of them)"
            yield Asks(location=at, permission="configuration", name=printable(name[:_SHOWN]), detail=detail)


FORMAT = Format(
    name=NAME,
    title="Torch7",
    reads="every object of the file, binary or as text",
    looks_for="functions as bytecode of Lua, classes that are no part of a network, bytes behind the object",
    clue=Clue(first=b"\3\00434"),
    accepts=_accepts,
    read=_read,
    endings=(".t7",),
)
