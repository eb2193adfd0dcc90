"""What the monitor remembers: the last scene of each model, all events, and which alerts have still to be sent.

One SQLite file. A scene, the events that it brings and their places in the outbox become durable in one transaction,
before anything is sent: a kill at any moment loses no event, and an alert that is sent twice carries the same id.
Only one monitor at a time may work on a state file.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

from attrs import define, field, frozen

from modelguard.monitor.event import Event
from modelguard.monitor.recording import read, written
from modelguard.monitor.scene import Scene
from modelguard.terms.errors import StateError
from modelguard.terms.finding import Severity

# Each row brings the file from one version to the next; rows are never changed, only added.
MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE scene (
        ref TEXT NOT NULL, host TEXT NOT NULL, generation INTEGER NOT NULL, scene TEXT NOT NULL, tried_at TEXT NOT NULL,
        seen_at TEXT, trouble TEXT NOT NULL, PRIMARY KEY (ref, host)
    ) WITHOUT ROWID;
    CREATE TABLE event (
        seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, ref TEXT NOT NULL, kind TEXT NOT NULL, at TEXT NOT NULL,
        event TEXT NOT NULL
    );
    CREATE INDEX event_of_model ON event (ref, seq);
    CREATE TABLE outbox (
        seq INTEGER PRIMARY KEY, event_id TEXT NOT NULL REFERENCES event (id), channel TEXT NOT NULL,
        round INTEGER NOT NULL, attempts INTEGER NOT NULL, due_at TEXT NOT NULL, sent_at TEXT, trouble TEXT NOT NULL,
        UNIQUE (event_id, channel, round)
    );
    CREATE INDEX outbox_waiting ON outbox (channel, seq) WHERE sent_at IS NULL;
    """,
)
TOGETHER = 50
"""Scenes without events that become durable in one transaction: each costs a wait for the disk."""
FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=30), timedelta(hours=6)


@frozen(kw_only=True)
class Known:
    """What is remembered of one model: its scene, how often that has changed, and how the last try went."""

    scene: Scene
    generation: int = 0
    tried_at: str = ""
    seen_at: str | None = None
    trouble: str = ""


