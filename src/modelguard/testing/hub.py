"""A Hub on loopback that the real clients talk to: `huggingface_hub` 0.x, 1.x and 2.x, and what is built on it.

It can do what a test of trust needs: serve other bytes than it lists, rename, gate, disable and hide repositories, move
branches, rewrite history, give a namespace to somebody else, ask to slow down, fail, cut a body short, and be slow.

    with LocalHub() as hub:
        repository = hub.repository("org/model")
        repository.commit({"model.safetensors": data})
        repository.tamper("model.safetensors")
"""

from __future__ import annotations

import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Literal, Self
from urllib.parse import parse_qs, urlsplit

from attrs import define, field

from modelguard.testing.answers import Answer, Refusal, Request, throttled
from modelguard.testing.repositories import Repository, hub_id
from modelguard.testing.routes import answer

_PIECE = 16 << 10


@define(eq=False)
class LocalHub:
    """A Hub in memory, served while used as a context manager. Everything may be changed while it runs.

    `large_files` says how git-lfs files are answered: "cdn" redirects to another origin as the Hub does, "direct" sends
    the bytes at once, "xet" adds the headers of xet (whose protocol is not served). `small_files` likewise: "cache"
    redirects within the Hub. Without `several_ranges`, who asks for more than one range of a large file gets all of it,
    as some stores do. `page_size` limits lists. `delay` are seconds before each answer, `pause` seconds between
    16 KiB pieces of a body. `requests` are those received, in order.
    """

    large_files: Literal["cdn", "direct", "xet"] = "cdn"
    small_files: Literal["cache", "direct"] = "cache"
    several_ranges: bool = True
    page_size: int = 1000
    delay: float = 0.0
    pause: float = 0.0
    repositories: dict[str, Repository] = field(factory=dict, init=False)
    renamed: dict[str, str] = field(factory=dict, init=False)
    accounts: dict[str, dict[str, Any]] = field(factory=dict, init=False)
    tokens: dict[str, str] = field(factory=dict, init=False)
    requests: list[Request] = field(factory=list, init=False, repr=False)
    blobs: dict[str, bytes] = field(factory=dict, init=False, repr=False)
    _next: list[Answer] = field(factory=list, init=False, repr=False)
    _cuts: dict[str, list[int]] = field(factory=dict, init=False, repr=False)
    _born: int = field(default=0, init=False)
    _server: _Server | None = field(default=None, init=False, repr=False)
    _thread: threading.Thread | None = field(default=None, init=False, repr=False)
    _lock: threading.Lock = field(factory=threading.Lock, init=False, repr=False)

    # --- who and what there is -----------------------------------------------------------------------------------

    def repository(self, name: str, **properties: Any) -> Repository:
        """Return the repository of this name, made if it is not there; properties are those of `Repository`."""
        if name not in self.repositories:
            owner = name.partition("/")[0]
            if "/" in name and owner not in self.accounts:
                self.organization(owner)
            self.renamed.pop(name, None)
            self.repositories[name] = Repository(id=name, identity=self._identity(name), **properties)
        return self.repositories[name]

    def organization(self, name: str, *, members: tuple[str, ...] = (), verified: bool = False, **more: Any) -> None:
        """Add an organization; `more` goes into its overview as it is."""
        self.accounts[name] = {
            "_id": self._identity(name), "name": name, "fullname": name, "type": "org", "avatarUrl": "",
            "isVerified": verified, "numUsers": len(members), "numModels": 0, "numSpaces": 0, "numDatasets": 0,
            "numFollowers": 0, "members": list(members), **more,
        }  # fmt: skip

    def user(self, name: str, **more: Any) -> str:
        """Add a user and return an access token; `more` goes into the overview as it is."""
        self.accounts[name] = {
            "_id": self._identity(name), "user": name, "fullname": name, "type": "user", "avatarUrl": "",
            "isPro": False, "numModels": 0, "numDatasets": 0, "numSpaces": 0, "numDiscussions": 0, "numPapers": 0,
            "numUpvotes": 0, "numLikes": 0, "numFollowing": 0, "numFollowers": 0, "orgs": [], **more,
        }  # fmt: skip
        token = f"hf_{hub_id('token', name)}"
        self.tokens[token] = name
        return token

    def rename(self, old: str, new: str) -> None:
        """Move a repository: the old name redirects to the new one, as on the Hub."""
        repository = self.repositories.pop(old)
        owner = new.partition("/")[0]
        if "/" in new and owner not in self.accounts:
            self.organization(owner)
        repository.id = new
        self.repositories[new] = repository
        self.renamed[old] = new

    def delete(self, name: str) -> None:
        """Remove a repository; its name is free for anyone."""
        del self.repositories[name]

    def take_over(self, owner: str) -> None:
        """Give a namespace to somebody else: the old repositories and redirects are gone, its identity is new."""
        self.repositories = {
            name: repository for name, repository in self.repositories.items() if repository.owner != owner
        }
        self.renamed = {old: new for old, new in self.renamed.items() if not old.startswith(f"{owner}/")}
        self.organization(owner)

    def _identity(self, name: str) -> str:
        self._born += 1
        return hub_id(self._born, name)

    # --- what goes wrong -------------------------------------------------------------------------------------------

    def fail(self, status: int = 500, times: int = 1) -> None:
        """Answer the next requests with this status."""
        self._next.extend([Refusal(status, message="This is a test of failing").answer] * times)

    def throttle(self, seconds: int = 1, times: int = 1) -> None:
        """Answer the next requests with 429 and the Hub's headers on when to come back."""
        self._next.extend([throttled(seconds)] * times)

    def cut_short(self, path: str, after: int, times: int = 1) -> None:
        """Break the connection after so many bytes of a file (`model.safetensors`) have been sent."""
        self._cuts.setdefault(path, []).extend([after] * times)

    def mend(self) -> None:
        """Forget all failures, delays and cuts that were asked for; bytes tampered with stay so."""
        with self._lock:
            self._next.clear()
            self._cuts.clear()
        self.delay = self.pause = 0.0

    # --- serving -------------------------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        """The endpoint: what HF_ENDPOINT or `endpoint=` takes."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def other_origin(self) -> str:
        """The same server under another name, so that clients must not send it their token."""
        return f"http://localhost:{self.port}"

    @property
    def port(self) -> int:
        if self._server is None:
            raise RuntimeError("the local Hub is not running: use it in a with statement")
        return int(self._server.server_address[1])

    @property
    def environment(self) -> dict[str, str]:
        """Variables for a child process whose Hub this is to be."""
        return {"HF_ENDPOINT": self.url, "HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_XET": "1"}

    def asked(self, part: str) -> list[Request]:
        """Return the requests whose path contains `part`."""
        return [request for request in self.requests if part in request.path]

    def __enter__(self) -> Self:
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), name="local-hub", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()
        self._server = self._thread = None

    def answer_to(self, request: Request) -> Answer:
        """Return what is sent back, and remember the request."""
        with self._lock:
            self.requests.append(request)
            if self._next:
                return self._next.pop(0)
        if self.delay:
            time.sleep(self.delay)
        try:
            return self._cut(request, answer(self, request))
        except Refusal as refusal:
            return refusal.answer

    def _cut(self, request: Request, whole: Answer) -> Answer:
        path = whole.headers.get("X-Local-Path", "")
        with self._lock:
            cuts = self._cuts.get(path)
            if request.method != "GET" or not cuts or whole.status not in {200, 206} or not path:
                return whole
            after = cuts.pop(0)
        return Answer(status=whole.status, headers=whole.headers, body=whole.body[:after], length=len(whole.body))


