"""What goes over the wire of the local Hub: requests as they came, answers and refusals as the Hub words them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs, urlencode

from attrs import field, frozen

_BOUNDARY = "3d6b6a416f9b5"


@frozen(kw_only=True)
class Request:
    """One request that the local Hub received. `path` has no query; `user` is the owner of the token, or empty."""

    method: str
    path: str
    query: Mapping[str, Sequence[str]] = field(factory=dict)
    headers: Mapping[str, str] = field(factory=dict)
    body: bytes = b""
    user: str = ""
    target: str = ""

    def flag(self, name: str) -> bool:
        return self.query.get(name, ["false"])[0].lower() in {"true", "1"}


@frozen(kw_only=True)
class Answer:
    """What is sent back. `length` is the size announced when fewer bytes are sent: a connection that breaks."""

    status: int = 200
    headers: Mapping[str, str] = field(factory=dict)
    body: bytes = b""
    length: int | None = None

    @classmethod
    def json(cls, value: Any, headers: Mapping[str, str] | None = None, status: int = 200) -> Answer:
        kind = {"Content-Type": "application/json"}
        return cls(status=status, headers=kind | dict(headers or {}), body=json.dumps(value).encode())

    @classmethod
    def redirect(cls, target: str, headers: Mapping[str, str] | None = None, status: int = 307) -> Answer:
        return cls(status=status, headers={"Location": target, **(headers or {})})


class Refusal(Exception):
    """A request that is answered with an error, in the Hub's words: X-Error-Code and X-Error-Message."""

    def __init__(
        self, status: int, code: str = "", message: str = "", headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(status, code, message)
        words = {"X-Error-Code": code, "X-Error-Message": message}
        self.answer = Answer.json(
            {"error": message or code or str(status)},
            {name: value for name, value in words.items() if value} | dict(headers or {}),
            status,
        )


def throttled(seconds: int) -> Answer:
    """Return the answer to one request too many, with the headers of https://huggingface.co/docs/hub/rate-limits."""
    headers = {
        "RateLimit": f'"api";r=0;t={seconds}',
        "RateLimit-Policy": '"fixed window";"api";q=500;w=300',
        "Retry-After": str(seconds),
    }
    return Refusal(429, message="We had to rate limit your IP", headers=headers).answer


def page(request: Request, items: Sequence[Any], size: int, origin: str) -> Answer:
    """Return one page of a list, with a Link header to the next."""
    limit = min(int(request.query.get("limit", [str(size)])[0]), size)
    start = int(request.query.get("cursor", ["0"])[0])
    headers = {}
    if start + limit < len(items):
        query = {name: values[0] for name, values in request.query.items()} | {"cursor": str(start + limit)}
        headers["Link"] = f'<{origin}{request.path}?{urlencode(query)}>; rel="next"'
    return Answer.json(items[start : start + limit], headers)


def ranged(request: Request, data: bytes, headers: Mapping[str, str], *, several: bool = True) -> Answer:
    """Return bytes, or the ranges of them that were asked for; of `several` ranges, all bytes where that is off."""
    headers = {"Content-Type": "application/octet-stream", "Accept-Ranges": "bytes", **headers}
    wanted = request.headers.get("Range", "")
    if request.headers.get("If-Range", headers.get("ETag")) != headers.get("ETag") or not wanted.startswith("bytes="):
        return Answer(headers=headers, body=data)
    spans = [_span(text.strip(), len(data)) for text in wanted.removeprefix("bytes=").split(",")]
    if len(spans) > 1 and not several:
        return Answer(headers=headers, body=data)
    if any(start >= len(data) for start, _ in spans):
        return Answer(status=416, headers={**headers, "Content-Range": f"bytes */{len(data)}"})
    told = [f"bytes {start}-{end}/{len(data)}" for start, end in spans]
    pieces = [data[start : end + 1] for start, end in spans]
    if len(spans) == 1:
        return Answer(status=206, headers={**headers, "Content-Range": told[0]}, body=pieces[0])
    inner = f"Content-Type: {headers['Content-Type']}\r\nContent-Range: "
    parts = [f"--{_BOUNDARY}\r\n{inner}{at}\r\n\r\n".encode() + piece for at, piece in zip(told, pieces, strict=True)]
    headers["Content-Type"] = f"multipart/byteranges; boundary={_BOUNDARY}"
    return Answer(status=206, headers=headers, body=b"\r\n".join([*parts, f"--{_BOUNDARY}--\r\n".encode()]))


def _span(text: str, size: int) -> tuple[int, int]:
    first, _, last = text.partition("-")
    start = int(first) if first else max(0, size - int(last))
    return start, min(int(last), size - 1) if first and last else size - 1


def form(request: Request) -> dict[str, Any]:
    """Return the fields of a posted form or JSON object."""
    if request.headers.get("Content-Type", "").startswith("application/json"):
        return dict(json.loads(request.body))
    return dict(parse_qs(request.body.decode()))
