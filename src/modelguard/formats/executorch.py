"""ExecuTorch programs: `.pte`, a FlatBuffer of plans, operators and data for delegates.

Source: https://github.com/pytorch/executorch/blob/main/schema/program.fbs
"""

from __future__ import annotations

from collections.abc import Iterator

from modelguard.formats._flatbuffer import Flat, Table
from modelguard.formats.format import Clue, Format, Walk
from modelguard.terms.artifact import Location, printable
from modelguard.terms.content import Content
from modelguard.terms.facts import Asks, Fact, Header, Malformed

NAME = "executorch"
PROGRAM = {"version": 0, "plans": 1, "segments": 4}
PLAN = {"name": 0, "operators": 6, "delegates": 7}
SEGMENT = {"offset": 0, "size": 1}
EXTENDED = b"eh00"

OWN_OPERATORS = ("aten::", "dim_order_ops::", "executorch_prim::", "quantized_decomposed::", "prims::", "et_view::")
"""Namespaces of operators that the runtime's own libraries implement."""

OWN_DELEGATES = frozenset({"XnnpackBackend"})
"""Delegates that interpret a graph of numbers; the others hand compiled programs to a driver."""


def _accepts(content: Content) -> bool:
    return content.size >= 8 and content.read(4, 2) == b"ET" and content.read(6, 2).isdigit()


def _read(content: Content, walk: Walk) -> Iterator[Fact]:
    at = content.location
    program = Flat(content, walk.budget).root()
    names = []
    for plan in program.tables(PROGRAM["plans"]):
        names.append(printable(plan.text(PLAN["name"])[:100]))
        yield from _plan(plan, at)
    properties = {"version": str(program.number(PROGRAM["version"], 4)), "methods": ", ".join(names[:50])}
    yield Header(location=at, format=NAME, properties=properties)
    yield from _segments(program, content)


def _plan(plan: Table, at: Location) -> Iterator[Fact]:
    for name in sorted({operator.text(0) for operator in plan.tables(PLAN["operators"])}):
        if not name.startswith(OWN_OPERATORS):
            detail = "an operator that the program must bring"
            yield Asks(location=at, permission="custom-ops", name=printable(name), detail=detail)
    for name in sorted({delegate.text(0) for delegate in plan.tables(PLAN["delegates"])}):
        if name not in OWN_DELEGATES:
            detail = "a delegate that is handed a compiled program"
            yield Asks(location=at, permission="native-code", name=printable(name), detail=detail)


def _segments(program: Table, content: Content) -> Iterator[Fact]:
    base = 0
    if content.size >= 32 and content.read(8, 4) == EXTENDED:
        base = int.from_bytes(content.read(24, 8), "little")
    for number, segment in enumerate(program.tables(PROGRAM["segments"])):
        end = base + segment.number(SEGMENT["offset"], 8) + segment.number(SEGMENT["size"], 8)
        if end > content.size:
            detail = f"segment {number} ends at {end}, the file at {content.size}"
            yield Malformed(location=content.location, format=NAME, rule="executorch-segment", detail=detail)


FORMAT = Format(
    name=NAME,
    title="ExecuTorch program",
    reads="plans, operators, delegates and segments",
    looks_for="operators and delegates that are not the runtime's own, segments that do not fit",
    clue=Clue(begins=rb".{4}ET\d\d"),
    accepts=_accepts,
    read=_read,
    endings=(".pte",),
)
