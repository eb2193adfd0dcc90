"""Walks directories and hands each file to the reader of its kind; most files hold no hint and are not parsed."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from attrs import evolve

from modelguard._registry import parts
from modelguard.discovery._names import Names
from modelguard.discovery._neighbours import Neighbours
from modelguard.discovery.reader import NotReadable, Reader
from modelguard.discovery.use import Discovered, Unreadable, Use, pinned
from modelguard.terms.artifact import HubRef

SKIPPED = {".git", ".hg", ".svn", "__pycache__", "node_modules", ".tox", ".nox", ".mypy_cache", ".ruff_cache",
           ".pytest_cache", ".hypothesis", ".eggs"}  # fmt: skip
"""Directories that hold no source of the project. Virtual environments are known by their pyvenv.cfg."""
LARGEST = 4 << 20
"""Bytes; a larger file is not read, and said to be so if it is a program."""


def discover(places: Iterable[Path], *, home: Path) -> Discovered:
    """Find the uses of models in files and directories. Paths are reported relative to `home` where they lie in it."""
    uses: list[Use] = []
    unreadable: list[Unreadable] = []
    count = 0
    seen: dict[Path, Names | None] = {}
    modules: dict[tuple[Path, str], Path | None] = {}
    for place, file, readers in _files(places):
        count += 1
        name = _shown(file, home)
        full = file.absolute()
        top = home if full.is_relative_to(home) else place.absolute()
        try:
            uses += _read(file, name, readers, Neighbours(full, top, seen, modules))
        except (NotReadable, OSError) as error:
            unreadable.append(Unreadable(path=name, reason=str(error)))
    ordered = sorted(set(uses), key=lambda use: (use.path, use.line, use.column, use.call, use.model or ""))
    return Discovered(files=count, uses=tuple(ordered), unreadable=tuple(unreadable))


def _read(file: Path, name: str, readers: list[Reader], neighbours: Neighbours) -> Iterator[Use]:
    size = file.stat().st_size
    if size > LARGEST:
        raise NotReadable(f"larger than {LARGEST} bytes")
    data = file.read_bytes()
    for reader in readers:
        if reader.may_find(data):
            for use in reader.read(name, data.decode("utf-8-sig", "replace"), neighbours):
                yield _local(use, file)


def _local(use: Use, file: Path) -> Use:
    """Take a name that is a directory beside the file or in the working directory for that: frameworks do so too."""
    ref = use.ref
    if isinstance(ref, HubRef) and use.model and "://" not in use.model:
        for base in (file.parent, Path()):
            if (base / use.model).exists():
                return pinned(evolve(use, hub=False, revision=None))
    return use


def _files(places: Iterable[Path]) -> Iterator[tuple[Path, Path, list[Reader]]]:
    readers = parts("modelguard.discovery", Reader)
    for place in places:
        for file in _walk(place) if place.is_dir() else [place]:
            lower = file.name.lower()
            claimed = [reader for reader in readers if reader.claims(lower)]
            if claimed:
                yield place if place.is_dir() else place.parent, file, claimed


def _walk(root: Path) -> Iterator[Path]:
    for directory, below, files in os.walk(root):
        below[:] = sorted(name for name in below if name not in SKIPPED)
        if directory != str(root) and "pyvenv.cfg" in files:
            below.clear()
            continue
        for name in sorted(files):
            path = Path(directory, name)
            if path.is_file():
                yield path


def _shown(file: Path, home: Path) -> str:
    path = Path(os.path.normpath(file.absolute()))
    return path.relative_to(home).as_posix() if path.is_relative_to(home) else path.as_posix()
