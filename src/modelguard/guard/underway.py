"""Hashes the files of a view while they are examined and loaded: nothing of that counts before the hash has ended.

The files are examined as if they were those of the lock. Reading hostile bytes is what examining is for, and a loader
that runs nothing may read them as well; what comes of it is given to nobody until every digest was compared. When one
differs, the files are examined again as what they are, which refuses them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING

from attrs import define, field

from modelguard.guard.examining import examine_snapshot
from modelguard.guard.gate import Gate
from modelguard.sources.hashing import at_once, hash_file
from modelguard.sources.source import Progress
from modelguard.terms.artifact import Artifact, Digest, Snapshot
from modelguard.terms.errors import SourceError
from modelguard.terms.verdict import Examination

if TYPE_CHECKING:
    from modelguard.lock import Entry


@define(eq=False)
class Underway:
    """The hashing of the files of an entry where they are laid out.

    `examination` is what they are if every digest turns out to be that of the lock: see `settled`.
    """

    entry: Entry
    root: Path
    gate: Gate
    examination: Examination = field(init=False)
    _found: dict[str, tuple[Digest, int]] = field(factory=dict, init=False)
    _fault: list[BaseException] = field(factory=list, init=False)
    _over: Event = field(factory=Event, init=False)
    _thread: Thread = field(init=False)

    def start(self) -> None:
        """Begin to hash in other threads, then examine in this one."""
        self._thread = Thread(target=self._hash, name="modelguard-hash", daemon=True)
        self._thread.start()
        promised = {file.path: (file.digest, file.size) for file in self.entry.files}
        self.examination = self._examined(promised)

    def settled(self) -> Examination:
        """Wait for the hash, and return what the files are. Raises `SourceError` when one cannot be read."""
        self._thread.join()
        if self._fault:
            raise self._fault[0]
        if self._found != {file.path: (file.digest, file.size) for file in self.entry.files}:
            self.examination = self._examined(self._found)
        return self.examination

    def stop(self) -> None:
        """End the hashing at the next block, whether it is done or not."""
        self._over.set()
        self._thread.join()

    def _examined(self, digests: dict[str, tuple[Digest, int]]) -> Examination:
        artifacts = tuple(
            Artifact(path=path, size=size, digest=digest, file=self.root / path)
            for path, (digest, size) in sorted(digests.items())
        )
        snapshot = Snapshot(ref=self.entry.ref, revision=self.entry.revision, artifacts=artifacts)
        return examine_snapshot(snapshot, self.gate, entry=self.entry)

    def _hash(self) -> None:
        try:
            at_once([partial(self._one, file.path) for file in self.entry.files])
        except BaseException as error:  # noqa: BLE001  # whatever it is, it belongs to the thread that waits
            self._fault.append(error)

    def _one(self, path: str) -> None:
        progress = _Stoppable(self.gate.options.progress, self._over)
        self._found[path] = hash_file(self.root / path, ours=True, progress=progress)


@define
class _Stoppable:
    """Passes progress on, and raises `SourceError` once nobody waits for the work any more."""

    told: Progress
    over: Event

    def start(self, name: str, total: int | None) -> None:
        self.told.start(name, total)

    def advance(self, name: str, count: int) -> None:
        if self.over.is_set():
            raise SourceError("hashing was stopped")
        self.told.advance(name, count)

    def finish(self, name: str) -> None:
        self.told.finish(name)


@contextmanager
def hashed_meanwhile(entry: Entry, root: Path, gate: Gate) -> Iterator[Underway]:
    """Give the hashing of an entry's files, begun, with their provisional examination. At the end it is stopped."""
    found = Underway(entry=entry, root=root, gate=gate)
    try:
        found.start()
        yield found
    finally:
        found.stop()


def examined(entry: Entry, root: Path, gate: Gate) -> Examination:
    """Examine the files of an entry where they are laid out, while they are hashed.

    Raises `SourceError` when one cannot be read.
    """
    with hashed_meanwhile(entry, root, gate) as found:
        return found.settled()
