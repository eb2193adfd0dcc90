"""Judges where a reference from one file of a model to another leads, without opening anything.

Formats that keep numbers or parts in neighbouring files name them by path. A path that stays inside the snapshot
and names a file of it needs no permission; every other one is asked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from posixpath import dirname, join, normpath

from modelguard.formats.format import Walk
from modelguard.terms.artifact import Location, printable
from modelguard.terms.facts import Asks, Fact, RawNumbers

_DRIVE = re.compile(r"[A-Za-z]:")
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


def trouble_with(path: str) -> str:
    """Return why `path` is not a plain relative path below its directory, or an empty string."""
    if not path:
        return "is empty"
    if "\0" in path or path != printable(path):
        return "has characters that do not print"
    if _ADDRESS.match(path):
        return "is an address"
    if path.startswith(("/", "\\", "~")) or _DRIVE.match(path):
        return "is absolute"
    if ".." in re.split(r"[/\\]", path):
        return "climbs out of its directory"
    if "\\" in path:
        return "has a backslash, which some systems read as a slash"
    return ""


def target_of(location: Location, path: str) -> str:
    """Return the path within the snapshot that the file at `location` means by `path`."""
    return normpath(join(dirname(location.path), path))


def reference(path: str, location: Location, walk: Walk, *, what: str, raw: bool = False) -> Iterator[Fact]:
    """Yield `Asks` unless `path` names a file of the snapshot beside or below the one at `location`.

    `what` says what the path is for, as in "external data of tensor x". With `raw`, the file named is read as plain
    numbers by its loader, which is written down as well.
    """
    trouble = trouble_with(path)
    if trouble:
        permission = "network" if trouble == "is an address" else "external-files"
        yield Asks(
            location=location,
            permission=permission,  # type: ignore[arg-type]  # one of two literals
            name=path,
            detail=f"{what}: the path {trouble}",
            hazard="network" if permission == "network" else "file-read",
        )
    elif location.members or target_of(location, path) not in walk.paths:
        yield Asks(
            location=location, permission="external-files", name=path, detail=f"{what}: no such file in the snapshot"
        )
    elif raw:
        yield RawNumbers(location=location, path=target_of(location, path))
