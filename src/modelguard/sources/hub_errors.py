"""Turns what the Hub client raises into one error each, with what to do about it.

The client is asked through `huggingface_hub.errors` alone: its HTTP library has changed with each major version
(requests, httpx, httpx2). A connection that cannot be made surfaces as that library's own error, which this file
recognises by the package that its class comes from, without importing any.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from attrs import frozen

from modelguard.sources.writing import FULL
from modelguard.terms.artifact import printable
from modelguard.terms.errors import (
    Disabled,
    Gated,
    ModelguardError,
    NoAccess,
    NotFound,
    Offline,
    RateLimited,
    RevisionGone,
    SourceError,
    StoreError,
    Unreachable,
)

HTTP_LIBRARIES = frozenset({"requests", "urllib3", "httpx", "httpx2", "httpcore", "httpcore2", "hf_xet"})


@frozen(kw_only=True)
class Row:
    """What one kind of answer means. `{what}` in the texts is what was asked for."""

    error: type[ModelguardError]
    message: str
    remedy: str


_NOT_FOUND = Row(
    error=NotFound,
    message="{what}: no such repository, or it is hidden from this token: the Hub does not tell which",
    remedy=(
        "check the spelling; a file on this machine is written ./NAME; for a private repository set HF_TOKEN or run"
        " `hf auth login`"
    ),
)
_NO_ACCESS = Row(
    error=NoAccess,
    message="{what}: the Hub refuses this token",
    remedy="set HF_TOKEN to a valid token that may read the repository",
)
_RATE = Row(
    error=RateLimited,
    message="{what}: the Hub asks to send fewer requests{wait}",
    remedy="wait, or set HF_TOKEN: a token has a higher limit than an anonymous address",
)
_SERVER = Row(
    error=Unreachable,
    message="{what}: the Hub answers with status {status}",
    remedy="try again later; https://status.huggingface.co tells about outages",
)
_NETWORK = Row(
    error=Unreachable,
    message="{what}: the Hub cannot be reached: {reason}",
    remedy="check the network and HF_ENDPOINT; a model that is locked and in the store needs no network",
)
_CLIENT = Row(
    error=SourceError,
    message="{what}: the Hub client failed: {reason}",
    remedy="if this stays so, report it with the version of huggingface_hub",
)

# Names in huggingface_hub.errors, special before general, because the classes are derived from one another.
_BY_NAME: tuple[tuple[str, Row], ...] = (
    (
        "GatedRepoError",
        Row(
            error=Gated,
            message="{what}: access to this repository has to be requested first",
            remedy="ask for access on the model's page, then set HF_TOKEN",
        ),
    ),
    (
        "DisabledRepoError",
        Row(
            error=Disabled,
            message="{what}: the Hub has disabled this repository",
            remedy="do not use the model until you know why; its page may tell",
        ),
    ),
    ("RepositoryNotFoundError", _NOT_FOUND),
    (
        "RevisionNotFoundError",
        Row(
            error=RevisionGone,
            message="{what}: no such branch, tag or commit, or no longer: history may have been rewritten",
            remedy="look at the commits on the model's page before you lock another revision",
        ),
    ),
    (
        "OfflineModeIsEnabled",
        Row(
            error=Offline,
            message="{what}: offline mode is on (HF_HUB_OFFLINE), and the answer is not in the store",
            remedy="unset HF_HUB_OFFLINE, or fetch the model once while online",
        ),
    ),
    (
        "RemoteEntryNotFoundError",
        Row(
            error=NotFound,
            message="{what}: the Hub lists this file but does not have it",
            remedy="lock the model again",
        ),
    ),
    (
        "HFValidationError",
        Row(error=NotFound, message="{what}: not a name that the Hub allows", remedy="write org/name"),
    ),
)
_BY_STATUS: dict[int, Row] = {401: _NO_ACCESS, 403: _NO_ACCESS, 404: _NOT_FOUND, 429: _RATE}


@contextmanager
def told(what: str) -> Iterator[None]:
    """Raise what happens inside the block as one of modelguard's own errors; `what` was asked for."""
    try:
        yield
    except ModelguardError:
        raise
    except Exception as error:  # the one boundary to the client: its HTTP libraries' errors share no base
        raise translated(error, what) from error


def translated(error: BaseException, what: str) -> ModelguardError:
    """Return the error that stands for what the client raised."""
    row = _row(error)
    values = {
        "what": printable(what),
        "status": status_of(error),
        "reason": printable(f"{type(error).__name__}: {error}".split("\n", 1)[0][:300]),
        "wait": f" for {seconds} seconds" if (seconds := _seconds(error)) else "",
    }
    return row.error(row.message.format(**values), remedy=row.remedy)


def _row(error: BaseException) -> Row:
    from huggingface_hub import errors  # imported by the caller already; costs 0.25 s otherwise

    if isinstance(error, errors.LocalEntryNotFoundError):  # a wrapping: what happened is the cause
        return _row(error.__cause__) if error.__cause__ else _NETWORK
    for name, row in _BY_NAME:
        kind = getattr(errors, name, None)
        if kind is not None and isinstance(error, kind):
            return row
    status = status_of(error)
    if status is not None:
        return _BY_STATUS.get(status, _SERVER)
    if isinstance(error, OSError) and error.errno in FULL:
        return Row(
            error=StoreError,
            message="{what}: the download cannot be written: {reason}",
            remedy="free some space, or run `modelguard store gc`",
        )
    if isinstance(error, OSError) or type(error).__module__.partition(".")[0] in HTTP_LIBRARIES:
        return _NETWORK
    return _CLIENT


def status_of(error: BaseException) -> int | None:
    """Return the HTTP status in the client's error, None when there was no answer."""
    from huggingface_hub.errors import HfHubHTTPError

    if not isinstance(error, HfHubHTTPError):
        return None
    response: Any = getattr(error, "response", None)
    status = getattr(response, "status_code", None)
    return status if isinstance(status, int) else None


def _seconds(error: BaseException) -> str:
    """Return what a `RateLimit: "api";r=0;t=55` or `Retry-After: 55` header says about waiting."""
    headers: Any = getattr(getattr(error, "response", None), "headers", None) or {}
    for part in str(headers.get("RateLimit", "")).split(";"):
        if part.startswith("t=") and part[2:].isdigit():
            return part[2:]
    after = str(headers.get("Retry-After", ""))
    return after if after.isdigit() else ""
