"""YAML read from its event stream: plain mappings, lists and texts, without constructing what tags name.

Aliases become references to the same object, so that a bomb of aliases stays as small as it is written; how large it
would grow in a loader that copies is computed beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from attrs import Factory, define

from modelguard.terms.errors import ReadError

DEPTH = 100
"""Collections inside collections."""

NODES = 2_000_000
"""Nodes of one file."""

MERGE = "<<"


@define
class Yaml:
    """A YAML stream: its documents as plain values, and what a constructor could misunderstand.

    `tags` are the tags that are not YAML's own, with the value of a tagged scalar; `twice` are keys that occur more
    than once in one mapping; `written` and `grown` count nodes before and after copying each alias; `recursive` tells
    of an alias within its own anchor.
    """

    documents: list[Any] = Factory(list)
    tags: dict[tuple[str, str], None] = Factory(dict)
    twice: dict[str, None] = Factory(dict)
    scalars: list[str] = Factory(list)
    written: int = 0
    grown: int = 0
    recursive: bool = False


@define
class _Open:
    """A collection that has begun: `key` is the key that waits for its value."""

    value: Any
    anchor: str | None
    size: int = 1
    key: str | None = None
    waits: bool = False


def parse_yaml(text: str, tick: Callable[[], None] = lambda: None) -> Yaml:
    """Read a YAML stream; `tick` is called every few thousand nodes and may raise to end the reading.

    Raises `ReadError` for what PyYAML does not parse, for more than `DEPTH` levels and for more than `NODES` nodes.
    """
    yaml = _library()
    result = Yaml()
    try:
        _Composer(result, tick).compose(yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))
    except yaml.YAMLError as error:
        mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
        line = f" in line {mark.line + 1}" if mark is not None else ""
        raise ReadError(f"YAML cannot be parsed: {problem or type(error).__name__}{line}") from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise ReadError(f"YAML cannot be parsed: {type(error).__name__}") from error
    return result


def _library() -> Any:
    try:
        import yaml  # costs 15 ms; a dependency of huggingface_hub
    except ImportError as error:
        raise ReadError("YAML is read with PyYAML, which is not installed: pip install pyyaml") from error
    return yaml


class _Composer:
    """Puts events together."""

    def __init__(self, result: Yaml, tick: Callable[[], None]) -> None:
        self.result = result
        self.tick = tick
        self.stack: list[_Open] = []
        self.anchors: dict[str, tuple[Any, int]] = {}

    def compose(self, events: Iterator[Any]) -> None:
        for event in events:
            match type(event).__name__:
                case "MappingStartEvent":
                    self._begin({}, event)
                case "SequenceStartEvent":
                    self._begin([], event)
                case "MappingEndEvent" | "SequenceEndEvent":
                    self._end()
                case "ScalarEvent":
                    self._scalar(event)
                case "AliasEvent":
                    self._alias(event.anchor)
                case "DocumentStartEvent":
                    self.anchors.clear()
                case _:
                    pass

    def _begin(self, value: Any, event: Any) -> None:
        if len(self.stack) >= DEPTH:
            raise ReadError(f"YAML is nested more than {DEPTH} levels deep")
        self._count(event.tag, "")
        if event.anchor:
            self.anchors[event.anchor] = (value, -1)
        self.stack.append(_Open(value, event.anchor))

    def _end(self) -> None:
        done = self.stack.pop()
        if done.anchor:
            self.anchors[done.anchor] = (done.value, done.size)
        self._put(done.value, done.size)

    def _scalar(self, event: Any) -> None:
        self._count(event.tag, event.value)
        self.result.scalars.append(event.value)
        if event.anchor:
            self.anchors[event.anchor] = (event.value, 1)
        self._put(event.value, 1)

    def _alias(self, anchor: str) -> None:
        if anchor not in self.anchors:
            raise ReadError(f"YAML alias *{anchor[:40]} has no anchor before it")
        value, size = self.anchors[anchor]
        if size < 0:
            self.result.recursive = True
            size = 1
        self.result.written += 1
        self._put(value, size)

    def _count(self, tag: str | None, value: str) -> None:
        self.result.written += 1
        if self.result.written % 4096 == 0:
            self.tick()
        if self.result.written > NODES:
            raise ReadError(f"YAML has more than {NODES} nodes")
        if tag and tag != "!" and not _is_standard(tag):
            self.result.tags[tag, value[:200]] = None

    def _put(self, value: Any, size: int) -> None:
        if not self.stack:
            self.result.documents.append(value)
            self.result.grown += size
            return
        top = self.stack[-1]
        top.size += size
        if isinstance(top.value, list):
            top.value.append(value)
        elif top.waits:
            self._pair(top, value)
        else:
            top.key, top.waits = value if isinstance(value, str) else "?", True

    def _pair(self, top: _Open, value: Any) -> None:
        key = top.key or ""
        top.key, top.waits = None, False
        if key in top.value and key not in {MERGE, "?"}:
            self.result.twice[key] = None
        elif key in top.value:
            key = f"{key}{len(top.value)}"
        top.value[key] = value


# https://yaml.org/type/
_STANDARD = {"str", "int", "float", "bool", "null", "seq", "map", "binary", "timestamp", "set", "omap", "pairs"}
_STANDARD |= {"merge", "value"}


def _is_standard(tag: str) -> bool:
    return tag.startswith("tag:yaml.org,2002:") and tag.removeprefix("tag:yaml.org,2002:") in _STANDARD
