"""The lock as a whole: reading it, changing it while nobody else does, writing it atomically."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from attrs import evolve, field, frozen

from modelguard.lock.entry import Entry
from modelguard.lock.reading import read_entries
from modelguard.lock.writing import entry_mark, write_document
from modelguard.terms.artifact import ModelRef
from modelguard.terms.errors import LockError


@frozen(kw_only=True)
class Lock:
    """All approved models, by id. `created_by` names the program that wrote it."""

    entries: Mapping[str, Entry] = field(factory=dict, hash=False)
    created_by: str = ""

    @classmethod
    def read(cls, path: Path) -> Lock:
        """Read a lock file.

        Raises `LockError` with the key path for anything that is not a whole and valid lock, and when there is none.
        """
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            raise LockError(f"{path}: there is no lock", remedy="write one with: modelguard lock ORG/NAME") from None
        except OSError as error:
            raise LockError(f"{path}: {error.strerror}") from error
        return cls.parse(data, name=str(path))

    @classmethod
    def parse(cls, data: bytes, *, name: str = "modelguard.lock") -> Lock:
        """Read the bytes of a lock. Raises `LockError` with the key path."""
        created_by, entries = read_entries(data, name)
        return cls(entries=entries, created_by=created_by)

    def text(self) -> str:
        """Return the document: the same lock always gives the same text."""
        return write_document(self.entries, self.created_by)

    def find(self, ref: ModelRef) -> Entry | None:
        """Return the entry that a reference is filed under, whatever its revision."""
        return self.entries.get(ref.key)

    def with_entry(self, entry: Entry) -> Lock:
        return evolve(self, entries={**self.entries, entry.id: entry})

    def without(self, key: str) -> Lock:
        return evolve(self, entries={name: entry for name, entry in self.entries.items() if name != key})

    def line_of(self, key: str) -> int:
        """Return the line, counted from 1, at which an entry begins in the text; 1 if there is none."""
        wanted = entry_mark(key)
        return next((n for n, line in enumerate(self.text().splitlines(), 1) if line == wanted), 1)


def update(path: Path, change: Callable[[Lock], Lock], *, created_by: str) -> Lock:
    """Change the lock file while no other process does: read, `change`, write atomically, return what was written.

    A lock that does not exist yet is empty. When nothing changed, the file is left untouched.

    Raises `LockError`; the file is then as it was.
    """
    with _alone(path.parent):
        before = Lock.read(path) if path.exists() else Lock(created_by=created_by)
        after = change(before)
        if after.entries == before.entries and path.exists():
            return before
        after = evolve(after, created_by=created_by)
        _write_atomically(path, after.text())
        return after


@contextmanager
def _alone(directory: Path) -> Iterator[None]:
    """Hold an advisory lock on the directory, so that writers of the lock in it take turns."""
    import fcntl  # not on every platform; only writers need it

    directory.mkdir(parents=True, exist_ok=True)
    handle = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _write_atomically(path: Path, text: str) -> None:
    from tempfile import NamedTemporaryFile  # only writers need it

    try:
        with NamedTemporaryFile(
            "w", encoding="utf-8", newline="\n", dir=path.parent, prefix=f".{path.name}.", delete=False
        ) as file:
            temporary = Path(file.name)
            try:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
                temporary.chmod(0o644)
                temporary.replace(path)
            except BaseException:
                temporary.unlink(missing_ok=True)
                raise
    except OSError as error:
        raise LockError(f"{path}: cannot be written: {error.strerror}", remedy="free space or mend the mode") from error
