"""Models behind an https address: one file, streamed into the store while it is hashed.

Plain http is fetched from loopback only. A redirect may lead to https alone. No credentials are sent: neither of the
user nor of a server on the way. An address says nothing about its bytes: what was recorded at first is what counts.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPException, HTTPMessage, HTTPResponse
from typing import IO, TYPE_CHECKING
from urllib.parse import unquote, urljoin, urlsplit

from attrs import frozen

from modelguard.sources.names import fault_of
from modelguard.sources.source import Listed, Options, Resolved, Shelf, Source
from modelguard.terms.artifact import Artifact, Digest, ModelRef, Snapshot, UrlRef, printable
from modelguard.terms.errors import (
    ModelguardError,
    NoAccess,
    NotFound,
    Offline,
    RateLimited,
    SourceError,
    Unreachable,
)

if TYPE_CHECKING:
    from urllib.request import OpenerDirector, Request

TIMEOUT = 30.0
"""Seconds without any byte after which a server counts as gone."""
REDIRECTS = 5
_BLOCK = 1 << 20


@frozen
class _Answer:
    error: type[SourceError]
    message: str
    remedy: str = ""


_ELSEWHERE = _Answer(SourceError, "it redirects to where nothing is fetched from: only https is followed")
_BY_STATUS: dict[int, _Answer] = {
    **dict.fromkeys((301, 302, 303, 307, 308), _ELSEWHERE),
    401: _Answer(NoAccess, "the server asks for credentials, and none are ever sent", "use a public address"),
    403: _Answer(NoAccess, "the server forbids it"),
    404: _Answer(NotFound, "there is no such file", "check the address"),
    410: _Answer(NotFound, "the file was removed", "look for where it went before you trust another address"),
    429: _Answer(RateLimited, "the server asks to send fewer requests", "try again later"),
}


def resolve(ref: ModelRef, options: Options) -> Resolved:  # noqa: ARG001  # the contract's signature
    """Name the one file behind an address. Nothing is asked: an address has no revisions.

    Raises `SourceError` when its last part is not fit for a file name.
    """
    assert isinstance(ref, UrlRef)
    parts = urlsplit(ref.url)
    if parts.scheme != "https" and not _is_loopback(ref.url):
        raise SourceError(f"{printable(ref.url)}: only https is fetched, except from loopback")
    name = unquote(parts.path.rpartition("/")[2])
    if fault := fault_of(name):
        raise SourceError(f"{printable(ref.url)}: its file name has {fault}")
    return Resolved(ref=ref, host=parts.netloc, files=(Listed(path=name),))


def fetch(resolved: Resolved, shelf: Shelf, options: Options, expected: Mapping[str, Digest]) -> Snapshot:
    """Bring the file into the store, without any network when its digest is known and the store holds it.

    Raises `Tampered` when the bytes are not the expected ones, `SourceError` when they do not all come.
    """
    assert isinstance(resolved.ref, UrlRef)
    (listed,) = resolved.files
    digest = expected.get(listed.path)
    if digest is None or not shelf.intact(digest):
        digest = _download(resolved.ref.url, listed.path, shelf, options, digest)
    place = shelf.path_of(digest)
    if place is None:
        raise SourceError(f"{printable(listed.path)}: {digest} has left the store meanwhile", remedy="try again")
    artifact = Artifact(path=listed.path, size=place.stat().st_size, digest=digest, file=place)
    return Snapshot(ref=resolved.ref, artifacts=(artifact,))


def _download(url: str, name: str, shelf: Shelf, options: Options, expected: Digest | None) -> Digest:
    if options.offline:
        raise Offline(f"{url}: offline mode was asked for, and the file is not in the store")
    from urllib.request import Request  # 43 ms: only who fetches pays for it

    from modelguard import __version__

    headers = {"User-Agent": f"modelguard/{__version__}", "Accept-Encoding": "identity"}
    with _told(url), _opener(url).open(Request(url, headers=headers), timeout=TIMEOUT) as response:  # noqa: S310  # https, see UrlRef
        options.progress.start(name, _announced(response))
        digest, _ = shelf.keep_blocks(_body(url, name, response, options), name=url, expected=expected)
        options.progress.finish(name)
    return digest


def _body(url: str, name: str, response: HTTPResponse, options: Options) -> Iterator[bytes]:
    """Yield the bytes of an answer.

    Raises `SourceError` when they are encoded, more than the limit, or fewer than announced.
    """
    encoding = response.headers.get("Content-Encoding", "identity")
    if encoding != "identity":
        raise SourceError(f"{url}: the server sends it encoded ({printable(encoding)}) although that was not asked for")
    announced, size = _announced(response), 0
    while block := response.read(_BLOCK):
        size += len(block)
        if size > options.largest:
            raise SourceError(f"{url}: more than {options.largest} bytes, the largest file that is fetched")
        options.progress.advance(name, len(block))
        yield block
    if announced is not None and size != announced:
        raise Unreachable(f"{url}: the connection ended after {size} of {announced} bytes", remedy="try again")


def _announced(response: HTTPResponse) -> int | None:
    length = response.headers.get("Content-Length", "")
    return int(length) if length.isdecimal() else None


@contextmanager
def _told(url: str) -> Iterator[None]:
    """Raise what goes wrong while fetching as one of modelguard's own errors."""
    from urllib.error import HTTPError

    try:
        yield
    except ModelguardError:
        raise
    except HTTPError as error:
        error.close()
        answer = _BY_STATUS.get(error.code) or _Answer(Unreachable, f"the server answers with status {error.code}")
        raise answer.error(f"{url}: {answer.message}", remedy=answer.remedy) from error
    except (OSError, HTTPException) as error:  # URLError and TimeoutError are OSErrors
        reason = printable(str(getattr(error, "reason", "") or error))
        raise Unreachable(f"{url}: cannot be reached: {reason}", remedy="check the network, then try again") from error


def _opener(url: str) -> OpenerDirector:
    """Return what follows redirects to https alone, and has no handler for passwords, cookies, files or FTP.

    The proxies of the environment are used, but never for loopback.
    """
    from urllib import request

    class OnlyToHttps(request.HTTPRedirectHandler):
        max_redirections = REDIRECTS

        def redirect_request(
            self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
        ) -> Request | None:
            target = urljoin(req.full_url, newurl)
            if not may_follow(req.full_url, target):
                raise SourceError(f"{req.full_url}: redirects to {printable(target)}, and only https is followed")
            return super().redirect_request(req, fp, code, msg, headers, target)

    opener = request.OpenerDirector()
    for handler in (
        request.ProxyHandler({} if _is_loopback(url) else None),
        request.HTTPHandler(),
        request.HTTPSHandler(),
        request.HTTPErrorProcessor(),
        request.HTTPDefaultErrorHandler(),
        OnlyToHttps(),
    ):
        opener.add_handler(handler)
    return opener


def may_follow(source: str, target: str) -> bool:
    """Tell whether a redirect may be followed: to https without credentials, or from loopback to loopback."""
    parts = urlsplit(target)
    if parts.username is not None or parts.password is not None:
        return False
    if parts.scheme == "https":
        return True
    return parts.scheme == "http" and _is_loopback(target) and source.startswith("http:") and _is_loopback(source)


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


SOURCE = Source(name="url", handles=UrlRef, resolve=resolve, fetch=fetch)
