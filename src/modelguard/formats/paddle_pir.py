"""PaddlePaddle programs from version 3 on: the intermediate representation as JSON, `model.json` beside `.pdiparams`.

The part of an operator's name before the first dot is the dialect, spelled as a number: 0 what every program has,
1 the framework's operators, 2 control flow, 3 operators of plug-ins, 4 distribution.
Source: paddle/fluid/pir/serialize_deserialize/src/schema.cc of https://github.com/PaddlePaddle/Paddle
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from modelguard.formats._json import objects, read_json
from modelguard.formats._paddle_operators import REACHING
from modelguard.formats.format import SPACES, Clue, Format, Walk
from modelguard.terms.artifact import printable
from modelguard.terms.content import Content
from modelguard.terms.facts import Asks, Fact, Header
from modelguard.terms.words import counted

NAME = "paddle-pir"
LARGEST = 64 << 20
_BEGINS = re.compile(rb'\s*\{\s*"(?:base_code|program)"\s*:\s*\{')
_MAGIC = re.compile(rb'"magic"\s*:\s*"pir"')
_PLAIN = frozenset({"0", "1", "2", "4", "builtin", "pd_op", "cf", "dist_op", "p"})
_PLUG_IN = frozenset({"3", "custom_op"})
_SHOWN = 200


def _accepts(content: Content) -> bool:
    if not _BEGINS.match(content.head(64)):
        return False
    return _MAGIC.search(content.head(1 << 12) + content.tail(1 << 12)) is not None


def _read(content: Content, walk: Walk) -> Iterator[Fact]:
    document = read_json(content, limit=LARGEST)
    yield from document.remarks(content, NAME)
    counts: dict[str, int] = {}
    for _, value in objects([document.value, *document.lost]):
        walk.budget.spend_time()
        operators = value.get("ops")
        for operator in operators if isinstance(operators, list) else ():
            name = operator.get("#") if isinstance(operator, dict) else None
            shown = name if isinstance(name, str) else "?"
            counts[shown] = counts.get(shown, 0) + 1
    base = document.value.get("base_code") if isinstance(document.value, dict) else None
    version = base.get("version") if isinstance(base, dict) else ""
    properties = {"version": printable(str(version)[:20]), "operators": str(sum(counts.values()))}
    yield Header(location=content.location, format=NAME, properties=properties)
    for name, count in sorted(counts.items()):
        yield from _asked(name, count, content)


def _asked(name: str, count: int, content: Content) -> Iterator[Fact]:
    dialect, _, operator = name.partition(".")
    times = counted(count, "operator")
    reach = REACHING.get(operator.removesuffix("_"))
    if reach is not None:
        yield Asks(
            location=content.location, permission=reach.permission, name=operator.removesuffix("_"),
            detail=f"{reach.why} ({times})", hazard=reach.hazard,
        )  # fmt: skip
    elif dialect in _PLUG_IN or dialect not in _PLAIN:
        detail = f"an operator of a plug-in ({times})" if dialect in _PLUG_IN else f"of an unknown dialect ({times})"
        yield Asks(location=content.location, permission="custom-ops", name=printable(name[:_SHOWN]), detail=detail)


FORMAT = Format(
    name=NAME,
    title="PaddlePaddle program (PIR)",
    reads="every operator of every block, also within control flow",
    looks_for="operators that call Python, read or write files, use the network, run engines or need a plug-in",
    clue=Clue(first=SPACES + b"{"),
    accepts=_accepts,
    read=_read,
)
