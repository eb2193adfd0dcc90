"""Finds the parts of a room by looking into its folder.

A part is a module that binds exactly one object of the room's contract type at its top level. Adding a part is
adding a file; nothing else lists it. This is the only place that imports modules by a computed name.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import TypeVar

Part = TypeVar("Part")


@cache
def parts(room: str, contract: type[Part], only: frozenset[str] | None = None) -> tuple[Part, ...]:
    """Return the parts of a room, such as `parts("modelguard.formats", Format)`, in order of module name.

    `only` names the modules to look into, where a room calls each module as its part: the others are not imported.

    Modules whose name starts with an underscore are the room's own and hold no part. A module without a part is
    the contract itself or shared by its neighbours; a module with two is a mistake.

    Raises `TypeError` for a module that binds more than one part.
    """
    found = []
    for entry in sorted(iter_modules(import_module(room).__path__), key=lambda entry: entry.name):
        if entry.name.startswith("_") or (only is not None and entry.name not in only):
            continue
        module = import_module(f"{room}.{entry.name}")
        here = [value for value in vars(module).values() if isinstance(value, contract)]
        if len(here) > 1:
            raise TypeError(
                f"{module.__name__} binds {len(here)} parts of type {contract.__name__}: one file, one part"
            )
        found.extend(here)
    return tuple(found)
