"""`modelguard run`: what a program does, how it ends, and what is told when a load is refused."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import joblib
import pytest

import modelguard
from modelguard.testing.models import calling_pickle


@pytest.fixture
def dumped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a locked file and one that nobody locked."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MODELGUARD_STORE", str(tmp_path / ".store"))
    monkeypatch.delenv("MODELGUARD_INTERCEPT", raising=False)
    joblib.dump({"weight": [0.5]}, tmp_path / "good.joblib")
    (tmp_path / "evil.joblib").write_bytes(calling_pickle("os", "system", "echo pwned"))
    assert modelguard_command("lock", "./good.joblib").returncode == 0
    return tmp_path


def modelguard_command(*arguments: str) -> subprocess.CompletedProcess[str]:
    source = str(Path(modelguard.__file__).parent.parent)
    return subprocess.run(
        [sys.executable, "-m", "modelguard", *arguments], capture_output=True, text=True, timeout=120,
        env={**os.environ, "PYTHONPATH": source}, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("mode", "name", "code", "said"),
    [
        ("guard", "good.joblib", 0, "{'weight': [0.5]}"),
        ("guard", "evil.joblib", 1, "not-locked"),
        ("enforce", "good.joblib", 1, "around the guard"),
        ("observe", "good.joblib", 0, "1 load seen, 0 would be refused"),
    ],
)
def test_a_program_is_run_under_it(dumped: Path, mode: str, name: str, code: int, said: str) -> None:
    (dumped / "script.py").write_text("import joblib, sys\nprint(joblib.load(sys.argv[1]))\n")
    done = modelguard_command("run", "--mode", mode, "script.py", name)
    assert done.returncode == code, done.stderr
    assert said in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("text", "code", "said", "unsaid"),
    [
        ("1 / 0", 1, 'File "script.py", line 1, in <module>', "internal fault"),
        ("import joblib; joblib.load('evil.joblib')", 1, 'File "script.py", line 1, in <module>', "routing.py"),
        ("import sys; sys.exit(5)", 5, "", "Traceback"),
        ("", 0, "", "Traceback"),
    ],
)
def test_a_program_ends_as_without_it_and_says_where(
    dumped: Path, text: str, code: int, said: str, unsaid: str
) -> None:
    (dumped / "script.py").write_text(text)
    done = modelguard_command("run", "script.py")
    assert done.returncode == code, done.stderr
    assert said in done.stderr
    assert unsaid not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"), [(["none.py"], "no file 'none.py'"), (["-m", "none"], "no module 'none'")]
)
def test_a_program_that_is_not_there_is_a_mistake_of_the_caller(arguments: list[str], said: str) -> None:
    done = modelguard_command("run", *arguments)
    assert done.returncode == 2
    assert said in done.stderr
