"""The table of all kinds of event: the change on the Hub that brings each, and beside it what only looks like it.

Each row is played against the local Hub, with nothing in between: `happens` makes the change, the pass after it has to
tell exactly `told`, and the one after that nothing. `near` makes a change that must not bring this kind; `instead` is
what it brings. A kind of event without a row, or a row without both halves, fails.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TypeAlias

import pytest
from attrs import define, evolve, frozen
from monitor_builders import Bench

from modelguard.guard import Gate
from modelguard.lock import Accepted, Decided
from modelguard.monitor.advising import Advice
from modelguard.monitor.event import KINDS
from modelguard.policy.reading import read_policy
from modelguard.testing import LocalHub, Repository


@define
class Stage:
    """A locked model on a local Hub, and the bench that watches it."""

    hub: LocalHub
    model: Repository
    bench: Bench
    home: Path

    @property
    def files(self) -> dict[str, bytes]:
        return {path: file.data for path, file in self.model.commits[self.model.head].files.items()}

    def feed(self, **more: object) -> None:
        """Put a record about the locked weights into the policy's feed; `more` changes it."""
        digest = self.model.commits[self.model.head].files["model.safetensors"].sha256
        self.advisory("x_MG-2026-0001", digest, **more)

    def advisory(self, name: str, digest: str, **more: object) -> None:
        """Put a record about some file into the policy's feed."""
        record = {
            "id": name, "modified": "2026-11-01T00:00:00Z", "summary": "a shell",
            "database_specific": {"kind": "malicious", "indicators": {"sha256": [digest]}}, **more,
        }  # fmt: skip
        (self.home / "feed" / f"{name}.json").write_text(json.dumps(record))

    def ends(self, days: int, what: str) -> None:
        """Let the approval, or an accepted finding, end so many days from now."""
        until = (self.bench.now + timedelta(days=days)).date().isoformat()
        if what == "approval":
            change = {"approval": Decided(until=until)}
        else:
            change = {"accepted": (Accepted(check="unsafe-file", reason="x", until=until),)}
        self.bench.entries = [evolve(self.bench.entries[0], **change)]


Act: TypeAlias = Callable[[Stage], object]


def nothing(_: Stage) -> None:
    """Change nothing."""


@frozen(kw_only=True)
class Row:
    """One kind of event, as the module says. `before` prepares the stage before anything is watched."""

    kind: str
    happens: Act
    told: tuple[str, ...]
    near: Act
    instead: tuple[str, ...] = ()
    before: Act = nothing


def watch_a_base(stage: Stage) -> None:
    base = stage.hub.repository("base/large")
    base.commit({"model.safetensors": b"1"})
    stage.model.card["base_model"] = "base/large"


def read_a_feed(stage: Stage) -> None:
    (stage.home / "feed").mkdir()
    stage.advisory("x_MG-2026-0000", "0" * 64)  # about something else: a feed without any record counts as unread
    policy = read_policy({"advisories": {"feeds": [{"name": "own", "path": "feed"}]}})
    stage.bench.advise = Advice(Gate.open(policy=policy))


def look_as_a_member(stage: Stage) -> None:
    stage.bench.token = stage.hub.user("auditor")


def change_the_case(stage: Stage) -> None:
    """Give the repository a name that differs only in case: a Hub finds it under both."""
    stage.hub.rename("acme/tiny", "Acme/Tiny")


def tamper(stage: Stage) -> None:
    commit = stage.model.commits[stage.model.head]
    other = evolve(commit.files["model.safetensors"], data=b"WEIGHTS")
    stage.model.commits[commit.sha] = evolve(commit, files={**commit.files, "model.safetensors": other})


def take_over_and_upload(stage: Stage) -> None:
    files = stage.files
    stage.hub.take_over("acme")
    stage.hub.repository("acme/tiny").commit(files)


def come_back(stage: Stage) -> None:
    stage.model.disabled = False


