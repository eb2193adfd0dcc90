"""`scan --trace` prints the program of each pickle, also of one member of an archive."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from modelguard.testing.models import calling_pickle, tiny_pickle


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    file = tmp_path / "models.zip"
    with zipfile.ZipFile(file, "w") as opened:
        opened.writestr("good.pkl", tiny_pickle())
        opened.writestr("more/evil.pkl", calling_pickle("os", "system", "echo pwned"))
    return file


def traced(target: str, code: int = 0) -> str:
    home = Path(target.split("!")[0]).parent
    done = subprocess.run(
        [sys.executable, "-m", "modelguard", "scan", "--trace", target],
        cwd=home,
        env={**os.environ, "MODELGUARD_STORE": str(home / "store")},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == code, done.stderr
    return done.stdout + done.stderr


def test_every_pickle_of_an_archive_is_printed(archive: Path) -> None:
    text = traced(str(archive))
    assert "# models.zip » good.pkl" in text
    assert "# models.zip » more/evil.pkl" in text
    assert "^ Import os.system" in text


def test_one_member_can_be_chosen(archive: Path) -> None:
    assert "good.pkl" not in traced(f"{archive}!more/evil.pkl")


def test_a_member_that_is_not_there_is_told_with_those_that_are(archive: Path) -> None:
    assert "there are: good.pkl, more/evil.pkl" in traced(f"{archive}!other.pkl", code=2)


def test_a_file_that_is_no_pickle_is_decoded_all_the_same(archive: Path) -> None:
    plain = archive.with_name("notes.txt")
    plain.write_bytes(b"N.")
    assert "STOP" in traced(str(plain))
