"""The README: every command and every line of Python that it shows is run, in a project as its reader has one."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest

from modelguard._registry import parts
from modelguard.checks.check import Check
from modelguard.cli.command import Subcommand
from modelguard.testing import LocalHub, tiny_model

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text("utf-8")
ELSEWHERE = {
    "make demo": "run from a fresh clone, and recorded as docs/assets/demo.svg",
    "make test": "is what runs this test",
    "pip install modelguard": "tests/packaging installs the wheel",
}
"""Commands of the README that are not run here, with the place where they are."""


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)


def commands() -> list[str]:
    lines = [line for block in blocks("console") for line in block.splitlines() if line.startswith("$ ")]
    return [re.sub(r"\s+# .*", "", line.removeprefix("$ ")) for line in lines]


@pytest.fixture
def project(tmp_path: Path) -> Iterator[tuple[Path, dict[str, str]]]:
    """A project that uses org/name and a classifier, a Hub that has it, and the programs that the README calls."""
    joblib = pytest.importorskip("joblib", reason="the README's classifier is a joblib file")
    home, programs = tmp_path / "project", tmp_path / "bin"
    (home / "models").mkdir(parents=True)
    programs.mkdir()
    joblib.dump({"weights": [1.0, 2.0]}, home / "models" / "clf.joblib")
    (home / "app.py").write_text(
        "import joblib\nfrom transformers import AutoModel\n"
        "AutoModel.from_pretrained('org/name')\njoblib.load('models/clf.joblib')\n"
    )
    # Where modelguard is installed pytest finds the plug-in by itself.
    found = any(one.value == "modelguard.pytest_plugin" for one in metadata.entry_points(group="pytest11"))
    plugin = "" if found else "-p modelguard.pytest_plugin"
    for name, words in {
        "modelguard": f'exec "{sys.executable}" -m modelguard "$@"',
        "pytest": f'exec "{sys.executable}" -m pytest {plugin} -p no:cacheprovider "$@"',
        "vllm": 'test "$1" = serve && test -s "$2/model.safetensors"',
    }.items():
        (programs / name).write_text(f"#!/bin/sh\n{words}\n")
        (programs / name).chmod(0o755)
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "MODELGUARD_"))}
    with LocalHub() as hub:
        hub.repository("org/name").commit(tiny_model())
        yield home, {
            **clean, "PATH": f"{programs}:{os.environ['PATH']}", "MODELGUARD_STORE": str(tmp_path / "store"),
            "HF_ENDPOINT": hub.url,
        }  # fmt: skip


def run(command: list[str], home: Path, environment: dict[str, str]) -> str:
    done = subprocess.run(command, cwd=home, env=environment, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def test_every_command_and_every_line_of_python_works(project: tuple[Path, dict[str, str]]) -> None:
    home, environment = project
    shown = [command for command in commands() if command not in ELSEWHERE]
    assert len(shown) >= 7
    for command in shown:
        run(["/bin/sh", "-c", command], home, environment)
    (program,) = blocks("python")
    lines = [line for line in program.splitlines() if '"transformers.' not in line]  # needs a framework; see loaders/
    before = "import joblib\ndef Engine(path): return sorted(file.name for file in path.iterdir())\n"
    after = (
        "\nassert load('models/clf.joblib') == classifier\nassert 'model.safetensors' in engine\nprint(len(tensors))"
    )
    assert run([sys.executable, "-c", before + "\n".join(lines) + after], home, environment).strip() == "2"


def test_the_commands_that_the_text_names_exist() -> None:
    known = {part.command.name for part in parts("modelguard.cli", Subcommand)}
    named = set(re.findall(r"`modelguard ([a-z]+)", README)) | {
        word.split()[1] for word in commands() if "modelguard " in word
    }
    assert named - known <= {"serve", "install"}


def test_what_is_said_to_be_refused_is_a_check_and_links_lead_somewhere() -> None:
    table = README.partition("## What is refused")[2].partition("\n## ")[0]
    named = {name for row in table.splitlines()[3:] if row.startswith("|") for name in re.findall(r"`([a-z-]+)`", row)}
    assert len(named) >= 10
    assert named <= {check.name for check in parts("modelguard.checks", Check)}
    for link in re.findall(r"\]\((?!http)([^)#]+)\)", README):
        assert (ROOT / link).exists(), link


def test_what_is_run_elsewhere_is_still_shown_and_there() -> None:
    assert set(ELSEWHERE) <= set(commands())
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for command in ELSEWHERE:
        if command.startswith("make "):
            assert f"\n{command.removeprefix('make ')}:" in makefile


def test_it_fits_on_a_screen_and_shows_a_recorded_picture() -> None:
    assert len(README.splitlines()) <= 80
    picture = re.search(r"!\[[^\]]+\]\(([^)]+\.svg)\)", README)
    assert picture is not None
    drawn = (ROOT / picture[1]).read_text("utf-8")
    assert drawn.startswith("<svg")
    words = drawn.replace("&#160;", " ")
    for text in ("modelguard lock", "modelguard check", "REFUSED", "os.system", "three attacks refused"):
        assert text in words, text
