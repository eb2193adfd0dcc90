"""TOML: pyproject.toml and other settings."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator
from itertools import accumulate
from posixpath import basename
from typing import Any

from modelguard.formats._config_keys import Place, asked_by_keys
from modelguard.formats._json import objects
from modelguard.formats._requirements import asked_to_install
from modelguard.formats._text import is_text, text_of
from modelguard.formats.format import Clue, Format, Walk
from modelguard.terms.content import Content
from modelguard.terms.errors import ReadError
from modelguard.terms.facts import Asks, Fact

LIMIT = 4 << 20
DEPTH = 100
_PARTS = 32
# A key of many parts, `a.b.c`: the parser keeps every beginning of it, so that a long one takes memory by its square.
_PART = r"""(?:[\w-]++|"[^"\n]*+"|'[^'\n]*+')"""
_LONG_KEY = re.compile(rf"(?<![\w.-]){_PART}(?:[ \t]*+\.[ \t]*+{_PART}){{{_PARTS}}}")
_STEPS = {"[": 1, "{": 1, "]": -1, "}": -1}


def accepts(content: Content) -> bool:
    """Tell by the ending: TOML has no magic number."""
    return content.name.lower().endswith(".toml") and is_text(content)


def read(content: Content, walk: Walk) -> Iterable[Fact]:
    """Read a TOML document."""
    value = _parsed(text_of(content, LIMIT))
    walk.budget.spend_time()
    for path, entry in objects(value):
        yield from dict.fromkeys(asked_by_keys(entry, Place(content=content, paths=walk.paths, path=path)))
    if basename(content.name).lower() == "pyproject.toml":
        yield from _project(value, content)


def _project(value: dict[str, Any], content: Content) -> Iterator[Fact]:
    project, build = value.get("project"), value.get("build-system")
    lines = [*_lines(project, "dependencies"), *_lines(build, "requires")]
    yield from asked_to_install(lines, content, "pip")
    if isinstance(build, dict) and build.get("backend-path"):
        yield Asks(
            location=content.location,
            permission="install",
            name="backend-path",
            detail="the build of this package runs code that lies beside it",
            hazard="code-execution",
        )


def _lines(table: Any, key: str) -> list[str]:
    found = table.get(key) if isinstance(table, dict) else None
    return [line for line in found if isinstance(line, str)] if isinstance(found, list) else []


def _parsed(text: str) -> dict[str, Any]:
    # Quotes are not looked at: brackets within strings count too, which no honest file has a hundred of in a row.
    deepest = max(accumulate(_STEPS[character] for character in text if character in _STEPS), default=0)
    if deepest > DEPTH:
        raise ReadError(f"TOML is nested about {deepest} brackets deep; {DEPTH} are read")
    if _LONG_KEY.search(text):
        raise ReadError(f"TOML has a key of more than {_PARTS} parts")
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ReadError(f"TOML cannot be parsed: {error}") from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise ReadError(f"TOML cannot be parsed: {type(error).__name__}") from error


FORMAT = Format(
    name="toml",
    title="TOML",
    reads="TOML up to 4 MB, 100 levels, and keys of 32 parts.",
    looks_for="Packages that something would install, builds that run code, and the keys that JSON is searched for.",
    clue=Clue(endings=(".toml",)),
    accepts=accepts,
    read=read,
    endings=(".toml",),
)
