"""ONNX in text: as JSON and as text of protocol buffers, which the onnx package loads by file ending.

The same things are looked for as in the binary form. ONNX's own language (`.onnxtxt`) is recognised but not read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from attrs import define, field

from modelguard.formats import _onnx_schema as schema
from modelguard.formats._json import objects, read_json
from modelguard.formats._references import reference
from modelguard.formats._text_proto import text_fields
from modelguard.formats.format import SPACES, Clue, Format, Walk
from modelguard.terms.artifact import Location, printable
from modelguard.terms.content import Content
from modelguard.terms.errors import ReadError
from modelguard.terms.facts import Asks, Fact, Header, Permission

NAME = "onnx-text"
LARGEST = 256 << 20
_JSON = re.compile(rb"\s*\{")
_JSON_KEYS = (b'"irVersion"', b'"opsetImport"', b'"ir_version"', b'"opset_import"')
_PROTO = re.compile(rb"(?:\s|#[^\n]*\n)*(?:ir_version\s*:|(?:opset_import|graph)\s*[:{])")
_LANGUAGE = re.compile(rb"\s*<\s*ir_version\s*:")


@define
class _Named:
    """What a model in text names: operators, domains, the functions it defines, and places of external data."""

    operators: set[str] = field(factory=set)
    domains: set[str] = field(factory=set)
    functions: set[str] = field(factory=set)
    locations: set[str] = field(factory=set)


def _accepts(content: Content) -> bool:
    head = content.head(content.ahead(0, 1 << 16))
    if _LANGUAGE.match(head) or _PROTO.match(head):
        return True
    found = head + content.tail(1 << 16)
    return _JSON.match(head) is not None and b'"graph"' in found and any(key in found for key in _JSON_KEYS)


def _read(content: Content, walk: Walk) -> Iterator[Fact]:
    at, named = content.location, _Named()
    if _LANGUAGE.match(content.head(4096)):
        raise ReadError(f"{NAME}: ONNX's own language is not read")
    if _JSON.match(content.head(4096)):
        document = read_json(content, limit=LARGEST)
        yield from document.remarks(content, NAME)
        for path, value in objects([document.value, *document.lost]):
            _from_json(path, value, named)
    else:
        try:
            text = content.all(LARGEST).decode("utf-8")
        except UnicodeDecodeError as error:
            raise ReadError(f"{NAME}: not UTF-8 at byte {error.start}") from None
        for fields, word in text_fields(text, walk.budget):
            _from_fields(fields, word, named)
    yield Header(location=at, format=NAME, properties={"operators": str(len(named.operators))})
    for location in sorted(named.locations):
        yield from reference(location, at, walk, what="external data", raw=True)
    yield from _asks(named, at)


def _from_json(path: str, value: dict[str, object], named: _Named) -> None:
    for key in ("opType", "op_type"):
        if isinstance(value.get(key), str):
            named.operators.add(str(value[key]))
            named.domains.add(str(value.get("domain", "")))
    if re.search(r"\bfunctions\[\d+\]$", path):
        named.functions.add(str(value.get("domain", "")))
    for key in ("externalData", "external_data"):
        entries = value.get(key)
        for entry in entries if isinstance(entries, list) else ():
            if isinstance(entry, dict) and entry.get("key") == "location":
                named.locations.add(str(entry.get("value", "")))


def _from_fields(path: tuple[str, ...], value: str, named: _Named) -> None:
    if path[-1] == "op_type":
        named.operators.add(value)
    elif path[-2:] == ("node", "domain"):
        named.domains.add(value)
    elif path == ("functions", "domain"):
        named.functions.add(value)
    elif path[-2:] == ("external_data", "value") and not (value.isascii() and value.isdigit()):
        named.locations.add(value)  # a key may follow its value, so that every value that is no number counts


def _asks(named: _Named, at: Location) -> Iterator[Fact]:
    reaching = {name: row for (_, name), row in schema.REACHING_OPERATORS.items()}
    for operator in sorted(named.operators):
        if operator in reaching:
            permission, hazard, why = reaching[operator]
            kind: Permission = permission  # type: ignore[assignment]  # rows of the table hold permissions
            yield Asks(location=at, permission=kind, name=printable(operator), detail=why, hazard=hazard)
        elif operator.startswith(schema.PYTHON_OPERATORS):
            yield Asks(
                location=at, permission="custom-ops", name=printable(operator), detail="calls Python",
                hazard="code-execution",
            )  # fmt: skip
    for domain in sorted(named.domains - named.functions - set(schema.KNOWN_DOMAINS)):
        detail = "only a plug-in implements this domain"
        yield Asks(location=at, permission="custom-ops", name=printable(domain), detail=detail)


FORMAT = Format(
    name=NAME,
    title="ONNX as text",
    reads="operators, domains and external data of every graph and function, as JSON or text of protocol buffers",
    looks_for="external data outside the model, operators of plug-ins, Python operators",
    clue=Clue(first=SPACES + b"#iog<{"),
    accepts=_accepts,
    read=_read,
    endings=(".onnxjson", ".onnxtxt"),
)
