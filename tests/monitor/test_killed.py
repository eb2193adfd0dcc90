"""A monitor that is killed at any moment loses no event, and tells none under two names."""

from __future__ import annotations

import itertools
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from monitor_builders import Receiver, locked

from modelguard.lock import Lock
from modelguard.monitor.event import event
from modelguard.monitor.scene import Scene
from modelguard.monitor.state import TOGETHER, Known, State
from modelguard.terms.errors import StateError
from modelguard.terms.upstream import Observation
from modelguard.testing import LocalHub, Repository

SHORT, LONG = 12, 150
"""Passes of the loop by default, and in the slow suite."""


class Webhook(Receiver):
    """A receiver that takes its time, so that some senders are killed between arrival and answer."""

    def __init__(self) -> None:
        super().__init__()
        self.holding = False
        self.first = threading.Event()
        self.go_on = threading.Event()

    def arrived(self) -> None:
        self.first.set()
        time.sleep(random.random() * 0.2)
        if self.holding:
            self.go_on.wait(60)

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, body in self.received]


@pytest.fixture
def receiver() -> Iterator[Webhook]:
    receiver = Webhook()
    yield receiver
    receiver.close()


Zygote: TypeAlias = "subprocess.Popen[str]"


@pytest.fixture
def zygote(hub: LocalHub, repository: Repository, receiver: Webhook, tmp_path: Path) -> Iterator[Zygote]:
    """Start the process that forks passes over the locked repository."""
    lock = Lock(created_by="test").with_entry(locked(hub, repository))
    (tmp_path / "modelguard.lock").write_text(lock.text())
    command = [sys.executable, str(Path(__file__).with_name("monitor_zygote.py")), str(tmp_path / "state.sqlite"),
               hub.url, str(tmp_path / "modelguard.lock"), receiver.url]  # fmt: skip
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as zygote:
        yield zygote
        assert zygote.stdin is not None
        zygote.stdin.close()


def say(zygote: Zygote, line: str) -> None:
    assert zygote.stdin is not None
    zygote.stdin.write(f"{line}\n")
    zygote.stdin.flush()


def status_of(zygote: Zygote) -> int:
    assert zygote.stdout is not None
    return int(zygote.stdout.readline())


def test_an_alert_whose_sender_is_killed_before_the_answer_is_sent_again_with_its_id(
    zygote: Zygote, repository: Repository, receiver: Webhook, tmp_path: Path
) -> None:
    repository.commit({"README.md": "new"})
    receiver.holding = True
    say(zygote, "hold")
    assert receiver.first.wait(60), "no alert came"
    say(zygote, "now")
    assert status_of(zygote) == signal.SIGKILL
    receiver.holding = False
    receiver.go_on.set()
    say(zygote, "-")
    assert status_of(zygote) == 0
    assert receiver.events[1] == receiver.events[0]
    once = [one["id"] for one in receiver.events[1:]]
    assert len(once) == len(set(once)), "only what was cut off is told twice"
    say(zygote, "-")
    assert status_of(zygote) == 0
    assert [one["id"] for one in receiver.events[1:]] == once


@pytest.mark.parametrize("rounds", [SHORT, pytest.param(LONG, marks=pytest.mark.slow)])
def test_a_monitor_killed_in_a_loop_loses_no_event(
    zygote: Zygote, repository: Repository, receiver: Webhook, tmp_path: Path, rounds: int
) -> None:
    first = repository.head
    chance, killed, longest = random.Random(7), 0, 0.05
    for number in range(rounds + 1):
        if number < rounds:
            repository.commit({"README.md": str(number)})
        kill = bool(number % 4) and number < rounds
        started = time.monotonic()
        say(zygote, str(chance.random() * longest) if kill else "-")
        status = status_of(zygote)
        killed += status == signal.SIGKILL
        if status == 0:
            longest = max(0.05, time.monotonic() - started)
    assert status == 0, "the last pass ends by itself"
    assert killed >= rounds // 3
    with State.open(tmp_path / "state.sqlite") as state:
        events = state.events()
        # whatever was sent and not marked waits at most half a minute of backoff, here not at all
        assert state.waiting("webhook") == []
    chain = [(one.before, one.after) for one in events if one.kind == "revision-moved"]
    assert chain[0][0] == first
    assert chain[-1][1] == repository.head
    assert all(old[1] == new[0] for old, new in itertools.pairwise(chain)), "no event is missing between"
    by_id: dict[str, dict[str, Any]] = {}
    for one in receiver.events:
        assert by_id.setdefault(one["id"], one) == one, "what is repeated is the same event"
    assert set(by_id) == {one.id for one in events}
    print(f"{rounds} passes, {killed} killed; {len(events)} events, {len(receiver.events)} alerts")


