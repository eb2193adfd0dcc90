"""Turns scenes and events into JSON and back. What is read is checked against the types of the nouns' fields."""

from __future__ import annotations

import json
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

import attrs

from modelguard.terms.errors import StateError
from modelguard.terms.finding import Severity

Noun = TypeVar("Noun")


def written(noun: attrs.AttrsInstance) -> str:
    """Return a noun as JSON with sorted keys; fields that are None are left out."""
    return json.dumps(_plain(noun), sort_keys=True, ensure_ascii=True, separators=(",", ":"))


def _plain(value: Any) -> Any:
    if isinstance(value, Severity):
        return str(value)
    if attrs.has(type(value)):
        fields = ((field.name, getattr(value, field.name)) for field in attrs.fields(type(value)))
        return {name: _plain(inner) for name, inner in fields if inner is not None}
    if isinstance(value, tuple):
        return [_plain(inner) for inner in value]
    return value


def read(kind: type[Noun], text: str) -> Noun:
    """Read a noun. Keys that this release does not know are ignored: a newer one may have written them.

    Raises `StateError` for anything that is not what `written` gives.
    """
    try:
        noun: Noun = _noun(kind, json.loads(text))
        return noun
    except (TypeError, ValueError, KeyError, RecursionError) as error:
        raise StateError(
            f"{kind.__name__}: damaged: {error}", remedy="move the state file away; events start anew"
        ) from error


@cache
def _fields(kind: type) -> dict[str, Any]:
    resolved: Any = attrs.resolve_types(kind)
    return {field.name: field.type for field in attrs.fields(resolved)}


def _noun(kind: Any, data: Any) -> Any:
    if not isinstance(data, dict):
        raise TypeError(f"expected an object, found {type(data).__name__}")
    return kind(**{name: _value(of, data[name]) for name, of in _fields(kind).items() if name in data})


def _value(kind: Any, data: Any) -> Any:
    origin = get_origin(kind)
    if origin in {Union, UnionType}:
        if data is None and NoneType in get_args(kind):
            return None
        kind = next(one for one in get_args(kind) if one is not NoneType)
        return _value(kind, data)
    if origin is tuple:
        return _row(get_args(kind), data)
    if origin is Literal:
        if data not in get_args(kind):
            raise ValueError(f"unknown word {data!r}")
        return data
    if kind is Severity:
        return Severity[str(data).upper()]
    if attrs.has(kind):
        return _noun(kind, data)
    if type(data) is not kind:
        raise TypeError(f"expected {kind.__name__}, found {type(data).__name__}")
    return data


def _row(kinds: tuple[Any, ...], data: Any) -> tuple[Any, ...]:
    if not isinstance(data, list):
        raise TypeError(f"expected a list, found {type(data).__name__}")
    if kinds[-1] is Ellipsis:
        return tuple(_value(kinds[0], one) for one in data)
    if len(kinds) != len(data):
        raise ValueError(f"expected {len(kinds)} values, found {len(data)}")
    return tuple(_value(kind, one) for kind, one in zip(kinds, data, strict=True))
