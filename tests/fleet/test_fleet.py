"""Many models at once: what a target stands for, workers that die, results that grow, a run that goes on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from modelguard.fleet import Failed, Results, Setting, examine_many, expand
from modelguard.fleet.objects import fetch
from modelguard.fleet.running import Opener, dask, examine_one, processes
from modelguard.fleet.targets import read_list
from modelguard.guard import Gate
from modelguard.sources.source import Options
from modelguard.terms.errors import LoaderError, ModelguardError, NotFound, RefError
from modelguard.testing import LocalHub, tiny_model
from modelguard.testing.models import calling_pickle, tiny_pickle, tiny_safetensors

COUNT = 6


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with safe models and one that is refused."""
    home = tmp_path / "project"
    (home / "models" / "deep").mkdir(parents=True)
    for index in range(COUNT):
        (home / "models" / f"m{index}.safetensors").write_bytes(tiny_safetensors({"w": [float(index)]}))
    (home / "models" / "evil.pkl").write_bytes(calling_pickle("os", "system", "echo pwned"))
    (home / "models" / "deep" / "inner.pkl").write_bytes(tiny_pickle())
    monkeypatch.chdir(home)
    monkeypatch.setenv("MODELGUARD_STORE", str(tmp_path / "store"))
    return home


def modelguard(*words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "modelguard", *words], capture_output=True, text=True, timeout=180, check=False
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done


# --- targets -------------------------------------------------------------------------------------------------------


def test_patterns_stand_for_what_is_there(home: Path) -> None:
    options = Options(home=home)
    names = [f"./models/m{index}.safetensors" for index in range(COUNT)]
    assert expand(["models/*"], options) == ["./models/deep", "./models/evil.pkl", *names]
    assert expand(["models/**"], options) == ["./models/evil.pkl", *names, "./models/deep/inner.pkl"]
    assert expand(["models", "org/name", "models"], options) == ["models", "org/name"]


