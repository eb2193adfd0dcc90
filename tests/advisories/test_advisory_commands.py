"""`modelguard advisory` and `modelguard feed`, run as their users run them, against a server on loopback."""

from __future__ import annotations

import http.server
import json
import os
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A directory and the address under which it is served."""
    directory = tmp_path / "served"
    directory.mkdir()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(directory))) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield directory, f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home = tmp_path / "project"
    home.mkdir()
    (home / "bad.bin").write_bytes(b"known to be bad")
    return home


def run(home: Path, *words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "MODELGUARD_"))}
    environment["MODELGUARD_STORE"] = str(home.parent / "store")
    done = subprocess.run(
        [sys.executable, "-m", "modelguard", *words],
        cwd=home, env=environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == code, f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


POLICY = '[[advisories.feeds]]\nname = "models"\npath = "feeds/models.zip"\nurl = "{url}/models.zip"\n'


def test_a_finding_of_ones_own_refuses_the_file_everywhere(home: Path) -> None:
    run(home, "advisory", "new", "--summary", "Opens a shell", "--file", "bad.bin", "--into", "own")
    [file] = (home / "own").iterdir()
    assert json.loads(file.read_text("utf-8"))["id"] == file.stem
    run(home, "advisory", "validate", "own")
    (home / "modelguard.toml").write_text('[[advisories.feeds]]\nname = "own"\npath = "own"\n', "utf-8")
    (home / "elsewhere").mkdir()
    (home / "elsewhere" / "other.bin").write_bytes(b"known to be bad")
    for command in ("scan", "lock"):
        done = run(home, command, "./elsewhere", code=1)
        assert "critical[malicious-model]" in done.stdout + done.stderr
        assert "other.bin" in done.stdout + done.stderr
        assert "Opens a shell" in done.stdout + done.stderr
    assert "own: own: 1 records, own" in run(home, "feed", "list").stdout


def test_a_second_record_has_the_next_id(home: Path) -> None:
    for _ in range(2):
        run(home, "advisory", "new", "--summary", "x", "--model", "acme/tiny", "--kind", "removed", "--into", "own")
    assert [file.stem[-4:] for file in sorted((home / "own").iterdir())] == ["0001", "0002"]


@pytest.mark.parametrize(
    "words",
    [
        ("--summary", "x"),
        ("--summary", "x", "--model", "./here"),
        ("--summary", "x", "--model", "acme/tiny", "--fixed", "main"),
    ],
)
def test_a_record_about_nothing_is_a_usage_error(words: tuple[str, ...], home: Path) -> None:
    run(home, "advisory", "new", *words, code=2)


def test_a_bad_record_is_named_with_its_key(home: Path) -> None:
    (home / "x.json").write_text('{"id": "x_MG-2026-0001"}', "utf-8")
    assert run(home, "advisory", "validate", "x.json", code=1).stdout == "x.json: modified: is missing\n"


def test_only_update_fetches_a_feed(home: Path, served: tuple[Path, str]) -> None:
    directory, url = served
    (home / "modelguard.toml").write_text(POLICY.format(url=url), "utf-8")
    assert "there is no such file" in run(home, "feed", "list", code=3).stdout
    record = run(home, "advisory", "new", "--summary", "x", "--file", "bad.bin").stdout
    with zipfile.ZipFile(directory / "models.zip", "w") as archive:
        archive.writestr("x_MG-2026-0001.json", record)
    run(home, "feed", "update", "--offline", code=3)
    run(home, "feed", "update")
    assert "models: feeds/models.zip: 1 records, 0 days old" in run(home, "feed", "list").stdout
    done = run(home, "lock", "./bad.bin", code=1)
    assert "malicious-model" in done.stdout + done.stderr


def test_a_feed_that_cannot_be_read_does_not_replace_the_one_that_is_there(
    home: Path, served: tuple[Path, str]
) -> None:
    directory, url = served
    (home / "modelguard.toml").write_text(POLICY.format(url=url), "utf-8")
    with zipfile.ZipFile(directory / "models.zip", "w") as archive:
        archive.writestr("a.json", "{}")
    run(home, "feed", "update")
    before = (home / "feeds" / "models.zip").read_bytes()
    (directory / "models.zip").write_bytes(b"<html>not a feed</html>")
    done = run(home, "feed", "update", code=3)
    assert "neither a directory, a zip archive nor a JSON file" in done.stderr
    assert (home / "feeds" / "models.zip").read_bytes() == before
    assert sorted(path.name for path in (home / "feeds").iterdir()) == ["models.zip", "models.zip.fetched.json"]


def test_an_unknown_feed_is_a_usage_error(home: Path) -> None:
    (home / "modelguard.toml").write_text('[[advisories.feeds]]\nname = "own"\npath = "own"\n', "utf-8")
    assert "no feed 'models'" in run(home, "feed", "update", "models", code=2).stderr
