"""Temporary files and directories that die with the process that made them.

Whoever makes one holds a lock (flock) on a file as long as it is in use. The kernel drops the lock when the process
ends, however it ends; so a lock that can be taken shows that its owner is gone and that the leftovers can be swept.
"""

from __future__ import annotations

import fcntl
import logging
import os
import secrets
import shutil
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from attrs import frozen

log = logging.getLogger(__name__)

_FLAGS = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC
LOCK = ".lock"
PART = ".part"


@frozen(kw_only=True)
class Claim:
    """A file that this process holds the lock of."""

    path: Path
    descriptor: int


def claim_new(directory: Path, ending: str = PART) -> Claim:
    """Create an empty private file under a fresh name and lock it."""
    while True:
        path = directory / f"{secrets.token_hex(16)}{ending}"
        descriptor = os.open(path, _FLAGS | os.O_CREAT | os.O_EXCL, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if os.fstat(descriptor).st_nlink:  # a sweeper may have come between open and flock
            return Claim(path=path, descriptor=descriptor)
        os.close(descriptor)


@contextmanager
def claimed(path: Path) -> Iterator[None]:
    """Hold the lock file at `path`, waiting for whoever holds it. The file is removed at the end."""
    while True:
        descriptor = os.open(path, _FLAGS | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            log.info("waiting for another process that works on %s", path)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        if _still_named(descriptor, path):
            break
        os.close(descriptor)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(descriptor)


def _still_named(descriptor: int, path: Path) -> bool:
    mine = os.fstat(descriptor)
    with suppress(FileNotFoundError):
        there = path.lstat()
        return (mine.st_dev, mine.st_ino) == (there.st_dev, there.st_ino)
    return False


@contextmanager
def temporary_directory(parent: Path) -> Iterator[Path]:
    """Give a fresh private directory under `parent`; remove it at the end unless it was renamed away."""
    claim = claim_new(parent, LOCK)
    directory = claim.path.with_suffix("")
    try:
        directory.mkdir(mode=0o700)
        yield directory
    finally:
        remove_tree(directory)
        claim.path.unlink(missing_ok=True)
        os.close(claim.descriptor)


@contextmanager
def reusable_directory(parent: Path, name: str) -> Iterator[Path]:
    """Give the private directory `name` under `parent` to one process at a time; it stays when an error leaves.

    An interrupted download finds its own bytes there again. Without an error it is removed at the end.
    """
    directory = parent / name
    with claimed(parent / f"{name}{LOCK}"):
        directory.mkdir(mode=0o700, exist_ok=True)
        yield directory
        remove_tree(directory)


def remove_tree(directory: Path) -> None:
    """Remove a directory of ours, whose subdirectories may be read-only. No link is followed."""
    if not directory.is_symlink() and directory.is_dir():
        with suppress(OSError):  # somebody else may remove it as well; what cannot be removed is swept up later
            directory.chmod(0o700)
            for folder, names, _ in os.walk(directory):
                for name in names:
                    inner = Path(folder, name)
                    if not inner.is_symlink():
                        inner.chmod(0o700)
        shutil.rmtree(directory, ignore_errors=True)


def sweep(parent: Path, *, idle_days: float = 0.0) -> int:
    """Remove what processes that are gone have left in `parent`; return how many things were removed.

    Directories that were last changed less than `idle_days` ago stay: a download may be resumed.
    """
    swept = 0
    before = time.time() - idle_days * 86_400
    for entry in sorted(parent.iterdir()):
        if entry.name.endswith((PART, LOCK)):
            swept += _sweep_claim(entry, before)
        elif stat.S_ISDIR(entry.lstat().st_mode):
            swept += _sweep_directory(entry, before)
    return swept


def _sweep_claim(entry: Path, before: float) -> int:
    descriptor = _abandoned(entry)
    if descriptor is None:
        return 0
    try:
        directory = entry.with_suffix("")
        if entry.name.endswith(LOCK) and directory.is_dir():
            if directory.lstat().st_mtime > before:
                return 0
            remove_tree(directory)
        entry.unlink(missing_ok=True)
        return 1
    finally:
        os.close(descriptor)


def _sweep_directory(directory: Path, before: float) -> int:
    """Remove a directory whose lock file is gone: the lock is made before it and removed after it."""
    lock = directory.with_name(f"{directory.name}{LOCK}")
    with suppress(FileNotFoundError):
        if directory.lstat().st_mtime > before or lock.exists():
            return 0
        with claimed(lock):
            remove_tree(directory)
        return 1
    return 0


def _abandoned(path: Path) -> int | None:
    """Return a locked descriptor when nobody else holds the file, else None."""
    try:
        descriptor = os.open(path, _FLAGS)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    if not _still_named(descriptor, path):
        os.close(descriptor)
        return None
    return descriptor
