"""XGBoost, LightGBM, CatBoost: arrays that do not fit together are malformed, what the libraries write passes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from struct import pack
from typing import Any

import pytest
from flatbuffer_builders import flatbuffer
from hypothesis import given
from hypothesis import strategies as st
from walk_builders import SmallWalk, content_of, fuzz, only, read, refused, rules, truncations, unread

from modelguard.formats.catboost import FORMAT as CATBOOST
from modelguard.formats.lightgbm import FORMAT as LIGHTGBM
from modelguard.formats.xgboost import FORMAT as XGBOOST
from modelguard.terms.facts import Header

TREE = {
    "left_children": [1, -1, -1], "right_children": [2, -1, -1], "parents": [2147483647, 0, 0],
    "split_indices": [0, 0, 0], "split_conditions": [0.5, 1.0, 2.0], "default_left": [0, 0, 0],
    "tree_param": {"num_nodes": "3"},
}  # fmt: skip


def xgboost(**changes: Any) -> dict[str, Any]:
    tree = {**TREE, **changes}
    learner = {"gradient_booster": {"model": {"trees": [tree]}}, "objective": {"name": "reg:squarederror"}}
    return {"learner": learner, "version": [3, 2, 0]}


def as_json(value: object) -> bytes:
    return json.dumps(value).encode()


def ubjson(value: object) -> bytes:
    """Write UBJSON as XGBoost does: keys and texts with lengths of 8 bytes, lists of one type as typed arrays."""
    if isinstance(value, dict):
        return b"{" + b"".join(ubjson(key)[1:] + ubjson(inner) for key, inner in value.items()) + b"}"
    if isinstance(value, list) and value and all(type(one) is int for one in value):
        return b"[$l#L" + pack(">q", len(value)) + b"".join(pack(">i", one) for one in value)
    if isinstance(value, list):
        return b"[#L" + pack(">q", len(value)) + b"".join(map(ubjson, value))
    if isinstance(value, str):
        return b"SL" + pack(">q", len(value.encode())) + value.encode()
    if isinstance(value, int):
        return b"l" + pack(">i", value)
    return b"d" + pack(">f", value)


WRITERS = [as_json, ubjson]


@pytest.mark.parametrize("write", WRITERS)
def test_a_sound_model_passes(write: Callable[[object], bytes]) -> None:
    facts = read(XGBOOST, write(xgboost()))
    assert not refused(facts)
    assert only(facts, Header)[0].properties == {"version": "3.2.0", "objective": "reg:squarederror"}


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize(
    "changes",
    [
        {"left_children": [1, -1, 3]},
        {"left_children": [1, -1, -2]},
        {"right_children": [2, -1, 1 << 30]},
        {"parents": [0, 0, 7]},
        {"split_indices": [-1, 0, 0]},
        {"split_indices": [0, 0]},
        {"split_conditions": [0.5]},
        {"tree_param": {"num_nodes": "4"}},
        {"tree_param": {"num_nodes": "9" * 18}},
        {"left_children": "abc"},
    ],
)
def test_a_tree_that_leads_outside_is_malformed(write: Callable[[object], bytes], changes: dict[str, Any]) -> None:
    assert "xgboost-tree" in rules(read(XGBOOST, write(xgboost(**changes))))


def test_indices_that_are_no_integers_are_malformed() -> None:
    for wrong in ([1.0, -1, -1], [True, -1, -1], ["1", -1, -1], [None, -1, -1]):
        assert rules(read(XGBOOST, as_json(xgboost(left_children=wrong)))) == ["xgboost-tree"]


def test_a_key_that_stands_twice_is_not_passed_over() -> None:
    text = as_json(xgboost()).replace(b'"parents"', b'"parents": [9, 9, 9], "parents"')
    assert "json-duplicate-key" in rules(read(XGBOOST, text))
    doubled = ubjson(xgboost())[:-1] + ubjson("learner")[1:] + ubjson({}) + b"}"
    assert unread(read(XGBOOST, doubled))


def test_bytes_after_a_binary_model_are_handed_to_the_walk() -> None:
    walk = SmallWalk()
    assert rules(read(XGBOOST, ubjson(xgboost()) + b"PK\x03\x04", walk=walk)) == ["xgboost-trailing-data"]
    assert walk.handed_names() == ["trailing-data"]


START = b"{L" + pack(">q", 7) + b"learner"


@pytest.mark.parametrize(
    "data",
    [
        START + b"[$l#L" + pack(">q", 1 << 60),
        START + b"[#L" + pack(">q", 1 << 60),
        START + b"[#l" + pack(">i", -1),
        START + b"[" * 1000,
        START + b"{L" + pack(">q", 1 << 62),
        START + b"[$d]",
        START + b"[@",
        ubjson(xgboost())[:-1],
    ],
)
def test_what_cannot_be_read_is_unread(data: bytes) -> None:
    assert unread(read(XGBOOST, data))


def test_a_list_of_empty_values_is_bounded() -> None:
    assert unread(read(XGBOOST, START + b"[$Z#L" + pack(">q", 1 << 40)))


@pytest.mark.parametrize("data", [b"", b"{}", b'{"learner": 1}', b'{"version": "1"}', b'{"a": "learner"}'])
def test_other_bytes_are_not_accepted(data: bytes) -> None:
    assert not XGBOOST.accepts(content_of(data))


def lightgbm(**changes: str) -> bytes:
    tree = {"num_leaves": "3", "split_feature": "0 1", "left_child": "1 -1", "right_child": "-2 -3", **changes}
    lines = ["tree", "version=v4", "num_class=1", "", "Tree=0", *(f"{key}={value}" for key, value in tree.items())]
    return "\n".join([*lines, "", "", "end of trees", "", "parameters:", "end of parameters", ""]).encode()


def test_a_sound_text_model_passes() -> None:
    facts = read(LIGHTGBM, lightgbm())
    assert not refused(facts)
    assert only(facts, Header)[0].properties == {"version": "v4", "num_class": "1", "trees": "1"}
    assert not refused(read(LIGHTGBM, lightgbm(num_leaves="1", split_feature="", left_child="", right_child="")))


@pytest.mark.parametrize(
    "changes",
    [
        {"left_child": "2 -1"},
        {"left_child": "-4 -1"},
        {"right_child": "-2"},
        {"split_feature": "0"},
        {"split_feature": "0 -1"},
        {"num_leaves": "4"},
        {"num_leaves": "x"},
        {"left_child": "1 a"},
    ],
)
def test_a_text_tree_that_leads_outside_is_malformed(changes: dict[str, str]) -> None:
    assert rules(read(LIGHTGBM, lightgbm(**changes))) == ["lightgbm-tree"]


def test_a_text_model_that_ends_early_or_is_no_text_is_unread() -> None:
    assert unread(read(LIGHTGBM, lightgbm().split(b"end of trees")[0]))
    assert unread(read(LIGHTGBM, lightgbm() + b"\xff"))
    assert not LIGHTGBM.accepts(content_of(b"tree\nof life"))


def catboost(*, parts: tuple[str, ...] = (), rest: bytes = b"") -> bytes:
    core = flatbuffer({0: "FlabuffersModel_v1", 2: [{0: "params", 1: "{}"}], 3: list(parts)})
    return b"CBM1" + pack("<I", len(core)) + core + rest


def test_a_catboost_description_is_read() -> None:
    facts = read(CATBOOST, catboost(parts=("static_ctr_provider_v1",), rest=b"table"))
    assert not refused(facts)
    expected = {"version": "FlabuffersModel_v1", "parts": "static_ctr_provider_v1", "params": "{}"}
    assert only(facts, Header)[0].properties == expected


def test_a_catboost_model_that_does_not_fit_is_refused() -> None:
    assert rules(read(CATBOOST, catboost(rest=b"PK"))) == ["catboost-trailing-data"]
    assert unread(read(CATBOOST, b"CBM1" + pack("<I", 1 << 30) + bytes(64)))
    assert unread(read(CATBOOST, b"CBM1" + pack("<I", 8) + b"\xff" * 8))


SAMPLES = [(XGBOOST, ubjson(xgboost())), (XGBOOST, as_json(xgboost())), (LIGHTGBM, lightgbm()), (CATBOOST, catboost())]


@given(
    st.sampled_from(SAMPLES), st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), min_size=1, max_size=4)
)
def test_changed_bytes_never_raise(sample: tuple, changes: list[tuple[int, int]]) -> None:  # type: ignore[type-arg]
    data = bytearray(sample[1])
    for place, value in changes:
        data[place % len(data)] = value
    fuzz(sample[0], bytes(data))


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    for form, head in (
        (XGBOOST, START),
        (XGBOOST, b'{"learner": {'),
        (LIGHTGBM, b"tree\nversion=v4\n"),
        (CATBOOST, b"CBM1"),
    ):
        fuzz(form, head + data)
        fuzz(form, data)


def test_truncated_models_never_raise() -> None:
    for form, sample in SAMPLES:
        for cut in truncations(sample):
            fuzz(form, cut)


@pytest.mark.heavy
def test_models_of_the_libraries_pass(tmp_path: Path) -> None:
    xgb = pytest.importorskip("xgboost", reason="writes the sample")
    lgb = pytest.importorskip("lightgbm", reason="writes the sample")
    np = pytest.importorskip("numpy", reason="writes the sample")
    numbers = np.random.default_rng(0).random((200, 4))
    labels = (numbers[:, 0] > 0.5).astype(int)
    for kind in ("gbtree", "dart", "gblinear"):
        booster = xgb.train({"objective": "binary:logistic", "booster": kind}, xgb.DMatrix(numbers, labels), 5)
        for name in ("m.json", "m.ubj"):
            booster.save_model(tmp_path / name)
            assert not refused(read(XGBOOST, (tmp_path / name).read_bytes())), (kind, name)
    trained = lgb.train({"objective": "binary", "verbose": -1}, lgb.Dataset(numbers, labels), 5)
    trained.save_model(tmp_path / "m.txt")
    assert not refused(read(LIGHTGBM, (tmp_path / "m.txt").read_bytes()))
