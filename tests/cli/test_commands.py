"""The command line: exit codes, what goes to stdout, and what people read."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from modelguard.testing import LocalHub, tiny_model
from modelguard.testing.models import calling_pickle, tiny_pickle, tiny_safetensors


class Shell:
    """Runs `modelguard` in a project directory, as its users do."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("HF_", "MODELGUARD_"))},
            "MODELGUARD_STORE": str(home.parent / "store"),
        }

    def __call__(self, *words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "modelguard", *words],
            cwd=self.home,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == code, f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    home = tmp_path / "project"
    home.mkdir()
    (home / "w.safetensors").write_bytes(tiny_safetensors())
    (home / "good.pkl").write_bytes(tiny_pickle())
    (home / "evil.pkl").write_bytes(calling_pickle("os", "system", "echo pwned"))
    return Shell(home)


def test_the_first_ten_minutes(shell: Shell) -> None:
    with LocalHub() as hub:
        hub.repository("acme/tiny").commit(tiny_model())
        shell.environment["HF_ENDPOINT"] = hub.url
        shell("init")
        assert "locked: acme/tiny at" in shell("lock", "acme/tiny", "--reason", "demo").stderr
        shell("check")
        path = Path(shell("path", "acme/tiny").stdout.strip())
        assert sorted(file.name for file in path.iterdir()) == ["README.md", "config.json", "model.safetensors"]
        shell("lock", "--check")
        hub.repositories["acme/tiny"].commit({"README.md": b"# new"})
        shell("lock", "--check")
        assert "would change: acme/tiny" in shell("lock", "--check", "--upgrade", "acme/tiny", code=1).stderr
    assert shell("path", "acme/tiny").stdout.strip() == str(path)
    assert "not locked" in shell("lock", "--upgrade", "acme/tiny", code=3).stderr
    shell("lock", "--locked")


def test_a_scan_says_what_a_pickle_would_do(shell: Shell) -> None:
    assert "ALLOWED" in shell("scan", "good.pkl").stdout
    refused = shell("scan", "good.pkl", "evil.pkl", code=1).stdout
    assert "critical[dangerous-call]" in refused
    assert "2 examined · 1 allowed · 1 refused" in refused


def test_the_json_report_has_the_promised_shape(shell: Shell) -> None:
    document = json.loads(shell("scan", "good.pkl", "evil.pkl", "--format", "json", code=1).stdout)
    assert document["schema"] == "modelguard/report/1"
    good, evil = document["examinations"]
    assert (good["verdict"], evil["verdict"]) == ("allowed", "refused")
    assert good["artifacts"][0]["formats"] == ["pickle"]
    assert good["imports"] == [{"artifact": "good.pkl", "global": "collections.OrderedDict", "grant": "core"}]
    assert {one["grant"] for one in evil["imports"]} == {None}
    finding = evil["findings"][0]
    assert set(finding["location"]) == {"path", "members", "offset"}
    assert {"check", "severity", "message", "remedy"} <= set(finding)


def test_a_report_can_go_to_a_file(shell: Shell) -> None:
    assert shell("scan", "good.pkl", "--format", "json", "--output", "r.json").stdout == ""
    assert json.loads((shell.home / "r.json").read_text())["examinations"]


def test_nothing_to_examine_is_never_a_success(shell: Shell) -> None:
    (shell.home / "empty").mkdir()
    assert "nothing was examined" in shell("scan", "empty", code=3).stderr
    shell("scan", "missing.pkl", code=3)
    shell("scan", code=2)


def test_a_target_that_cannot_be_had_does_not_stop_the_others(shell: Shell) -> None:
    done = shell("scan", "good.pkl", "missing.pkl", "evil.pkl", "--format", "json", code=3)
    verdicts = [(one["ref"], one["verdict"]) for one in json.loads(done.stdout)["examinations"]]
    assert verdicts == [("file:good.pkl", "allowed"), ("file:missing.pkl", "refused"), ("file:evil.pkl", "refused")]
    assert "no such file" in done.stderr


def test_usage_policy_and_lock_errors_have_their_code(shell: Shell) -> None:
    shell("chek", code=2)
    shell("scan", "org/name@a b", code=2)
    shell("check", code=2)
    (shell.home / "modelguard.lock").write_text("lock-version = ")
    assert "modelguard.lock" in shell("check", code=2).stderr
    (shell.home / "modelguard.toml").write_text("mod = 1")
    assert "did you mean 'mode'?" in shell("scan", "good.pkl", code=2).stderr


