"""The first ten minutes: doctor, suggest, mistyped words, completion."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from modelguard.cli.doctor import _distributions_of
from modelguard.testing import LocalHub
from modelguard.testing.models import calling_pickle, tiny_pickle, tiny_safetensors


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


PROGRAM = """\
import pickle
import torch
from transformers import AutoModel

with open("model.pkl", "rb") as file:
    model = pickle.load(file)
extra = torch.load("weights.pkl")
other = AutoModel.from_pretrained("acme/tiny")
"""


def test_a_project_with_an_unguarded_pickle_starts_green(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(PROGRAM)
    (tmp_path / "model.pkl").write_bytes(tiny_pickle())
    (tmp_path / "weights.pkl").write_bytes(calling_pickle("acme.models", "Thing", "x"))
    run(tmp_path, "discover", code=1)
    told = run(tmp_path, "init").stderr
    assert "2 model files locked as exempted, 5 findings excused until" in told
    assert "next: modelguard lock acme/tiny" in told
    checked = run(tmp_path, "check").stdout
    assert "2 examined · 2 allowed · 0 refused" in checked
    assert "4 excused" in run(tmp_path, "discover").stdout
    lines = run(tmp_path, "suggest").stdout.splitlines()
    assert sum(line.startswith(("excuses[", "discovery.excuses[")) for line in lines) == 5
    assert '     → modelguard.guarded_load("weights.pkl")' in lines
    assert 'state = "exempted"' in (tmp_path / "modelguard.lock").read_text()


def test_what_comes_after_init_is_not_excused(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(PROGRAM)
    run(tmp_path, "init")
    run(tmp_path, "discover")
    (tmp_path / "new.py").write_text("import joblib\njoblib.load('weights.pkl')\n")
    assert "new.py:2  weights.pkl" in run(tmp_path, "discover", code=1).stdout
    policy = tmp_path / "modelguard.toml"
    policy.write_text(re.sub(r"until = 2[0-9-]+", "until = 2020-01-01", policy.read_text()))
    assert "app.py:7" in run(tmp_path, "discover", code=1).stdout


def test_init_excuses_nothing_critical(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("import torch\ntorch.load('evil.pkl')\n")
    (tmp_path / "evil.pkl").write_bytes(calling_pickle("os", "system", "echo pwned"))
    assert "not excused: file:evil.pkl" in run(tmp_path, "init", code=1).stderr
    assert not (tmp_path / "modelguard.lock").exists()
    assert "dangerous-call" not in (tmp_path / "modelguard.toml").read_text()


def test_an_excuse_with_signs_of_patterns_covers_its_own_name_alone(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("import torch\ntorch.load('w[1].pt')\n")
    run(tmp_path, "init")
    run(tmp_path, "discover")
    (tmp_path / "app.py").write_text("import torch\ntorch.load('w1.pt')\n")
    run(tmp_path, "discover", code=1)


def test_the_policy_of_a_project_file_is_no_use_of_a_model(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    (tmp_path / "app.py").write_text("import torch\ntorch.load('w.pt')\n")
    run(tmp_path, "init")
    uses = json.loads(run(tmp_path, "discover", "--format", "json").stdout)["uses"]
    assert [use["path"] for use in uses] == ["app.py"]


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


def test_a_changed_file_is_refused_by_the_lock_and_no_area_that_was_not_looked_at_is_called_ok(tmp_path: Path) -> None:
    (tmp_path / "m.pkl").write_bytes(tiny_pickle())
    run(tmp_path, "lock", "m.pkl")
    (tmp_path / "m.pkl").write_bytes(tiny_pickle() + b" ")
    shown = run(tmp_path, "check", code=1).stdout
    size = len(tiny_pickle()) + 1
    assert f"REFUSED  file:m.pkl  (1 file, {size} B)" in shown
    assert "lock FAILED (1)\n" in shown
    assert "content ok" not in shown
    assert "modelguard lock --upgrade file:m.pkl" in " ".join(shown.split())


def test_a_local_name_that_is_taken_for_one_of_a_hub_is_answered_with_how_to_write_it(tmp_path: Path) -> None:
    with LocalHub() as hub:
        told = run(tmp_path, "lock", "models/clf.pkl", code=3, HF_ENDPOINT=hub.url).stderr
    assert "a file on this machine is written ./NAME" in told
    assert "write org/name" in run(tmp_path, "lock", "", code=2).stderr


def test_the_remedy_for_a_broken_lock_can_be_followed(tmp_path: Path) -> None:
    (tmp_path / "m.pkl").write_bytes(tiny_pickle())
    (tmp_path / "modelguard.lock").write_text("x")
    assert "delete it and lock each model anew" in run(tmp_path, "check", code=2).stderr
    (tmp_path / "modelguard.lock").unlink()
    run(tmp_path, "lock", "m.pkl")
