"""Finds the parts of a room by looking into its folder.

A part is a module that binds exactly one object of the room's contract type at its top level. Adding a part is
adding a file; nothing else lists it by hand. This is the only place that imports modules by a computed name.

Rooms with many parts have an index, `_index.py`, which says of each part when it is needed: the others are then not
even imported. `make index` writes it, a test compares it with the parts, and it counts only as long as the folder holds
exactly the modules that it was made from.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import Any, TypeVar

Part = TypeVar("Part")


@cache
def parts(room: str, contract: type[Part], only: frozenset[str] | None = None) -> tuple[Part, ...]:
    """Return the parts of a room, such as `parts("modelguard.formats", Format)`, in order of module name.

    `only` names the modules to look into, where a room calls each module as its part: the others are not imported.

    Modules whose name starts with an underscore are the room's own and hold no part. A module without a part is
    the contract itself or shared by its neighbours; a module with two is a mistake.

    Raises `TypeError` for a module that binds more than one part.
    """
    chosen = modules(room) if only is None else (name for name in modules(room) if name in only)
    return tuple(one for name in chosen for one in _bound(room, contract, name))


def part(room: str, contract: type[Part], name: str) -> Part:
    """Return the part that one module of a room binds. Raises `LookupError` when it binds none."""
    for one in _bound(room, contract, name):
        return one
    raise LookupError(f"{room}.{name} binds no {contract.__name__}")


def _bound(room: str, contract: type[Part], name: str) -> list[Part]:
    module = import_module(f"{room}.{name}")
    here = [value for value in vars(module).values() if isinstance(value, contract)]
    if len(here) > 1:
        raise TypeError(f"{module.__name__} binds {len(here)} parts of type {contract.__name__}: one file, one part")
    return here


@cache
def modules(room: str) -> tuple[str, ...]:
    """Return the names of the modules of a room that may hold a part, in order."""
    entries = iter_modules(import_module(room).__path__)
    return tuple(sorted(entry.name for entry in entries if not entry.name.startswith("_")))


@cache
def index(room: str) -> tuple[tuple[Any, ...], ...] | None:
    """Return the rows of a room's index, each beginning with the name of a module.

    None when the folder holds other modules than the index was made from: then every part has to be imported.
    """
    made = import_module(f"{room}._index")
    rows: tuple[tuple[Any, ...], ...] = made.ROWS
    return rows if modules(room) == made.MODULES else None


def named(place: str) -> Any:
    """Return what an index calls `package.module:name`."""
    home, _, name = place.partition(":")
    return getattr(import_module(home), name)
