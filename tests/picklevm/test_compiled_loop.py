"""The compiled loop is optional and gives the same facts as the Python loop."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from random import Random

import pytest
from oracle import content_of, facts_of
from pickle_programs import mutate, program, real
from torch_programs import torch_program

from modelguard.formats._torch_storages import Storages
from modelguard.picklevm import recorder, state
from modelguard.picklevm.fast import ADVANCE
from modelguard.picklevm.scanner import scan_one
from modelguard.terms.content import Budget
from modelguard.terms.facts import Call, Fact, Malformed, Unresolved

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


class ByRulesAlone(Storages):
    """Storages that are looked at by the full rule only."""

    plain = None  # type: ignore[assignment]


def torch_facts(data: bytes, storages: Storages) -> tuple[list[Fact], dict[str, object]]:
    return list(scan_one(content_of(data), Budget(), persistent=storages).facts), dict(storages.accepted)


@pytest.mark.parametrize("seed", range(2))
def test_short_ways_give_the_same_facts_as_the_rules(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    random = Random(seed)
    programs = [torch_program(random) for _ in range(250)]
    programs += [mutate(random, random.choice(programs), torch_program(random)) for _ in range(250)]
    short = [torch_facts(data, Storages()) for data in programs]
    monkeypatch.setattr(state, "ADVANCE", None)
    interpreted = [torch_facts(data, Storages()) for data in programs]
    monkeypatch.setattr(recorder, "ARGUMENTS", {})
    monkeypatch.setattr(recorder, "STATES", {})
    by_rules = [torch_facts(data, ByRulesAlone()) for data in programs]
    for data, *found in zip(programs, short, interpreted, by_rules, strict=True):
        assert found[0] == found[1] == found[2], data
    broken = sum(any(isinstance(fact, Call) and fact.broken for fact in facts) for facts, _ in by_rules)
    odd = (Malformed, Unresolved)
    fine = sum(not any(isinstance(fact, odd) or getattr(fact, "broken", "") for fact in facts) for facts, _ in by_rules)
    assert min(broken, fine) > 20


def test_the_compiled_loop_can_be_switched_off() -> None:
    code = "from modelguard.picklevm.fast import ADVANCE; print(ADVANCE)"
    environment = {**os.environ, "MODELGUARD_PURE": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    answer = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "None"
