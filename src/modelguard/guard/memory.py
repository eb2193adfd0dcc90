"""Files in sealed memory: bytes that nobody can change any more, not even the user who owns them (Linux).

A file is copied into memory that has no name (`memfd_create(2)`), the kernel is told to refuse every further write and
every change of size (`F_ADD_SEALS`), and only then it is hashed. What was hashed is what every later reader of the
descriptor gets, however it opens it.

Frameworks want paths. A single file is handed over as `/proc/self/fd/N`: no name in a directory stands between. Where a
directory is wanted, it holds links to those paths; a directory can be rewritten by its owner, so it is compared after
the load, and a load during which it was touched counts for nothing.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from modelguard.sources import claims, hashing
from modelguard.sources.names import faults
from modelguard.sources.writing import writing
from modelguard.terms.artifact import Digest, printable
from modelguard.terms.errors import LoaderError, ModelRefused, StoreError

TICK = 0.05
"""Seconds that a directory rests before it is used: two changes within one tick of the clock look like one."""


@contextmanager
def sealed_files(files: Mapping[str, Path]) -> Iterator[tuple[Path, dict[str, tuple[Path, Digest, int]]]]:
    """Copy files into sealed memory; give a directory of links and, by path, the place, digest and size of each.

    Raises `LoaderError` where the system has no sealed memory, `SourceError` when a file cannot be read, `StoreError`
    for a name that no snapshot may hold.
    """
    if sys.platform != "linux":
        raise LoaderError("strict: sealed memory needs Linux", remedy="set strict = false in the policy")
    for path, fault in faults(files).items():
        raise StoreError(f"strict: {printable(path)!r} cannot be shown: {fault}")
    descriptors: list[int] = []
    sealed: dict[str, tuple[Path, Digest, int]] = {}

    def copy(path: str, file: Path) -> None:
        descriptor = _sealed_copy(file)
        descriptors.append(descriptor)
        digest, size = hashing.hashed(hashing.read_blocks(descriptor))
        sealed[path] = (Path(f"/proc/self/fd/{descriptor}"), digest, size)

    with writing(Path(tempfile.gettempdir())):
        directory = Path(tempfile.mkdtemp(prefix="modelguard-sealed-"))
    try:
        hashing.at_once([partial(copy, path, file) for path, file in files.items()])
        _link(directory, {path: place for path, (place, _, _) in sealed.items()})
        yield directory, sealed
    finally:
        claims.remove_tree(directory)
        for descriptor in descriptors:
            os.close(descriptor)


def _link(directory: Path, places: Mapping[str, Path]) -> None:
    try:
        for path, place in places.items():
            link = directory / path
            link.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            link.symlink_to(place)
        for folder, _, _ in os.walk(directory, topdown=False):
            Path(folder).chmod(0o500)
    except (FileExistsError, FileNotFoundError) as error:
        raise _touched(directory) from error
    except OSError as error:
        raise StoreError(f"{directory}: cannot be filled: {error.strerror}") from error


def _sealed_copy(file: Path) -> int:
    import fcntl  # not on every platform

    source = hashing.open_regular(file)
    try:
        with hashing.unchanging(source, str(file)):
            descriptor = os.memfd_create("modelguard", os.MFD_ALLOW_SEALING | os.MFD_CLOEXEC)
            try:
                for block in hashing.read_blocks(source):
                    rest = block
                    while rest:
                        rest = rest[os.write(descriptor, rest) :]
                seals = fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL
                fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, seals)
            except BaseException:
                os.close(descriptor)
                raise
        return descriptor
    finally:
        os.close(source)


@contextmanager
def untouched(directory: Path, places: Iterable[tuple[str, Path]]) -> Iterator[None]:
    """Raise `ModelRefused` when a directory of links was touched inside the block, or is not what it should be.

    An `OSError` of the block is raised as such only when the directory was left alone.
    """
    links = [(directory / path, str(place)) for path, place in places]
    before = _state(directory)
    newest = max(moment for _, _, moment in before)
    time.sleep(max(0.0, min(TICK, TICK - (time.time() - newest / 1e9))))
    if before != _state(directory) or not all(_leads_to(link, place) for link, place in links):
        raise _touched(directory)
    try:
        yield
    except OSError as error:  # the framework met what somebody else put there
        if before != _state(directory):
            raise _touched(directory) from error
        raise
    if before != _state(directory):
        raise _touched(directory)


def _leads_to(link: Path, place: str) -> bool:
    try:
        return str(link.readlink()) == place
    except OSError:
        return False


def _state(directory: Path) -> list[tuple[str, int, int]]:
    """Return name, inode and time of the last change of a directory, of all below it, and of where it lies."""
    found: list[tuple[str, int, int]] = []
    try:
        for folder, _, names in os.walk(directory):
            for path in (Path(folder), *(Path(folder, name) for name in names)):
                status = path.lstat()
                found.append((str(path), status.st_ino, status.st_ctime_ns))
    except OSError as error:
        raise _touched(directory) from error
    return found or [(str(directory), 0, 0)]


def _touched(directory: Path) -> ModelRefused:
    return ModelRefused(
        f"{printable(str(directory))}: somebody else changed the directory of a model while it was loaded",
        remedy="find the process that writes to this user's temporary files, then load again",
    )
