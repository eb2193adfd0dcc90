"""The short ways to tell that a rule is kept accept nothing that the rule itself does not accept."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from modelguard.picklevm.knowledge.lookup import argument_fault, grants_for, state_fault
from modelguard.picklevm.objects import FLOAT, Blob, Called, Held, Lost, Named, Raw, Table, describe
from modelguard.picklevm.quick import ARGUMENTS, STATES

TARGETS = {
    "new": ("torch.nn.modules.linear", "Linear"),
    "numpy-dtype": ("numpy", "dtype"),
    "torch-parameter": ("torch._utils", "_rebuild_parameter"),
    "torch-tensor": ("torch._utils", "_rebuild_tensor_v2"),
}
STATE_TARGETS = {
    "fields": ("sklearn.linear_model._base", "LinearRegression"),
    "hookless": ("torch.nn.modules.linear", "Linear"),
}


def name(module: str, qualified: str) -> Named:
    named = Named(module, qualified, "", grants_for(module, qualified))
    named.listed = bool(named.profiles)
    return named


STORAGE, ORDERED, SYSTEM = name("torch", "FloatStorage"), name("collections", "OrderedDict"), name("os", "system")
REBUILD = name("torch._utils", "_rebuild_tensor_v2")


def called(target: Raw, arguments: Raw = (), *, filled: bool = False, state: Raw = None) -> Called:
    made = Called(target, arguments, "REDUCE", 0)
    made.filled = filled
    if state is not None:
        made.state = state
    return made


def table(*flat: Raw) -> Table:
    made = Table()
    made.flat = list(flat)
    return made


NUMBERS = st.sampled_from([0, 1, 2, 3, 10, -1, True, False, None, 2**63, 2**62, FLOAT, b"1"])
NAMES = st.sampled_from([STORAGE, ORDERED, SYSTEM, REBUILD])
HOOKS = st.sampled_from(
    [
        None,
        table(),
        table(b"a", 1),
        called(ORDERED),
        called(ORDERED, ([],)),
        called(ORDERED, filled=True),
        called(ORDERED, state=table()),
        called(SYSTEM),
        SYSTEM,
    ]
)
SHAPES = st.lists(NUMBERS, max_size=3).map(tuple) | st.tuples(st.integers(0, 3), st.integers(0, 3))
STORAGES = st.builds(
    lambda word, kind, length, more: Held((word, kind, b"0", b"cpu", length, *more)),
    st.sampled_from([b"storage", b"module"]),
    NAMES | st.just(b"x"),
    NUMBERS | st.integers(0, 20),
    st.sampled_from([(), (), (None,)]),
)
ANYTHING = st.one_of(NUMBERS, NAMES, HOOKS, SHAPES, STORAGES, st.just(Lost("lost")), st.just(Blob("bytes", 9, b"x")))
TENSORS = st.tuples(STORAGES, NUMBERS, SHAPES, SHAPES, st.booleans(), HOOKS)
CODES = st.sampled_from([b"f8", b"<f4", b"O8", b"V8", b"|O", b"U3", b"x", b"f8\n", b"c16"])
ARGUMENT_LISTS = st.one_of(
    TENSORS,
    TENSORS.flatmap(lambda given: st.tuples(st.just(called(REBUILD, given)), st.booleans(), HOOKS)),
    st.tuples(CODES, NUMBERS, NUMBERS),
    st.lists(ANYTHING, max_size=7).map(tuple),
)
KEYS = st.sampled_from([b"weight", b"forward", b"_forward_hooks", b"_x_hooks_with_kwargs", b"__dict__", 1, STORAGE])
STATE_VALUES = st.lists(st.tuples(KEYS, ANYTHING), max_size=4).map(
    lambda pairs: table(*[part for pair in pairs for part in pair])
)


@pytest.mark.parametrize("rule", sorted(ARGUMENTS))
@given(given_arguments=ARGUMENT_LISTS, opcode=st.sampled_from(["REDUCE", "NEWOBJ", "OBJ", "INST", "NEWOBJ_EX"]))
@example(given_arguments=(), opcode="NEWOBJ")
def test_what_is_fine_at_once_breaks_no_rule(rule: str, given_arguments: tuple[Any, ...], opcode: str) -> None:
    if ARGUMENTS[rule](given_arguments, opcode):
        shown = tuple(describe(argument) for argument in given_arguments)
        assert argument_fault(*TARGETS[rule], shown, opcode) == ""


@pytest.mark.parametrize("rule", sorted(STATES))
@given(state=STATE_VALUES | ANYTHING)
def test_a_state_that_is_fine_at_once_breaks_no_rule(rule: str, state: Raw) -> None:
    if STATES[rule](state):
        assert state_fault(*STATE_TARGETS[rule], describe(state), ()) == ""


def test_an_ordinary_tensor_is_fine_at_once_and_one_beyond_its_storage_is_not() -> None:
    fine = ARGUMENTS["torch-tensor"]
    for length, expected in ((12, True), (11, False)):
        held = Held((b"storage", STORAGE, b"0", b"cpu", length))
        assert fine((held, 0, (3, 4), (4, 1), False, called(ORDERED)), "REDUCE") is expected


@pytest.mark.parametrize("rule", sorted({**TARGETS, **STATE_TARGETS}))
def test_the_names_of_these_tests_are_under_the_rule(rule: str) -> None:
    from modelguard.picklevm.knowledge.lookup import argument_rules, state_rules

    if rule in TARGETS:
        assert argument_rules(*TARGETS[rule]) == {rule}
    else:
        assert state_rules(*STATE_TARGETS[rule]) == {rule}
