"""What is made for CI: the shell steps are run as the action runs them, and the hooks as pre-commit does."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from modelguard.testing import LocalHub, tiny_model
from modelguard.testing.models import calling_pickle, tiny_pickle

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "ci" / "check.sh"


class Runner:
    """A runner's home: a project with a lock, a PATH with the command, and the files that steps write."""

    def __init__(self, base: Path) -> None:
        self.home = base / "project"
        self.home.mkdir()
        programs = base / "bin"
        programs.mkdir()
        (programs / "modelguard").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m modelguard "$@"\n')
        (programs / "modelguard").chmod(0o755)
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "MODELGUARD_"))}
        self.reports, self.output, self.summary = base / "reports", base / "output", base / "summary"
        self.environment = {
            **clean, "PATH": f"{programs}:{os.environ['PATH']}", "MODELGUARD_STORE": str(base / "store"),
            "REPORTS": str(self.reports), "GITHUB_OUTPUT": str(self.output), "GITHUB_STEP_SUMMARY": str(self.summary),
        }  # fmt: skip

    def __call__(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            words, cwd=self.home, env={**self.environment, **environment}, capture_output=True, text=True, timeout=120,
            check=False,
        )  # fmt: skip

    def step(self, **environment: str) -> dict[str, str]:
        """Run the step of the action and return its outputs."""
        done = self("bash", str(SCRIPT), **environment)
        assert done.returncode == 0, done.stderr
        return dict(line.split("=", 1) for line in self.output.read_text().splitlines())


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    made = Runner(tmp_path)
    (made.home / "good.pkl").write_bytes(tiny_pickle())
    assert made("modelguard", "lock", "good.pkl", "--reason", "test").returncode == 0
    return made


def test_a_lock_that_holds_passes_with_reports(runner: Runner) -> None:
    assert runner.step() == {"code": "0", "sarif": "true"}
    assert json.loads((runner.reports / "check.sarif").read_text())["version"] == "2.1.0"
    assert runner.summary.read_text().count("1 allowed") == 1
    assert runner.summary.read_text() == (runner.reports / "report.md").read_text()


def test_a_changed_file_gives_code_1_and_still_all_reports(runner: Runner) -> None:
    (runner.home / "good.pkl").write_bytes(calling_pickle("os", "system", "echo pwned"))
    assert runner.step() == {"code": "1", "sarif": "true"}
    assert json.loads((runner.reports / "check.sarif").read_text())["runs"][0]["results"]


def test_an_unguarded_use_gives_code_1(runner: Runner) -> None:
    (runner.home / "app.py").write_text("import torch\ntorch.load('good.pkl')\n")
    assert runner.step(DISCOVER="app.py")["code"] == "1"
    assert json.loads((runner.reports / "discover.sarif").read_text())["runs"][0]["results"]


def test_no_lock_is_no_success(runner: Runner) -> None:
    (runner.home / "modelguard.lock").unlink()
    assert runner.step() == {"code": "2", "sarif": "false"}


def test_the_text_of_an_input_is_never_run(runner: Runner) -> None:
    assert runner.step(REFS="$(touch pwned) ; touch pwned", DISCOVER="`touch pwned`")["code"] != "0"
    assert not (runner.home / "pwned").exists()


def load(name: str) -> Any:
    return yaml.safe_load((ROOT / name).read_text("utf-8"))


def test_no_step_pastes_an_expression_into_a_script() -> None:
    for step in load("action.yml")["runs"]["steps"]:
        assert "${{" not in step.get("run", ""), step


def test_the_action_uses_only_inputs_that_it_declares() -> None:
    import re

    text = (ROOT / "action.yml").read_text("utf-8")
    assert set(re.findall(r"inputs\.([\w-]+)", text)) == set(load("action.yml")["inputs"])


@pytest.mark.parametrize("hook", load(".pre-commit-hooks.yaml"), ids=lambda hook: hook["id"])
def test_a_hook_passes_where_all_is_well_and_fails_where_not(hook: dict[str, Any], runner: Runner) -> None:
    app = runner.home / "app.py"
    app.write_text("from modelguard import guarded_load\nguarded_load('good.pkl')\n")
    names = {"modelguard-scan": ["good.pkl"], "modelguard-discover": ["app.py"]}.get(hook["id"], [])
    words = [*shlex.split(hook["entry"]), *names]
    assert runner(*words).returncode == 0
    app.write_text("import torch\ntorch.load('good.pkl')\n")
    (runner.home / "good.pkl").write_bytes(calling_pickle("os", "system", "echo pwned"))
    assert runner(*words).returncode in {1, 3}  # 3: bytes that are not the locked ones are not even looked at


