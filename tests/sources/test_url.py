"""One file comes from an address, whole and unchanged, or not at all."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from sources_builders import Remembered, contents, options

from modelguard.sources import url as url_module
from modelguard.sources.source import source_for
from modelguard.sources.store import Store
from modelguard.sources.url import SOURCE, may_follow
from modelguard.terms.artifact import Digest, Snapshot, UrlRef, parse_ref
from modelguard.terms.errors import (
    NoAccess,
    NotFound,
    Offline,
    RateLimited,
    SourceError,
    Tampered,
    Unreachable,
)

DATA = bytes(range(256)) * 9000
DIGEST = Digest.sha256(sha256(DATA).hexdigest())


class Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    pages: dict[str, tuple[int, dict[str, str], bytes]]
    asked: list[tuple[str, dict[str, str]]]
    silent = False

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def log_message(self, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        self.server.asked.append((self.path, dict(self.headers)))
        if self.server.silent:
            self.server.waiting.wait(5)  # type: ignore[attr-defined]
            return
        status, headers, body = self.server.pages[self.path]
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server(("127.0.0.1", 0), Handler)
    server.pages, server.asked = {"/models/m.bin": (200, {}, DATA)}, []
    server.waiting = threading.Event()  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield server
    server.waiting.set()  # type: ignore[attr-defined]
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def bring(
    server: Server, store: Store, path: str = "/models/m.bin", expected: Digest | None = None, **more: object
) -> Snapshot:
    settings = options(store.root.parent, **more)
    resolved = SOURCE.resolve(UrlRef(server.origin + path), settings)
    (listed,) = resolved.files
    return SOURCE.fetch(resolved, store, settings, {listed.path: expected} if expected else {})


def test_a_first_fetch_yields_the_digest_to_record(server: Server, store: Store) -> None:
    snapshot = bring(server, store)
    assert contents(snapshot) == {"m.bin": DATA}
    assert snapshot.artifacts[0].digest == DIGEST
    assert snapshot.artifacts[0].size == len(DATA)


def test_the_recorded_digest_is_held_against_the_bytes(server: Server, store: Store) -> None:
    bring(server, store, expected=DIGEST)
    server.pages["/models/m.bin"] = (200, {}, DATA[:-1] + b"\0")
    fresh = Store(store.root.parent / "fresh")
    with pytest.raises(Tampered) as caught:
        bring(server, fresh, expected=DIGEST)
    assert str(DIGEST) in caught.value.message
    assert server.origin in caught.value.message
    assert list(fresh.objects()) == []


def test_what_the_store_holds_is_not_fetched_again(server: Server, store: Store) -> None:
    bring(server, store)
    assert contents(bring(server, store, expected=DIGEST, offline=True)) == {"m.bin": DATA}
    assert len(server.asked) == 1


def test_offline_mode_asks_nobody(server: Server, store: Store) -> None:
    with pytest.raises(Offline):
        bring(server, store, offline=True)
    assert not server.asked


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (401, NoAccess),
        (403, NoAccess),
        (404, NotFound),
        (410, NotFound),
        (429, RateLimited),
        (500, Unreachable),
        (503, Unreachable),
        (418, Unreachable),
    ],
)
def test_each_refusal_has_its_error(server: Server, store: Store, status: int, error: type[SourceError]) -> None:
    server.pages["/models/m.bin"] = (status, {}, b"no")
    with pytest.raises(error):
        bring(server, store)


def test_a_body_that_ends_early_is_not_kept(server: Server, store: Store) -> None:
    server.pages["/models/m.bin"] = (200, {"Content-Length": str(len(DATA) + 1)}, DATA)
    with pytest.raises(Unreachable, match=str(len(DATA) + 1)):
        bring(server, store)
    assert list(store.objects()) == []


def test_a_file_larger_than_the_limit_is_not_kept(server: Server, store: Store) -> None:
    with pytest.raises(SourceError, match="largest"):
        bring(server, store, largest=len(DATA) - 1)
    assert list(store.objects()) == []
    bring(server, store, largest=len(DATA))


def test_encoded_bodies_are_refused(server: Server, store: Store) -> None:
    server.pages["/models/m.bin"] = (200, {"Content-Encoding": "gzip"}, DATA)
    with pytest.raises(SourceError, match="gzip"):
        bring(server, store)


def test_a_redirect_on_loopback_is_followed(server: Server, store: Store) -> None:
    server.pages["/moved.bin"] = (302, {"Location": "/models/m.bin"}, b"")
    assert contents(bring(server, store, "/moved.bin")) == {"moved.bin": DATA}


@pytest.mark.parametrize(
    "target", ["http://example.invalid/m.bin", "file:///etc/passwd", "ftp://127.0.0.1/m", "https://user:pw@127.0.0.1/m"]
)
def test_a_redirect_elsewhere_is_refused(server: Server, store: Store, target: str) -> None:
    server.pages["/moved.bin"] = (302, {"Location": target}, b"")
    with pytest.raises(SourceError, match="redirects"):
        bring(server, store, "/moved.bin")


def test_redirects_without_end_are_an_error(server: Server, store: Store) -> None:
    server.pages["/moved.bin"] = (302, {"Location": "/moved.bin"}, b"")
    with pytest.raises(SourceError):
        bring(server, store, "/moved.bin")
    assert len(server.asked) <= url_module.REDIRECTS + 1


@pytest.mark.parametrize(
    ("source", "target", "allowed"),
    [
        ("https://a.org/x", "https://b.org/y", True),
        ("https://a.org/x", "http://a.org/x", False),
        ("https://a.org/x", "http://127.0.0.1/x", False),
        ("https://a.org/x", "https://me:pw@b.org/x", False),
        ("http://127.0.0.1:80/x", "http://[::1]/x", True),
        ("http://127.0.0.1:80/x", "http://localhost/x", True),
        ("http://127.0.0.1:80/x", "http://127.0.0.1.evil.org/x", False),
        ("http://127.0.0.1:80/x", "http://localhost.evil.org/x", False),
        ("http://127.0.0.1:80/x", "https://b.org/x", True),
        ("http://127.0.0.1:80/x", "data:text/plain,x", False),
    ],
)
def test_redirects_lead_to_https_or_stay_on_loopback(source: str, target: str, allowed: bool) -> None:
    assert may_follow(source, target) is allowed


@pytest.mark.parametrize("host", ["127.0.0.1.evil.invalid", "localhost.evil.invalid", "example.invalid"])
def test_plain_http_to_elsewhere_is_refused_before_anything_is_asked(tmp_path: Path, host: str) -> None:
    with pytest.raises(SourceError, match="only https"):
        SOURCE.resolve(UrlRef(f"http://{host}/m.bin"), options(tmp_path))


def test_a_server_that_falls_silent_is_unreachable(
    server: Server, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(url_module, "TIMEOUT", 0.1)
    server.silent = True
    with pytest.raises(Unreachable):
        bring(server, store)


def test_a_server_that_is_not_there_is_unreachable(server: Server, store: Store) -> None:
    server.shutdown()
    server.server_close()
    with pytest.raises(Unreachable, match="cannot be reached"):
        bring(server, store)


def test_an_answer_that_is_no_http_is_unreachable(server: Server, store: Store) -> None:
    server.pages["/odd"] = (999, {}, b"")
    with pytest.raises(SourceError):
        bring(server, store, "/odd")


def test_no_credentials_and_no_proxy_are_used(
    server: Server, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password secret\n")
    (tmp_path / ".netrc").chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    bring(server, store)
    ((_, headers),) = server.asked
    assert set(headers) == {"Host", "User-Agent", "Accept-Encoding", "Connection"}
    assert headers["User-Agent"].startswith("modelguard/")


def test_the_name_is_the_last_part_of_the_path(server: Server, store: Store) -> None:
    server.pages["/a/my%20model.bin?version=2"] = (200, {}, b"x")
    assert contents(bring(server, store, "/a/my%20model.bin?version=2")) == {"my model.bin": b"x"}


@pytest.mark.parametrize("name", ["..%2fup", "%2e%2e", "a%00b", "a%5cb", "a%e2%80%aeb"])
def test_a_name_that_is_not_safe_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(SourceError, match="name"):
        SOURCE.resolve(UrlRef(f"https://example.invalid/{name}"), options(tmp_path))


def test_progress_knows_the_size(server: Server, store: Store) -> None:
    progress = Remembered()
    bring(server, store, progress=progress)
    assert (progress.totals, progress.counts) == ({"m.bin": len(DATA)}, {"m.bin": len(DATA)})
    assert progress.finished == ["m.bin"]


@pytest.mark.parametrize(
    ("text", "name"),
    [("hf://org/name", "hub"), ("./x", "local"), ("https://example.invalid/x.bin", "url")],
)
def test_each_reference_has_its_source(text: str, name: str) -> None:
    assert source_for(parse_ref(text)).name == name
