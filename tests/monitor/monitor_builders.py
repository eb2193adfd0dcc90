"""Lock entries of models on the local Hub, and a bench that watches them pass by pass."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from modelguard.lock import Decided, Entry, LockedFile
from modelguard.monitor.event import Event
from modelguard.monitor.scene import Notice
from modelguard.monitor.state import State
from modelguard.monitor.watching import Advise, Outcome, Watch
from modelguard.sources.source import Options
from modelguard.sources.upstream import open_observer
from modelguard.terms.artifact import Digest
from modelguard.testing import LocalHub, Repository

START = datetime(2024, 6, 1, tzinfo=UTC)


class Receiver:
    """A webhook on loopback. It remembers headers and bodies, and answers with `statuses` in turn, then with 200."""

    def __init__(self) -> None:
        self.statuses: list[int] = []
        self.received: list[tuple[dict[str, str], bytes]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.received.append(({name.lower(): value for name, value in self.headers.items()}, body))
                receiver.arrived()
                status = receiver.statuses.pop(0) if receiver.statuses else 200
                self.send_response(status)
                if status == 307:
                    self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

            def handle(self) -> None:
                try:
                    super().handle()
                except ConnectionError:
                    pass  # the sender was killed

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/hook"

    def arrived(self) -> None:
        """Called between the arrival of a post and its answer."""

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


def locked(hub: LocalHub, repository: Repository, *, requested: str = "main", **more: Any) -> Entry:
    """Return the entry that locking a repository as it is now would make."""
    commit = repository.at(requested)
    assert commit is not None
    return Entry(
        id=repository.id,
        host=hub.url.partition("://")[2],
        repo_id=repository.identity,
        owner_id=hub.accounts[repository.owner]["_id"],
        requested=requested,
        revision=commit.sha,
        files=tuple(
            LockedFile(path=file.path, size=len(file.data), digest=Digest.sha256(file.sha256))
            for file in commit.files.values()
        ),
        **{"approval": Decided(at="2024-05-01T00:00:00Z", reason="test"), **more},
    )


class Bench:
    """Watches some entries on a local Hub; time moves on by an hour with each pass."""

    def __init__(self, hub: LocalHub, home: Path) -> None:
        self.hub = hub
        self.path = home / "state.sqlite"
        self.now = START
        self.entries: list[Entry] = []
        self.notices: tuple[Notice, ...] = ()
        self.advise: Advise = lambda _: self.notices
        self.token: str | None = None

    def lock(self, repository: Repository, **more: Any) -> Entry:
        entry = locked(self.hub, repository, **more)
        self.entries = [one for one in self.entries if one.id != entry.id] + [entry]
        return entry

    def outcome(self, entries: Iterable[Entry] | None = None, *, closely: bool = True, **more: Any) -> Outcome:
        self.now += timedelta(hours=1)
        options = Options(home=Path(), endpoint=self.hub.url, token=self.token)
        observer = open_observer(
            options, budget=more.pop("budget", None), closely_every=0.0 if closely else 24.0, now=lambda: self.now
        )
        observer.asker.sleep = lambda _: None
        with State.open(self.path) as state:
            watch = Watch(observer=observer, state=state, advise=self.advise, **more)
            return watch.once(self.entries if entries is None else entries)

    def watch(self, **more: Any) -> tuple[Event, ...]:
        """Return the new events of one pass in which every model was seen."""
        outcome = self.outcome(**more)
        assert outcome.unseen == ()
        return outcome.events

    def kinds(self, **more: Any) -> list[str]:
        return [one.kind for one in self.watch(**more)]
