"""A second process of the same user swaps, truncates, rewrites and links files while the first one loads them.

In strict mode, and when single tensors are read, no changed byte is ever loaded: a round ends with the approved
numbers or with an error. `MODELGUARD_RACE_ROUNDS` sets the length of the long run.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from modelguard import ModelguardError, guarded_load, guarded_open
from modelguard.guard import Gate
from modelguard.testing.models import tiny_config, tiny_safetensors

FILE = "model.safetensors"
NUMBERS = [float(n) for n in range(20_000)]
GOOD, BAD = tiny_safetensors({"a": NUMBERS}), tiny_safetensors({"a": [-1.0] * len(NUMBERS)})

ATTACKER = """
import glob, itertools, os, random, sys, time
good, bad, rounds = open(sys.argv[1], "rb").read(), open(sys.argv[2], "rb").read(), itertools.count()
random.seed(20)

def put(path, data):
    with open(path + ".new", "wb") as file:
        file.write(data)
    os.replace(path + ".new", path)

def in_place(path, data):
    os.chmod(path, 0o644)
    with open(path, "r+b") as file:
        file.write(data)

def part(path, data):
    os.chmod(path, 0o644)
    with open(path, "r+b") as file:
        file.seek(len(data) // 2)
        file.write(data[len(data) // 2:])

def truncated(path, data):
    os.chmod(path, 0o644)
    os.truncate(path, len(data) // 3)

def linked(path, data):
    os.unlink(path)
    os.symlink(sys.argv[2], path)

def gone(path, data):
    os.unlink(path)

def stamp(path):
    try:
        return -os.lstat(os.path.dirname(path)).st_mtime
    except OSError:
        return 0.0

ATTACKS = [put, in_place, part, truncated, linked, gone]
for n in rounds:
    for pattern in random.sample(sys.argv[3:], 1):
        for path in sorted(glob.glob(pattern), key=stamp)[:1]:
            try:
                if "modelguard-sealed" in path:
                    os.chmod(os.path.dirname(path), 0o700)
                random.choice(ATTACKS)(path, bad)
                if random.random() < 0.7:
                    time.sleep(random.random() * 0.01)
                put(path, good)
            except OSError:
                pass
    time.sleep(random.random() * 0.004)
    if n == 0:
        print("attacking", flush=True)
"""


@contextmanager
def attacked(tmp_path: Path, *patterns: str) -> Iterator[None]:
    (tmp_path / "attacker.py").write_text(ATTACKER)
    (tmp_path / "good").write_bytes(GOOD)
    (tmp_path / "bad").write_bytes(BAD)
    command = [sys.executable, str(tmp_path / "attacker.py"), str(tmp_path / "good"), str(tmp_path / "bad"), *patterns]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "attacking\n"
        yield
        assert process.poll() is None, "the attacker did not last until the end"
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def strictly() -> Any:
    return guarded_load("models", file=FILE, loader="safetensors.numpy", strict=True)["a"].tolist()


def partially() -> Any:
    with guarded_open("models") as opened:
        return opened.get_tensor("a").tolist()


def race(
    load: Callable[[], Any],
    rounds: int,
    project: Path,
    lock_model: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> Counter[str]:
    (project / "models").mkdir()
    (project / "models" / FILE).write_bytes(GOOD)
    (project / "models" / "config.json").write_bytes(tiny_config())
    entry = lock_model("models")
    place = Gate.open().store.path_of(entry.digests[FILE])
    ends: Counter[str] = Counter()
    links = project.parent / "links"
    links.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(links))
    sealed = str(links / "modelguard-sealed-*" / FILE)
    with attacked(project.parent, str(project / "models" / FILE), str(place), sealed):
        for _ in range(rounds):
            try:
                found = load()
            except ModelguardError as error:
                ends[type(error).__name__] += 1
            except OSError:
                ends["OSError"] += 1
            else:
                assert found == NUMBERS
                ends["loaded"] += 1
    return ends


@pytest.mark.parametrize("load", [strictly, partially])
def test_no_changed_byte_is_loaded(
    load: Callable[[], Any], project: Path, lock_model: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    ends = race(load, 60, project, lock_model, monkeypatch)
    assert ends["loaded"] > 0, f"the attacker was too quick for any load to succeed: {ends}"
    assert ends.total() > ends["loaded"], f"the attacker was too slow to be noticed: {ends}"


@pytest.mark.slow
@pytest.mark.parametrize("load", [strictly, partially])
def test_no_changed_byte_is_loaded_in_many_rounds(
    load: Callable[[], Any], project: Path, lock_model: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    rounds = int(os.environ.get("MODELGUARD_RACE_ROUNDS", "10000"))
    ends = race(load, rounds, project, lock_model, monkeypatch)
    print(f"\n{load.__name__}: {dict(ends)}")
    assert ends["loaded"] > rounds // 100
    assert ends.total() == rounds