def test_the_gitlab_job_runs_commands_that_work(runner: Runner) -> None:
    script = [line for line in load("ci/gitlab.yml")["modelguard"]["script"] if line.startswith("modelguard")]
    assert len(script) == 2
    for line in script:
        if "discover" in line:
            (runner.home / "app.py").write_text("from modelguard import guarded_load\nguarded_load('good.pkl')\n")
        assert runner("sh", "-c", line).returncode == 0, line
    assert (runner.home / "modelguard.xml").read_text().startswith("<?xml")


def test_the_scheduled_monitor_runs_a_command_that_works(runner: Runner) -> None:
    steps = load("ci/monitor.yml")["jobs"]["monitor"]["steps"]
    line = next(step["run"] for step in steps if step.get("run", "").startswith("modelguard"))
    with LocalHub() as hub:
        hub.repository("acme/tiny").commit(tiny_model())
        assert runner("modelguard", "lock", "acme/tiny", HF_ENDPOINT=hub.url).returncode == 0
        first = runner("sh", "-c", line, HF_ENDPOINT=hub.url)
        assert (first.returncode, "vendor-inactive" in first.stdout) == (1, True), first.stderr
        again = runner("sh", "-c", line, HF_ENDPOINT=hub.url)
        assert again.returncode == 0, "an event that was told is not told again before a week is over"
    assert (runner.home / "modelguard-state.db").exists()


def recorder(runner: Runner, name: str) -> Path:
    """Put a program on the PATH that writes down the words that it is called with, and return where."""
    record = runner.home.parent / f"{name}.words"
    program = runner.home.parent / "bin" / name
    program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >>"{record}"\n')
    program.chmod(0o755)
    return record


def step_with(word: str) -> str:
    """Return the script of the step of the action in which a word stands."""
    (script,) = (step["run"] for step in load("action.yml")["runs"]["steps"] if word in step.get("run", ""))
    return str(script)


@pytest.mark.parametrize(("version", "installed"), [("", "/the/action"), ("modelguard==0.1.0; touch pwned", None)])
def test_the_action_installs_itself_or_what_it_is_told(runner: Runner, version: str, installed: str | None) -> None:
    words = recorder(runner, "python")
    done = runner("bash", "-e", "-c", step_with("pip install"), VERSION=version, ACTION_PATH="/the/action")
    assert done.returncode == 0
    assert words.read_text().splitlines() == ["-m", "pip", "install", "--quiet", installed or version]
    assert not (runner.home / "pwned").exists()


def test_the_action_comments_once_and_only_where_there_is_a_report(runner: Runner) -> None:
    words, report = recorder(runner, "gh"), runner.home.parent / "report.md"
    given = {"REPORT": str(report), "NUMBER": "7", "GITHUB_REPOSITORY": "acme/app"}
    assert runner("bash", "-e", "-c", step_with("gh pr comment"), **given).returncode == 0
    assert not words.exists()
    report.write_text("# report\n")
    assert runner("bash", "-e", "-c", step_with("gh pr comment"), **given).returncode == 0
    called = words.read_text().splitlines()
    assert called[:3] == ["pr", "comment", "7"]
    assert {"--edit-last", "--create-if-none", str(report)} <= set(called)


@pytest.mark.parametrize(("code", "expected"), [("0", 0), ("1", 1), ("", 3)])
def test_the_action_ends_with_the_code_of_the_check(runner: Runner, code: str, expected: int) -> None:
    assert runner("bash", "-e", "-c", step_with("exit"), CODE=code).returncode == expected


def test_every_step_of_the_action_is_run_by_a_test() -> None:
    scripts = [step["run"] for step in load("action.yml")["runs"]["steps"] if "run" in step]
    tested = {step_with(word) for word in ("pip install", "check.sh", "gh pr comment", "exit")}
    assert set(scripts) == tested


@pytest.mark.parametrize(("file", "job"), [("ci/gitlab.yml", "modelguard"), ("ci/monitor.yml", "monitor")])
def test_the_templates_install_what_they_are_told(runner: Runner, file: str, job: str) -> None:
    document = load(file)
    lines = document[job]["script"] if job in document else [
        step["run"] for step in document["jobs"][job]["steps"] if "run" in step
    ]  # fmt: skip
    (line,) = (line for line in lines if "pip install" in line)
    words = recorder(runner, "python")
    assert runner("sh", "-e", "-c", line, MODELGUARD_PACKAGE="modelguard==0.1.0").returncode == 0
    assert words.read_text().splitlines()[-1] == "modelguard==0.1.0"
