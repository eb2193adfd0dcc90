"""The abstract values that argument rules are shown: what stands on the stack when a call is made.

The machine keeps its own cheaper representation and makes these only for calls whose target has an argument rule.
"""

from __future__ import annotations

from typing import TypeAlias

from attrs import frozen


@frozen
class Constant:
    """A value written in the stream. A long text, bytes or integer stands as its kind and length in `size`."""

    value: bool | int | float | str | bytes | None
    size: int = 0


@frozen
class Global:
    """A global as it resolves, after name mapping."""

    module: str
    name: str


@frozen
class Result:
    """What a call returned. `arguments` are those of the call; `state` is what BUILD last gave it, if it did.

    `filled` tells that items have been set on it, which are not kept.
    """

    target: Value
    arguments: tuple[Value, ...]
    state: Value | None = None
    filled: bool = False


@frozen
class Sequence:
    """A tuple, list, set or frozenset; `items` is None when there are too many to keep."""

    kind: str
    items: tuple[Value, ...] | None


@frozen
class Table:
    """A dict; `entries` are its key-value pairs, None when there are too many to keep."""

    entries: tuple[tuple[Value, Value], ...] | None


@frozen
class Persistent:
    """The object that a persistent id stands for (a torch storage); `id` is the id itself."""

    id: Value


@frozen
class Unknown:
    """Something that the bytes alone do not tell, and why."""

    reason: str


Value: TypeAlias = Constant | Global | Result | Sequence | Table | Persistent | Unknown
