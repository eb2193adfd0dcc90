"""Reads files to their end while hashing them, at the speed of the hash.

Two ways of reading, measured with `benchmarks/bench_hash.py`: mapping windows of the file, which costs nothing beside
the hash, and reading into one page-aligned buffer, which costs a copy. A file that shrinks while it is mapped ends the
process (SIGBUS), so only what nobody shrinks is mapped: the store's own objects, and other people's files as long as
the kernel holds a lease on them for us (fcntl(2), F_SETLEASE). Whoever opens a leased file for writing waits until the
window in hand is hashed; the rest is then read. Reading ahead is left to the kernel: asking for more did not pay.
"""

from __future__ import annotations

import errno
import hashlib
import mmap
import os
import stat
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from modelguard.sources.source import Progress, Quiet
from modelguard.terms.artifact import Digest, printable
from modelguard.terms.errors import NotFound, SourceError

BLOCK = 1 << 20
"""Bytes read at a time."""
WINDOW = 16 << 20
"""Bytes mapped at a time; a multiple of the allocation granularity."""
_POPULATE_READ = 22
"""MADV_POPULATE_READ of linux/mman.h: map all pages now, and tell of a fault as an error instead of by SIGBUS."""

_OPENING = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


class NotAFile(SourceError):
    """The path names something else than a regular file: a link, a directory, a FIFO, a device, a socket."""


def open_regular(path: Path | str, directory: int | None = None) -> int:
    """Open a regular file for reading, following no link in its last part, and return the descriptor.

    `directory` is the descriptor that a relative path starts from. A FIFO or device is never waited for.

    Raises `NotAFile`, `NotFound` and `SourceError`.
    """
    try:
        found = os.stat(path, dir_fd=directory, follow_symlinks=False)
        if not stat.S_ISREG(found.st_mode):
            raise NotAFile(f"{printable(str(path))}: {kind_of(found.st_mode)}, not a regular file")
        descriptor = os.open(path, _OPENING, dir_fd=directory)
    except FileNotFoundError as error:
        raise NotFound(f"{printable(str(path))}: no such file") from error
    except OSError as error:
        raise SourceError(f"{printable(str(path))}: cannot be opened: {error.strerror}") from error
    opened = os.fstat(descriptor)
    if not stat.S_ISREG(opened.st_mode):
        os.close(descriptor)
        raise NotAFile(f"{printable(str(path))}: {kind_of(opened.st_mode)}, not a regular file")
    return descriptor


_KINDS: tuple[tuple[Callable[[int], bool], str], ...] = (
    (stat.S_ISLNK, "a symbolic link"),
    (stat.S_ISDIR, "a directory"),
    (stat.S_ISFIFO, "a FIFO"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISBLK, "a block device"),
    (stat.S_ISCHR, "a character device"),
    (stat.S_ISREG, "a regular file"),
)


def kind_of(mode: int) -> str:
    """Name what kind of file a `st_mode` stands for."""
    return next((name for test, name in _KINDS if test(mode)), "something unknown")


def read_blocks(descriptor: int, start: int = 0) -> Iterator[memoryview]:
    """Yield a file in blocks that share one buffer: each is overwritten by the next.

    No more is read than the file held at first, so that one which grows as fast as it is read comes to an end.
    """
    view = memoryview(mmap.mmap(-1, BLOCK))  # anonymous memory is page-aligned, which the kernel copies into fastest
    size, offset = os.fstat(descriptor).st_size, start
    while offset < size and (count := os.preadv(descriptor, [view[: size - offset]], offset)):
        offset += count
        yield view[:count]


def map_windows(descriptor: int) -> Iterator[memoryview]:
    """Yield a whole file as mapped windows. Only for files that nobody else may shrink."""
    size = os.fstat(descriptor).st_size
    for offset in range(0, size, WINDOW):
        yield _window(descriptor, offset, size)


def steady_blocks(descriptor: int) -> Iterator[memoryview]:
    """Yield a whole file that others may change: mapped as long as a lease is held, the rest read."""
    size, offset = os.fstat(descriptor).st_size, 0
    with _leased(descriptor) as held:
        while offset < size and held():
            yield _window(descriptor, offset, size)
            offset = min(size, offset + WINDOW)
    yield from read_blocks(descriptor, offset)


