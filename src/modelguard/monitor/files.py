"""Compares two lists of files: what was added, removed or changed, and what that means."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePosixPath

from attrs import frozen

from modelguard.terms.upstream import Sibling

# Endings of files that can run code when they are loaded, installed or imported; the formats room reads them.
CODE = frozenset({".py", ".so", ".dll", ".dylib", ".sh", ".exe", ".whl", ".jar"})
PICKLES = frozenset(
    {".bin", ".pkl", ".pickle", ".pt", ".pth", ".ckpt", ".joblib", ".dill", ".mar", ".ptl", ".npy", ".keras", ".h5"}
)
LICENSE = re.compile(r"(?:licen[sc]e|copying|notice|use_policy)(?:[._-].*)?\Z", re.IGNORECASE)


@frozen(kw_only=True)
class Change:
    """How files differ: paths, sorted. A file whose content is not known on one side counts as unchanged."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)

    @property
    def lines(self) -> tuple[str, ...]:
        rows = (("+", self.added), ("-", self.removed), ("~", self.changed))
        return tuple(f"{sign} {path}" for sign, paths in rows for path in paths)

    @property
    def touched(self) -> tuple[str, ...]:
        return tuple(sorted({*self.added, *self.changed}))


def compare(before: tuple[Sibling, ...] | None, after: tuple[Sibling, ...] | None) -> Change:
    """Return how two lists of files differ; nothing when one of them is not known."""
    if before is None or after is None:
        return Change()
    old, new = by_path(before), by_path(after)
    return Change(
        added=tuple(sorted(new.keys() - old.keys())),
        removed=tuple(sorted(old.keys() - new.keys())),
        changed=tuple(sorted(path for path in old.keys() & new.keys() if differ(old[path], new[path]))),
    )


def by_path(files: tuple[Sibling, ...]) -> Mapping[str, Sibling]:
    return {file.path: file for file in files}


def differ(before: Sibling, after: Sibling) -> bool:
    """Tell whether two files are known to differ: by SHA-256, else by git's object id, else by size."""
    for old, new in ((before.sha256, after.sha256), (before.oid, after.oid), (before.size, after.size)):
        if old is not None and new is not None:
            return old != new
    return False


def same_files(before: tuple[Sibling, ...] | None, after: tuple[Sibling, ...] | None) -> bool:
    """Tell whether two lists are known to hold the same files with the same bytes."""
    if before is None or after is None or compare(before, after):
        return False
    new = by_path(after)
    return all(_comparable(file, new[file.path]) for file in before)


def _comparable(before: Sibling, after: Sibling) -> bool:
    return any(
        old is not None and new is not None
        for old, new in ((before.sha256, after.sha256), (before.oid, after.oid), (before.size, after.size))
    )


def can_run_code(path: str) -> bool:
    return PurePosixPath(path).suffix.lower() in CODE | PICKLES


def is_license(path: str) -> bool:
    return bool(LICENSE.match(PurePosixPath(path).name))


def is_safe_weights(path: str) -> bool:
    return path.lower().endswith((".safetensors", ".gguf"))