def be_down_for_a_moment(stage: Stage) -> None:
    stage.hub.fail(503, times=1)  # forgiven: asked again at once


SQUASH = "Super-squash branch 'main' using huggingface_hub"
MOVED = "revision-moved"
ROWS = (
    Row(
        kind=MOVED,
        happens=lambda stage: stage.model.commit({"README.md": "new"}),
        told=(MOVED,),
        near=lambda stage: stage.model.commit({"README.md": "new"}, branch="experiment"),
    ),
    Row(
        kind="history-rewritten",
        happens=lambda stage: stage.model.rewrite_history({**stage.files, "model.safetensors": b"other"}),
        told=("history-rewritten",),
        near=lambda stage: stage.model.rewrite_history(stage.files, SQUASH),
        instead=("history-squashed",),
    ),
    Row(
        kind="history-squashed",
        happens=lambda stage: stage.model.rewrite_history(stage.files, "anything", forget=False),
        told=("history-squashed",),
        near=lambda stage: stage.model.rewrite_history({**stage.files, "README.md": "another"}, SQUASH),
        instead=("history-rewritten",),
    ),
    Row(
        kind="tag-moved",
        before=lambda stage: stage.model.tag("v1"),
        happens=lambda stage: (stage.model.commit({"README.md": "new"}), stage.model.tag("v1")),
        told=(MOVED, "tag-moved"),
        near=lambda stage: (stage.model.commit({"README.md": "new"}), stage.model.tag("v2")),
        instead=(MOVED,),
    ),
    Row(
        kind="tag-deleted",
        before=lambda stage: stage.model.tag("v1"),
        happens=lambda stage: stage.model.named.pop("v1"),
        told=("tag-deleted",),
        near=lambda stage: stage.model.branch("v2"),
    ),
    Row(
        kind="file-changed-same-ref",
        happens=tamper,
        told=("file-changed-same-ref",),
        near=lambda stage: stage.model.commit({"config.json": '{"a": 1}'}),
        instead=(MOVED,),
    ),
    Row(
        kind="repo-unavailable",
        happens=lambda stage: stage.hub.delete("acme/tiny"),
        told=("repo-unavailable",),
        near=be_down_for_a_moment,
    ),
    Row(
        kind="repo-private",
        before=look_as_a_member,
        happens=lambda stage: setattr(stage.model, "private", True),
        told=("repo-private",),
        near=lambda stage: setattr(stage.model, "gated", "auto"),
        instead=("gated-changed",),
    ),
    Row(
        kind="repo-disabled",
        happens=lambda stage: setattr(stage.model, "disabled", True),
        told=("repo-disabled",),
        near=lambda stage: setattr(stage.model, "private", True),
        instead=("repo-unavailable",),
    ),
    Row(
        kind="repo-returned",
        before=lambda stage: setattr(stage.model, "disabled", True),
        happens=come_back,
        told=("repo-returned",),
        near=lambda stage: stage.hub.delete("acme/tiny"),
        instead=("repo-unavailable",),
    ),
    Row(
        kind="gated-changed",
        happens=lambda stage: setattr(stage.model, "gated", "manual"),
        told=("gated-changed",),
        near=lambda stage: setattr(stage.model, "downloads", 1_000_000),
    ),
    Row(
        kind="renamed",
        happens=lambda stage: stage.hub.rename("acme/tiny", "acme/small"),
        told=("renamed",),
        near=change_the_case,
    ),
    Row(
        kind="namespace-reuse",
        happens=take_over_and_upload,
        told=("namespace-reuse",),
        near=lambda stage: stage.hub.rename("acme/tiny", "other/tiny"),
        instead=("renamed",),
    ),
    Row(
        kind="maintainers-changed",
        happens=lambda stage: stage.hub.accounts["acme"].update(members=["alice", "mallory"]),
        told=("maintainers-changed",),
        near=lambda stage: stage.hub.accounts["acme"].update(members=["bob", "alice"], numFollowers=9),
    ),
    Row(
        kind="license-changed",
        happens=lambda stage: stage.model.card.update(license="cc-by-nc-4.0"),
        told=("license-changed",),
        near=lambda stage: stage.model.commit({"docs/about-licenses.md": "MIT"}),
        instead=(MOVED,),
    ),
    Row(
        kind="unsafe-file-added",
        happens=lambda stage: stage.model.commit({"modeling_tiny.py": "1"}),
        told=(MOVED, "unsafe-file-added"),
        near=lambda stage: stage.model.commit({"modeling_tiny.md": "1", "more.safetensors": "1"}),
        instead=(MOVED,),
    ),
    Row(
        kind="format-regression",
        happens=lambda stage: stage.model.commit({"weights.onnx": "1"}, remove=("model.safetensors",)),
        told=(MOVED, "format-regression"),
        near=lambda stage: stage.model.commit({"model-1-of-1.safetensors": "1"}, remove=("model.safetensors",)),
        instead=(MOVED,),
    ),
    Row(
        kind="hub-unsafe",
        happens=lambda stage: stage.model.security.update({"model.safetensors": "unsafe"}),
        told=("hub-unsafe",),
        near=lambda stage: stage.model.security.update({"model.safetensors": "queued"}),
    ),
    Row(
        kind="advisory-new",
        before=read_a_feed,
        happens=lambda stage: stage.feed(),
        told=("advisory-new",),
        near=lambda stage: stage.feed(withdrawn="2026-11-02T00:00:00Z"),
    ),
    Row(
        kind="vendor-inactive",
        happens=lambda stage: setattr(stage.bench, "now", stage.bench.now + timedelta(days=400)),
        told=("vendor-inactive",),
        near=lambda stage: setattr(stage.bench, "now", stage.bench.now + timedelta(days=100)),
    ),
    Row(
        kind="successor",
        happens=lambda stage: stage.model.card.update(new_version="acme/tiny2"),
        told=("successor",),
        near=lambda stage: stage.hub.repository("acme/tiny2").commit({"a.safetensors": "1"}),
    ),
    Row(
        kind="base-model-event",
        before=watch_a_base,
        happens=lambda stage: setattr(stage.hub.repositories["base/large"], "disabled", True),
        told=("base-model-event",),
        near=lambda stage: setattr(stage.hub.repository("base/larger"), "disabled", True),
    ),
    Row(
        kind="approval-expiring",
        happens=lambda stage: stage.ends(13, "approval"),
        told=("approval-expiring",),
        near=lambda stage: stage.ends(16, "approval"),
    ),
    Row(
        kind="exception-expiring",
        happens=lambda stage: stage.ends(13, "exception"),
        told=("exception-expiring",),
        near=lambda stage: stage.ends(16, "exception"),
    ),
)


@pytest.fixture
def stage(hub: LocalHub, repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MODELGUARD_STORE", str(tmp_path / "store"))
    return Stage(hub, repository, Bench(hub, tmp_path), tmp_path)


def watched(stage: Stage, row: Row) -> None:
    """Lock the model, and let a first pass and a second one go by."""
    row.before(stage)
    stage.bench.lock(stage.model)
    stage.bench.outcome()
    assert stage.bench.kinds() == []


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.kind)
def test_the_change_brings_the_event_once(row: Row, stage: Stage) -> None:
    watched(stage, row)
    row.happens(stage)
    assert tuple(stage.bench.kinds()) == row.told
    assert stage.bench.kinds() == []


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.kind)
def test_what_only_looks_like_it_does_not(row: Row, stage: Stage) -> None:
    watched(stage, row)
    row.near(stage)
    assert tuple(stage.bench.kinds()) == row.instead
    assert stage.bench.kinds() == []


def test_each_kind_of_event_has_both_halves_of_a_row() -> None:
    assert [row.kind for row in ROWS] == list(KINDS)
    for row in ROWS:
        assert row.kind in row.told
        assert row.kind not in row.instead
        assert nothing not in {row.happens, row.near}