class _Server(ThreadingHTTPServer):
    """The server, which ends its open connections with itself: a client must notice that the Hub is gone."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, hub: LocalHub) -> None:
        self.hub = hub
        self.open: set[socket.socket] = set()
        super().__init__(("127.0.0.1", 0), _Handler)

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        self.open.add(connection)
        return connection, address

    def shutdown_request(self, request: Any) -> None:
        self.open.discard(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        super().server_close()
        for connection in tuple(self.open):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:  # the client was faster
                continue

    def handle_error(self, request: Any, client_address: Any) -> None:
        import sys

        if not isinstance(sys.exception(), ConnectionError):  # a client that goes away is part of many tests
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else each body waits 40 ms for the client to acknowledge the headers
    server: _Server

    def log_message(self, *args: Any) -> None:
        """Say nothing: `LocalHub.requests` remembers everything."""

    def _serve(self) -> None:
        hub = self.server.hub
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = urlsplit(self.path)
        bearer = self.headers.get("Authorization", "").removeprefix("Bearer ")
        request = Request(
            method=self.command,
            path=parts.path,
            query=parse_qs(parts.query, keep_blank_values=True),
            headers=dict(self.headers),
            body=body,
            user=hub.tokens.get(bearer, ""),
            target=self.path,
        )
        self._send(hub.answer_to(request), hub.pause)

    do_GET = do_HEAD = do_POST = _serve  # noqa: N815  # http.server's names

    def _send(self, reply: Answer, pause: float) -> None:
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            if name != "X-Local-Path":
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply.body) if reply.length is None else reply.length))
        self.end_headers()
        if self.command != "HEAD":
            for start in range(0, len(reply.body), _PIECE if pause else max(1, len(reply.body))):
                self.wfile.write(reply.body[start : start + _PIECE] if pause else reply.body)
                time.sleep(pause)
        if reply.length is not None:
            self.close_connection = True
