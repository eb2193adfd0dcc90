"""A small walk over the formats of model repositories, and makers of repositories in memory."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib import import_module
from typing import Any, TypeVar

from attrs import field, frozen

from modelguard.formats.format import Format
from modelguard.terms.artifact import Location
from modelguard.terms.content import Budget, Content
from modelguard.terms.errors import ReadError
from modelguard.terms.facts import Asks, Fact, Opaque, Recognised, Unread

NAMES = (
    "columns",
    "document",
    "font",
    "jinja",
    "json_file",
    "lfs_pointer",
    "markdown",
    "picture",
    "python_source",
    "recording",
    "text",
    "yaml_file",
)

AnyFact = TypeVar("AnyFact", bound=Fact)


def repository_formats() -> list[Format]:
    return [import_module(f"modelguard.formats.{name}").FORMAT for name in NAMES]


@frozen
class SmallWalk:
    """Reads a content by every format of repositories that accepts it, as the collector does for all formats."""

    paths: frozenset[str] = frozenset()
    budget: Budget = field(factory=Budget)

    def inside(self, content: Content) -> Iterator[Fact]:
        accepted = [part for part in repository_formats() if part.accepts(content)]
        if not accepted:
            yield Opaque(location=content.location, size=content.size, head=content.head(16).hex())
            return
        yield Recognised(location=content.location, formats=tuple(sorted(part.name for part in accepted)))
        for part in accepted:
            try:
                yield from part.read(content, self)
            except ReadError as error:
                yield Unread(location=content.location, format=part.name, reason=str(error))


def facts_of(path: str, data: bytes | str, others: tuple[str, ...] = ()) -> list[Fact]:
    """Return the facts about one file of a snapshot that holds `others` as well."""
    raw = data.encode() if isinstance(data, str) else data
    walk = SmallWalk(paths=frozenset({path, *others}))
    return list(walk.inside(Content.of(raw, Location(path))))


def facts_of_json(path: str, value: Any, others: tuple[str, ...] = ()) -> list[Fact]:
    return facts_of(path, json.dumps(value), others)


def of_kind(facts: list[Fact], kind: type[AnyFact]) -> list[AnyFact]:
    return [fact for fact in facts if isinstance(fact, kind)]


def asked(facts: list[Fact]) -> list[tuple[str, str]]:
    """Return permission and name of everything that is asked for."""
    return [(fact.permission, fact.name) for fact in of_kind(facts, Asks)]


def formats_of(facts: list[Fact]) -> tuple[str, ...]:
    return next((fact.formats for fact in facts if isinstance(fact, Recognised)), ())