def _window(descriptor: int, offset: int, size: int) -> memoryview:
    """Map one window with all its pages. Raises `OSError` when it cannot be read or the file has shrunk."""
    length = min(WINDOW, size - offset)
    try:
        window = mmap.mmap(descriptor, length, prot=mmap.PROT_READ, offset=offset)
    except ValueError as error:
        raise OSError(errno.EIO, "the file has shrunk") from error
    if sys.platform == "linux":
        try:
            window.madvise(_POPULATE_READ)
        except OSError as error:
            if error.errno != errno.EINVAL:  # before Linux 5.14 pages are mapped as they are touched
                raise
    return memoryview(window)


@contextmanager
def _leased(descriptor: int) -> Iterator[Callable[[], bool]]:
    """Hold a lease on an open file where the system gives one; what is given tells whether it still holds.

    It gives none for a file that somebody has open for writing, for another user's file, and none is asked for on file
    systems without a block device, where a change may come from another machine.
    """
    if sys.platform != "linux" or not os.major(os.fstat(descriptor).st_dev):
        yield lambda: False
        return
    import fcntl  # not on every platform
    import signal

    try:
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)  # ignored by default; the lease's own would end us
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except OSError:
        yield lambda: False
        return
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETOWN, 0)  # no signal at all: we ask
        yield lambda: fcntl.fcntl(descriptor, fcntl.F_GETLEASE) == fcntl.F_RDLCK
    finally:
        with suppress(OSError):  # the kernel has taken it back: a writer has waited for too long
            fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)


def hashed(
    blocks: Iterable[memoryview | bytes], name: str = "", progress: Progress | None = None
) -> tuple[Digest, int]:
    """Return the SHA-256 of some blocks and their length in bytes."""
    progress = progress or Quiet()
    sha256, size = hashlib.sha256(), 0
    for block in blocks:
        sha256.update(block)
        size += len(block)
        progress.advance(name, len(block))
    return Digest.sha256(sha256.hexdigest()), size


def hash_file(
    path: Path | str,
    *,
    directory: int | None = None,
    ours: bool = False,
    progress: Progress | None = None,
) -> tuple[Digest, int]:
    """Return the SHA-256 of a regular file and its size in bytes.

    `ours` says that the file lies in the private store, so that nobody else shrinks it and it may be mapped.

    Raises `NotAFile`, `NotFound`, and `SourceError` when the file changes meanwhile or cannot be read.
    """
    descriptor = open_regular(path, directory)
    try:
        with unchanging(descriptor, str(path)):
            blocks = map_windows(descriptor) if ours else steady_blocks(descriptor)
            digest, size = hashed(blocks, str(path), progress)
        if size != os.fstat(descriptor).st_size:
            raise changed(str(path))
        return digest, size
    finally:
        os.close(descriptor)


def changed(name: str) -> SourceError:
    """Return the error for a file that was written to while it was read."""
    return SourceError(
        f"{printable(name)}: changed while it was read",
        remedy="make sure that nothing writes to the model, then try again",
    )


@contextmanager
def reading(name: str) -> Iterator[None]:
    """Raise what the system says inside the block as `SourceError`; what was listed and is gone now has changed."""
    try:
        yield
    except FileNotFoundError as error:
        raise changed(name) from error
    except OSError as error:
        raise SourceError(f"{printable(name)}: cannot be read: {error.strerror or error}") from error


@contextmanager
def unchanging(descriptor: int, name: str) -> Iterator[None]:
    """Raise `SourceError` when the open file is written to inside the block, or cannot be read."""
    before = os.fstat(descriptor)
    with reading(name):
        yield
    after = os.fstat(descriptor)
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise changed(name)


def at_once(work: Sequence[Callable[[], object]], threads: int | None = None) -> None:
    """Do pieces of work side by side, one thread each, at most as many as there are cores. Raise the first error.

    Pieces that have not begun when one fails are not begun at all; those under way are waited for, unless a person
    interrupts: a download may take hours to its end, and what it brings is verified like anything else.
    """
    if len(work) == 1:
        work[0]()
        return
    from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait  # 18 ms that one file does not need

    workers = max(1, min(len(work), threads or len(os.sched_getaffinity(0))))
    pool = ThreadPoolExecutor(workers, thread_name_prefix="modelguard-hash")
    patient = True
    try:
        done, _ = wait([pool.submit(piece) for piece in work], return_when=FIRST_EXCEPTION)
        for future in done:
            future.result()
    except KeyboardInterrupt:
        patient = False
        raise
    finally:
        pool.shutdown(wait=patient, cancel_futures=True)
