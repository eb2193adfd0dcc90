"""Several ranges in one answer: taken apart exactly, or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelguard.sources.multipart import boundary_of, parts
from modelguard.sources.ranges import Ranges
from modelguard.terms.content import NEAR_HEAD, NEAR_TAIL
from modelguard.terms.errors import ModelguardError, SourceError, Tampered

MARK = b"here"


def body(*pieces: tuple[int, bytes], size: int = 1000, mark: bytes = MARK) -> bytes:
    """Write an answer as RFC 9110, section 14.6, shows it."""
    made = b""
    for at, data in pieces:
        inner = f"Content-Type: x/y\r\nContent-Range: bytes {at}-{at + len(data) - 1}/{size}\r\n\r\n".encode()
        made += b"--" + mark + b"\r\n" + inner + data + b"\r\n"
    return made + b"--" + mark + b"--\r\n"


@settings(deadline=5000)
@given(st.lists(st.tuples(st.integers(0, 900), st.binary(min_size=1, max_size=60)), max_size=4))
def test_ranges_come_out_as_they_went_in(pieces: list[tuple[int, bytes]]) -> None:
    assert [(first, data) for first, _, _, data in parts(body(*pieces), MARK)] == pieces


def test_bytes_that_look_like_a_boundary_are_bytes() -> None:
    data = b"\r\n--here\r\nContent-Range: bytes 0-0/1\r\n\r\n!\r\n--here--\r\n"
    assert [found[3] for found in parts(body((5, data)), MARK)] == [data]


@settings(deadline=5000)
@given(st.binary(max_size=200), st.integers(0, 120), st.integers(0, 3))
def test_damaged_answers_are_refused_and_nothing_else_happens(junk: bytes, at: int, cut: int) -> None:
    whole = body((0, b"abc"), (10, b"defg"))
    for damaged in (junk, whole[:at] + junk + whole[at + cut :]):
        try:
            list(parts(damaged, MARK))
        except SourceError:
            pass


@pytest.mark.parametrize(
    "damaged",
    [
        b"",
        body((0, b"abc"))[:-1],
        body((0, b"abc")) + b"more",
        body((0, b"abc")).replace(b"0-2", b"0-3"),
        body((0, b"abc")).replace(b"0-2", b"2-0"),
        body((0, b"abc")).replace(b"Content-Range", b"Content-Other"),
        body((0, b"abc"), mark=b"there"),
    ],
)
def test_an_answer_that_is_not_divided_as_announced_is_refused(damaged: bytes) -> None:
    with pytest.raises(SourceError):
        list(parts(damaged, MARK))


def test_the_boundary_is_read_from_the_type() -> None:
    assert boundary_of("multipart/byteranges; boundary=ab:c") == b"ab:c"
    assert boundary_of('Multipart/ByteRanges;boundary="a b"') == b"a b"
    for other in ("", "application/octet-stream", "multipart/mixed; boundary=x", "multipart/byteranges; boundary="):
        assert boundary_of(other) is None


DATA = bytes(index % 253 for index in range(NEAR_HEAD + NEAR_TAIL + 50_000))
TAIL = len(DATA) - NEAR_TAIL
Reply = tuple[int, dict[str, str], bytes]


def one(start: int, stop: int) -> Reply:
    return 206, {"Content-Range": f"bytes {start}-{stop - 1}/{len(DATA)}"}, DATA[start:stop]


def several(*spans: tuple[int, int], size: int = len(DATA)) -> Reply:
    made = body(*((start, DATA[start:stop]) for start, stop in spans), size=size)
    return 206, {"Content-Type": "multipart/byteranges; boundary=here"}, made


BOTH = several((0, NEAR_HEAD), (TAIL, len(DATA)))

# What a server may say when it is asked for both ends, and how many requests are needed in all.
REPLIES: dict[str, tuple[Reply, int]] = {
    "both": (BOTH, 1),
    "only the head": (one(0, NEAR_HEAD), 2),
    "only the tail": (one(TAIL, len(DATA)), 2),
    "everything": ((200, {}, DATA), 2),
    "no, 416": ((416, {}, b""), 3),
    "no, 400": ((400, {}, b""), 3),
}
# What it may not say: the file is not read further.
LIES: dict[str, tuple[Reply, type[ModelguardError]]] = {
    "other ranges": (several((0, NEAR_HEAD), (TAIL - 1, len(DATA))), Tampered),
    "another order": (several((TAIL, len(DATA)), (0, NEAR_HEAD)), Tampered),
    "one of them": (several((0, NEAR_HEAD)), Tampered),
    "another size": (several((0, NEAR_HEAD), (TAIL, len(DATA)), size=len(DATA) + 1), Tampered),
    "cut short": ((BOTH[0], BOTH[1], BOTH[2][:-100]), SourceError),
    "more": ((BOTH[0], BOTH[1], BOTH[2] + bytes(5000)), SourceError),
    "one range that nobody asked for": (one(1, NEAR_HEAD), Tampered),
    "another file": ((200, {}, DATA[:-1]), SourceError),
    "no ETag": ((206, {**BOTH[1], "ETag": ""}, BOTH[2]), Tampered),
    "a weak ETag": ((206, {**BOTH[1], "ETag": 'W/"a"'}, BOTH[2]), Tampered),
    "encoded": ((206, {**BOTH[1], "Content-Encoding": "gzip"}, BOTH[2]), SourceError),
}


@pytest.fixture
def server() -> Iterator[Callable[[Reply], Ranges]]:
    """A server that gives one reply to a request for several ranges, and the right one to any other."""
    replies: list[Reply] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.headers["Range"].removeprefix("bytes=")
            first, _, last = wanted.partition("-")
            status, headers, data = replies[-1] if "," in wanted else one(int(first), int(last) + 1)
            self.send_response(status)
            for name, value in {"ETag": '"a"', "Content-Length": str(len(data)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            pass

    class Server(HTTPServer):
        def handle_error(self, *_: Any) -> None:  # a client that closes early is no error
            pass

    with Server(("127.0.0.1", 0), Handler) as running:
        thread = Thread(target=running.serve_forever, args=(0.01,), daemon=True)
        thread.start()

        def opened(reply: Reply) -> Ranges:
            replies.append(reply)
            return Ranges(url=f"http://127.0.0.1:{running.server_address[1]}/f", size=len(DATA))

        yield opened
        running.shutdown()
        thread.join()


@pytest.mark.parametrize("name", REPLIES)
def test_whatever_a_server_makes_of_two_ranges_both_ends_are_read(server: Callable[[Reply], Ranges], name: str) -> None:
    reply, requests = REPLIES[name]
    found = server(reply)
    assert found.fetch(0, 100) == DATA[:100]
    assert found.fetch(len(DATA) - 100, 100) == DATA[-100:]
    assert found.requests == requests


@pytest.mark.parametrize("name", LIES)
def test_an_answer_that_was_not_asked_for_is_refused(server: Callable[[Reply], Ranges], name: str) -> None:
    reply, error = LIES[name]
    with pytest.raises(error):
        server(reply).fetch(0, 100)
