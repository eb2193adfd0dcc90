"""Walks through the values of R's serialization without recursion, and counts what could run.

Nothing is built: of each value its kind is noted, and the names of symbols, namespaces and built-in functions. The
numbers below are types of values as they are written; those from 238 on exist only in files.
Source: R Internals, 1.8 Serialization Formats, and ReadItem of R's src/main/serialize.c for what it leaves out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal

from attrs import define, field

from modelguard.formats._r_stream import Stream
from modelguard.terms.artifact import printable
from modelguard.terms.content import Budget
from modelguard.terms.errors import BudgetSpent, ReadError

SYMBOL, PAIRS, CLOSURE, ENVIRONMENT, PROMISE, CALL, SPECIAL, BUILTIN, TEXT = 1, 2, 3, 4, 5, 6, 7, 8, 9
BYTECODE, POINTER, WEAK, RAW, S4, DOTS = 21, 22, 23, 24, 25, 17
ALTERNATIVE, ATTRIBUTED_PAIRS, ATTRIBUTED_CALL, SHARED_BEFORE, SHARED_HERE = 238, 239, 240, 243, 244
PACKAGE, NAMESPACE, PERSISTENT, REFERENCE = 248, 249, 247, 255

# Type -> bytes of one number: logical, integer, real, complex.
_VECTORS: dict[int, tuple[int, Literal[4, 8]]] = {10: (1, 4), 13: (1, 4), 14: (1, 8), 15: (2, 8)}
_LISTS = frozenset({16, 19, 20})  # texts, values, expressions
_TEXTS, _EXPRESSIONS = 16, 20
_NOTHING = frozenset({241, 242, 250, 251, 252, 253, 254})  # base and empty environments, missing, global, NULL
_PAIR_LIKE = frozenset({PAIRS, CLOSURE, PROMISE, CALL, DOTS})

_HAS_ATTRIBUTES, _HAS_TAG = 1 << 9, 1 << 10
_MOST_PARTS = 16
MOST_VALUES = 50_000_000
MOST_WAITING = 4_000_000
MOST_NAMES = 100_000
_ATTRIBUTED = {ATTRIBUTED_CALL: CALL, ATTRIBUTED_PAIRS: PAIRS}

Task = tuple[str, int]


@define
class Seen:
    """What has been met: how often each kind that matters, and names by kind. `raw` are places of raw bytes."""

    counts: dict[str, int] = field(factory=dict)
    names: dict[str, dict[str, int]] = field(factory=dict)
    raw: list[tuple[int, int, bytes]] = field(factory=list)
    values: int = 0

    def note(self, kind: str, name: str = "") -> None:
        self.counts[kind] = self.counts.get(kind, 0) + 1
        if name:
            names = self.names.setdefault(kind, {})
            if len(names) >= MOST_NAMES and name not in names:
                raise BudgetSpent(f"r-data: more than {MOST_NAMES} different names")
            names[name] = names.get(name, 0) + 1


@define
class Values:
    """One serialized value, read to its end.

    `top` are the names that a workspace file binds: tags of the outermost pairlist.
    """

    stream: Stream
    budget: Budget
    seen: Seen = field(factory=Seen)
    top: list[str] = field(factory=list)
    _references: list[str] = field(factory=list)
    _waiting: list[Task] = field(factory=list)

    def read(self, *, workspace: bool = False) -> Seen:
        """Read the value. Raises `ReadError` for bytes that R would not read, `BudgetSpent` for too many."""
        self._waiting.append(("bindings" if workspace else "item", 0))
        while self._waiting:
            task, argument = self._waiting.pop()
            self.seen.values += 1
            if self.seen.values > MOST_VALUES:
                raise BudgetSpent(f"r-data: more than {MOST_VALUES} values")
            if self.seen.values % 65_536 == 0:
                self.budget.spend_time()
            _TASKS[task](self, argument)
            if len(self._waiting) > MOST_WAITING:
                raise BudgetSpent(f"r-data: more than {MOST_WAITING} values are open")
        return self.seen

    def _later(self, *tasks: Task) -> None:
        self._waiting.extend(reversed(tasks))

    def _item(self, role: str = "") -> None:
        self._value(self.stream.whole() & 0xFFFF_FFFF, role)

    def _value(self, flags: int, role: str) -> None:
        kind = flags & 0xFF
        attributes: tuple[Task, ...] = (("item", 0),) if flags & _HAS_ATTRIBUTES else ()
        if kind in _VECTORS:
            times, width = _VECTORS[kind]
            self.stream.numbers(self._length(times * self.stream.least(width)) * times, width)
            self._later(*attributes)
        elif kind in _LISTS:
            count = self._length(self.stream.least(4))
            if kind == _EXPRESSIONS:
                self.seen.note("expression")
            self._later(("texts" if kind == _TEXTS else "items", count), *attributes)
        elif kind in _PAIR_LIKE:
            self._pair(kind, flags, role)
        elif kind == TEXT:
            self._text()
            self._later(*attributes)
        elif kind not in _NOTHING:
            self._rare(kind, flags, role, attributes)

    def _pair(self, kind: int, flags: int, role: str) -> None:
        if kind == CLOSURE:
            self.seen.note("function")
        elif kind == PROMISE:
            self.seen.note("promise")
        tasks: list[Task] = [("item", 0)] if flags & _HAS_ATTRIBUTES else []
        if flags & _HAS_TAG:
            tasks.append(("binding" if role == "bindings" else "item", 0))
        first = "callee" if kind == CALL else "item"
        rest = "bindings" if role == "bindings" and kind == PAIRS else "item"
        self._later(*tasks, (first, 0), (rest, 0))

    def _rare(self, kind: int, flags: int, role: str, attributes: tuple[Task, ...]) -> None:
        if kind == SYMBOL:
            self._symbol(role)
        elif kind == REFERENCE:
            self._back(flags, role)
        elif kind == RAW:
            length = self._length(self.stream.least(1))
            start, data = self.stream.raw(length)
            self.seen.raw.append((start, length, data))
            self._later(*attributes)
        elif kind == ENVIRONMENT:
            self._refer("")
            self.stream.whole()  # whether it is locked
            self._later(*[("item", 0)] * 4)
        elif kind in (NAMESPACE, PACKAGE, PERSISTENT):
            self._named(kind)
        elif kind in (POINTER, WEAK):
            self._refer("")
            self.seen.note("external pointer" if kind == POINTER else "weak reference")
            self._later(*[("item", 0)] * (2 if kind == POINTER else 0), *attributes)
        elif kind in (SPECIAL, BUILTIN):
            self.seen.note("built-in", _shown(self.stream.text(self._count("name"))))
            self._later(*attributes)
        elif kind == BYTECODE:
            self.seen.note("bytecode")
            self.stream.whole()  # how many values are shared
            self._later(("code", 0), *attributes)
        elif kind == S4:
            self._later(*attributes)
        elif kind == ALTERNATIVE:
            self._later(("alternative", 0), ("item", 0), ("item", 0))
        else:
            raise ReadError(f"r-data: a value of type {kind} at {self.stream.cursor.at}")

    def _refer(self, name: str) -> None:
        self._references.append(name)

    def _back(self, flags: int, role: str) -> None:
        index = flags >> 8 or self.stream.whole()
        if not 0 < index <= len(self._references):
            raise ReadError(f"r-data: a reference to value {index} of {len(self._references)}")
        self._name_met(self._references[index - 1], role)

    def _symbol(self, role: str) -> None:
        name = self._plain_text()
        self._refer(name)
        self._name_met(name, role)

    def _name_met(self, name: str, role: str) -> None:
        if role == "callee":
            self.seen.note("call", name or "?")
        elif role == "alternative":
            self.seen.note("alternative", name)
        elif role == "binding":
            self.top.append(name)

    def _named(self, kind: int) -> None:
        """Read the text vector of a namespace (name, version), a package or a persistent name."""
        if self.stream.whole():
            raise ReadError("r-data: names in a persistent vector")
        count = self._count("names")
        if count > _MOST_PARTS:
            raise ReadError(f"r-data: a name of {count} parts")
        texts = [self._plain_text() for _ in range(count)]
        name = texts[0] if texts else ""
        self._refer(name)
        self.seen.note({NAMESPACE: "namespace", PACKAGE: "package"}.get(kind, "persistent name"), name)

    def _plain_text(self) -> str:
        flags = self.stream.whole() & 0xFFFF_FFFF
        if flags & 0xFF != TEXT or flags & _HAS_ATTRIBUTES:
            raise ReadError(f"r-data: a value of type {flags & 0xFF} where a text belongs")
        return self._text()

    def _text(self) -> str:
        length = self.stream.whole()
        if length == -1:
            return "NA"
        if length < 0 or length > self.stream.cursor.left:
            raise ReadError(f"r-data: a text of {length} bytes, {self.stream.cursor.left} are left")
        return _shown(self.stream.text(length))

    def _length(self, least: int) -> int:
        """Return the length of a vector, which has to fit into what is left at `least` bytes per element."""
        count = self.stream.whole()
        if count == -1:
            high, low = self.stream.whole() & 0xFFFF_FFFF, self.stream.whole() & 0xFFFF_FFFF
            count = high << 32 | low
        if count < 0 or count * least > self.stream.cursor.left + 1:
            raise ReadError(f"r-data: a vector of {count} elements, {self.stream.cursor.left} bytes are left")
        return count

    def _count(self, what: str) -> int:
        count = self.stream.whole()
        if not 0 <= count <= self.stream.cursor.left:
            raise ReadError(f"r-data: a {what} of length {count}, {self.stream.cursor.left} bytes are left")
        return count

    def _items(self, left: int) -> None:
        if left:
            self._later(("item", 0), ("items", left - 1))

    def _texts(self, left: int) -> None:
        if left:
            self._later(("text", 0), ("texts", left - 1))

    def _one_text(self) -> None:
        flags = self.stream.whole() & 0xFFFF_FFFF
        if flags & 0xFF != TEXT:
            raise ReadError(f"r-data: a value of type {flags & 0xFF} where a text belongs")
        self._value(flags, "")

    def _bindings(self) -> None:
        self._item("bindings")

    def _alternative(self) -> None:
        """Read the pairlist that names the class of an alternative vector and its package: its first is the class."""
        flags = self.stream.whole() & 0xFFFF_FFFF
        if flags & 0xFF != PAIRS or flags & (_HAS_ATTRIBUTES | _HAS_TAG):
            raise ReadError("r-data: an alternative vector without a class")
        self._later(("alternative class", 0), ("item", 0))

    # --- bytecode: constants of functions that were compiled ------------------------------------------------------

    def _code(self, _argument: int) -> None:
        self._later(("item", 0), ("constants", 0))

    def _constants(self, _argument: int) -> None:
        self._later(("constant", self._count("list of constants")))

    def _constant(self, left: int) -> None:
        if not left:
            return
        kind = self.stream.whole()
        rest: Task = ("constant", left - 1)
        if kind == BYTECODE:
            self._later(("code", 0), rest)
        elif kind in _ATTRIBUTED or kind in (CALL, PAIRS, SHARED_BEFORE, SHARED_HERE):
            self._later(("language", kind), rest)
        else:
            self._later(("item", 0), rest)

    def _language(self, kind: int) -> None:
        """Read a call or pairlist of bytecode, which says the type of each part before the part."""
        if kind == SHARED_BEFORE:
            self.stream.whole()
            return
        if kind == SHARED_HERE:
            self.stream.whole()
            kind = self.stream.whole()
        attributed = kind in _ATTRIBUTED
        kind = _ATTRIBUTED.get(kind, kind)
        if kind not in (CALL, PAIRS):
            self._later(("item", 0))
            return
        attributes: tuple[Task, ...] = (("item", 0),) if attributed else ()
        self._later(*attributes, ("item", 0), ("typed callee" if kind == CALL else "typed", 0), ("typed", 0))

    def _typed(self, _argument: int, role: str = "item") -> None:
        kind = self.stream.whole()
        if kind in _ATTRIBUTED or kind in (CALL, PAIRS, SHARED_BEFORE, SHARED_HERE):
            self._language(kind)
        else:
            self._later((role, 0))


_TASKS: dict[str, Callable[[Values, int], None]] = {
    "item": lambda values, _: values._item(),
    "items": lambda values, left: values._items(left),
    "texts": lambda values, left: values._texts(left),
    "text": lambda values, _: values._one_text(),
    "bindings": lambda values, _: values._bindings(),
    "binding": lambda values, _: values._item("binding"),
    "callee": lambda values, _: values._item("callee"),
    "alternative": lambda values, _: values._alternative(),
    "alternative class": lambda values, _: values._item("alternative"),
    "code": lambda values, argument: values._code(argument),
    "constants": lambda values, argument: values._constants(argument),
    "constant": lambda values, left: values._constant(left),
    "language": lambda values, kind: values._language(kind),
    "typed": lambda values, argument: values._typed(argument),
    "typed callee": lambda values, argument: values._typed(argument, "callee"),
}


def _shown(data: bytes) -> str:
    return printable(data[:1000].decode("utf-8", "backslashreplace"))


def names_of(seen: Seen, kind: str) -> Iterator[str]:
    """Yield the names that were met with a kind, sorted."""
    return iter(sorted(seen.names.get(kind, ())))
