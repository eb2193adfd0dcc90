"""What the tests of the sources share: options, a progress that remembers, files as bytes."""

from __future__ import annotations

from pathlib import Path

from attrs import define, field

from modelguard.sources.source import Options
from modelguard.terms.artifact import Digest, Snapshot
from modelguard.testing import LocalHub


def options(home: Path, hub: LocalHub | None = None, **more: object) -> Options:
    endpoint = hub.url if hub else "http://127.0.0.1:9"  # the port of "discard", where nobody listens
    return Options(**{"home": home, "endpoint": endpoint, **more})  # type: ignore[arg-type]


def contents(snapshot: Snapshot) -> dict[str, bytes]:
    """Read a snapshot's files, by path."""
    return {artifact.path: artifact.file.read_bytes() for artifact in snapshot.artifacts if artifact.file}


def digests(snapshot: Snapshot) -> dict[str, Digest]:
    return {artifact.path: artifact.digest for artifact in snapshot.artifacts}


def tree(root: Path) -> set[str]:
    """Name everything below a directory that is not a directory."""
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if not path.is_dir() or path.is_symlink()}


@define
class Remembered:
    """A progress that adds up what it is told."""

    totals: dict[str, int | None] = field(factory=dict)
    counts: dict[str, int] = field(factory=dict)
    finished: list[str] = field(factory=list)

    def start(self, name: str, total: int | None) -> None:
        self.totals[name] = total

    def advance(self, name: str, count: int) -> None:
        self.counts[name] = self.counts.get(name, 0) + count

    def finish(self, name: str) -> None:
        self.finished.append(name)
