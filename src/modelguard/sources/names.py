"""Decides which file names a snapshot may hold: names that mean one file, inside the snapshot, on every system.

A repository can name its files as it likes. These rules keep a name from leaving the directory (`..`, absolute paths),
from reading differently than it looks (control and bidirectional characters), and from meaning another file on a file
system that folds case or normalises Unicode.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator

from modelguard.terms.artifact import printable

LONGEST_PART = 255
"""Bytes in one part of a path; the limit of ext4, XFS, APFS and NTFS."""
LONGEST_PATH = 2048
"""Bytes in a whole path, well below PATH_MAX (4096) so that the store's own directories fit before it."""


def fault_of(path: str) -> str:
    """Say why no snapshot may hold this name, or return an empty string."""
    if not path:
        return "an empty name"
    if path != printable(path):
        return "characters that do not print (control, bidirectional, undecodable)"
    if "\\" in path:
        return "a backslash, which separates directories on other systems"
    parts = path.split("/")
    if not parts[0]:
        return "an absolute path"
    if any(part in {"", ".", ".."} for part in parts):
        return "an empty part, '.' or '..' in the path"
    if len(path.encode()) > LONGEST_PATH or any(len(part.encode()) > LONGEST_PART for part in parts):
        return "a name that is too long"
    return ""


def folded(path: str) -> str:
    """Return the form that two names share when some file system takes them for one."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())


def _places(path: str) -> Iterator[tuple[str, bool]]:
    """Yield each directory on the way to a file, then the file; the flag tells a directory."""
    parts = path.split("/")
    for end in range(1, len(parts)):
        yield "/".join(parts[:end]), True
    yield path, False


def faults(paths: Iterable[str]) -> dict[str, str]:
    """Return the names that a snapshot must not hold, each with the reason. Of twins, all are named."""
    paths = list(paths)
    found = {path: fault for path in paths if (fault := fault_of(path))}
    sound = [path for path in paths if path not in found]
    spellings: dict[str, set[tuple[str, bool]]] = {}
    for path in sound:
        for place, is_directory in _places(path):
            spellings.setdefault(folded(place), set()).add((place, is_directory))
    for path in sound:
        for place, _ in _places(path):
            others = spellings[folded(place)]
            if len(others) > 1:
                found[path] = _clash(path, others)
    return found


def _clash(path: str, others: set[tuple[str, bool]]) -> str:
    names = sorted({name for name, _ in others})
    if len(names) == 1:
        return f"{names[0]} is both a file and a directory"
    other = next(name for name in names if not path.startswith(name))
    return f"differs from {printable(ascii(other))} only in case or Unicode form: one file on some systems"
