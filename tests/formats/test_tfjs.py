"""TensorFlow.js: numbers beside the model pass; paths and addresses elsewhere and operators that need code ask."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_models_through_the_walk import facts_of, recognised
from walk_builders import SmallWalk, asked, content_of, fuzz, only, read, refused, rules, truncations, unread

from modelguard.formats.tfjs import FORMAT
from modelguard.terms.facts import Asks, RawNumbers, Tensor


def model(
    *operators: str, paths: tuple[Any, ...] = ("group1-shard1of1.bin",), weights: Any = None, **top: Any
) -> bytes:
    graph = {"node": [{"name": str(at), "op": operator} for at, operator in enumerate(operators)], "library": {}}
    listed = [{"name": "w", "shape": [2, 2], "dtype": "float32"}] if weights is None else weights
    manifest = [{"paths": list(paths), "weights": listed}]
    plain = {"format": "graph-model", "generatedBy": "2.15.0", "modelTopology": graph, "weightsManifest": manifest}
    return json.dumps({**plain, **top}).encode()


def read_model(data: bytes) -> list[Any]:
    return read(
        FORMAT, data, "m/model.json", walk=SmallWalk(paths=frozenset({"m/model.json", "m/group1-shard1of1.bin"}))
    )


def test_a_graph_with_its_numbers_beside_it_passes() -> None:
    facts = read_model(model("Placeholder", "Conv2D", "_FusedMatMul", "Identity"))
    assert not refused(facts)
    assert [fact.path for fact in only(facts, RawNumbers)] == ["m/group1-shard1of1.bin"]
    assert [(fact.dtype, fact.shape, fact.length) for fact in only(facts, Tensor)] == [("float32", (2, 2), 16)]


@pytest.mark.parametrize(
    ("path", "permission"),
    [
        ("https://evil/x.bin", "network"),
        ("../../etc/passwd", "external-files"),
        ("/etc/passwd", "external-files"),
        ("gone.bin", "external-files"),
        ("C:\\x", "external-files"),
    ],
)
def test_numbers_elsewhere_are_asked_for(path: str, permission: str) -> None:
    assert asked(read_model(model("Conv2D", paths=(path,)))) == [(permission, path)]


@pytest.mark.parametrize(
    ("operator", "permission"), [("ReadFile", "ops"), ("PyFunc", "ops"), ("EvilCustomOp", "custom-ops")]
)
def test_operators_that_need_code_or_reach_out_are_asked_for(operator: str, permission: str) -> None:
    for data in (model("Conv2D", operator), model("Conv2D", modelInitializer={"node": [{"op": operator}]})):
        assert (permission, operator) in asked(read_model(data))


def test_an_operator_in_a_function_is_seen() -> None:
    library = {"function": [{"signature": {"name": "f"}, "nodeDef": [{"name": "x", "op": "WriteFile"}]}]}
    facts = read_model(model(modelTopology={"node": [{"op": "f"}], "library": library}))
    assert [name for _, name in asked(facts)] == ["WriteFile"]


@pytest.mark.parametrize(
    "weights",
    [
        [{"name": "w", "shape": [-1], "dtype": "float32"}],
        [{"name": "w", "shape": [1 << 40, 1 << 40], "dtype": "float32"}],
        [{"name": "w", "shape": [True], "dtype": "float32"}],
        [{"name": "w", "shape": "x", "dtype": "float32"}],
        [{"name": "w", "shape": [1], "dtype": "evil"}],
        [7],
    ],
)
def test_a_weight_that_is_none_is_malformed(weights: Any) -> None:
    assert rules(read_model(model(weights=weights))) == ["tfjs-weight"]


def test_a_manifest_that_is_none_is_malformed() -> None:
    assert rules(read_model(model(weightsManifest=[7]))) == ["tfjs-manifest"]
    assert rules(read_model(model(paths=(7,)))) == ["tfjs-manifest"]


def test_what_is_stored_quantized_is_told_by_what_is_stored() -> None:
    weights = [
        {"name": "w", "shape": [3], "dtype": "float32", "quantization": {"dtype": "uint8", "scale": 1, "min": 0}}
    ]
    assert [(fact.dtype, fact.length) for fact in only(read_model(model(weights=weights)), Tensor)] == [("uint8", 3)]


def test_a_lambda_of_a_layers_model_is_asked_for(tmp_path: Path) -> None:
    layer = {"class_name": "Lambda", "config": {"name": "l", "function": ["x", None, None]}}
    topology = {"model_config": {"class_name": "Sequential", "config": {"layers": [layer]}}}
    data = model(format="layers-model", modelTopology=topology)
    facts = facts_of(tmp_path, {"model.json": data, "group1-shard1of1.bin": bytes(16)})
    assert {"keras-config", "tfjs"} <= set(recognised(facts)["model.json"])
    assert [fact for fact in facts if isinstance(fact, Asks) and "Lambda" in fact.name]


@pytest.mark.parametrize("data", [b"", b"{}", b'{"weightsManifest": []}', b'["weightsManifest", "modelTopology"]'])
def test_other_json_is_not_accepted(data: bytes) -> None:
    assert not FORMAT.accepts(content_of(data))


def test_no_truncation_passes() -> None:
    for cut in truncations(model("Conv2D")):
        if FORMAT.accepts(content_of(cut)):
            assert unread(read(FORMAT, cut))


@given(st.binary(max_size=80), st.integers(0, 400))
def test_foreign_bytes_never_break_the_reader(noise: bytes, at: int) -> None:
    sample = model("Conv2D")
    fuzz(FORMAT, noise)
    fuzz(FORMAT, sample[: at % len(sample)] + noise + sample[at % len(sample) + len(noise) :])
