"""Alert channels: what arrives, what is tried again, and what a hostile name cannot do."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import re
import socketserver
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from monitor_builders import Receiver

from modelguard.monitor.channels import discord, mail, slack, teams
from modelguard.monitor.channels.channel import (
    ChannelFailed,
    Sender,
    Standing,
    Surroundings,
    Target,
    View,
    Writer,
    open_channels,
)
from modelguard.monitor.delivering import deliver
from modelguard.monitor.event import Event, event
from modelguard.monitor.reporting import _annotation
from modelguard.monitor.scene import Scene
from modelguard.monitor.state import Known, State, open_events
from modelguard.terms.errors import PolicyError
from modelguard.terms.upstream import Observation

NOW = datetime(2026, 1, 1, tzinfo=UTC)
AT = "2026-01-01T00:00:00+00:00"
EVIL = "@everyone <!channel> [x](http://e) `x` ::error:: <b>&amp;\n\r\x1b[2J"


def made(number: int = 1, **more: Any) -> Event:
    return event(
        "tag-moved", "acme/tiny", "tag v1 moved", subject=f"v{number}", before="a", after="b", at=AT, **more
    ).numbered(1)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    with State.open(tmp_path / "state.sqlite") as state:
        yield state


def open_one(name: str, table: dict[str, Any], home: Path = Path(), **environment: str) -> Target:
    return open_channels({name: table}, Surroundings(home=home, environment={**os.environ, **environment}))[name]


def sender(name: str, table: dict[str, Any], **environment: str) -> Sender:
    target = open_one(name, table, **environment)
    assert isinstance(target, Sender)
    return target


def queue(state: State, *events: Event, channel: str = "webhook") -> None:
    scene = Scene(ref="acme/tiny", seen=Observation(repo="acme/tiny", host="hub", at=AT))
    state.record(Known(scene=scene), "hub", scene, (), [channel], at=AT)
    state.add(events, [channel], at=AT)


def run(state: State, target: Target, now: datetime = NOW, name: str = "webhook") -> tuple[tuple[str, str], ...]:
    return deliver(state, {name: target}, View(now=now), now=lambda: now, sleep=lambda _: None)


def test_a_webhook_gets_a_signed_cloud_event(receiver: Receiver, state: State) -> None:
    queue(state, made())
    target = sender("webhook", {"url": receiver.url, "secret-env": "S"}, S="whsec_" + base64.b64encode(b"key").decode())
    assert run(state, target) == ()
    ((headers, body),) = receiver.received
    told = json.loads(body)
    assert {name: told[name] for name in ("specversion", "type", "source", "id", "subject")} == {
        "specversion": "1.0", "type": "io.modelguard.tag-moved", "source": "pkg:huggingface/acme/tiny",
        "id": made().id, "subject": "v1",
    }  # fmt: skip
    assert headers["content-type"].startswith("application/cloudevents+json")
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.new(b"key", signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    assert run(state, target) == ()
    assert len(receiver.received) == 1, "an alert that arrived is not sent again"


def test_a_fault_that_passes_is_tried_again_at_once(receiver: Receiver, state: State) -> None:
    queue(state, made())
    receiver.statuses = [500, 503]
    assert run(state, sender("webhook", {"url": receiver.url})) == ()
    assert len(receiver.received) == 3
    assert len({body for _, body in receiver.received}) == 1


def test_an_alert_that_cannot_be_sent_waits_longer_each_time_and_is_never_lost(
    receiver: Receiver, state: State
) -> None:
    queue(state, made())
    target, now, waits = sender("webhook", {"url": receiver.url}), NOW, []
    receiver.statuses = [500] * 1000
    for _ in range(12):
        assert run(state, target, now)[0][0] == "webhook"
        steps = range(0, 7 * 86_400, 30)
        step = next(one for one in steps if state.waiting("webhook", (now + timedelta(seconds=one)).isoformat()))
        waits.append(step)
        now += timedelta(seconds=step)
    assert waits[:4] == [30, 60, 120, 240]
    assert waits[-1] == 6 * 3600
    receiver.statuses = []
    assert run(state, target, now) == ()
    assert state.waiting("webhook") == []


def test_a_refusal_is_not_repeated_at_once(receiver: Receiver, state: State) -> None:
    queue(state, made())
    receiver.statuses = [404]
    assert run(state, sender("webhook", {"url": receiver.url})) == (("webhook", "the address answers with status 404"),)
    assert len(receiver.received) == 1
    assert len(state.waiting("webhook")) == 1


def test_one_alert_that_cannot_be_sent_does_not_hold_back_the_others(receiver: Receiver, state: State) -> None:
    queue(state, made(1), made(2), made(3))
    receiver.statuses = [400]
    assert run(state, sender("webhook", {"url": receiver.url})) != ()
    assert [one.subject for _, one in state.waiting("webhook")] == ["v1"]


def test_a_redirect_is_not_followed(receiver: Receiver, state: State) -> None:
    queue(state, made())
    receiver.statuses = [307]
    assert "307" in run(state, sender("webhook", {"url": receiver.url}))[0][1]
    assert len(receiver.received) == 1


def test_a_failure_does_not_tell_the_address(state: State) -> None:
    queue(state, made())
    (trouble,) = run(state, sender("slack", {"url-env": "S"}, S="http://127.0.0.1:9/services/SECRET"), name="webhook")
    assert "SECRET" not in trouble[1]


@pytest.mark.parametrize("name", ["slack", "teams", "discord"])
def test_chat_services_get_one_message_for_several_events(receiver: Receiver, state: State, name: str) -> None:
    queue(state, made(1), made(2), channel=name)
    assert run(state, sender(name, {"url": receiver.url}), name=name) == ()
    assert len(receiver.received) == 1
    assert json.loads(receiver.received[0][1])


def test_names_from_the_hub_mention_nobody_and_mark_up_nothing() -> None:
    one = event("renamed", "acme/tiny", EVIL, after=EVIL, details=(EVIL,), at=AT).numbered(1)
    assert all(block["text"]["type"] == "plain_text" for block in slack.payload([one])["blocks"])
    assert "<" not in slack.payload([one])["text"]
    rows = teams.payload([one])["attachments"][0]["content"]["body"]
    assert {row["type"] for row in rows} == {"RichTextBlock"}
    told = discord.payload([one])
    assert told["allowed_mentions"] == {"parse": []}
    assert not re.search(r"(?<!\\)[<@`]", told["content"] + told["embeds"][0]["title"])
    assert _annotation(one).count("\n") == 1
    for text in (json.dumps(slack.payload([one])), json.dumps(rows), json.dumps(told), _annotation(one)):
        assert "\\u001b" not in text
        assert "\x1b" not in text
    message = mail.message([one], "a@example.com", ["b@example.com"])
    assert "\n" not in message["Subject"]


def test_mail_arrives(state: State) -> None:
    received: list[str] = []

    class Server(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(b"220 test\r\n")
            inside = False
            while line := self.rfile.readline():
                text = line.decode().rstrip("\r\n")
                if inside:
                    received.append(text)
                    inside = text != "."
                    answer = b"250 ok\r\n" if not inside else b""
                elif text.upper().startswith("DATA"):
                    inside, answer = True, b"354 go on\r\n"
                else:
                    answer = b"221 bye\r\n" if text.upper().startswith("QUIT") else b"250 ok\r\n"
                self.wfile.write(answer)
                if text.upper().startswith("QUIT") and not inside:
                    return

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Server) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        queue(state, made(), channel="mail")
        table = {
            "host": "127.0.0.1",
            "port": server.server_address[1],
            "from": "a@example.com",
            "to": ["b@example.com"],
        }
        assert run(state, sender("mail", table), name="mail") == ()
        server.shutdown()
        thread.join()
    whole = "\n".join(received)
    assert "Subject: modelguard: high: acme/tiny: a tag points elsewhere" in whole
    assert "What to do:" in whole


def view(*events: Event) -> View:
    model = Standing(ref="acme/tiny", revision="a", newest="b", locked_at="2025-12-22T00:00:00Z", seen_at=AT)
    return View(now=NOW, models=(model, Standing(ref='odd"\\')), events=events, open=events)


def write(name: str, table: dict[str, Any], home: Path, shown: View, **environment: str) -> None:
    target = open_one(name, table, home, **environment)
    assert isinstance(target, Writer)
    target.write(shown)


def test_the_feed_is_well_formed_whatever_a_name_holds(tmp_path: Path) -> None:
    odd = event("renamed", "acme/tiny", EVIL + "\ufffe\ud800", at=AT).numbered(1)
    write("atom", {"path": "out/feed.xml"}, tmp_path, view(made(), odd))
    first = (tmp_path / "out" / "feed.xml").read_bytes()
    space = "{http://www.w3.org/2005/Atom}"
    entries = ElementTree.fromstring(first).findall(f"{space}entry")
    assert [one.findtext(f"{space}id") for one in entries] == [
        f"urn:modelguard:event:{one.id}" for one in (odd, made())
    ]
    write("atom", {"path": "out/feed.xml"}, tmp_path, view(made(), odd))
    assert (tmp_path / "out" / "feed.xml").read_bytes() == first


def test_metrics_tell_how_models_stand(tmp_path: Path) -> None:
    write("prometheus", {"path": "m.prom"}, tmp_path, view(made()))
    text = (tmp_path / "m.prom").read_text()
    assert 'modelguard_model_drift{model="acme/tiny"} 1\n' in text
    assert 'modelguard_lock_age_days{model="acme/tiny"} 10.0\n' in text
    assert 'modelguard_open_events{model="acme/tiny",kind="tag-moved",severity="high"} 1\n' in text
    assert 'modelguard_model_not_seen{model="odd\\"\\\\"} 1\n' in text
    assert 'modelguard_model_drift{model="odd' not in text, "what is not known has no sample"
    sample = re.compile(r'[a-z_]+(\{([a-z]+="(\\.|[^"\\])*",?)+\})? -?[0-9.]+')
    assert all(sample.fullmatch(line) for line in text.splitlines() if not line.startswith("#"))


def test_one_issue_is_made_then_rewritten_then_closed(tmp_path: Path) -> None:
    recorder = tmp_path / "bin" / "gh"
    recorder.parent.mkdir()
    recorder.write_text(
        "#!/bin/sh\n"
        f'echo "$*" >> "{tmp_path}/calls"\n'
        f'case "$2" in list) cat "{tmp_path}/issues";; create|edit) cat > "{tmp_path}/body";; esac\n'
    )
    recorder.chmod(0o755)
    (tmp_path / "issues").write_text("[]")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{recorder.parent}:{os.environ['PATH']}")
        write("github-issue", {"repo": "acme/app"}, tmp_path, view())
        write("github-issue", {"repo": "acme/app"}, tmp_path, view(made()))
        body = (tmp_path / "body").read_text()
        (tmp_path / "issues").write_text(json.dumps([{"number": 7, "state": "OPEN", "body": body}]))
        write("github-issue", {"repo": "acme/app"}, tmp_path, view(made()))
        write("github-issue", {"repo": "acme/app"}, tmp_path, view(made(), made(2)))
        write("github-issue", {"repo": "acme/app"}, tmp_path, view())
    verbs = [line.split()[1] for line in (tmp_path / "calls").read_text().splitlines()]
    assert verbs == ["list", "list", "create", "list", "list", "edit", "list", "edit", "close"]


@pytest.mark.parametrize("answer", ["not json", "7", '[{"number": 1}]'])
def test_a_gh_that_answers_something_else_fails_its_own_channel_only(tmp_path: Path, state: State, answer: str) -> None:
    fake = tmp_path / "bin" / "gh"
    fake.parent.mkdir()
    fake.write_text(f"#!/bin/sh\necho '{answer}'\n")
    fake.chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{fake.parent}:{os.environ['PATH']}")
        targets = {name: open_one(name, {"path": "feed.xml"} if name == "atom" else {}, tmp_path)
                   for name in ("github-issue", "atom")}  # fmt: skip
        trouble = deliver(state, targets, view(made()))
    assert trouble == (("github-issue", "gh issue list gave something else than issues"),)
    assert (tmp_path / "feed.xml").is_file()


def test_an_issue_without_gh_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", str(tmp_path))
        with pytest.raises(ChannelFailed, match="no gh command"):
            write("github-issue", {}, tmp_path, view(made()))


@pytest.mark.skipif(find_spec("apprise") is not None, reason="shows what is said when the extra is not installed")
def test_apprise_says_how_to_install_it(state: State) -> None:
    queue(state, made(), channel="apprise")
    (trouble,) = run(state, sender("apprise", {"urls-env": "U"}, U="json://127.0.0.1"), name="apprise")
    assert trouble[1] == "apprise is not installed"
    assert len(state.waiting("apprise")) == 1


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"pager": {}}, "monitor.channels.pager: no such channel"),
        ({"webhook": {"url": "http://example.com/x"}}, "webhook.url: expected an https address"),
        ({"webhook": {"url-env": "NOT_SET_ANYWHERE"}}, "the environment has no NOT_SET_ANYWHERE"),
        ({"webhook": {"url": "https://example.com/x", "secrets": "x"}}, "unknown key"),
        ({"mail": {"host": "h", "from": "a"}}, "mail.to: expected at least one address"),
        ({"atom": {}}, "atom.path: is missing"),
        ({"slack": "x"}, "expected a table"),
    ],
)
def test_a_channel_that_is_set_up_wrongly_is_told_before_anything_is_watched(
    table: dict[str, Any], message: str
) -> None:
    with pytest.raises(PolicyError, match=re.escape(message)):
        open_channels(table, Surroundings(home=Path(), environment={}))


def test_what_nobody_has_answered_is_told_again_with_the_same_id(receiver: Receiver, state: State) -> None:
    queue(state, made())
    target, week = sender("webhook", {"url": receiver.url}), timedelta(days=7)
    run(state, target)
    assert state.remind([made()], ["webhook"], (NOW + timedelta(days=6)).isoformat(), week) == 0
    later = NOW + timedelta(days=8)
    assert state.remind([made()], ["webhook"], later.isoformat(), week) == 1
    assert state.remind([made()], ["webhook"], later.isoformat(), week) == 0
    run(state, target, later)
    first, again = (json.loads(body)["id"] for _, body in receiver.received)
    assert first == again


def test_a_decision_or_a_return_answers_an_event() -> None:
    gone = event("repo-unavailable", "acme/tiny", "x", at="2026-01-01T00:00:00+00:00").numbered(1)
    back = event("repo-returned", "acme/tiny", "x", at="2026-01-02T00:00:00+00:00").numbered(2)
    before, after = {"acme/tiny": "2025-01-01T00:00:00Z"}, {"acme/tiny": "2026-01-03T00:00:00Z"}
    assert open_events([gone, made()], before) == [gone, made()]
    assert open_events([gone, back, made()], before) == [made()]
    assert open_events([gone, made()], after) == []
    assert open_events([gone], {}) == [], "a model that is not locked any more asks for nothing"