@define
class State:
    """The state file, open for one monitor. Times are ISO 8601 in UTC and compare as text."""

    _database: sqlite3.Connection
    _lock: int | None = None
    _quiet: list[tuple[object, ...]] = field(factory=list, init=False)

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open a state file for writing, made or brought up to date if need be.

        Raises `StateError` when another monitor has it open, or when it is damaged or from a newer release.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = _locked(path.with_name(f"{path.name}.lock"))
        try:
            return cls(_connected(path), lock)
        except BaseException:
            os.close(lock)
            raise

    @classmethod
    def look(cls, path: Path) -> Self | None:
        """Open a state file that is there, to read it only, beside a monitor that may be at work."""
        return cls(_connected(path)) if path.exists() else None

    def close(self) -> None:
        if self._lock is not None:
            with suppress(StateError):  # what is not written of quiet models is looked at again by the next pass
                self._write_quiet()
        self._database.close()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- scenes and events -----------------------------------------------------------------------------------

    def known(self, ref: str, host: str) -> Known | None:
        """Return what is remembered of a model on a Hub."""
        if any(row[:2] == (ref, host) for row in self._quiet):
            self._write_quiet()
        query = "SELECT scene, generation, tried_at, seen_at, trouble FROM scene WHERE ref = ? AND host = ?"
        row = self._database.execute(query, (ref, host)).fetchone()
        return None if row is None else _known(row)

    def all_known(self, host: str) -> dict[str, Known]:
        """Return what is remembered of the models on a Hub, by their names."""
        self._write_quiet()
        query = "SELECT scene, generation, tried_at, seen_at, trouble FROM scene WHERE host = ? ORDER BY ref"
        found = (_known(row) for row in self._database.execute(query, (host,)))
        return {one.scene.ref: one for one in found}

    def record(
        self, known: Known, host: str, scene: Scene, events: Iterable[Event], channels: Iterable[str],
        *, at: str, trouble: str = "", tried: bool = True,
    ) -> tuple[Event, ...]:  # fmt: skip
        """Make a scene and its events durable at once; return the events with their ids, those that are new.

        `trouble` says why the model could not be seen in this pass; it was not `tried` when no budget was left for it.
        A scene without events is written with those that follow: it costs a new look if the process is killed before.
        """
        generation = known.generation + (1 if scene != known.scene else 0)
        tried_at = at if tried else known.tried_at
        numbered = [one.numbered(generation) for one in events]
        seen_at = known.seen_at if trouble else at
        row = (scene.ref, host, generation, written(scene), tried_at, seen_at, trouble)
        if not numbered:
            self._quiet.append(row)
            if len(self._quiet) >= TOGETHER:
                self._write_quiet()
            return ()
        with self._transaction():
            self._put_quiet()
            self._put([row])  # never among the quiet ones: a scene must not become durable without its events
            return tuple(one for one in numbered if self._add(one, channels, at))

    def _write_quiet(self) -> None:
        if self._quiet:
            with self._transaction():
                self._put_quiet()

    def _put_quiet(self) -> None:
        self._put(self._quiet)
        self._quiet.clear()

    def _put(self, rows: Iterable[tuple[object, ...]]) -> None:
        self._database.executemany("INSERT OR REPLACE INTO scene VALUES (?, ?, ?, ?, ?, ?, ?)", rows)

    def add(self, events: Iterable[Event], channels: Iterable[str], *, at: str) -> tuple[Event, ...]:
        """Make events durable that follow from others; return those that are new."""
        with self._transaction():
            return tuple(one for one in events if self._add(one, channels, at))

    def _add(self, one: Event, channels: Iterable[str], at: str) -> bool:
        row = (one.id, one.ref, one.kind, one.at, written(one))
        made = self._database.execute(
            "INSERT OR IGNORE INTO event (id, ref, kind, at, event) VALUES (?, ?, ?, ?, ?)", row
        )
        if not made.rowcount:
            return False
        for channel in channels:
            self._queue(one.id, channel, 0, at)
        return True

    def _queue(self, event_id: str, channel: str, number: int, at: str) -> None:
        self._database.execute(
            "INSERT OR IGNORE INTO outbox (event_id, channel, round, attempts, due_at, trouble) "
            "VALUES (?, ?, ?, 0, ?, '')",
            (event_id, channel, number, at),
        )

    def events(self, ref: str | None = None, last: int | None = None) -> list[Event]:
        """Return events, oldest first; of one model, and only the `last` ones, if wanted."""
        where, values = ("WHERE ref = ?", [ref]) if ref is not None else ("", [])
        query = f"SELECT event FROM event {where} ORDER BY seq DESC LIMIT ?"  # noqa: S608  # both texts are above
        rows = self._database.execute(query, (*values, -1 if last is None else last))
        return [read(Event, text) for (text,) in rows][::-1]

    # --- the outbox ------------------------------------------------------------------------------------------

    def waiting(self, channel: str, at: str | None = None) -> list[tuple[int, Event]]:
        """Return what has to be sent through a channel, oldest first; with `at`, only what is due by then."""
        query = (
            "SELECT outbox.seq, event.event FROM outbox JOIN event ON event.id = outbox.event_id "
            "WHERE channel = ? AND sent_at IS NULL AND (? IS NULL OR due_at <= ?) ORDER BY outbox.seq"
        )
        return [(seq, read(Event, text)) for seq, text in self._database.execute(query, (channel, at, at))]

    def sent(self, places: Iterable[int], at: str) -> None:
        """Note that these alerts have arrived."""
        with self._transaction():
            self._database.executemany(
                "UPDATE outbox SET sent_at = ?, trouble = '' WHERE seq = ?", [(at, p) for p in places]
            )

    def failed(self, places: Iterable[int], at: str, trouble: str) -> None:
        """Note that these alerts have not arrived; each failure doubles the wait until the next try."""
        with self._transaction():
            for place in places:
                query = "UPDATE outbox SET attempts = attempts + 1, trouble = ? WHERE seq = ? RETURNING attempts"
                (attempts,) = self._database.execute(query, (trouble, place)).fetchone()
                due = _moment(at) + min(FIRST_WAIT * 2 ** min(attempts - 1, 20), LONGEST_WAIT)
                self._database.execute("UPDATE outbox SET due_at = ? WHERE seq = ?", (_text(due), place))

    def remind(self, events: Iterable[Event], channels: Iterable[str], at: str, after: timedelta) -> int:
        """Put events into the outbox again whose last alert was sent longer ago than `after`; return how many."""
        limit, count = _text(_moment(at) - after), 0
        with self._transaction():
            for one in events:
                for channel in channels:
                    row = self._database.execute(
                        "SELECT max(round), max(sent_at), count(*) - count(sent_at) FROM outbox "
                        "WHERE event_id = ? AND channel = ?", (one.id, channel),
                    ).fetchone()  # fmt: skip
                    if row[1] is not None and row[1] <= limit and not row[2]:
                        self._queue(one.id, channel, row[0] + 1, at)
                        count += 1
        return count

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        try:
            self._database.execute("BEGIN IMMEDIATE")
            yield
            self._database.execute("COMMIT")
        except BaseException as error:
            if self._database.in_transaction:
                self._database.execute("ROLLBACK")
            if isinstance(error, sqlite3.Error):
                raise StateError(
                    f"the state cannot be written: {error}", remedy="free space or mend the mode"
                ) from error
            raise


