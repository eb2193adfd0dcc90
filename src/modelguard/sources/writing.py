"""Says what it means when the store cannot be written, and what to do about it."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from modelguard.terms.errors import StoreError

# What the system says when a file cannot be written -> what happened, what to do.
FAULTS: dict[int, tuple[str, str]] = {
    errno.ENOSPC: ("the disk is full", "free some space, or run `modelguard store gc`"),
    errno.EDQUOT: ("the disk quota is used up", "free some space, or run `modelguard store gc`"),
    errno.EFBIG: ("a file would be larger than the limit of the file system or of the process", "see `ulimit -f`"),
    errno.EROFS: ("it lies on a read-only file system", "set MODELGUARD_STORE to a directory that can be written"),
    errno.EACCES: ("it cannot be written", "set MODELGUARD_STORE to a directory of your own"),
    errno.EPERM: ("it cannot be written", "set MODELGUARD_STORE to a directory of your own"),
    errno.ENOLCK: ("its file system has no locks", "set MODELGUARD_STORE to a directory on a local disk"),
    errno.ENOTSUP: ("its file system has no locks", "set MODELGUARD_STORE to a directory on a local disk"),
}

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS})
"""Errors that only writing to this machine's disk can meet."""


@contextmanager
def writing(root: Path) -> Iterator[None]:
    """Raise what the system says while the store at `root` is written as `StoreError`."""
    try:
        yield
    except OSError as error:
        what, remedy = FAULTS.get(error.errno or 0, (str(error.strerror or error), ""))
        raise StoreError(f"store {root}: {what}", remedy=remedy) from error


def check_writable(directory: Path) -> None:
    """Raise `PermissionError` when files cannot be made in a directory: it may exist and still be read-only."""
    if not os.access(directory, os.W_OK | os.X_OK, effective_ids=os.access in os.supports_effective_ids):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(directory))
