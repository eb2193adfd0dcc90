"""Rules and lookups answer for any names and any values: what a file holds must not make them fail."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from modelguard.picklevm.knowledge import arguments, states
from modelguard.picklevm.knowledge.grants_table import table
from modelguard.picklevm.knowledge.lookup import (
    PROFILES,
    argument_fault,
    grants_for,
    hazard_of,
    needs_arguments,
    state_fault,
)
from modelguard.picklevm.knowledge.reading import Use
from modelguard.picklevm.values import Constant, Global, Persistent, Result, Sequence, Table, Unknown, Value

PAIRS = [pair for name, profile in PROFILES.items() if profile.packages for pair in table(name)]

MEANT = ["storage", "f8", "O8", "V8", "latin1", "C", "PCG64", "numpy", "shape", "torch.strided"]
texts = st.one_of(st.text(max_size=8), st.sampled_from(MEANT))
numbers = st.one_of(st.integers(-3, 70), st.sampled_from([2**31, 2**63, -(2**63), 10**40]))
constants = st.builds(
    Constant,
    st.one_of(st.none(), st.booleans(), numbers, st.floats(), texts, st.binary(max_size=4)),
    st.sampled_from([0, 0, 5]),
)
names = st.one_of(st.sampled_from(PAIRS), st.tuples(texts, texts)).map(lambda pair: Global(*pair))


def compounds(inner: st.SearchStrategy[Value]) -> st.SearchStrategy[Value]:
    items = st.one_of(st.none(), st.lists(inner, max_size=9).map(tuple))
    entries = st.one_of(st.none(), st.lists(st.tuples(inner, inner), max_size=3).map(tuple))
    return st.one_of(
        st.builds(Sequence, st.sampled_from(["tuple", "list", "set"]), items),
        st.builds(Table, entries),
        st.builds(Persistent, inner),
        st.builds(Result, st.one_of(names, inner), st.lists(inner, max_size=3).map(tuple), st.one_of(st.none(), inner)),
    )


values: st.SearchStrategy[Value] = st.recursive(
    st.one_of(constants, names, st.builds(Unknown, st.just("lost"))), compounds, max_leaves=20
)
calls = st.lists(values, max_size=9).map(tuple)
opcodes = st.sampled_from(["REDUCE", "NEWOBJ", "NEWOBJ_EX", "INST", "OBJ"])


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(arguments.RULES)), names, calls, opcodes)
def test_every_argument_rule_answers_for_any_values(
    rule: str, target: Global, given_arguments: tuple[Value, ...], opcode: str
) -> None:
    assert isinstance(arguments.RULES[rule](Use(target.module, target.name, given_arguments, opcode)), str)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(states.RULES)), values, st.one_of(st.none(), calls))
def test_every_state_rule_answers_for_any_values(rule: str, state: Value, made_with: tuple[Value, ...] | None) -> None:
    assert isinstance(states.RULES[rule](states.Filling("a.B", state, made_with)), str)


@settings(max_examples=200, deadline=None)
@given(names, calls, opcodes)
def test_lookups_answer_for_any_names(target: Global, given_arguments: tuple[Value, ...], opcode: str) -> None:
    assert isinstance(grants_for(target.module, target.name), tuple)
    assert isinstance(needs_arguments(target.module, target.name), bool)
    assert isinstance(argument_fault(target.module, target.name, given_arguments, opcode), str)
    assert isinstance(state_fault(target.module, target.name, Unknown("lost")), str)
    hazard = hazard_of(target.module, target.name)
    assert hazard is None or hazard.why


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=30), st.text(max_size=30))
def test_a_name_that_no_table_lists_is_granted_by_nobody(module: str, name: str) -> None:
    assert (grants_for(module, name) == ()) == ((module, name) not in PAIRS)