def test_all_models_of_an_organization_are_found_and_nobody_elses(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with LocalHub() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        for name in ("acme/b", "acme/a", "other/c"):
            hub.repository(name).commit(tiny_model())
        assert expand(["hf://acme/*"], Options(home=home, endpoint=hub.url)) == ["hf://acme/a", "hf://acme/b"]
        outcome = examine_one("hf://acme/a", Setting(start=home))
        assert not isinstance(outcome.result, Failed)
        assert outcome.result.allowed


def test_a_pattern_that_stands_for_nothing_is_an_error(home: Path) -> None:
    (home / "empty").mkdir()
    for pattern in ("empty/*", "missing/*", "empty/**"):
        with pytest.raises(NotFound):
            expand([pattern], Options(home=home))
    with pytest.raises(RefError):
        expand(["hf://not a name/*"], Options(home=home))


def test_a_list_has_one_target_a_line(home: Path) -> None:
    (home / "list.txt").write_text("# models\n\n  models/m0.safetensors \norg/name@main\n")
    assert read_list(home / "list.txt") == ["models/m0.safetensors", "org/name@main"]


# --- running -------------------------------------------------------------------------------------------------------


def test_a_model_that_cannot_be_examined_stops_no_other(home: Path) -> None:
    outcomes = {one.target: one.result for one in examine_many(["./nothing", "models/m0.safetensors"], at(home), two())}
    assert isinstance(outcomes["./nothing"], Failed)
    assert not isinstance(outcomes["models/m0.safetensors"], Failed)


def at(home: Path) -> Setting:
    return Setting(start=home)


def two() -> Opener:
    return processes(2)


def test_a_killed_worker_loses_nothing(home: Path) -> None:
    targets = expand(["models/*"], Options(home=home))
    pools: list[Any] = []

    @contextmanager
    def watched() -> Iterator[Executor]:
        with processes(2)() as pool:
            pools.append(pool)
            yield pool

    outcomes = {}
    for outcome in examine_many(targets, at(home), watched):
        if not outcomes:
            os.kill(next(iter(pools[0]._processes)), signal.SIGKILL)
        outcomes[outcome.target] = outcome.result
    assert outcomes.keys() == set(targets)
    assert not [one for one in outcomes.values() if isinstance(one, Failed)]


def killer(target: str, setting: Setting) -> Any:
    """Stand in a pool for a model whose examination kills the worker."""
    if target == "killer":
        os.kill(os.getpid(), signal.SIGKILL)
    return examine_one(target, setting)


def test_a_model_that_always_kills_its_worker_is_named_and_the_others_are_examined(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("modelguard.fleet.running.examine_one", killer)
    targets = ["killer", "models/m0.safetensors", "models/m1.safetensors"]
    outcomes = {one.target: one.result for one in examine_many(targets, Setting(start=home, retries=0), two())}
    assert {name for name, result in outcomes.items() if isinstance(result, Failed)} == {"killer"}
    assert len(outcomes) == len(targets)


# --- the command ---------------------------------------------------------------------------------------------------


def test_side_by_side_gives_the_same_report_as_one_after_the_other(home: Path) -> None:
    names = expand(["models/*"], Options(home=home))
    alone = modelguard("scan", *names, "--format", "json", code=1).stdout
    for many in ("--jobs", "2"), ("--executor", "threads", "--jobs", "3"):
        assert modelguard("scan", "models/*", "--format", "json", *many, code=1).stdout == alone


def test_results_are_streamed_resumed_and_in_the_order_of_the_targets(home: Path) -> None:
    assert "7 allowed · 1 refused · 0 failed" in modelguard("scan", "models/*", "--results", "r.jsonl", code=1).stdout
    whole = (home / "r.jsonl").read_text()
    lines = whole.splitlines(keepends=True)
    assert [json.loads(line)["target"] for line in lines] == expand(["models/*"], Options(home=home))
    assert "there are results already" in modelguard("scan", "models/*", "--results", "r.jsonl", code=3).stderr
    (home / "r.jsonl").unlink()
    (home / "r.jsonl.part").write_text("".join(lines[::-1][:5]) + lines[0][:40])  # a run that was killed
    modelguard("scan", "models/*", "--results", "r.jsonl", "--resume", code=1)
    assert (home / "r.jsonl").read_text() == whole
    assert not (home / "r.jsonl.part").exists()


def test_every_line_of_the_results_is_of_the_published_schema(home: Path) -> None:
    jsonschema = pytest.importorskip("jsonschema", reason="the schema is checked by jsonschema")
    referencing = pytest.importorskip("referencing", reason="it finds the schema of the report")
    pages = Path(__file__).parents[2] / "docs" / "reference"
    schemas = {file.name: json.loads(file.read_text("utf-8")) for file in pages.glob("*.schema.json")}
    known = [(name, referencing.Resource.from_contents(schema)) for name, schema in schemas.items()]
    validator = jsonschema.Draft202012Validator(
        schemas["results.schema.json"], registry=referencing.Registry().with_resources(known)
    )
    (home / "list.txt").write_text("./nothing\nmodels\nmodels/evil.pkl\nmodels/m0.safetensors\n")
    modelguard("scan", "--from-file", "list.txt", "--results", "r.jsonl", code=3)
    lines = [json.loads(line) for line in (home / "r.jsonl").read_text().splitlines()]
    assert [line.get("verdict", "failed") for line in lines] == ["failed", "refused", "refused", "allowed"]
    for line in lines:
        validator.validate(line)
        for damaged in ({**line, "more": 1}, {name: line[name] for name in line if name != "target"}):
            assert not validator.is_valid(damaged)


def test_a_failure_is_kept_and_tried_again_on_resume(home: Path) -> None:
    (home / "list.txt").write_text("./late.safetensors\nmodels/m0.safetensors\n")
    modelguard("scan", "--from-file", "list.txt", "--results", "r.jsonl", code=3)
    assert "error" in json.loads((home / "r.jsonl").read_text().splitlines()[0])
    (home / "late.safetensors").write_bytes(tiny_safetensors())
    modelguard("scan", "--from-file", "list.txt", "--results", "r.jsonl", "--resume")
    assert "error" not in (home / "r.jsonl").read_text()


def test_what_the_fleet_is_told_wrongly_is_a_usage_error(home: Path) -> None:
    modelguard("scan", code=2)
    modelguard("scan", "models/*", "--resume", code=2)
    modelguard("scan", "models/*", "--executor", "cloud://x", code=2)


def test_results_that_are_there_are_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "r.jsonl").write_text("mine")
    with pytest.raises(ModelguardError, match="results already"):
        Results(tmp_path / "r.jsonl").begin(resume=False)


# --- object stores ---------------------------------------------------------------------------------------------------


def test_models_in_object_stores_are_hashed_and_examined(home: Path) -> None:
    fsspec = pytest.importorskip("fsspec", reason="object stores are reached through fsspec")
    files = fsspec.filesystem("memory")
    files.pipe("/bucket/model/a.pkl", calling_pickle("os", "system", "echo pwned"))
    files.pipe("/bucket/model/sub/w.safetensors", tiny_safetensors())
    snapshot = fetch("memory://bucket/model", Gate.open())
    assert [one.path for one in snapshot.artifacts] == ["a.pkl", "sub/w.safetensors"]
    outcome = examine_one("memory://bucket/model", at(home))
    assert not isinstance(outcome.result, Failed)
    assert not outcome.result.allowed
    assert isinstance(examine_one("memory://bucket/nothing", at(home)).result, Failed)
    with pytest.raises(LoaderError):
        fetch("nosuchstore://bucket/x", Gate.open())


def test_an_object_store_is_scanned_by_the_command(home: Path) -> None:
    pytest.importorskip("fsspec", reason="object stores are reached through fsspec")
    assert "dangerous-call" in modelguard("scan", f"local://{home}/models/evil.pkl", code=1).stdout


# --- Parquet and Dask ------------------------------------------------------------------------------------------------


@pytest.mark.heavy
def test_results_can_be_a_parquet_table(home: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="tables are written by pyarrow")
    modelguard("scan", "models/*", "--results", "r.parquet", code=1)
    rows = parquet.read_table("r.parquet").to_pylist()
    assert [row["verdict"] for row in rows].count("refused") == 1
    evil = next(row for row in rows if row["verdict"] == "refused")
    assert "dangerous-call" in {one["check"] for one in json.loads(evil["findings"])}


@pytest.fixture
def cluster() -> Iterator[Any]:
    distributed = pytest.importorskip("distributed", reason="needs the extra dask")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, host="127.0.0.1"
    ) as cluster:
        yield cluster


