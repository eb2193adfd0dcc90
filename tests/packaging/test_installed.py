"""The wheel and the sdist, installed into clean environments of each supported Python and used from there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from modelguard.testing.models import calling_pickle, tiny_pickle

ROOT = Path(__file__).resolve().parents[2]
PYTHONS = ("3.11", "3.12", "3.13")
EXTRAS = {"torch", "transformers", "sklearn", "onnx", "keras", "gguf", "dask", "notify", "spdx", "all"}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def python(version: str) -> str:
    """Return a Python of a version: on the path, or among those of pyenv."""
    for place in (
        shutil.which(f"python{version}"),
        *sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python")),
    ):
        if place is not None and subprocess.run([place, "-c", ""], check=False, capture_output=True).returncode == 0:
            return str(place)
    pytest.skip(f"there is no Python {version} on this machine")


def call(*words: object, code: int = 0, cwd: Path | None = None) -> str:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "MODELGUARD_", "HF_"))}
    done = subprocess.run(
        [str(word) for word in words], cwd=cwd, env=clean, capture_output=True, text=True, timeout=1800, check=False
    )
    assert done.returncode == code, f"{words}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sdist, built from a copy of the committed files."""
    work = tmp_path_factory.mktemp("build")
    source = work / "source"
    source.mkdir()
    archive = subprocess.run(["git", "archive", "HEAD"], cwd=ROOT, check=True, capture_output=True).stdout
    subprocess.run(["tar", "-x"], cwd=source, input=archive, check=True)
    call(sys.executable, "-m", "venv", work / "venv")
    call(work / "venv" / "bin" / "pip", "install", "--quiet", "build")
    call(work / "venv" / "bin" / "python", "-m", "build", "--sdist", "--outdir", work / "dist", source)
    (sdist,) = (work / "dist").glob("*.tar.gz")
    return sdist


def test_the_extras_are_those_that_are_promised() -> None:
    assert set(PROJECT["optional-dependencies"]) >= EXTRAS
    named = {
        word
        for line in PROJECT["optional-dependencies"]["all"]
        for word in line.partition("[")[2].rstrip("]").split(",")
    }
    assert named == set(PROJECT["optional-dependencies"]) - {"all"}


@pytest.mark.slow
@pytest.mark.parametrize("version", PYTHONS)
def test_it_installs_and_works_in_a_clean_environment(built: Path, version: str, tmp_path: Path) -> None:
    home = tmp_path / "project"
    home.mkdir()
    (home / "good.pkl").write_bytes(tiny_pickle())
    (home / "evil.pkl").write_bytes(calling_pickle("os", "system", "echo pwned"))
    (home / "app.py").write_text("import joblib\njoblib.load('good.pkl')\n")
    call(python(version), "-m", "venv", tmp_path / "venv")
    programs = tmp_path / "venv" / "bin"
    call(programs / "pip", "install", "--quiet", "--constraint", ROOT / "requirements" / "constraints.txt", built)
    call(programs / "pip", "check")
    command = programs / "modelguard"
    assert PROJECT["version"] in call(command, "--version")
    store = ("--store", tmp_path / "store")
    call(command, "scan", *store, "good.pkl", cwd=home)
    assert "os.system" in call(command, "scan", *store, "evil.pkl", code=1, cwd=home)
    call(command, "init", cwd=home)
    call(command, "check", *store, cwd=home)
    call(command, "discover", cwd=home)
    assert "page" in call(command, "explain", "--json", cwd=home)
    assert (tmp_path / "venv" / "share" / "man" / "man1" / "modelguard.1").is_file()
    assert (tmp_path / "venv" / "share" / "bash-completion" / "completions" / "modelguard").is_file()


@pytest.mark.slow
def test_pipx_runs_it_without_installing(built: Path, tmp_path: Path) -> None:
    call(sys.executable, "-m", "venv", tmp_path / "venv")
    call(tmp_path / "venv" / "bin" / "pip", "install", "--quiet", "pipx")
    shown = call(tmp_path / "venv" / "bin" / "pipx", "run", "--spec", built, "modelguard", "--version")
    assert PROJECT["version"] in shown
