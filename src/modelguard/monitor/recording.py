"""Turns scenes and events into JSON and back. What is read is checked against the types of the nouns' fields."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import cache, partial
from types import NoneType, UnionType
from typing import Any, Literal, TypeAlias, TypeVar, Union, get_args, get_origin

import attrs

from modelguard.terms.errors import StateError
from modelguard.terms.finding import Severity

Noun = TypeVar("Noun")
Reader: TypeAlias = Callable[[Any], Any]


def written(noun: attrs.AttrsInstance) -> str:
    """Return a noun as JSON with sorted keys; fields that are None are left out."""
    return json.dumps(_plain(noun), sort_keys=True, ensure_ascii=True, separators=(",", ":"))


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, str | bool) or type(value) is int:
        return value
    if isinstance(value, tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, Severity):
        return str(value)
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if attrs.has(type(value)):
        kind: Any = type(value)
        fields = ((name, getattr(value, name)) for name in _names(kind))
        return {name: _plain(inner) for name, inner in fields if inner is not None}
    return value


@cache
def _names(kind: Any) -> tuple[str, ...]:
    return tuple(field.name for field in attrs.fields(kind))


def read(kind: type[Noun], text: str) -> Noun:
    """Read a noun. Keys that this release does not know are ignored: a newer one may have written them.

    Raises `StateError` for anything that is not what `written` gives.
    """
    try:
        anything: Any = kind
        noun: Noun = _reader(anything)(json.loads(text))
        return noun
    except (TypeError, ValueError, KeyError, RecursionError) as error:
        raise StateError(
            f"{kind.__name__}: damaged: {error}", remedy="move the state file away; events start anew"
        ) from error


# --- readers: what a type asks of a value is worked out once; a pass asks it for every file of every model ------------


@cache
def _reader(kind: Any) -> Reader:
    """Return what turns JSON into a value of this type, and raises for any other."""
    origin = get_origin(kind)
    if origin in {Union, UnionType}:
        inner = _reader(next(one for one in get_args(kind) if one is not NoneType))
        return (lambda data: None if data is None else inner(data)) if NoneType in get_args(kind) else inner
    if origin is tuple:
        return _row_reader(get_args(kind))
    if origin is Mapping:
        return partial(_mapping, _reader(get_args(kind)[1]))
    if origin is Literal:
        return partial(_word, get_args(kind))
    if kind is Severity:
        return lambda data: Severity[str(data).upper()]
    return _noun_reader(kind) if attrs.has(kind) else partial(_atom, kind)


def _noun_reader(kind: Any) -> Reader:
    resolved: Any = attrs.resolve_types(kind)
    readers = {field.name: _reader(field.type) for field in attrs.fields(resolved)}

    def read_noun(data: Any) -> Any:
        if not isinstance(data, dict):
            raise TypeError(f"expected an object, found {type(data).__name__}")
        return kind(**{name: readers[name](value) for name, value in data.items() if name in readers})

    return read_noun


def _row_reader(kinds: tuple[Any, ...]) -> Reader:
    endless = kinds[-1] is Ellipsis
    readers = [_reader(kind) for kind in kinds if kind is not Ellipsis]

    def read_row(data: Any) -> tuple[Any, ...]:
        if not isinstance(data, list):
            raise TypeError(f"expected a list, found {type(data).__name__}")
        if endless:
            return tuple(map(readers[0], data))
        if len(readers) != len(data):
            raise ValueError(f"expected {len(readers)} values, found {len(data)}")
        return tuple(reader(one) for reader, one in zip(readers, data, strict=True))

    return read_row


def _mapping(reader: Reader, data: Any) -> dict[str, Any]:
    if not isinstance(data, dict):
        raise TypeError(f"expected an object, found {type(data).__name__}")
    return {key: reader(value) for key, value in data.items()}


def _word(words: tuple[Any, ...], data: Any) -> Any:
    if data not in words:
        raise ValueError(f"unknown word {data!r}")
    return data


def _atom(kind: type, data: Any) -> Any:
    if type(data) is not kind:
        raise TypeError(f"expected {kind.__name__}, found {type(data).__name__}")
    return data
