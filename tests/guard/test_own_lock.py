"""Our own lock: the model that lies in this repository is approved in it, and is loaded by it."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelguard import guarded_load
from modelguard.guard import Gate
from modelguard.guard.standing import examine_locked
from modelguard.testing import tiny_model

ROOT = Path(__file__).resolve().parents[2]
MODEL = "tests/models/tiny"


def test_the_model_of_this_repository_is_what_it_says_and_is_loaded_through_the_guard(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert {file.name: file.read_bytes() for file in (ROOT / MODEL).iterdir()} == tiny_model()
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("MODELGUARD_STORE", str(tmp_path / "store"))
    tensors = guarded_load(MODEL, file="model.safetensors", loader="safetensors.numpy")
    assert sorted(tensors) == ["embedding.weight", "head.bias"]


def test_every_entry_of_our_lock_is_allowed(tmp_path: Path) -> None:
    gate = Gate.open(start=ROOT, store=tmp_path / "store", offline=True)
    entries = gate.require_lock().entries.values()
    assert entries
    for entry in entries:
        assert examine_locked(entry, gate).allowed, entry.id


def test_every_model_file_of_this_repository_is_in_our_lock() -> None:
    from modelguard.discovery.use import MODEL_ENDINGS

    approved = {
        f"{entry.id.removeprefix('file:')}/{file.path}"
        for entry in Gate.open(start=ROOT).require_lock().entries.values()
        for file in entry.files
    }
    found = {
        file.relative_to(ROOT).as_posix()
        for file in (ROOT / "tests" / "models").rglob("*")
        if file.suffix in MODEL_ENDINGS
    }
    assert found
    assert found <= approved
