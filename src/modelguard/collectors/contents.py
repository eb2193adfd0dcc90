"""Reads every file of the snapshot by every format that accepts its bytes.

A file is opened once, without following links and without waiting on devices, and read only at offsets, so that a
hostile file can neither block nor lead elsewhere.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager

from modelguard.collectors._choosing import Choice, every_format
from modelguard.collectors._walk import Reading
from modelguard.collectors.collector import Case, Collector
from modelguard.formats.format import Format
from modelguard.terms.artifact import Artifact, Location
from modelguard.terms.content import Budget, Content
from modelguard.terms.errors import ReadError, SourceError
from modelguard.terms.facts import Digested, Fact, PartlyRead, Unread

# Flags that not every system has: links are not followed, a FIFO does not block, children do not inherit.
_FLAGS = os.O_RDONLY | sum(
    getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_NOCTTY", "O_BINARY")
)

_HELD_FLAGS = _FLAGS & ~getattr(os, "O_NOFOLLOW", 0)

_DESCRIPTORS = "/proc/self/fd"


def gather(case: Case) -> Iterator[Fact]:
    """Yield the facts about the contents of every file of the snapshot."""
    yield from read_artifacts(case.snapshot.artifacts, case.budget)


def read_artifacts(
    artifacts: Iterable[Artifact], budget: Budget, *, formats: tuple[Format, ...] | None = None
) -> Iterator[Fact]:
    """Yield the facts about the contents of files.

    `formats` are those of the room unless a test brings its own. All files share the budget; what it does not
    suffice for is `Unread`.
    """
    artifacts = tuple(artifacts)
    choice = every_format() if formats is None else Choice(formats)
    paths = frozenset(artifact.path for artifact in artifacts)
    reading = Reading(budget=budget, paths=paths, choice=choice)
    for artifact in artifacts:
        yield from _read_artifact(artifact, reading)


def _read_artifact(artifact: Artifact, reading: Reading) -> Iterator[Fact]:
    location = Location(artifact.path)
    try:
        with opened(artifact) as content:
            kind = PartlyRead if artifact.claimed else Digested
            yield kind(location=location, size=artifact.size, digest=artifact.digest)
            yield from reading.read(content)
    except (ReadError, OSError) as error:
        yield Unread(location=location, format="", reason=str(error))


class _Opened:
    """The file of an artifact while it is open; written out, as a generator costs more than opening does."""

    __slots__ = ("_artifact", "_descriptor")

    def __init__(self, artifact: Artifact) -> None:
        self._artifact = artifact
        self._descriptor = -1

    def __enter__(self) -> Content:
        artifact = self._artifact
        location = Location(artifact.path)
        if artifact.reader is not None:
            return Content(location=location, size=artifact.size, fetch=_told(artifact.reader), remote=True)
        if artifact.file is None:
            raise ReadError("the bytes of this file are not on this machine")
        path = str(artifact.file)
        held = (
            path.rpartition("/")[0] == _DESCRIPTORS
        )  # a link that only this process has, to a file that it holds open
        self._descriptor = descriptor = os.open(path, _HELD_FLAGS if held else _FLAGS)
        try:
            self._look(os.fstat(descriptor))
        except ReadError:
            self.__exit__()
            raise
        return Content(location=location, size=artifact.size, fetch=_fetch_from(descriptor))

    def _look(self, status: os.stat_result) -> None:
        if not stat.S_ISREG(status.st_mode):
            raise ReadError("not a regular file")
        if status.st_size != self._artifact.size:
            raise ReadError(f"the file has {status.st_size} bytes, the snapshot promises {self._artifact.size}")

    def __exit__(self, *_: object) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def opened(artifact: Artifact) -> AbstractContextManager[Content]:
    """Open the file of an artifact for reading at offsets.

    Raises `ReadError` when there is no regular file of the promised size, `OSError` when it cannot be opened.
    """
    return _Opened(artifact)


def _told(reader: Callable[[int, int], bytes]) -> Callable[[int, int], bytes]:
    """Tell what goes wrong on the way to a source as bytes that cannot be read."""

    def fetch(offset: int, length: int) -> bytes:
        try:
            return reader(offset, length)
        except SourceError as error:
            raise ReadError(str(error)) from error

    return fetch


def _fetch_from(descriptor: int) -> Callable[[int, int], bytes]:
    read_at = os.pread if hasattr(os, "pread") else _seek_and_read

    def fetch(offset: int, length: int) -> bytes:
        data = read_at(descriptor, length, offset)
        while 0 < len(data) < length:  # one call returns at most 0x7ffff000 bytes on Linux
            more = read_at(descriptor, length - len(data), offset + len(data))
            if not more:
                break
            data += more
        return data

    return fetch


def _seek_and_read(descriptor: int, length: int, offset: int) -> bytes:
    """Do what `os.pread` does on systems that lack it; the walk is the only reader of the descriptor."""
    os.lseek(descriptor, offset, os.SEEK_SET)
    return os.read(descriptor, length)


CONTENTS = Collector(name="contents", gather=gather)
