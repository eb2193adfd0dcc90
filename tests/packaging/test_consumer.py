"""The types of the public names, as a program of somebody else sees them."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import modelguard

ROOT = Path(__file__).resolve().parents[2]
CONSUMER = Path(__file__).with_name("consumer.py")


def test_the_package_says_that_it_is_typed() -> None:
    assert (ROOT / "src" / "modelguard" / "py.typed").is_file()


def test_the_consumer_uses_every_public_name_that_a_program_calls() -> None:
    text = CONSUMER.read_text("utf-8")
    for_tests_or_annotations = {"assert_approved", "Interception"}
    missing = {name for name in modelguard._HOME if not re.search(rf"\b{name}\b", text)}
    assert missing <= for_tests_or_annotations


def mypy(program: Path, work: Path) -> subprocess.CompletedProcess[str]:
    """Check a program as its author would; faults within modelguard are not the author's."""
    words = ["--strict", "--follow-imports", "silent", "--ignore-missing-imports", "--cache-dir", str(work / "cache")]
    return subprocess.run(
        [sys.executable, "-m", "mypy", *words, program], cwd=work, env={**os.environ, "MYPYPATH": str(ROOT / "src")},
        capture_output=True, text=True, timeout=1200, check=False,
    )  # fmt: skip


@pytest.mark.slow
def test_mypy_strict_accepts_the_consumer(tmp_path: Path) -> None:
    done = mypy(CONSUMER, tmp_path)
    assert done.returncode == 0, done.stdout


@pytest.mark.slow
def test_a_wrong_use_is_seen_by_mypy(tmp_path: Path) -> None:
    """Without this the test above could pass because everything is Any."""
    wrong = tmp_path / "wrong.py"
    wrong.write_text("from modelguard import guarded_load, verified_snapshot\nguarded_load(1)\nverified_snapshot()\n")
    done = mypy(wrong, tmp_path)
    assert done.stdout.count("error:") == 2, done.stdout


@pytest.mark.slow
def test_pyright_accepts_the_consumer(tmp_path: Path) -> None:
    """Pyright is installed into a virtual environment of its own; it fetches Node where there is none."""
    program = shutil.which("pyright")
    if program is None:
        subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
        subprocess.run([tmp_path / "venv" / "bin" / "pip", "install", "--quiet", "pyright"], check=True)
        program = str(tmp_path / "venv" / "bin" / "pyright")
    shutil.copy(CONSUMER, tmp_path)  # pyright takes only what lies below its settings
    settings = {"include": ["consumer.py"], "extraPaths": [str(ROOT / "src")], "pythonVersion": "3.11"}
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(settings))
    command = [program, "--project", tmp_path, "--pythonpath", sys.executable]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1200, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_star_import_works_where_pytest_is_not_installed() -> None:
    program = "import sys; sys.modules['pytest'] = None\nfrom modelguard import *\nprint(guarded_load.__name__)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout == "guarded_load\n", done.stderr
    assert "assert_approved" in dir(modelguard)
