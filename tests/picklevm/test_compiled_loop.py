"""The compiled loop is optional and gives the same facts as the Python loop."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from random import Random

import pytest
from oracle import facts_of
from pickle_programs import mutate, program, real

from modelguard.picklevm import state
from modelguard.picklevm.fast import ADVANCE

built = pytest.mark.skipif(ADVANCE is None, reason="the compiled loop was not built here: there is nothing to compare")


@built
@pytest.mark.parametrize("seed", range(5))
def test_both_loops_give_the_same_facts(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    random = Random(seed)
    corpus = real()
    programs = [program(random) for _ in range(400)] + corpus
    programs += [mutate(random, random.choice(corpus), program(random)) for _ in range(400)]
    compiled = [facts_of(data) for data in programs]
    monkeypatch.setattr(state, "ADVANCE", None)
    for data, facts in zip(programs, compiled, strict=True):
        assert facts_of(data) == facts, data


@built
def test_both_loops_agree_over_many_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [{"id": number, "text": "t" * (number % 300), "more": [number, (number, None)]} for number in range(20_000)]
    data = b"".join(pickle.dumps(rows, protocol) for protocol in (0, 2, 4))
    compiled = facts_of(data)
    monkeypatch.setattr(state, "ADVANCE", None)
    assert facts_of(data) == compiled == []


def test_the_compiled_loop_can_be_switched_off() -> None:
    code = "from modelguard.picklevm.fast import ADVANCE; print(ADVANCE)"
    environment = {**os.environ, "MODELGUARD_PURE": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    answer = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "None"
