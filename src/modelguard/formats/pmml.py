"""PMML: models of statistics as XML, which evaluators in Java read.

What reaches beyond the model: entities (refused), tables in other places, and functions whose name is a Java class,
which evaluators look up and call.
"""

from __future__ import annotations

from collections.abc import Iterator

from modelguard.formats._xml import FIRST, elements, root_name
from modelguard.formats.format import Clue, Format, Walk
from modelguard.terms.artifact import printable
from modelguard.terms.content import Content
from modelguard.terms.facts import Asks, Fact, Header, Noted

NAME = "pmml"


def _accepts(content: Content) -> bool:
    return root_name(content) == "PMML"


def _read(content: Content, walk: Walk) -> Iterator[Fact]:
    at = content.location
    seen: set[tuple[str, str]] = set()
    for element in elements(content, walk.budget):
        value = element.attributes.get("function", "") or element.attributes.get("name", "")
        key = (element.name, value)
        if key in seen:
            continue
        if element.name == "PMML":
            version = printable(element.attributes.get("version", "")[:50])
            yield Header(location=at, format=NAME, properties={"version": version})
        elif element.name == "Apply" and "." in value:
            detail = "a function named by a Java class, which evaluators look up and call"
            yield Asks(
                location=at, permission="configuration", name=printable(value), detail=detail, hazard="code-execution"
            )
        elif element.name == "TableLocator":
            detail = "a table that is not in the model"
            yield Asks(location=at, permission="external-files", name=printable(value) or "TableLocator", detail=detail)
        elif element.name == "Extension":
            yield Noted(location=at, format=NAME, rule="pmml-extension", detail=printable(value[:200]))
        else:
            continue
        seen.add(key)


FORMAT = Format(
    name=NAME,
    title="PMML",
    reads="every element",
    looks_for="document types and entities, functions that are Java classes, tables elsewhere",
    clue=Clue(first=FIRST),
    accepts=_accepts,
    read=_read,
    endings=(".pmml",),
)
