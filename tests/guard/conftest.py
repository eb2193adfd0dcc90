"""A Hub, a store and a project directory for each test of the guard."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from modelguard import __version__
from modelguard.guard import Gate, Wish, pin
from modelguard.lock import update
from modelguard.testing import LocalHub


@pytest.fixture
def hub() -> Iterator[LocalHub]:
    with LocalHub() as hub:
        yield hub


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project directory, which is the working directory; the store lies beside it."""
    directory = tmp_path / "project"
    directory.mkdir()
    monkeypatch.chdir(directory)
    monkeypatch.setenv("MODELGUARD_STORE", str(tmp_path / "store"))
    for name in ("HF_ENDPOINT", "HF_TOKEN", "HF_HUB_OFFLINE", "MODELGUARD_MODE", "MODELGUARD_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    return directory


@pytest.fixture
def lock_model(project: Path) -> Callable[..., Any]:
    """Lock a model as the command does; return the entry."""

    def lock(ref: str, **wish: Any) -> Any:
        gate = Gate.open()
        name = gate.canonical(ref)
        before = gate.read_lock()
        entry, examination = pin(name, gate, Wish(**wish), before.find(name) if before else None)
        assert examination.allowed, [finding.message for finding in examination.findings]
        update(gate.lock_path, lambda lock: lock.with_entry(entry), created_by=f"modelguard {__version__}")
        return entry

    return lock
