"""What a source of models is.

Getting a model has two steps. `resolve` asks what a reference means now: for the Hub, which commit. `fetch` brings the
files of a resolved model into the store, hashing while writing. `Wanted` lets a caller say which digests it expects, so
that bytes that differ never become an object of the store.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from attrs import field, frozen

from modelguard._registry import parts
from modelguard.terms.artifact import Digest, ModelRef, Snapshot, printable
from modelguard.terms.errors import SourceError


@frozen(kw_only=True)
class Listed:
    """A file that a source offers. `digest` is the source's own claim, None where it makes none."""

    path: str
    size: int | None = None
    digest: Digest | None = None
    git_oid: str = ""


@frozen(kw_only=True)
class Resolved:
    """What a reference means at this moment.

    `ref` is canonical (a legacy one-word name has become `org/name`); `requested` is the branch or tag that was asked
    for; `revision` the 40-hex commit it stands for, empty where a source has none. `repo_id` and `owner_id` are the
    Hub's own identities, which survive renames; empty means not known. Dates are ISO 8601 in UTC.
    """

    ref: ModelRef
    requested: str = ""
    revision: str = ""
    revision_date: str = ""
    host: str = ""
    repo_id: str = ""
    owner_id: str = ""
    files: tuple[Listed, ...] = ()
    card: Mapping[str, object] = field(factory=dict, hash=False)
    tags: tuple[str, ...] = ()


class Progress(Protocol):
    """Told of work in bytes; the command line draws it as bars, everyone else ignores it."""

    def start(self, name: str, total: int | None) -> None: ...
    def advance(self, name: str, count: int) -> None: ...
    def finish(self, name: str) -> None: ...


class Quiet:
    """A `Progress` that shows nothing."""

    def start(self, name: str, total: int | None) -> None:
        """Ignore."""

    def advance(self, name: str, count: int) -> None:
        """Ignore."""

    def finish(self, name: str) -> None:
        """Ignore."""


@frozen(kw_only=True)
class Options:
    """How to reach a source. `endpoint` and `token` default to what the Hub client reads from its environment.

    `unreachable_commits` allows a commit that no branch or tag leads to (a pull request's). `home` is the directory
    that relative paths of local references start from. `largest` is the size in bytes above which no file is fetched
    from an address that does not say beforehand what it holds.
    """

    home: Path
    offline: bool = False
    endpoint: str | None = None
    token: str | None = None
    unreachable_commits: bool = False
    largest: int = 256 << 30
    progress: Progress = field(factory=Quiet)


class Shelf(Protocol):
    """What a source may do with the store (`sources/store.py`)."""

    def keep(self, file: Path, *, expected: Digest | None = None) -> tuple[Digest, int]:
        """Copy a file in while hashing it; return its SHA-256 and size in bytes. Raises `Tampered` on a mismatch."""
        ...

    def keep_blocks(
        self, blocks: Iterable[bytes | memoryview], *, name: str, expected: Digest | None = None
    ) -> tuple[Digest, int]:
        """Put in bytes that arrive piece by piece, hashing while writing. Raises `Tampered` on a mismatch."""
        ...

    def keep_open(self, descriptor: int, *, name: str, expected: Digest | None = None) -> tuple[Digest, int]:
        """Copy an open regular file in. `name` is what errors and progress call it."""
        ...

    def adopt(self, file: Path, *, expected: Digest | None = None) -> tuple[Digest, int]:
        """Move a file out of a download directory in, hashing it. Raises `Tampered` on a mismatch."""
        ...

    def path_of(self, digest: Digest) -> Path | None:
        """Return the file that holds these bytes, or None when the store has no such object."""
        ...

    def intact(self, digest: Digest) -> bool:
        """Tell whether the store holds these bytes, by hashing them."""
        ...

    def download_directory(self, name: str) -> AbstractContextManager[Path]:
        """Give a private directory whose content outlives an error, so that a download can be resumed."""
        ...


@frozen(kw_only=True)
class Source:
    """One kind of place that models come from. `handles` is the type of reference that belongs to it."""

    name: str
    handles: type[ModelRef]
    resolve: Callable[[ModelRef, Options], Resolved]
    fetch: Callable[[Resolved, Shelf, Options, Mapping[str, Digest]], Snapshot]


def source_for(ref: ModelRef) -> Source:
    """Return the source that handles this kind of reference.

    Raises `SourceError` when there is none.
    """
    sources: tuple[Source, ...] = parts("modelguard.sources", Source)
    for source in sources:
        kind: type = source.handles
        if isinstance(ref, kind):
            return source
    raise SourceError(f"{printable(str(ref))}: no source handles a {type(ref).__name__}")