def open_events(events: Iterable[Event], decided_at: dict[str, str], least: Severity = Severity.MEDIUM) -> list[Event]:
    """Return the events that nobody has answered: no newer decision in the lock, and no newer return of the model.

    `decided_at` tells for each model that is still locked when it was last decided about.
    """
    returned = {one.ref: one.at for one in events if one.kind == "repo-returned"}
    gone = {"repo-unavailable", "repo-disabled", "repo-private"}
    return [
        one
        for one in events
        if one.severity >= least
        and decided_at.get(one.ref, "9")[:19] <= one.at[:19]  # both are UTC, written with Z or +00:00
        and not (one.kind in gone and returned.get(one.ref, "") >= one.at)
    ]


def _known(row: tuple[str, int, str, str | None, str]) -> Known:
    return Known(scene=read(Scene, row[0]), generation=row[1], tried_at=row[2], seen_at=row[3], trouble=row[4])


def _connected(path: Path) -> sqlite3.Connection:
    try:
        database = sqlite3.connect(path, timeout=30, isolation_level=None)
    except sqlite3.Error as error:
        raise StateError(f"{path}: {error}", remedy="free space, or mend the mode of its directory") from error
    try:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")
        database.execute("PRAGMA foreign_keys = ON")
        _migrate(database, path)
    except BaseException as error:
        database.close()
        if not isinstance(error, sqlite3.Error):
            raise
        raise StateError(f"{path}: {error}", remedy="move the file away; watching then starts from the lock") from error
    return database


def _migrate(database: sqlite3.Connection, path: Path) -> None:
    """Bring the file to the newest version, each step in one transaction."""
    (version,) = database.execute("PRAGMA user_version").fetchone()
    if version > len(MIGRATIONS):
        raise StateError(f"{path}: written by a newer modelguard", remedy="use that release, or move the file away")
    for number in range(version, len(MIGRATIONS)):
        database.executescript(f"BEGIN IMMEDIATE;{MIGRATIONS[number]};PRAGMA user_version = {number + 1};COMMIT;")


def _locked(path: Path) -> int:
    """Hold the lock of the single writer; the system gives it back when the process ends, however it ends."""
    import fcntl  # not on every platform; only writers need it

    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        raise StateError(
            f"{path}: another monitor is at work", remedy="wait for it to end, or name another --state"
        ) from None
    return handle


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).replace(microsecond=0).isoformat()
