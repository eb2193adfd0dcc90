"""`modelguard license`: the tree of bases, who imposes what, and the exit code."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from modelguard.terms.licensing import DISCLAIMER
from modelguard.testing import LocalHub, tiny_model
from modelguard.testing.models import tiny_safetensors


def run(home: Path, hub: LocalHub, *words: str) -> subprocess.CompletedProcess[str]:
    home.mkdir(exist_ok=True)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "MODELGUARD_"))}
    return subprocess.run(
        [sys.executable, "-m", "modelguard", "license", *words],
        cwd=home,
        env={**kept, **hub.environment, "MODELGUARD_STORE": str(home.parent / "store")},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture
def served() -> LocalHub:
    hub = LocalHub()
    for name, card in (
        ("meta/llama-8b", {"license": "llama3.1"}),
        ("acme/chat", {"license": "apache-2.0", "base_model": "meta/llama-8b"}),
    ):
        repository = hub.repository(name)
        repository.card = card
        front = "".join(f"{key}: {value}\n" for key, value in card.items())
        repository.commit({**tiny_model(), "README.md": f"---\n{front}---\n".encode()})
    return hub


def test_the_tree_shows_who_imposes_what_without_fetching_weights(served: LocalHub, tmp_path: Path) -> None:
    with served as hub:
        done = run(tmp_path / "project", hub, "acme/chat")
        assert done.returncode == 0, done.stderr
        assert hub.asked("model.safetensors") == []
    assert "acme/chat: Apache-2.0 (declared)" in done.stdout
    assert "└─ base of meta/llama-8b: LicenseRef-hf-llama3.1" in done.stdout
    assert "up to 700,000,000 users" in done.stdout
    assert "noted[license-conflict]" in done.stdout
    assert done.stdout.count(DISCLAIMER) == 1


def test_a_refused_license_is_exit_code_1(served: LocalHub, tmp_path: Path) -> None:
    home = tmp_path / "project"
    home.mkdir()
    (home / "modelguard.toml").write_text('[licenses]\nallow = ["Apache-2.0"]\n')
    with served as hub:
        done = run(home, hub, "acme/chat", "meta/llama-8b")
    assert done.returncode == 1
    assert "refused[license-not-allowed] LicenseRef-hf-llama3.1" in done.stdout
    assert done.stdout.count(DISCLAIMER) == 1


def test_a_local_file_tells_its_license_from_its_metadata(tmp_path: Path) -> None:
    home = tmp_path / "project"
    home.mkdir()
    (home / "w.safetensors").write_bytes(tiny_safetensors(metadata={"format": "pt", "license": "mit"}))
    with LocalHub() as hub:
        done = run(home, hub, "w.safetensors")
    assert (done.returncode, done.stderr) == (0, "")
    assert "MIT (declared)" in done.stdout
    assert "safetensors w.safetensors: mit → MIT" in done.stdout
