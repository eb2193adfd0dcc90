"""The fuzz harness: every reader has samples in it, gets damaged files that it still accepts, and keeps its promises.

Long campaigns are `make fuzz`; here each reader gets a few inputs, the same ones every time.
"""

from __future__ import annotations

import importlib.util
import json
import sys
import tracemalloc
import zipfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from random import Random
from time import process_time
from types import ModuleType

import pytest
from format_samples import FORMATS, Sample, samples

from modelguard.collectors._walk import Reading
from modelguard.terms.artifact import Location
from modelguard.terms.content import Budget, Content
from modelguard.terms.facts import Unread

TOOLS = Path(__file__).parents[2] / "tools"


def tool(name: str) -> ModuleType:
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, TOOLS / f"{name}.py")
        assert spec
        assert spec.loader
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


@pytest.fixture(scope="module")
def harness() -> ModuleType:
    tool("fuzz_mutations")
    return tool("fuzz_formats")


def test_no_reader_is_absent_from_the_corpus(harness: ModuleType) -> None:
    assert {reader for reader, some in harness.seeds(None).items() if some} == set(FORMATS)


@pytest.mark.parametrize("reader", sorted(FORMATS))
def test_a_reader_keeps_its_promise_for_damaged_files(reader: str, harness: ModuleType) -> None:
    tally, random = harness.Tally(), Random(reader)
    others = [sample.data for sample in samples()["pickle"]]
    wrong = []
    for _ in range(40):
        sample = random.choice(samples()[reader])
        data = harness.mutated(random, sample.data, others)
        wrong.append(harness.try_one(data, sample.path, reader, tally, alone=random.random() < 0.5, measured=False))
    assert not [one for one in wrong if one]
    assert tally.accepted, "no damaged file got past the first look"


def test_a_campaign_reports_a_reader_without_samples_and_one_that_fails(
    harness: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    found = harness.seeds(None)
    tallies = harness.campaign(["gguf", "onnx"], 0.05, 1, {"gguf": found["gguf"]}, None)
    assert not tallies["gguf"].failures
    assert tallies["onnx"].failures
    assert "gguf" in capsys.readouterr().out


@pytest.mark.parametrize("row", range(15))
def test_every_structure_of_the_harness_changes_some_sample(row: int, harness: ModuleType) -> None:
    """A row that recognises nothing, or puts nothing together again, would damage nothing."""
    structures = tool("fuzz_mutations").STRUCTURES
    assert len(structures) == 15
    recognises, change = structures[row]
    random = Random(row)
    changed = 0
    for sample in (sample for some in samples().values() for sample in some if recognises(sample.data)):
        for _ in range(3):
            try:
                changed += change(random, sample.data) != sample.data
            except Exception:
                continue
    assert changed >= 2


def test_changed_members_of_an_archive_have_right_checksums(harness: ModuleType) -> None:
    random = Random(1)
    data = samples()["torch-zip"][0].data
    for _ in range(20):
        changed = tool("fuzz_mutations").zip_members(random, data)
        assert zipfile.ZipFile(BytesIO(changed)).testzip() is None


# --- bombs: every number in a file made as large as it can be -----------------------------------------------------

HUGE = (b"\xff" * 8, b"\xff" * 7 + b"\x7f", b"\xff\xff\xff\x7f", b"\xff\xff\xff\xff\0\0\0\0", b"\x7f" + b"\xff" * 7)
ALL = [sample for some in samples().values() for sample in some]


def _swollen(sample: Sample, step: int) -> None:
    tracemalloc.start()
    try:
        for start in range(0, min(len(sample.data), 2048), step):
            for huge in HUGE:
                data = sample.data[:start] + huge + sample.data[start + len(huge) :]
                reading = Reading(
                    budget=Budget(seconds=30.0),
                    paths=frozenset({sample.path, *sample.others}),
                    formats=tuple(FORMATS.values()),
                )
                tracemalloc.reset_peak()
                began = process_time()
                facts = list(reading.read(Content.of(data, Location(sample.path))))
                assert process_time() - began < 10, start
                assert tracemalloc.get_traced_memory()[1] < 160 << 20, start
                assert not [fact for fact in facts if isinstance(fact, Unread) and "internal" in fact.reason], start
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("sample", ALL, ids=str)
def test_a_huge_number_costs_neither_time_nor_memory(sample: Sample) -> None:
    _swollen(sample, max(8, len(sample.data) // 24))


@pytest.mark.slow
@pytest.mark.parametrize("sample", ALL, ids=str)
def test_a_huge_number_at_any_place_costs_neither_time_nor_memory(sample: Sample) -> None:
    _swollen(sample, 1)


# What expands or nests without end, one for each way in which a format can: named by its format.
BOMBS: dict[str, bytes] = {
    "json": b"[" * 1_000_000,
    "keras-config": b'{"class_name": ' * 200_000,
    "yaml": b"a: &a [x]\n" + b"".join(b"b%d: &b%d [*%s, *%s]\n" % (n, n, p, p) for n in range(60)
            for p in [b"a" if not n else b"b%d" % (n - 1)]),
    "toml": b"a" + b".a" * 100_000 + b" = 1\n",
    "jinja": b"{{ " + b"(" * 100_000,
    "python": b"x = " + b"(" * 100_000,
    "tensorflow-text": b"node " + b"{ a " * 100_000,
    "onnx-text": b"graph " + b"{ a " * 100_000,
    "markup": b"<?xml ?>" + b"<a>" * 200_000,
    "openvino": b"<net><layers>" + b"<layer " * 100_000,
    "pmml": b"<PMML>" + b"<a " * 100_000,
    "xgboost": b'{"learner": {"a": ' + b"[" * 500_000,
    "msgpack": b"\x91" * 1_000_000,
    "pickle": b"\x80\x04" + b"(" * 1_000_000,
    "onnx": b"\x08\x0a" + b"\x3a\x80\x80\x01" * 50_000,
    "gguf": b"GGUF\x03\0\0\0" + b"\xff" * 64,
    "notebook": json.dumps({"cells": [{"cell_type": "code", "source": "x = " + "[" * 90_000}], "nbformat": 4}).encode(),
    "text": b"\xf0\x9f\x98\x80" * 200_000,
    "requirements": b"-r x\n" * 200_000,
}  # fmt: skip
NAMES = {"yaml": "a.yaml", "toml": "a.toml", "jinja": "a.jinja", "python": "a.py", "notebook": "a.ipynb",
         "requirements": "requirements.txt", "markup": "a.xml", "json": "a.json"}  # fmt: skip


@pytest.fixture
def little_memory() -> Iterator[None]:
    """Leave the process 2 GiB beyond what it has, so that a bomb that goes off fails a test and not the machine."""
    resource = pytest.importorskip("resource", reason="limits of memory are POSIX's")
    pages = int(Path("/proc/self/statm").read_text().split()[0]) if Path("/proc/self/statm").exists() else 1 << 20
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + (2 << 30), before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


@pytest.mark.usefixtures("little_memory")
@pytest.mark.parametrize("form", BOMBS)
def test_a_bomb_costs_neither_time_nor_memory(form: str) -> None:
    tracemalloc.start()
    try:
        began = process_time()
        reading = Reading(budget=Budget(seconds=30.0), paths=frozenset(), formats=tuple(FORMATS.values()))
        facts = list(reading.read(Content.of(BOMBS[form], Location(NAMES.get(form, "model")))))
        assert process_time() - began < 20
        assert tracemalloc.get_traced_memory()[1] < 400 << 20
        assert not [fact for fact in facts if isinstance(fact, Unread) and "internal" in fact.reason]
    finally:
        tracemalloc.stop()
