"""OpenVINO models: a graph of layers in XML, with its numbers in a `.bin` file of the same name.

Layers of a set that is not OpenVINO's own are brought by an extension library.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from modelguard.formats._references import reference
from modelguard.formats._xml import FIRST, elements, root_name
from modelguard.formats.format import Clue, Format, Walk
from modelguard.terms.artifact import Location, printable
from modelguard.terms.content import Content
from modelguard.terms.facts import Asks, Fact, Header, Malformed

NAME = "openvino"
LARGEST = (1 << 63) - 1
# Versions of OpenVINO's own operator sets; models of the old form (before version 10) name none.
_XML = re.compile(r"\.xml\Z", re.IGNORECASE)
_OWN_SET = re.compile(r"opset\d{1,2}|experimental|ie_internal_opset|")


def _accepts(content: Content) -> bool:
    return root_name(content) == "net" and b"<layer" in content.head(1 << 16)


def _read(content: Content, walk: Walk) -> Iterator[Fact]:
    at = content.location
    layers, stored = 0, 0
    sets: set[str] = set()
    asked: set[str] = set()
    for element in elements(content, walk.budget):
        if element.name == "net" and not element.above:
            shown = {key: printable(element.attributes.get(key, "")[:200]) for key in ("name", "version")}
            yield Header(location=at, format=NAME, properties=shown)
        elif element.name == "layer" and "layers" in element.above:
            layers += 1
            name = printable(f"{element.attributes.get('version', '')}.{element.attributes.get('type', '')}")[:200]
            sets.add(element.attributes.get("version", "")[:100])
            if not _OWN_SET.fullmatch(element.attributes.get("version", "")) and name not in asked:
                asked.add(name)
                detail = "a layer that only an extension library implements"
                yield Asks(location=at, permission="custom-ops", name=name, detail=detail)
        elif "offset" in element.attributes and "size" in element.attributes:
            stored += 1
            yield from _place(element.attributes["offset"], element.attributes["size"], at)
    properties = {"layers": str(layers), "operator-sets": printable(", ".join(sorted(sets)))[:500]}
    yield Header(location=at, format=NAME, properties=properties)
    if stored:
        numbers = _XML.sub("", at.path.rpartition("/")[2]) + ".bin"
        yield from reference(numbers, at, walk, what="the numbers of the model", raw=True)


def _place(offset: str, size: str, at: Location) -> Iterator[Fact]:
    if not all(
        text.isascii() and text.isdigit() and len(text) < 20 and int(text) <= LARGEST for text in (offset, size)
    ):
        detail = f"numbers at {printable(offset[:50])!r}, {printable(size[:50])!r} bytes long"
        yield Malformed(location=at, format=NAME, rule="openvino-place", detail=detail)


FORMAT = Format(
    name=NAME,
    title="OpenVINO",
    reads="every layer and the place of its numbers",
    looks_for="layers of extension libraries, document types and entities, missing numbers",
    clue=Clue(first=FIRST),
    accepts=_accepts,
    read=_read,
)
