"""Reads a feed of OSV records from a directory, a zip archive or one JSON file, and keeps its index.

A feed is what is on the disk: nothing here uses the network. The index lies in a cache directory under the digest of
the feed, so that a changed feed is indexed anew; whoever can write there can hide advisories, as in the private store.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import time
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime
from pathlib import Path

from attrs import frozen

from modelguard.advisories.index import VERSION, Index, write_index
from modelguard.advisories.record import LIMIT
from modelguard.terms.errors import ReadError

KEPT_DAYS = 7
"""Days after which an index that nobody has opened is removed: every fetch of a feed makes a new one."""
MOST_RECORDS = 2_000_000
MOST_BYTES = 16 << 30
"""Bytes that all records of a feed may have together, unpacked."""


@frozen(kw_only=True)
class FeedFile:
    """A feed as it lies there: its path and the SHA-256 of its content, as hex digits."""

    path: Path
    sha256: str


def read_feed(path: Path) -> FeedFile:
    """Look at a feed and hash it. Raises `ReadError` when it is not there or cannot be read."""
    try:
        if path.is_dir():
            return FeedFile(path=path, sha256=_digest_of_directory(path))
        with path.open("rb") as file:
            return FeedFile(path=path, sha256=hashlib.file_digest(file, "sha256").hexdigest())
    except FileNotFoundError:
        raise ReadError(f"{path.name}: there is no such file or directory") from None
    except OSError as error:
        raise ReadError(f"{path.name}: {error.strerror}") from error


@contextmanager
def opened_index(feed: FeedFile, cache: Path) -> Iterator[Index]:
    """Open the index of a feed, made first if there is none yet for this content.

    Raises `ReadError` when the feed cannot be read, `StoreError` when the index cannot be written.
    """
    place = cache / f"v{VERSION}-{feed.sha256}.sqlite"
    if not _is_index(place):
        write_index(place, documents(feed.path))
        if read_feed(feed.path).sha256 != feed.sha256:
            place.unlink(missing_ok=True)
            raise ReadError(f"{feed.path.name}: the feed changed while it was read")
        _remove_unused(cache)
    with suppress(OSError):  # a cache that cannot be written to is as good
        os.utime(place)
    index = Index(place)
    try:
        yield index
    finally:
        index.close()


def _remove_unused(cache: Path) -> None:
    oldest = time.time() - KEPT_DAYS * 86_400
    for file in cache.glob("v*.sqlite"):
        with suppress(OSError):  # another process may have been faster
            if file.stat().st_mtime < oldest:
                file.unlink()


def _is_index(place: Path) -> bool:
    if not place.is_file():
        return False
    index = Index(place)
    try:
        index.extent()
    except (sqlite3.Error, TypeError):
        return False
    finally:
        index.close()
    return True


def documents(path: Path) -> Iterator[tuple[str, bytes]]:
    """Yield each record of a feed as (name, bytes), cut off above the size that a record may have.

    Raises `ReadError` for an archive that cannot be read to its end, or that is too large.
    """
    if path.is_dir():
        yield from _from_directory(path)
    elif zipfile.is_zipfile(path):
        yield from _from_archive(path)
    elif path.suffix == ".json":
        yield path.name, _start_of(path)
    else:
        raise ReadError(f"{path.name}: neither a directory, a zip archive nor a JSON file")


def _from_archive(path: Path) -> Iterator[tuple[str, bytes]]:
    left = MOST_BYTES
    try:
        with zipfile.ZipFile(path) as archive:
            members = [one for one in archive.infolist() if one.filename.endswith(".json") and not one.is_dir()]
            if len(members) > MOST_RECORDS:
                raise ReadError(f"{path.name}: more than {MOST_RECORDS} records")
            for member in members:
                with archive.open(member) as file:
                    data = file.read(LIMIT + 1)
                left -= len(data)
                if left < 0:
                    raise ReadError(f"{path.name}: more than {MOST_BYTES} bytes of records")
                yield member.filename, data
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, NotImplementedError) as error:
        raise ReadError(f"{path.name}: the archive is damaged: {error}") from error


def _files(path: Path) -> Iterator[Path]:
    """Yield the JSON files below a directory in a fixed order, and links with such names, which are not followed."""
    for here, folders, names in os.walk(path):
        folders.sort()
        for name in sorted(names):
            file = Path(here, name)
            if name.endswith(".json") and (file.is_symlink() or file.is_file()):
                yield file


def _from_directory(path: Path) -> Iterator[tuple[str, bytes]]:
    for file in _files(path):
        name = file.relative_to(path).as_posix()
        if file.is_symlink():
            yield f"{name} (a link, which is not followed)", b""  # no record, so that it is told and not passed over
        else:
            yield name, _start_of(file)


def _start_of(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            return opened.read(LIMIT + 1)
    except OSError as error:
        raise ReadError(f"{file.name}: {error.strerror}") from error


def _digest_of_directory(path: Path) -> str:
    whole = hashlib.sha256(b"directory\0")
    for file in _files(path):
        if file.is_symlink():
            digest = hashlib.sha256(b"link\0").digest()
        else:
            with file.open("rb") as opened:
                digest = hashlib.file_digest(opened, "sha256").digest()
        name = file.relative_to(path).as_posix().encode("utf-8", "surrogateescape")
        whole.update(len(name).to_bytes(8, "big") + name + digest)
    return whole.hexdigest()


# --- the age of a feed -----------------------------------------------------------------------------------------------


def note_of(path: Path) -> Path:
    """Return the file beside a feed that says when it was fetched."""
    return path.with_name(path.name + ".fetched.json")


def write_note(path: Path, sha256: str, moment: datetime) -> None:
    """Write down when a feed was fetched; the note holds for exactly these bytes."""
    stamp = moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    note_of(path).write_text(json.dumps({"fetched": stamp, "sha256": sha256}) + "\n", "utf-8")


def age_in_days(feed: FeedFile, newest: str, today: date) -> int | None:
    """Return how many days ago a feed was fetched, by its note; without one, the age of its newest record.

    A date that lies in the future says nothing. None when there is no date at all.
    """
    ages = [(today - day).days for day in (_noted_day(feed), _day(newest)) if day is not None and day <= today]
    return min(ages, default=None)


def _noted_day(feed: FeedFile) -> date | None:
    try:
        note = json.loads(note_of(feed.path).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(note, dict) or note.get("sha256") != feed.sha256:
        return None
    return _day(str(note.get("fetched", "")))


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        return None
