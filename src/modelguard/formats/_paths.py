"""Where a path that stands in a file leads: inside the snapshot, or out of it and how."""

from __future__ import annotations

import re
from posixpath import dirname, normpath

_DRIVE = re.compile(r"[A-Za-z]:")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")
_DEVICE = re.compile(r"(?:^|/)(?:con|prn|aux|nul|com\d|lpt\d)(?:\.[^/]*)?$", re.IGNORECASE)

# What makes a path leave the directory of the file that names it, on any system that a loader runs on.
_ESCAPES = (
    ("\0", "holds a NUL character, at which C libraries end the path"),
    ("\\", "holds a backslash, which separates directories on Windows"),
)


def escape_of(path: str) -> str:
    """Return why `path` leads, or may lead, out of the directory it is relative to; empty when it stays inside."""
    for part, reason in _ESCAPES:
        if part in path:
            return reason
    if _SCHEME.match(path):
        return "is an address"
    if path.startswith("/") or _DRIVE.match(path):
        return "is absolute"
    if path.startswith("~"):
        return "begins in a home directory"
    if normpath(path) == ".." or normpath(path).startswith("../"):
        return "climbs out with `..`"
    if _DEVICE.search(path):
        return "names a device on Windows"
    return ""


def beside(here: str, path: str) -> str:
    """Return the snapshot path of `path` as a file in the same directory as `here` would be understood to name it."""
    return normpath(f"{dirname(here)}/{path}" if dirname(here) else path)
