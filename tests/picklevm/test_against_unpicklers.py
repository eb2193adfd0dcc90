"""Whatever a real unpickler looks up is named by the scanner, or the scanner refuses."""

from __future__ import annotations

import contextlib
import pickle
from collections.abc import Iterator
from random import Random

import pytest
from container_builders import walk_all
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oracle import Oracle, facts_of, missed, names_of, pythons, refuses
from pickle_builders import asm
from pickle_programs import mutate, program, real
from recording_unpicklers import ARRAY

from modelguard.terms.facts import Malformed, Opaque


@pytest.fixture(scope="module", params=list(pythons()), ids=lambda path: path.split("/")[-3])
def oracle(request: pytest.FixtureRequest) -> Iterator[Oracle]:
    with contextlib.closing(Oracle(request.param)) as oracle:
        yield oracle


@pytest.mark.parametrize("seed", range(4))
def test_generated_programs_look_up_nothing_unnamed(oracle: Oracle, seed: int) -> None:
    random = Random(seed)
    looked_up = 0
    for _ in range(250):
        data = program(random)
        seen, _ = oracle.ask(data)
        looked_up += bool(seen) and not refuses(facts_of(data))
        assert not missed(data, seen), data
    assert looked_up > 10, "the programs must reach lookups that are not refused, or this proves nothing"


@pytest.mark.parametrize("seed", range(2))
def test_mutated_real_pickles_look_up_nothing_unnamed(oracle: Oracle, seed: int) -> None:
    random = Random(seed)
    corpus = real()
    for _ in range(250):
        data = mutate(random, random.choice(corpus), program(random))
        seen, _ = oracle.ask(data)
        assert not missed(data, seen), data


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(0, 255) | st.sampled_from([*b"\x93\x94Rbc.(t]}K\x8c\x85"]), max_size=40))
def test_any_bytes_look_up_nothing_unnamed(oracle: Oracle, numbers: list[int]) -> None:
    data = bytes(numbers)
    seen, _ = oracle.ask(data)
    assert not missed(data, seen)


def test_the_memo_of_an_unpickler_that_is_used_again_is_followed(oracle: Oracle) -> None:
    data = asm(
        ("SHORT_BINUNICODE", "os"),
        "MEMOIZE",
        "STOP",
        "NONE",
        "STOP",
        ("SHORT_BINUNICODE", "math"),
        "MEMOIZE",
        "POP",
        ("SHORT_BINUNICODE", "system"),
        "MEMOIZE",
        "BINGET 0",
        "BINGET 1",
        "STACK_GLOBAL",
        "TUPLE2",
        "STOP",
    )
    seen, _ = oracle.ask(data)
    assert not missed(data, seen)


def test_the_unpicklers_do_what_the_comparison_needs(oracle: Oracle) -> None:
    seen, ended = oracle.ask(
        asm(("GLOBAL", "os", "system"), "MARK", ("STRING", "echo pwned"), "TUPLE", "REDUCE", "STOP")
    )
    assert seen == {"os system"}
    assert ended["C"] == ended["Python"] == "1 EOFError"


def test_a_frame_straddle_runs_opcodes_that_are_refused(oracle: Oracle) -> None:
    from test_bypass_classes import STRADDLE

    oracle.ask(STRADDLE)
    assert any(isinstance(fact, Malformed) for fact in facts_of(STRADDLE))


def test_numpy_looks_up_nothing_unnamed() -> None:
    pytest.importorskip("numpy", reason="its loader is compared")
    random = Random(12)
    looked_up = 0
    with contextlib.closing(Oracle(frameworks=("numpy",))) as oracle:
        for _ in range(400):
            data = program(random)
            seen, ended = oracle.ask(data)
            assert {"numpy alone", "numpy array", "numpy alone latin1", "numpy array latin1"} <= ended.keys() | {"all"}
            looked_up += bool(seen) and not refuses(facts_of(data))
            assert not missed(data, seen), data
    assert looked_up > 10


@pytest.mark.parametrize(("before", "name"), [(b"", "model.pkl"), (ARRAY, "model.npy")])
def test_numpy_looks_up_nothing_that_the_readers_of_its_files_do_not_name(before: bytes, name: str) -> None:
    """The same programs in the files that `numpy.load` reads, through all formats."""
    pytest.importorskip("numpy", reason="its loader is compared")
    random = Random(13)
    looked_up = 0
    with contextlib.closing(Oracle(frameworks=("numpy",))) as oracle:
        for _ in range(200):
            data = program(random)
            seen, _ = oracle.ask(data)
            facts = walk_all(before + data, name)
            unknown = refuses(facts) or any(isinstance(fact, Opaque) for fact in facts)
            looked_up += bool(seen) and not unknown
            assert unknown or seen <= names_of(facts), data
    assert looked_up > 10


@pytest.mark.heavy  # needs joblib and torch in the child
@pytest.mark.parametrize("framework", ["joblib", "torch"])
def test_the_unpicklers_of_frameworks_look_up_nothing_unnamed(framework: str) -> None:
    pytest.importorskip(framework, reason="its unpickler is compared")
    random = Random(11)
    with contextlib.closing(Oracle(frameworks=(framework,))) as oracle:
        for _ in range(1500):
            data = program(random)
            seen, ended = oracle.ask(data)
            assert framework in ended or "all" in ended
            assert not missed(data, seen), data


def test_names_of_real_pickles_are_exactly_what_is_looked_up(oracle: Oracle) -> None:
    for data in real():
        seen, _ = oracle.ask(data)
        assert seen <= names_of(facts_of(data))
        assert pickle.loads(data) is not None