def address_of(cluster: Any) -> str:
    return str(cluster.scheduler_address.removeprefix("tcp://"))


@pytest.mark.heavy
def test_a_dask_cluster_gives_the_same_report_as_one_process(home: Path, cluster: Any) -> None:
    alone = modelguard("scan", "models/*", "--format", "json", "--jobs", "1", code=1).stdout
    executor = ("--executor", f"dask://{address_of(cluster)}")
    assert modelguard("scan", "models/*", "--format", "json", *executor, code=1).stdout == alone
    modelguard("scan", "models/*", "--results", "one.jsonl", "--jobs", "1", code=1)
    modelguard("scan", "models/*", "--results", "dask.jsonl", *executor, code=1)
    assert (home / "dask.jsonl").read_bytes() == (home / "one.jsonl").read_bytes()


@pytest.mark.heavy
def test_a_dask_worker_that_is_killed_loses_nothing(home: Path, cluster: Any) -> None:
    targets = expand(["models/*"], Options(home=home))
    outcomes = {}
    for outcome in examine_many(targets, at(home), dask(address_of(cluster))):
        if not outcomes:
            os.kill(next(iter(cluster.workers.values())).pid, signal.SIGKILL)
        outcomes[outcome.target] = outcome.result
    assert outcomes.keys() == set(targets)
    assert not [one for one in outcomes.values() if isinstance(one, Failed)]
