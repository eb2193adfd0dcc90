"""What channels write, read by other people's software: feed reader, metrics parser, webhook library, mail server.

They are installed with requirements/frameworks.txt.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import default
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from modelguard.monitor.channels.channel import Sender, Standing, Surroundings, View, Writer, open_channels
from modelguard.monitor.event import Event, event

pytestmark = pytest.mark.heavy

AT = "2026-01-01T00:00:00+00:00"
EVIL = '@everyone <!channel> [x](http://e) `x` ::error:: <b>&amp;\n\r\x1b[2J "\\'
SECRET = "whsec_C2FtcGxlLXNlY3JldC1vZi10aGUtdGVzdHM="


def made(number: int = 1, **more: Any) -> Event:
    return event("renamed", "acme/tiny", EVIL, subject=f"v{number}", after=EVIL, at=AT, **more).numbered(1)


def shown() -> View:
    model = Standing(ref="acme/tiny", revision="a", newest="b", locked_at="2025-12-22T00:00:00Z", seen_at=AT)
    events = (made(1), made(2))
    return View(now=datetime(2026, 1, 1, tzinfo=UTC), models=(model, Standing(ref=EVIL)), events=events, open=events)


def written(name: str, home: Path) -> bytes:
    target = open_channels({name: {"path": "out"}}, Surroundings(home=home, environment={}))[name]
    assert isinstance(target, Writer)
    target.write(shown())
    return (home / "out").read_bytes()


def sender(name: str, table: dict[str, Any], **environment: str) -> Sender:
    target = open_channels({name: table}, Surroundings(home=Path(), environment=environment))[name]
    assert isinstance(target, Sender)
    return target


@pytest.fixture
def receiver() -> Iterator[tuple[str, list[tuple[dict[str, str], bytes]]]]:
    """Give the address of an HTTP server on loopback, and what it received."""
    received: list[tuple[dict[str, str], bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.append(({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield f"127.0.0.1:{server.server_address[1]}/hook", received
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_feed_reader_reads_the_feed(tmp_path: Path) -> None:
    feedparser = pytest.importorskip("feedparser", reason="the feed reader is in requirements/frameworks.txt")
    feed = feedparser.parse(written("atom", tmp_path))
    assert not feed.bozo
    assert feed.version == "atom10"
    assert [one.id for one in feed.entries] == [f"urn:modelguard:event:{made(number).id}" for number in (2, 1)]
    assert all(one.updated_parsed[:3] == (2026, 1, 1) for one in feed.entries)
    assert {one.term for one in feed.entries[0].tags} == {"renamed", "medium"}


def test_the_parser_of_prometheus_reads_the_metrics(tmp_path: Path) -> None:
    parser = pytest.importorskip("prometheus_client.parser", reason="it is in requirements/frameworks.txt")
    text = written("prometheus", tmp_path).decode()
    families = {one.name: one for one in parser.text_string_to_metric_families(text)}
    assert {one.type for one in families.values()} == {"gauge"}
    (drift,) = families["modelguard_model_drift"].samples
    assert (drift.labels, drift.value) == ({"model": "acme/tiny"}, 1.0)
    unseen = {one.labels["model"]: one.value for one in families["modelguard_model_not_seen"].samples}
    assert len(unseen) == 2
    assert sum(unseen.values()) == 1
    (counted,) = families["modelguard_open_events"].samples
    assert (counted.labels["severity"], counted.value) == ("medium", 2.0)


def test_the_library_of_standard_webhooks_accepts_the_signature(
    receiver: tuple[str, list[tuple[dict[str, str], bytes]]],
) -> None:
    library = pytest.importorskip("standardwebhooks", reason="it is in requirements/frameworks.txt")
    address, received = receiver
    sender("webhook", {"url": f"http://{address}", "secret-env": "S"}, S=SECRET).send([made()])
    ((headers, body),) = received
    assert library.Webhook(SECRET).verify(body, headers)["id"] == made().id
    for spoilt in (body + b" ", body.replace(b"renamed", b"removed")):
        with pytest.raises(library.WebhookVerificationError):
            library.Webhook(SECRET).verify(spoilt, headers)


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated")  # apprise imports it where Python still has it
def test_apprise_sends_what_it_is_given(receiver: tuple[str, list[tuple[dict[str, str], bytes]]]) -> None:
    pytest.importorskip("apprise", reason="the extra `notify`, in requirements/frameworks.txt")
    address, received = receiver
    sender("apprise", {"urls-env": "U"}, U=f"json://{address}").send([made(1), made(2)])
    ((_, body),) = received
    assert body.count(b"acme/tiny") >= 2
    assert b"\\u001b" not in body


def test_a_mail_server_takes_the_mail() -> None:
    controller = pytest.importorskip("aiosmtpd.controller", reason="it is in requirements/frameworks.txt")
    taken = []

    class Handler:
        async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802  # the library's name
            taken.append((envelope.mail_from, envelope.rcpt_tos, envelope.content))
            return "250 taken"

    with socket.create_server(("127.0.0.1", 0)) as free:  # this server cannot choose a port itself
        port = free.getsockname()[1]
    server = controller.Controller(Handler(), hostname="127.0.0.1", port=port)
    server.start()
    try:
        to = ["b@example.com", "c@example.com"]
        sender("mail", {"host": "127.0.0.1", "port": port, "from": "a@example.com", "to": to}).send([made(1), made(2)])
    finally:
        server.stop()
    ((by, to_whom, content),) = taken
    assert (by, to_whom) == ("a@example.com", to)
    mail = message_from_bytes(content, policy=default)
    assert mail["X-Modelguard-Events"].split() == [made(1).id, made(2).id]
    assert mail["Message-ID"] == f"<{made(1).id}@modelguard.invalid>"
    assert mail.get_content_type() == "text/plain"
    assert "What to do:" in mail.get_content()
