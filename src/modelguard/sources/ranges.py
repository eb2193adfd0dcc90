"""Reads the files of a Hub repository where they lie: small ones whole, large ones by HTTP ranges.

A model of a hundred gigabytes tells what it would do in its headers, directories and pickles, about a megabyte. What is
read so is not pinned: the Hub's digest of a large file is a claim until the whole file was hashed. So every answer
must be a 206 of exactly the range asked for, of one size and one ETag throughout, and the artifact says that its digest
is only claimed. Whoever reads too much of a file is stopped: such a file has to be fetched.

The first look asks for both ends of a file in one request. A server that answers with one range or with the whole file
(of which only the head is read) is asked again for the other end.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from http.client import HTTPException, HTTPMessage, HTTPResponse
from typing import IO, TYPE_CHECKING, Any, TypeAlias
from urllib.parse import quote, urljoin, urlsplit

from attrs import define, evolve, field

from modelguard.sources import hub, multipart
from modelguard.sources.hub_client import open_client
from modelguard.sources.source import Listed, Options, Resolved, Shelf
from modelguard.sources.url import may_follow
from modelguard.terms.artifact import Artifact, Digest, HubRef, Snapshot, printable
from modelguard.terms.content import NEAR_HEAD, NEAR_TAIL
from modelguard.terms.errors import BudgetSpent, SourceError, Tampered, Unreachable

if TYPE_CHECKING:
    from urllib.request import OpenerDirector, Request

SMALL = 1 << 20
"""Bytes up to which a file is fetched whole and hashed."""
AHEAD, FARTHEST, SLACK = 64 << 10, 1 << 20, 1 << 10
"""Bytes read from a place on at least; at most where reading goes on and on; beyond what was wanted."""
REQUESTS, BYTES = 64, 64 << 20
"""Requests and bytes for one file, beyond which it has to be fetched."""
TIMEOUT = 30.0
_NOT_SEVERAL = frozenset({400, 416, 501})
"""Answers of servers that take one range only, though RFC 9110 has other ways of saying so."""
Span: TypeAlias = tuple[int, int]
"""First position, and the one behind the last."""
_RANGE = re.compile(r"bytes (\d{1,20})-(\d{1,20})/(\d{1,20})\Z")


def survey(resolved: Resolved, shelf: Shelf, options: Options, expected: Mapping[str, Digest]) -> Snapshot:
    """Return a snapshot whose large files are read by ranges; small ones, and what the store holds, are hashed.

    Artifacts read by ranges have no `file`: they have a `reader`, and a digest that the Hub claims. What comes with a
    path in `expected` must be claimed with that digest.

    Raises `SourceError`, and `Tampered` when the Hub claims another digest than the expected one.
    """
    large = {file.path: file for file in resolved.files if _is_for_ranges(file, shelf)}
    for path, digest in expected.items():
        if path in large and large[path].digest != digest:
            raise Tampered(f"{resolved.ref}: {printable(path)}: expected {digest}, the Hub claims {large[path].digest}")
    small = tuple(file for file in resolved.files if file.path not in large)
    snapshot = hub.fetch(evolve(resolved, files=small), shelf, options, expected) if small else _empty(resolved)
    remote = tuple(_artifact(file, resolved, options) for file in large.values())
    artifacts = sorted((*snapshot.artifacts, *remote), key=lambda artifact: artifact.path)
    return evolve(snapshot, artifacts=tuple(artifacts))


def _is_for_ranges(file: Listed, shelf: Shelf) -> bool:
    """Tell whether a file is large, known by a digest, and not in the store already."""
    return file.digest is not None and (file.size or 0) > SMALL and shelf.path_of(file.digest) is None


def _empty(resolved: Resolved) -> Snapshot:
    assert isinstance(resolved.ref, HubRef)
    return Snapshot(ref=resolved.ref.at(resolved.revision), revision=resolved.revision)


def _artifact(file: Listed, resolved: Resolved, options: Options) -> Artifact:
    assert isinstance(resolved.ref, HubRef)
    assert file.size is not None
    assert file.digest is not None
    api = open_client(options, str(resolved.ref))
    place = f"{resolved.ref.repo}/resolve/{resolved.revision}/{quote(file.path)}"
    ranges = Ranges(url=f"{api.endpoint}/{place}", size=file.size, token=_token(api.token))
    return Artifact(path=file.path, size=file.size, digest=file.digest, claimed=True, reader=ranges.fetch)


def _token(given: Any) -> str:
    from huggingface_hub import get_token  # only who asks a Hub pays for it

    return str(given or get_token() or "")


@define(eq=False)
class Ranges:
    """One file behind an address, read piece by piece: what came once is kept.

    `requests` and `received` count what was asked for and the bytes that came.
    """

    url: str
    size: int
    token: str = field(default="", repr=False)
    requests: int = field(default=0, init=False)
    received: int = field(default=0, init=False)
    _etag: str = field(default="", init=False)
    _place: str = field(default="", init=False)
    _pieces: list[tuple[int, bytes]] = field(factory=list, init=False, repr=False)

    def fetch(self, offset: int, length: int) -> bytes:
        """Return `length` bytes from `offset`.

        Raises `BudgetSpent` when more of the file is asked for than a look by ranges may take, `Tampered` when the
        file changes meanwhile, `SourceError` when it cannot be read.
        """
        if not length:
            return b""
        window = self._window(offset, length)
        ends = [(0, NEAR_HEAD), (self.size - NEAR_TAIL, self.size)]
        if not self._pieces and window in ends and self.size > NEAR_HEAD + NEAR_TAIL:
            self._pieces += self._ask(ends)
        found = self._kept(offset, length)
        if found is None:
            ((start, data),) = self._ask([window])
            self._join(start, data)
            found = self._kept(offset, length)
        return found or b""

    def _join(self, start: int, data: bytes) -> None:
        """Keep a piece: as part of the one that it follows, if there is one."""
        before = next((piece for piece in self._pieces if piece[0] + len(piece[1]) == start), None)
        if before is not None:
            self._pieces.remove(before)
            start, data = before[0], before[1] + data
        self._pieces.append((start, data))

    def _kept(self, offset: int, length: int) -> bytes | None:
        for start, data in self._pieces:
            if start <= offset and offset + length <= start + len(data):
                return data[offset - start : offset - start + length]
        return None

    def _window(self, offset: int, length: int) -> Span:
        """Return what to ask for: the head, the tail, or the wanted bytes with some more behind them."""
        if offset + length <= NEAR_HEAD:
            return 0, min(NEAR_HEAD, self.size)
        if offset >= self.size - NEAR_TAIL:
            return max(0, self.size - NEAR_TAIL), self.size
        stop = offset + length + SLACK
        for start, data in self._pieces:
            if start <= offset <= start + len(data):  # who reads on and on is given more each time
                offset = start + len(data)
                return offset, min(self.size, max(stop, offset + min(max(len(data), AHEAD), FARTHEST)))
        return offset, min(self.size, max(stop, offset + AHEAD))

    def _ask(self, spans: list[Span]) -> list[tuple[int, bytes]]:
        """Return pieces of what was asked for: all of one span, at least something of several."""
        self.requests += 1
        self.received += sum(stop - start for start, stop in spans)
        if self.requests > REQUESTS or self.received > BYTES:
            raise BudgetSpent(
                f"more than {REQUESTS} ranges or {BYTES} bytes would have to be read over the network: fetch it whole"
            )
        from urllib.error import HTTPError

        place = self._place or self.url
        try:
            with _open(place, self._headers(place, spans)) as response:
                return self._checked(response, spans)
        except HTTPError as error:
            error.close()
            if len(spans) > 1 and error.code in _NOT_SEVERAL:
                return []
            if self._place:  # addresses that a Hub redirects to end after some time
                self._place = ""
                return self._ask(spans)
            raise Unreachable(f"{self.url}: the server answers with status {error.code}") from error
        except (OSError, HTTPException) as error:
            raise Unreachable(f"{self.url}: cannot be read: {printable(str(error))}", remedy="try again") from error

    def _headers(self, place: str, spans: list[Span]) -> dict[str, str]:
        from modelguard import __version__

        headers = {
            "Range": "bytes=" + ",".join(f"{start}-{stop - 1}" for start, stop in spans),
            "Accept-Encoding": "identity",
            "User-Agent": f"modelguard/{__version__}",
        }
        if self.token and urlsplit(place).netloc == urlsplit(self.url).netloc:
            headers["Authorization"] = f"Bearer {self.token}"
        return headers | ({"If-Range": self._etag} if self._etag else {})

    def _checked(self, response: HTTPResponse, spans: list[Span]) -> list[tuple[int, bytes]]:
        """Return the pieces in an answer that is exactly what was asked for.

        Raises `SourceError` when the server does not serve ranges, `Tampered` when the file is not the one that it was.
        """
        if response.headers.get("Content-Encoding", "identity") != "identity":
            raise SourceError(f"{self.url}: the server sends it encoded")
        if response.status == 206:
            etag = self._checked_etag(response)
            boundary = multipart.boundary_of(response.headers.get("Content-Type", "")) if len(spans) > 1 else None
            pieces = self._one(response, spans) if boundary is None else self._several(response, spans, boundary)
        elif self._etag:
            raise Tampered(f"{self.url}: it changed while it was read")
        elif len(spans) > 1 and response.status == 200 and response.headers.get("Content-Length") == str(self.size):
            etag = self._checked_etag(response)
            pieces = [self._body(response, *spans[0])]  # the whole file: what follows the head is not read
        else:
            raise SourceError(f"{self.url}: the server sends no ranges", remedy="fetch the model")
        self._etag, self._place = etag, response.geturl()
        return pieces

    def _checked_etag(self, response: HTTPResponse) -> str:
        etag = response.headers.get("ETag", "")
        if not etag or etag.startswith("W/") or (self._etag and etag != self._etag):
            raise Tampered(f"{self.url}: it has no lasting ETag, or another one than before: {printable(etag)!r}")
        return etag

    def _one(self, response: HTTPResponse, spans: list[Span]) -> list[tuple[int, bytes]]:
        told = response.headers.get("Content-Range", "")
        match = _RANGE.match(told)
        for start, stop in spans:
            if match is not None and [int(part) for part in match.groups()] == [start, stop - 1, self.size]:
                return [self._body(response, start, stop)]
        start, stop = spans[0]
        raise Tampered(
            f"{self.url}: asked for bytes {start} to {stop} of {self.size}, the answer is {printable(told)!r}"
        )

    def _several(self, response: HTTPResponse, spans: list[Span], boundary: bytes) -> list[tuple[int, bytes]]:
        most = sum(stop - start + multipart.OVERHEAD for start, stop in spans)
        body = response.read(most + 1)
        found = list(multipart.parts(body, boundary))
        if [(first, last + 1, size) for first, last, size, _ in found] != [(*span, self.size) for span in spans]:
            raise Tampered(f"{self.url}: asked for {len(spans)} ranges, the answer has others")
        return [(first, data) for first, _, _, data in found]

    def _body(self, response: HTTPResponse, start: int, stop: int) -> tuple[int, bytes]:
        wanted = stop - start
        data = response.read(wanted + (response.status == 206))
        if len(data) != wanted:
            raise Unreachable(f"{self.url}: {len(data)} of {wanted} bytes came", remedy="try again")
        return start, data


def _open(place: str, headers: dict[str, str]) -> HTTPResponse:
    from urllib.request import Request  # 43 ms: only who fetches pays for it

    response: HTTPResponse = _opener(place).open(Request(place, headers=headers), timeout=TIMEOUT)  # noqa: S310  # https
    return response


def _opener(place: str) -> OpenerDirector:
    """Return what follows redirects to https alone (or within loopback), and takes no token to another host."""
    from urllib import request

    class WithoutToken(request.HTTPRedirectHandler):
        max_redirections = 5

        def redirect_request(
            self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
        ) -> Request | None:
            target = urljoin(req.full_url, newurl)
            if not may_follow(req.full_url, target):
                raise SourceError(f"{req.full_url}: redirects to {printable(target)}, and only https is followed")
            made = super().redirect_request(req, fp, code, msg, headers, target)
            if made is not None and urlsplit(target).netloc != urlsplit(req.full_url).netloc:
                made.remove_header("Authorization")
            return made

    opener = request.OpenerDirector()
    loopback = urlsplit(place).hostname in {"127.0.0.1", "localhost", "::1"}
    for handler in (
        request.ProxyHandler({} if loopback else None),
        request.HTTPHandler(),
        request.HTTPSHandler(),
        request.HTTPErrorProcessor(),
        request.HTTPDefaultErrorHandler(),
        WithoutToken(),
    ):
        opener.add_handler(handler)
    return opener
