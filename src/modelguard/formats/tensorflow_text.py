"""TensorFlow graphs and SavedModels in text form: `saved_model.pbtxt`, `graph.pbtxt`.

TensorFlow loads them like the binary form. Every operator is looked at; the savers that the binary reader can tell
from others are asked for here, because this form is not written for use.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from modelguard.formats._references import reference
from modelguard.formats._tensorflow_ops import COMPUTING, REACHING
from modelguard.formats._text_proto import text_fields
from modelguard.formats.format import SPACES, Clue, Format, Walk
from modelguard.terms.artifact import Location, printable
from modelguard.terms.content import Content
from modelguard.terms.errors import ReadError
from modelguard.terms.facts import Asks, Fact, Header, Permission

NAME = "tensorflow-text"
LARGEST = 128 << 20
_BEGINS = re.compile(
    rb"(?:\xef\xbb\xbf)?(?:\s|#[^\n]*\n)*(?:saved_model_schema_version\s*:|(?:meta_graphs|node|library|versions)\s*[:{<\[])"
)


def _accepts(content: Content) -> bool:
    return _BEGINS.match(content.head(content.ahead(0, 1 << 16))) is not None


def _read(content: Content, walk: Walk) -> Iterator[Fact]:
    at = content.location
    try:
        text = content.all(LARGEST).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ReadError(f"{NAME}: not UTF-8 at byte {error.start}") from None
    operators: dict[str, int] = {}
    functions: set[str] = set()
    for path, value in text_fields(text, walk.budget):
        if path[-2:] in (("node", "op"), ("node_def", "op")):
            operators[value] = operators.get(value, 0) + 1
        elif path[-3:] == ("function", "signature", "name"):
            functions.add(value)
        elif path[-2:] == ("asset_file_def", "filename"):
            yield from reference(f"assets/{value}" if value[:1] != "/" else value, at, walk, what="an asset")
    yield Header(location=at, format=NAME, properties={"nodes": str(sum(operators.values()))})
    yield from _operators(operators, functions, at)


def _operators(operators: dict[str, int], functions: set[str], at: Location) -> Iterator[Fact]:
    for name, count in sorted(operators.items()):
        if name in COMPUTING or (name in functions and name not in REACHING):
            continue
        permission, hazard, why = REACHING.get(
            name, ("custom-ops", "", "an operator that is not one of TensorFlow's known ones")
        )
        kind: Permission = permission  # type: ignore[assignment]  # rows of the table hold permissions
        detail = f"{why} ({count} nodes)"
        yield Asks(location=at, permission=kind, name=printable(name), detail=detail, hazard=hazard)


FORMAT = Format(
    name=NAME,
    title="TensorFlow graph as text",
    reads="every node of every graph and function, and assets",
    looks_for="operators that reach files, the network, Python or machine code; assets outside the model",
    clue=Clue(first=SPACES + b"\xef#smnlv"),
    accepts=_accepts,
    read=_read,
    whole_names=("saved_model.pbtxt",),
)
