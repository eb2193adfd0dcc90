"""Shows objects of the store under the names of a model: directories that hold exactly the files asked for.

The files are hard links to objects where the file system allows it, else copies. Directories are read-only while they
are shown (mode 0500), so that a framework cannot leave anything behind in them by accident.
"""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from modelguard.sources import claims, hashing, names, stamps
from modelguard.sources.writing import writing
from modelguard.terms.artifact import Digest, printable
from modelguard.terms.errors import SourceError, StoreError

if TYPE_CHECKING:
    from modelguard.sources.store import Store

log = logging.getLogger(__name__)


@contextmanager
def view(store: Store, files: Mapping[str, Digest]) -> Iterator[Path]:
    """See `Store.view`."""
    objects = _objects(store, files)
    with _place_for_views(store) as directory:
        _fill(directory, objects)
        with writing(store.root):
            _seal(directory)
        yield directory


@contextmanager
def _place_for_views(store: Store) -> Iterator[Path]:
    """Give an empty directory in the store, or in the system's temporary directory when the store is read-only."""
    try:
        store.prepare()
    except StoreError as error:
        log.info("store: no view can be made inside, so its files are copied: %s", error.message)
        directory = Path(tempfile.mkdtemp(prefix="modelguard-view-"))
        try:
            yield directory
        finally:
            claims.remove_tree(directory)
        return
    with ExitStack() as stack:
        with writing(store.root):
            directory = stack.enter_context(claims.temporary_directory(store.root / "views"))
        yield directory


def withdraw(directory: Path, paths: Iterable[str]) -> None:
    """Take files out of a view before anybody sees it, because they must not be loaded."""
    with writing(directory):
        for path in paths:
            file = directory / path
            file.parent.chmod(0o700)
            file.unlink()
            file.parent.chmod(0o500)


def lasting_view(store: Store, files: Mapping[str, Digest], trust: stamps.Trust | None = None) -> Path:
    """See `Store.lasting_view`."""
    objects = _objects(store, files)
    store.prepare()
    place = store.root / "trees" / tree_digest(files)
    found = None if trust is None else stamps.records(store.root, place.name, trust)
    with writing(store.root), claims.claimed(place.with_name(f"{place.name}{claims.LOCK}")):
        if place.is_symlink() or place.exists():
            fault = fault_of_view(place, files, found)
            if found is not None:
                found.save()
            if not fault:
                return place
            log.warning("store: the view %s is made anew: %s", place.name, fault)
            _discard(place)
        _build(store, place, files, objects, found)
    return place


def tree_digest(files: Mapping[str, Digest]) -> str:
    """Return 64 hex digits that stand for names and digests of files alike."""
    text = "".join(f"{path}\0{digest}\n" for path, digest in sorted(files.items()))
    return hashlib.sha256(text.encode()).hexdigest()


def _build(
    store: Store,
    place: Path,
    files: Mapping[str, Digest],
    objects: Mapping[str, Path],
    records: stamps.Records | None = None,
) -> None:
    with claims.temporary_directory(store.root / "views") as directory:
        _fill(directory, objects)
        _seal(directory)
        if records is not None:
            time.sleep(1.1 * stamps.SETTLED)  # the links have moved the times of the inodes: so they can be recorded
        # Hashed here, and not in the store: the name of an object may be given to another meanwhile.
        if fault_of_view(directory, files, records):
            for digest in sorted(set(files.values())):
                if not store.intact(digest):
                    raise StoreError(
                        f"store: object {digest} is damaged",
                        remedy="set it aside with `modelguard store verify`; it is then fetched again",
                    )
            raise StoreError(
                f"store: the objects of view {place.name} changed while it was made", remedy="load the model again"
            )
        directory.chmod(0o700)  # a directory must be writable to move to another parent
        directory.rename(place)
    place.chmod(0o500)
    if records is not None:
        records.save()


def _discard(place: Path) -> None:
    if place.is_dir() and not place.is_symlink():
        claims.remove_tree(place)
    else:
        place.unlink()


def fault_of_view(place: Path, files: Mapping[str, Digest], records: stamps.Records | None = None) -> str:
    """Say in what a directory differs from exactly these files, or return an empty string.

    Every file is hashed, except those that `records` vouch for.
    """
    if place.is_symlink() or not place.is_dir():
        return "not a directory"
    found: set[str] = set()
    for entry in _walk(place):
        name = entry.relative_to(place).as_posix()
        if not stat.S_ISREG(entry.lstat().st_mode):
            return f"{printable(name)} is {hashing.kind_of(entry.lstat().st_mode)}"
        found.add(name)
    if found != set(files):
        return f"other files than asked for: {', '.join(sorted(map(printable, found ^ set(files)))[:5])}"
    if records is not None:
        return printable("; ".join(stamps.of_files(records, files, place)))
    faults: list[str] = []
    hashing.at_once([partial(_compare, place / path, digest, faults) for path, digest in files.items()])
    return "; ".join(sorted(faults))


def _compare(file: Path, digest: Digest, faults: list[str]) -> None:
    try:
        found, _ = hashing.hash_file(file, ours=True)
    except SourceError as error:
        faults.append(error.message)
        return
    if found != digest:
        faults.append(f"{printable(file.name)} has other bytes")


def _walk(place: Path) -> Iterator[Path]:
    """Yield everything below that is not a directory; no link is followed. An empty directory counts as a file."""
    for folder, directories, filenames in os.walk(place):
        for name in directories:
            if (path := Path(folder, name)).is_symlink():
                yield path
        yield from (Path(folder, name) for name in filenames)
        if not directories and not filenames and Path(folder) != place:
            yield Path(folder)


def _objects(store: Store, files: Mapping[str, Digest]) -> dict[str, Path]:
    """Return the object of each file.

    Raises `StoreError` for names that no snapshot may hold and for digests that the store does not have.
    """
    for path, fault in names.faults(files).items():
        raise StoreError(f"view: {printable(path)!r} cannot be shown: {fault}")
    objects = {}
    for path, digest in files.items():
        place = store.path_of(digest)
        if place is None:
            raise StoreError(f"store: no object {digest} for {printable(path)}", remedy="fetch the model again")
        objects[path] = place
    return objects


def _fill(directory: Path, objects: Mapping[str, Path]) -> None:
    with writing(directory):
        for path, place in objects.items():
            target = directory / path
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _link_or_copy(place, target)


def _link_or_copy(place: Path, target: Path) -> None:
    with suppress(OSError):  # another file system, too many links, links forbidden (fs.protected_hardlinks)
        os.link(place, target, follow_symlinks=False)
        return
    shutil.copyfile(place, target, follow_symlinks=False)
    target.chmod(0o444)


def _seal(directory: Path) -> None:
    for folder, _, _ in os.walk(directory, topdown=False):
        Path(folder).chmod(0o500)
