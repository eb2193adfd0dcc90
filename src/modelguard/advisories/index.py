"""The index of a feed: what its records are about, in one SQLite file that is made once for each content of the feed.

    about(kind, name, id)    kind is file, tree, repository, owner or package; name what a model is looked up by
    record(id, document)     the records that something is known about, as they stand in the feed, compressed
    skipped(name, reason)    the records that break a rule
    feed(records, newest)    how many were read, and the latest `modified` of them

Records about other ecosystems are counted and left out.
"""

from __future__ import annotations

import re
import sqlite3
import zlib
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Literal, TypeAlias

from attrs import frozen

from modelguard.advisories.fields import RecordFault
from modelguard.advisories.record import Record, parse_record
from modelguard.terms.errors import StoreError

VERSION = 1
Kind: TypeAlias = Literal["file", "tree", "repository", "owner", "package"]

_TABLES = """
CREATE TABLE about (kind TEXT, name TEXT, id TEXT, PRIMARY KEY (kind, name, id)) WITHOUT ROWID;
CREATE TABLE record (id TEXT PRIMARY KEY, document BLOB NOT NULL);
CREATE TABLE skipped (name TEXT NOT NULL, reason TEXT NOT NULL);
CREATE TABLE feed (records INTEGER NOT NULL, newest TEXT NOT NULL);
"""
_PURL = re.compile(r"pkg:huggingface/([^/@?#]+)/([^/@?#]+)\Z", re.IGNORECASE)


@frozen(kw_only=True)
class Extent:
    """What an index holds: the records read, the latest `modified`, the records skipped and why the first one was."""

    records: int
    newest: str
    skipped: int
    first_skipped: str


def write_index(path: Path, documents: Iterable[tuple[str, bytes]]) -> None:
    """Write the index of records given as (name, bytes); it appears at `path` whole or not at all.

    Raises `StoreError` when it cannot be written, and whatever the documents raise.
    """
    temporary = path.with_name(f".{path.name}.{id(documents)}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        temporary.unlink(missing_ok=True)
        with closing(sqlite3.connect(temporary)) as base:
            base.executescript(_TABLES)
            _fill(base, documents)
            base.commit()
        temporary.replace(path)
    except (OSError, sqlite3.Error) as error:
        raise StoreError(f"{path}: the index of advisories cannot be written: {error}") from error
    finally:
        temporary.unlink(missing_ok=True)


def _fill(base: sqlite3.Connection, documents: Iterable[tuple[str, bytes]]) -> None:
    count, newest, seen = 0, "", set[str]()
    for name, data in documents:
        try:
            record = _new_record(data, seen)
        except RecordFault as fault:
            base.execute("INSERT INTO skipped VALUES (?, ?)", (name, fault.message))
            continue
        seen.add(record.id)
        count, newest = count + 1, max(newest, record.modified)
        keys = () if record.withdrawn else tuple(dict.fromkeys(keys_of(record)))
        if keys:
            base.execute("INSERT INTO record VALUES (?, ?)", (record.id, zlib.compress(data, 1)))
            base.executemany("INSERT INTO about VALUES (?, ?, ?)", [(*key, record.id) for key in keys])
    base.execute("INSERT INTO feed VALUES (?, ?)", (count, newest))


def _new_record(data: bytes, seen: set[str]) -> Record:
    record = parse_record(data)
    if record.id in seen:
        raise RecordFault(f"id: {record.id} stands in the feed twice")
    return record


def keys_of(record: Record) -> Iterator[tuple[Kind, str]]:
    """Yield what a record is looked up by."""
    for digest in record.sha256:
        yield "file", digest
    for digest in record.trees:
        yield "tree", digest
    for namespace in record.namespaces:
        yield "owner", namespace.name.lower()
    for affected in record.affected:
        for digest in affected.sha256:
            yield "file", digest
        if affected.ecosystem == "PyPI":
            yield "package", normalized(affected.package)
        for repository in repositories_of((one.repo for one in affected.ranges), affected.purl):
            yield "repository", repository


def repositories_of(addresses: Iterable[str], purl: str) -> Iterator[str]:
    """Yield the models that a record names, as `host/org/name` in lower case; in a package URL the host is `*`."""
    for address in addresses:
        scheme, _, rest = address.partition("://")
        host, _, name = rest.removesuffix("/").removesuffix(".git").partition("/")
        if scheme == "https" and name.count("/") == 1:
            yield f"{host}/{name}".lower()
    if match := _PURL.match(purl):
        yield f"*/{match[1]}/{match[2]}".lower()


def normalized(package: str) -> str:
    """Return the name of a package as PyPI compares names (PEP 503)."""
    return re.sub(r"[-_.]+", "-", package).lower()


class Index:
    """An index, opened for reading only."""

    def __init__(self, path: Path) -> None:
        self._base = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)

    def close(self) -> None:
        self._base.close()

    def extent(self) -> Extent:
        """Raises `sqlite3.Error` when the file is no index."""
        (records, newest) = self._base.execute("SELECT records, newest FROM feed").fetchone()
        skipped = self._base.execute("SELECT name, reason FROM skipped ORDER BY rowid").fetchall()
        first = ": ".join(skipped[0]) if skipped else ""
        return Extent(records=records, newest=newest, skipped=len(skipped), first_skipped=first)

    def about(self, kind: Kind, name: str) -> Iterator[Record]:
        """Yield the records that are about something, by id."""
        rows = self._base.execute(
            "SELECT record.document FROM about JOIN record USING (id) WHERE kind = ? AND name = ? ORDER BY id",
            (kind, name),
        )
        for (document,) in rows:
            yield parse_record(zlib.decompress(document))