def test_a_bad_reference_is_printed_escaped(shell: Shell) -> None:
    assert "\\u202e" in shell("path", "org/na\u202eme", code=2).stderr
    assert "\\n" in shell("path", "org/name@a\nb", code=2).stderr
    shell("path", "../../x", code=1)


def test_a_refused_model_is_not_locked(shell: Shell) -> None:
    shell("lock", "evil.pkl", code=1)
    assert not (shell.home / "modelguard.lock").exists()


def test_a_finding_can_be_accepted_with_a_reason(shell: Shell) -> None:
    (shell.home / "data.xyz").write_bytes(bytes(range(256)) * 3)
    shell("lock", "data.xyz", code=1)
    assert "--accept needs --reason" in shell("lock", "data.xyz", "--accept", "unknown-bytes", code=2).stderr
    shell("lock", "data.xyz", "--accept", "unknown-byte", "--reason", "x", code=2)
    shell("lock", "data.xyz", "--accept", "unknown-bytes", "--reason", "calibration data", "--until", "2999-01-01")
    assert "1 excused finding" in shell("check").stdout
    assert "calibration data" in shell("check", "--show-excused").stdout
    lock = shell.home / "modelguard.lock"
    lock.write_text(lock.read_text().replace("2999-01-01", "2020-01-01"))
    shell("check", code=1)


def test_entries_can_be_removed(shell: Shell) -> None:
    shell("lock", "good.pkl", "w.safetensors")
    shell("lock", "--remove", "good.pkl")
    shell("check")
    assert "good.pkl" not in (shell.home / "modelguard.lock").read_text()
    shell("lock", "--remove", "good.pkl", code=2)


def test_init_excuses_what_is_locked_and_would_be_refused(shell: Shell) -> None:
    shell("lock", "w.safetensors")
    shell("init")
    shell("check")
    assert "holds a policy already" in shell("init", code=2).stderr


def test_init_adds_to_a_project_file(shell: Shell) -> None:
    (shell.home / "pyproject.toml").write_text('[project]\nname = "x"\n')
    shell("init")
    text = (shell.home / "pyproject.toml").read_text()
    assert text.startswith('[project]\nname = "x"\n')
    assert "[tool.modelguard]" in text


def test_the_store_can_be_verified_and_swept(shell: Shell) -> None:
    shell("lock", "w.safetensors", "good.pkl")
    shell("lock", "--remove", "good.pkl")
    assert "3 objects looked at, 0 damaged" in shell("store", "verify").stdout
    assert "would remove 1 objects" in shell("store", "gc", "--dry-run").stdout
    assert "removed 1 objects" in shell("store", "gc").stdout
    assert Path(shell("store", "path").stdout.strip()).is_dir()


def test_every_check_has_a_page_with_its_four_parts(shell: Shell) -> None:
    for line in shell("explain").stdout.splitlines():
        page = shell("explain", line.split()[0]).stdout
        assert [part for part in ("Why it matters", "What to do", "Example") if part not in page] == [], line
    assert "did you mean 'digest-mismatch'?" in shell("explain", "digest-mismtch", code=2).stderr


def test_a_damaged_store_is_told_and_mended(shell: Shell) -> None:
    shell("lock", "w.safetensors")
    store = Path(shell("store", "path").stdout.strip())
    victim = next(file for file in (store / "objects").rglob("*") if file.is_file())
    victim.chmod(0o644)
    victim.write_bytes(b"x" + victim.read_bytes()[1:])
    shell("check", code=1)
    assert "1 damaged" in shell("store", "verify", code=1).stdout
    shell("check")


def test_the_table_of_formats_has_a_row_for_every_reader(shell: Shell) -> None:
    rows = json.loads(shell("formats", "--format", "json").stdout)
    assert {"pickle", "safetensors", "onnx", "zip"} <= {row["name"] for row in rows}
    assert all(row["reads"] and row["looks_for"] for row in rows)
    assert shell("formats").stdout.splitlines()[-1] == f"{len(rows)} formats"
    assert len(shell("formats", "--format", "markdown").stdout.splitlines()) == len(rows) + 2
