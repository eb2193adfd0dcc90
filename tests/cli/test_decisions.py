"""Approving and revoking: who, why, until, and what it does to a load."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from modelguard import ModelRefused, guarded_load
from modelguard.lock import Lock
from modelguard.testing.models import tiny_safetensors


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in [name for name in os.environ if name.startswith(("HF_", "MODELGUARD_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("MODELGUARD_STORE", str(tmp_path / "store"))
    directory = tmp_path / "project"
    directory.mkdir()
    monkeypatch.chdir(directory)
    (directory / "w.safetensors").write_bytes(tiny_safetensors())
    return directory


def run(*words: str, code: int = 0) -> str:
    command = [sys.executable, "-m", "modelguard", *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def load() -> Any:
    return guarded_load("w.safetensors", loader="safetensors.numpy")


def test_a_revoked_model_does_not_load_until_it_is_approved_again(home: Path) -> None:
    run("lock", "w.safetensors", "--reason", "first")
    load()
    assert "revoked: file:w.safetensors" in run("revoke", "w.safetensors", "--reason", "taken over", "--by", "ann")
    with pytest.raises(ModelRefused, match="taken over"):
        load()
    run("check", code=1)
    run("lock", "w.safetensors", code=1)
    run("approve", "w.safetensors", "--reason", "reviewed", "--by", "bob", "--until", "2999-01-01")
    load()
    decided = Lock.read(home / "modelguard.lock").entries["file:w.safetensors"].approval
    assert (decided.state, decided.by, decided.reason, decided.until) == ("approved", "bob", "reviewed", "2999-01-01")


def test_a_decision_changes_nothing_but_the_decision(home: Path) -> None:
    run("lock", "w.safetensors")
    before = Lock.read(home / "modelguard.lock").entries["file:w.safetensors"]
    run("revoke", "w.safetensors", "--reason", "x")
    after = Lock.read(home / "modelguard.lock").entries["file:w.safetensors"]
    assert (after.files, after.revision, after.accepted) == (before.files, before.revision, before.accepted)


def test_an_approval_that_has_ended_refuses(home: Path) -> None:
    run("lock", "w.safetensors")
    run("approve", "w.safetensors", "--reason", "x", "--until", "2020-01-01")
    with pytest.raises(ModelRefused, match="ended on 2020-01-01"):
        load()


def test_a_decision_needs_a_reason_and_an_entry(home: Path) -> None:
    assert "there is no lock" in run("revoke", "w.safetensors", "--reason", "x", code=2)
    assert not (home / "modelguard.lock").exists()
    run("lock", "w.safetensors")
    run("revoke", "w.safetensors", code=2)
    run("revoke", "w.safetensors", "--reason", " ", code=2)
    run("approve", "w.safetensors", "--reason", "x", "--until", "soon", code=2)
    assert "no entry" in run("revoke", "w.safetensors", "other/model", "--reason", "x", code=2)
    assert Lock.read(home / "modelguard.lock").entries["file:w.safetensors"].approval.state == "approved"
