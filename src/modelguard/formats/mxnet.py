"""MXNet models: `…-symbol.json`, a graph of operators. Operators called `Custom` call Python.

The numbers (`….params`) have a form of their own that is not read. Source: https://mxnet.apache.org/
"""

from __future__ import annotations

from collections.abc import Iterator

from modelguard.formats._json import objects, read_json
from modelguard.formats.format import SPACES, Clue, Format, Walk
from modelguard.terms.artifact import printable
from modelguard.terms.content import Content
from modelguard.terms.facts import Asks, Fact, Header

NAME = "mxnet"
LARGEST = 64 << 20
KEYS = (b'"arg_nodes"', b'"heads"', b'"nodes"')
PYTHON = frozenset({"Custom", "_Native", "_NDArray", "_CustomFunction", "_custom"})
LIBRARIES = frozenset({"_TensorRT", "_contrib_tvm", "_subgraph_op_tvm"})


def _accepts(content: Content) -> bool:
    if content.size > LARGEST or content.head(64).lstrip()[:1] != b"{":
        return False
    found = content.head(1 << 16) + content.tail(1 << 20)
    return all(key in found for key in KEYS)


def _read(content: Content, walk: Walk) -> Iterator[Fact]:
    document = read_json(content, limit=LARGEST)
    yield from document.remarks(content, NAME)
    operators: dict[str, int] = {}
    for _, value in objects([document.value, *document.lost]):
        walk.budget.spend_time()
        operator = value.get("op")
        if isinstance(operator, str):
            operators[operator] = operators.get(operator, 0) + 1
    yield Header(location=content.location, format=NAME, properties={"nodes": str(sum(operators.values()))})
    for name, count in sorted(operators.items()):
        if name in PYTHON:
            detail = f"calls a Python class of the process ({count} nodes)"
            yield Asks(
                location=content.location, permission="custom-ops", name=printable(name), detail=detail,
                hazard="code-execution",
            )  # fmt: skip
        elif name in LIBRARIES:
            detail = f"runs a compiled program ({count} nodes)"
            yield Asks(location=content.location, permission="native-code", name=printable(name), detail=detail)


FORMAT = Format(
    name=NAME,
    title="MXNet symbol",
    reads="every node of the graph",
    looks_for="operators that call Python or compiled programs",
    clue=Clue(first=SPACES + b"{"),
    accepts=_accepts,
    read=_read,
)