def test_a_monitor_that_goes_on_ends_when_it_is_asked_to(
    hub: LocalHub, repository: Repository, receiver: Webhook, tmp_path: Path
) -> None:
    lock = Lock(created_by="test").with_entry(locked(hub, repository))
    (tmp_path / "modelguard.lock").write_text(lock.text())
    (tmp_path / "modelguard.toml").write_text(
        f'[monitor]\ninactive-days = 90000\n[monitor.channels.webhook]\nurl = "{receiver.url}"\n'
    )
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "MODELGUARD_"))}
    command = [sys.executable, "-m", "modelguard", "monitor", "--interval", "1s"]
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment | hub.environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as child:  # fmt: skip
        assert child.stdout is not None
        assert "1 model watched, 0 new events" in child.stdout.readline()
        repository.disabled = True
        told = ""
        for _ in range(200):
            line = child.stdout.readline()
            assert line, f"the monitor has ended: {told}"
            told += line
            if "1 new event," in line:
                break
        child.send_signal(signal.SIGTERM)
        _, errors = child.communicate(timeout=60)
    assert child.returncode == 0, errors
    assert "repo-disabled" in told
    assert "ended; what is known" in errors
    assert [one["type"] for one in receiver.events] == ["io.modelguard.repo-disabled"]
    with State.open(tmp_path / ".modelguard" / "state.sqlite") as state:
        assert [one.kind for one in state.events()] == ["repo-disabled"]


def test_two_monitors_do_not_work_on_one_state(tmp_path: Path) -> None:
    with State.open(tmp_path / "state.sqlite"), pytest.raises(StateError, match="another monitor"):
        State.open(tmp_path / "state.sqlite")
    State.open(tmp_path / "state.sqlite").close()


def test_a_state_file_of_a_newer_release_is_left_alone(tmp_path: Path) -> None:
    State.open(tmp_path / "state.sqlite").close()
    database = sqlite3.connect(tmp_path / "state.sqlite")
    database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(StateError, match="newer"):
        State.open(tmp_path / "state.sqlite")


def test_a_damaged_state_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "state.sqlite").write_bytes(b"not a database" * 1000)
    with pytest.raises(StateError, match="not a database"):
        State.open(tmp_path / "state.sqlite")


def scene(name: str) -> Scene:
    return Scene(ref=name, seen=Observation(repo=name, host="hub", at="2026-01-01T00:00:00+00:00"))


def test_a_scene_is_never_kept_without_its_events(tmp_path: Path) -> None:
    at = "2026-01-01T00:00:00+00:00"
    happened = event("tag-moved", "acme/loud", "tag v1 moved", subject="v1", at=at)
    other = sqlite3.connect(tmp_path / "state.sqlite", isolation_level=None)
    with State.open(tmp_path / "state.sqlite") as state:
        state._database.execute("PRAGMA busy_timeout = 0")
        state.record(Known(scene=scene("acme/quiet")), "hub", scene("acme/quiet"), (), [], at=at)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StateError, match="locked"):
            state.record(Known(scene=scene("acme/loud")), "hub", scene("acme/loud"), [happened], ["webhook"], at=at)
        other.execute("ROLLBACK")
    other.close()
    with State.open(tmp_path / "state.sqlite") as state:
        assert state.known("acme/loud", "hub") is None
        assert state.known("acme/quiet", "hub") is not None
        told = state.record(Known(scene=scene("acme/loud")), "hub", scene("acme/loud"), [happened], ["webhook"], at=at)
        assert [one.kind for one in told] == ["tag-moved"]
        assert state.waiting("webhook")


def test_models_without_events_are_remembered_whenever_the_state_is_asked(tmp_path: Path) -> None:
    at = "2026-01-01T00:00:00+00:00"
    names = [f"acme/m{number}" for number in range(TOGETHER + 3)]
    with State.open(tmp_path / "state.sqlite") as state:
        for name in names:
            state.record(Known(scene=scene(name)), "hub", scene(name), (), [], at=at)
            assert state.known(name, "hub") is not None
        state.record(Known(scene=scene("acme/last")), "hub", scene("acme/last"), (), [], at=at)
    with State.open(tmp_path / "state.sqlite") as state:
        assert list(state.all_known("hub")) == sorted([*names, "acme/last"])
