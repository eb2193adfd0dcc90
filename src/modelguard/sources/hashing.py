"""Reads files to their end while hashing them, at the speed of the hash.

Two ways of reading, measured with `benchmarks/bench_hash.py`: reading into one page-aligned buffer, which is right for
files that others may change under us (a file that shrinks is an error), and mapping windows of the file, which spares
the copy but ends the process with SIGBUS if the file shrinks. Mapping is therefore for the store's own objects only.
"""

from __future__ import annotations

import hashlib
import mmap
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from modelguard.sources.source import Progress, Quiet
from modelguard.terms.artifact import Digest, printable
from modelguard.terms.errors import NotFound, SourceError

BLOCK = 1 << 20
"""Bytes read at a time."""
WINDOW = 16 << 20
"""Bytes mapped at a time; a multiple of the allocation granularity."""

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


def read_blocks(descriptor: int) -> Iterator[memoryview]:
    """Yield a file in blocks that share one buffer: each is overwritten by the next.

    No more is read than the file held at first, so that one which grows as fast as it is read comes to an end.
    """
    view = memoryview(mmap.mmap(-1, BLOCK))  # anonymous memory is page-aligned, which the kernel copies into fastest
    size, offset = os.fstat(descriptor).st_size, 0
    while offset < size and (count := os.preadv(descriptor, [view[: size - offset]], offset)):
        offset += count
        yield view[:count]


def map_windows(descriptor: int) -> Iterator[memoryview]:
    """Yield a whole file as mapped windows. Only for files that nobody else may shrink."""
    size = os.fstat(descriptor).st_size
    for offset in range(0, size, WINDOW):
        length = min(WINDOW, size - offset)
        yield memoryview(mmap.mmap(descriptor, length, prot=mmap.PROT_READ, offset=offset))


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
            blocks = map_windows(descriptor) if ours else read_blocks(descriptor)
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

    Pieces that have not begun when one fails are not begun at all.
    """
    from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait  # 18 ms that one file does not need

    workers = max(1, min(len(work), threads or len(os.sched_getaffinity(0))))
    with ThreadPoolExecutor(workers, thread_name_prefix="modelguard-hash") as pool:
        futures = [pool.submit(piece) for piece in work]
        try:
            done, _ = wait(futures, return_when=FIRST_EXCEPTION)
            for future in done:
                future.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
