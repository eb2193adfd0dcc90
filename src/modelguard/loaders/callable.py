"""Gives the verified path to a function of the caller's: for frameworks without a loader here.

The function is the first positional argument. It gets the path of the file, or of the directory, then the remaining
arguments and the options. It runs without the network like every load; what it unpickles is its own affair, so the
scan is the only guard: prefer a loader of this room where there is one.
"""

from __future__ import annotations

from typing import Any

from modelguard.loaders._entry import Formats, Package, loader
from modelguard.loaders.loader import Handover
from modelguard.terms.errors import LoaderError


def _load(handover: Handover) -> Any:
    if not handover.args or not callable(handover.args[0]):
        raise LoaderError("loader callable: the first argument must be the function that loads")
    function, *rest = handover.args
    path = handover.root if handover.file is None else handover.file
    return function(str(path), *rest, **handover.options)  # some native readers take no other kind of path


def _never(_formats: Formats, _file: str | None) -> bool:
    return False


def _offers(_formats: Formats, _file: str | None) -> tuple[str, ...]:
    return ("",)


LOADER = loader(
    name="callable",
    package=Package(distribution="the standard library", module="builtins"),
    load=_load,
    suits=_never,
    offers=_offers,
)
