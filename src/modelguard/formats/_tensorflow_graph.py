"""Gathers the nodes of TensorFlow graphs and functions, and tells which of them reach beyond numbers.

Source: the .proto files in https://github.com/tensorflow/tensorflow/tree/master/tensorflow/core/framework
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from attrs import define, field

from modelguard.formats import _tensorflow_ops as ops
from modelguard.formats._protobuf import Message, Schema
from modelguard.terms.artifact import Location, printable
from modelguard.terms.errors import BudgetSpent
from modelguard.terms.facts import Asks, Fact, Permission
from modelguard.terms.words import counted

GRAPH_SCHEMA: Schema = {
    "graph": {1: "node", 2: "library"},
    "library": {1: "function"},
    "function": {1: "signature", 3: "node"},
    "node": {5: "entry"},
    "entry": {2: "attribute"},
    "attribute": {1: "list", 8: "tensor", 10: "call"},
    "list": {8: "tensor", 9: "call"},
    "call": {2: "entry"},
}
MOST_NODES = 4_000_000
LONGEST_TEXT = 4096
MOST_TEXTS = 16

# What savers of TensorFlow 1 and 2 put beside the name that their user gives.
_SAVER_TEXT = re.compile(r"model|\.part|part|_temp(?:_[0-9a-f]{32})?/part")
_FETCHED_LATER = re.compile(r"[:@].*")


@define
class Node:
    """One node: its name, operator, inputs, the functions it calls, and short texts among its attributes."""

    name: str
    operator: str
    inputs: tuple[str, ...]
    place: int
    calls: list[str] = field(factory=list)
    texts: list[str] = field(factory=list)


@define
class Graphs:
    """All nodes of a file, by the graph or function that holds them (by the offset of its message)."""

    main: set[int] = field(factory=set)
    nodes: dict[int, list[Node]] = field(factory=dict)
    functions: dict[str, set[int]] = field(factory=dict)
    fetched: set[str] = field(factory=set)
    assets: set[str] = field(factory=set)
    _here: dict[str, int] = field(factory=dict, init=False)
    _count: int = field(default=0, init=False)
    _node: Node | None = field(default=None, init=False)

    def take(self, message: Message) -> None:
        """Remember what a message of `GRAPH_SCHEMA` says.

        Raises `BudgetSpent` for more nodes than can be kept.
        """
        match message.kind:
            case "graph" | "function":
                self._here[message.kind] = message.start
                self.nodes.setdefault(message.start, [])
                if message.kind == "graph":
                    self.main.add(message.start)
            case "signature":
                for name in message.texts(1):
                    self.functions.setdefault(name, set()).add(self._here["function"])
            case "node":
                self._take_node(message)
            case "call" if self._node:
                self._node.calls.extend(message.texts(1))
            case "attribute" | "list" | "tensor" if self._node and len(self._node.texts) < MOST_TEXTS:
                number = 8 if message.kind == "tensor" else 2
                pieces = message.fields.get(number, [])[:MOST_TEXTS]
                short = [piece for piece in pieces if piece.wire == 2 and piece.length <= LONGEST_TEXT]
                for piece in short:
                    data = message.wire.bytes_of(piece, LONGEST_TEXT)
                    self._node.texts.append(data.decode("utf-8", "surrogateescape"))

    def _take_node(self, message: Message) -> None:
        self._count += 1
        if self._count > MOST_NODES:
            raise BudgetSpent(f"more than {MOST_NODES} nodes")
        where = self.nodes[self._here[message.above[-1]]]
        for operator in message.texts(2) or ("",):
            self._node = Node(message.text(1), operator, message.texts(3), message.start)
            where.append(self._node)

    def facts(self, at: Location) -> Iterator[Fact]:
        """Yield what the nodes ask for, each operator once, at the first node that is not ordinary."""
        first: dict[str, tuple[int, int, str]] = {}
        for holder, nodes in self.nodes.items():
            by_name = {node.name: node for node in nodes}
            for node in nodes:
                if self._computes(node) or self._is_ordinary(node, holder, by_name):
                    continue
                count, place, detail = first.get(node.operator, (0, node.place, self._detail(node, by_name)))
                first[node.operator] = (count + 1, place, detail)
        for operator, (count, place, detail) in sorted(first.items()):
            permission, hazard, why = ops.REACHING.get(
                operator, ("custom-ops", "", "an operator that is not one of TensorFlow's known ones")
            )
            kind: Permission = permission  # type: ignore[assignment]  # rows of the table hold permissions
            times = counted(count, "node")
            yield Asks(
                location=at.at(place), permission=kind, name=printable(operator), detail=f"{why} ({times}){detail}",
                hazard=hazard,
            )  # fmt: skip

    def operators(self) -> set[str]:
        return {node.operator for nodes in self.nodes.values() for node in nodes}

    def _computes(self, node: Node) -> bool:
        if node.operator in ("Print", "PrintV2"):
            return not any(text.startswith("file:") for text in node.texts)
        return node.operator in ops.COMPUTING or (node.operator not in ops.REACHING and node.operator in self.functions)

    def _is_ordinary(self, node: Node, holder: int, by_name: dict[str, Node]) -> bool:
        """Tell whether a node reads or writes only what its user names when saving, or what the model declares."""
        if node.operator in ops.TABLE_FROM_FILE:
            return bool(self.assets) and all(
                leaf is None or leaf.name in self.assets for leaf in self._sources(node.inputs[1:2], by_name)
            )
        if node.operator not in ops.SAVER:
            return False
        named = node.inputs[:2] if node.operator == "MergeV2Checkpoints" else node.inputs[:1]
        if not self._is_from_user(named, by_name):
            return False
        if holder in self.main:
            return not self._reaches_fetched(node, holder)
        callers = self._callers(holder)
        return bool(callers) and all(
            place in self.main
            and self._is_from_user(caller.inputs[:1], {one.name: one for one in self.nodes[place]})
            and not self._reaches_fetched(caller, place)
            for place, caller in callers
        )

    def _is_from_user(self, inputs: Iterable[str], by_name: dict[str, Node]) -> bool:
        leaves = list(self._sources(inputs, by_name))
        return any(leaf is None or leaf.operator != "Const" for leaf in leaves) and all(
            leaf is None
            or leaf.operator == "Placeholder"
            or (leaf.operator == "Const" and all(_SAVER_TEXT.fullmatch(text) for text in leaf.texts))
            or (leaf.operator == "PlaceholderWithDefault")
            for leaf in leaves
        )

    def _sources(self, inputs: Iterable[str], by_name: dict[str, Node]) -> Iterator[Node | None]:
        """Yield the nodes that a text comes from, through joins and choices; None for a function's argument."""
        pending, seen = list(inputs), set()
        while pending:
            name = _FETCHED_LATER.sub("", pending.pop())
            if name in seen or name.startswith("^"):
                continue
            seen.add(name)
            node = by_name.get(name)
            carrying = ops.STRING_FLOW.get(node.operator) if node else None
            if node and carrying is not None and node.inputs:
                pending.extend(node.inputs[index] for index in carrying if index < len(node.inputs))
                pending.extend(() if carrying else node.inputs)
                if node.operator == "PlaceholderWithDefault":
                    yield node
            else:
                yield node

    def _callers(self, holder: int) -> list[tuple[int, Node]]:
        names = {name for name, places in self.functions.items() if holder in places}
        return [
            (place, node)
            for place, nodes in self.nodes.items()
            for node in nodes
            if names & set(node.calls) or node.operator in names
        ]

    def _reaches_fetched(self, node: Node, holder: int) -> bool:
        """Tell whether a signature or an initialiser would run `node`: whether one of its consumers is fetched."""
        users: dict[str, list[str]] = {}
        for one in self.nodes[holder]:
            for name in one.inputs:
                users.setdefault(_FETCHED_LATER.sub("", name.removeprefix("^")), []).append(one.name)
        pending, seen = [node.name], set()
        while pending:
            name = pending.pop()
            if name in self.fetched:
                return True
            if name not in seen:
                seen.add(name)
                pending.extend(users.get(name, ()))
        return False

    def _detail(self, node: Node, by_name: dict[str, Node]) -> str:
        if node.operator not in ops.REACHING:
            return ""
        leaves = [leaf for leaf in self._sources(node.inputs, by_name) if leaf is not None]
        named = [text for leaf in (node, *leaves) for text in leaf.texts if 2 < len(text) <= 200 and text.isprintable()]
        return f", with {', '.join(repr(text) for text in named[:4])}" if named else ""
