"""The first ten minutes: doctor, suggest, mistyped words, completion."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from modelguard.cli.doctor import _distributions_of
from modelguard.testing import LocalHub
from modelguard.testing.models import tiny_safetensors


def run(home: Path, *words: str, code: int = 0, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "MODELGUARD_"))}
    done = subprocess.run(
        [sys.executable, "-m", "modelguard", *words], cwd=home, capture_output=True, text=True, timeout=120,
        check=False, env={**clean, "MODELGUARD_STORE": str(home / "store"), **environment},
    )  # fmt: skip
    assert done.returncode == code, f"{done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


def test_the_doctor_looks_at_everything_and_asks_the_hub_named(tmp_path: Path) -> None:
    with LocalHub() as hub:
        out = run(tmp_path, "doctor", HF_ENDPOINT=hub.url).stdout
        assert f"{hub.url}: answers" in out
    for word in ("installation", "policy", "lock", "store", "kernel"):
        assert word in out
    assert "not asked, offline" in run(tmp_path, "doctor", "--offline").stdout


def test_the_doctor_names_a_policy_that_is_broken_and_a_lock_that_is(tmp_path: Path) -> None:
    (tmp_path / "modelguard.toml").write_text("mod = 1")
    assert "did you mean 'mode'?" in run(tmp_path, "doctor", "--offline", code=1).stdout
    (tmp_path / "modelguard.toml").write_text('mode = "warn"')
    assert "refuses nothing" in run(tmp_path, "doctor", "--offline").stdout
    (tmp_path / "modelguard.lock").write_text("x")
    assert "bad   lock" in run(tmp_path, "doctor", "--offline", code=1).stdout


def test_the_doctor_sees_a_store_that_others_may_write(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    (tmp_path / "store").chmod(0o777)
    assert "chmod go-w" in run(tmp_path, "doctor", "--offline", code=1).stdout


def test_another_distribution_with_the_same_package_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, file in (("other_guard", "modelguard/x.py"), ("harmless", "modelguard_extras/x.py")):
        record = tmp_path / f"{name}-1.dist-info"
        record.mkdir()
        (record / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
        (record / "RECORD").write_text(f"{file},,\n")
        (tmp_path / file).parent.mkdir()
        (tmp_path / file).touch()  # from Python 3.12 on, files that are not there do not count
    monkeypatch.syspath_prepend(str(tmp_path))
    found = set(_distributions_of("modelguard"))
    assert "other_guard" in found
    assert "harmless" not in found


def test_suggest_names_the_excuse_that_covers_nothing_first(tmp_path: Path) -> None:
    (tmp_path / "w.safetensors").write_bytes(tiny_safetensors())
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "x.xyz").write_bytes(bytes(range(256)) * 3)
    excuse = '[[excuses]]\ncheck = "unknown-bytes"\nmodel = "{}"\nreason = "reviewed"\n'
    (tmp_path / "modelguard.toml").write_text(excuse.format("file:data") + excuse.format("file:w.safetensors"))
    run(tmp_path, "lock", "w.safetensors", "data")
    lines = [line for line in run(tmp_path, "suggest").stdout.splitlines() if line.startswith("excuses")]
    assert "covers nothing: delete it" in lines[0]
    assert "file:w.safetensors" in lines[0]
    assert "covers 1: file:data x.xyz" in lines[1]


def test_suggest_is_quiet_where_nothing_is_excused(tmp_path: Path) -> None:
    assert "excuses nothing" in run(tmp_path, "suggest").stderr


@pytest.mark.parametrize(
    ("words", "meant"),
    [(("chek",), "check"), (("scan", "x", "--formt", "json"), "--format"), (("discovr",), "discover")],
)
def test_a_mistyped_word_is_answered_with_the_one_meant(tmp_path: Path, words: tuple[str, ...], meant: str) -> None:
    told = run(tmp_path, *words, code=2).stderr
    assert "Did you mean" in told
    assert f"'{meant}'" in told


def test_the_shell_can_complete_commands(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-c",
        "import sys; sys.argv[0] = 'modelguard'; from modelguard.cli.main import main; main()",
    ]
    environment = {
        **os.environ,
        "_MODELGUARD_COMPLETE": "bash_complete",
        "COMP_WORDS": "modelguard disc",
        "COMP_CWORD": "1",
    }
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert "plain,discover" in done.stdout
