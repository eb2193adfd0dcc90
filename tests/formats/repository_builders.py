"""The walk with the formats of model repositories alone, and single files of repositories in memory."""

from __future__ import annotations

import json
from importlib import import_module
from typing import Any, TypeVar

from modelguard.collectors._walk import Reading
from modelguard.formats.format import Format
from modelguard.terms.artifact import Location
from modelguard.terms.content import Budget, Content
from modelguard.terms.facts import Asks, Fact, Recognised

NAMES = (
    "columns",
    "document",
    "event_log",
    "font",
    "jinja",
    "json_file",
    "ini",
    "lfs_pointer",
    "markdown",
    "markup",
    "msgpack",
    "native",
    "notebook",
    "package_archive",
    "path_configuration",
    "picture",
    "python_source",
    "recording",
    "requirements",
    "sentencepiece",
    "shell_script",
    "text",
    "toml_file",
    "yaml_file",
)

AnyFact = TypeVar("AnyFact", bound=Fact)


def repository_formats() -> list[Format]:
    return [import_module(f"modelguard.formats.{name}").FORMAT for name in NAMES]


def facts_of(path: str, data: bytes | str, others: tuple[str, ...] = ()) -> list[Fact]:
    """Return the facts about one file of a snapshot that holds `others` as well."""
    raw = data.encode() if isinstance(data, str) else data
    reading = Reading(budget=Budget(), paths=frozenset({path, *others}), formats=tuple(repository_formats()))
    return list(reading.read(Content.of(raw, Location(path))))


def facts_of_json(path: str, value: Any, others: tuple[str, ...] = ()) -> list[Fact]:
    return facts_of(path, json.dumps(value), others)


def of_kind(facts: list[Fact], kind: type[AnyFact]) -> list[AnyFact]:
    return [fact for fact in facts if isinstance(fact, kind)]


def asked(facts: list[Fact]) -> list[tuple[str, str]]:
    """Return permission and name of everything that is asked for."""
    return [(fact.permission, fact.name) for fact in of_kind(facts, Asks)]


def formats_of(facts: list[Fact]) -> tuple[str, ...]:
    return next((fact.formats for fact in facts if isinstance(fact, Recognised)), ())
