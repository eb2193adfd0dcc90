"""Reports, bills of materials and inventories from the command line: where findings stand, and that runs are alike."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as Tree

import pytest

from modelguard.testing.models import calling_pickle, tiny_pickle, tiny_safetensors


class Project:
    """A directory with two locked models, one of which was swapped afterwards."""

    def __init__(self, home: Path) -> None:
        self.home = home
        home.mkdir()
        names = {
            name: value for name, value in os.environ.items() if not name.startswith(("HF_", "MODELGUARD_", "GITHUB_"))
        }
        self.environment = {**names, "MODELGUARD_STORE": str(home.parent / "store"), "COLUMNS": "80"}
        (home / "good.safetensors").write_bytes(tiny_safetensors())
        (home / "swapped.pkl").write_bytes(tiny_pickle())
        self("lock", "good.safetensors", "swapped.pkl", "--reason", "test", "--by", "ada@acme.example")
        (home / "swapped.pkl").write_bytes(calling_pickle("os", "system", "echo pwned"))

    def __call__(self, *words: str, code: int = 0) -> str:
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
        return done.stdout


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return Project(tmp_path_factory.mktemp("reports") / "project")


def line_of(project: Project, text: str) -> int:
    return (project.home / "modelguard.lock").read_text("utf-8").splitlines().index(text) + 1


def test_sarif_stands_at_the_entry_of_the_lock(project: Project) -> None:
    (run,) = json.loads(project("check", "--format", "sarif", code=1))["runs"]
    refusing = next(result for result in run["results"] if result["level"] == "error")
    place = refusing["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "modelguard.lock"
    assert place["region"]["startLine"] == line_of(project, 'id = "file:swapped.pkl"')
    rule = run["tool"]["driver"]["rules"][0]
    assert rule["help"]["text"].startswith(rule["shortDescription"]["text"])


def test_github_annotations_come_with_a_step_summary(project: Project, tmp_path: Path) -> None:
    summary = tmp_path / "summary.md"
    summary.write_text("before\n", "utf-8")
    project.environment["GITHUB_STEP_SUMMARY"] = str(summary)
    out = project("check", "--format", "github", code=1)
    del project.environment["GITHUB_STEP_SUMMARY"]
    line = line_of(project, 'id = "file:swapped.pkl"')
    assert out.startswith(f"::error file=modelguard.lock,line={line},title=")
    text = summary.read_text("utf-8")
    assert text.startswith("before\n### ❌ modelguard: 2 examined · 1 allowed · 1 refused\n")


def test_the_other_reports_tell_the_same_verdicts(project: Project) -> None:
    suites = Tree.fromstring(project("check", "--format", "junit", code=1))
    assert [suite.get("failures") for suite in suites] == ["0", "1"]
    lines = project("check", "--format", "jsonl", code=1).splitlines()
    assert [json.loads(line)["verdict"] for line in lines] == ["allowed", "refused"]
    assert "❌ **refused**" in project("check", "--format", "markdown", code=1)
    page = project("check", "--format", "html", code=1)
    assert "ada@acme.example" in page
    assert "<h4>Timeline</h4>" in page


@pytest.mark.parametrize("name", ["sarif", "html"])
def test_two_runs_are_byte_identical(project: Project, name: str) -> None:
    assert project("check", "--format", name, code=1) == project("check", "--format", name, code=1)


def test_text_folds_to_eighty_columns(project: Project) -> None:
    lines = project("check", code=1).splitlines()
    assert max(map(len, lines)) <= 80
    assert "  lock FAILED (1)" in "\n".join(lines)


def test_a_bill_of_the_lock_is_the_same_each_time(project: Project) -> None:
    for words in (("sbom",), ("sbom", "--spec", "1.7"), ("sbom", "--format", "spdx")):
        first = project(*words)
        assert first == project(*words)
        json.loads(first)
    assert json.loads(project("sbom"))["specVersion"] == "1.6"
    assert json.loads(project("sbom", "--spec", "1.7"))["specVersion"] == "1.7"


def test_source_date_epoch_sets_the_time_of_a_bill(project: Project) -> None:
    project.environment["SOURCE_DATE_EPOCH"] = "1700000000"
    made = json.loads(project("sbom"))["metadata"]["timestamp"]
    project.environment["SOURCE_DATE_EPOCH"] = "soon"
    project("sbom", code=3)
    del project.environment["SOURCE_DATE_EPOCH"]
    assert made == "2023-11-14T22:13:20Z"


def test_coverage_counts_what_is_known(project: Project) -> None:
    assert "file:good.safetensors: " in project("sbom", "--coverage")
    rows = json.loads(project("sbom", "--coverage", "--json"))["elements"]
    assert len(rows) == 100


def test_the_inventory_reads_locks_named_and_the_own_one(project: Project) -> None:
    assert project("inventory").endswith("2 models\n")
    table = [
        *csv.DictReader(io.StringIO(project("inventory", "modelguard.lock", "modelguard.lock", "--format", "csv")))
    ]
    assert [row["model"] for row in table] == ["file:good.safetensors", "file:swapped.pkl"] * 2
    assert json.loads(project("inventory", "--format", "json"))["models"][1]["imports"] == 1


def test_an_empty_lock_is_no_success(project: Project, tmp_path: Path) -> None:
    (tmp_path / "modelguard.lock").write_text('lock-version = "1.0"\ncreated-by = "x"\n\n[end-of-lock]\n', "utf-8")
    project("inventory", str(tmp_path / "modelguard.lock"), code=3)
    project("sbom", "--lock", str(tmp_path / "modelguard.lock"), code=3)
