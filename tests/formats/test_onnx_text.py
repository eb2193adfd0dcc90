"""ONNX and MXNet graphs as text: what the binary reader asks for is asked for here as well."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from walk_builders import SmallWalk, asked, content_of, fuzz, only, read, refused, rules, unread

from modelguard.formats.mxnet import FORMAT as MXNET
from modelguard.formats.onnx_text import FORMAT
from modelguard.terms.facts import RawNumbers

PROTO = 'ir_version: 10 graph { node { op_type: "%s" %s } initializer { %s } } opset_import { version: 21 }'


def proto(operator: str = "Relu", domain: str = "", tensor: str = "", more: str = "") -> bytes:
    return (PROTO % (operator, f'domain: "{domain}"' if domain else "", tensor) + more).encode()


def as_json(operator: str = "Relu", domain: str = "", tensor: dict[str, Any] | None = None, **more: Any) -> bytes:
    graph = {"node": [{"opType": operator, "domain": domain}], "initializer": [tensor or {}]}
    return json.dumps({"irVersion": "10", "graph": graph, "opsetImport": [{"version": "21"}], **more}).encode()


def test_plain_graphs_pass() -> None:
    assert not refused(read(FORMAT, proto()))
    assert not refused(read(FORMAT, as_json()))


@pytest.mark.parametrize("location", ["/etc/passwd", "../x", "missing.bin"])
def test_external_data_elsewhere_is_asked_for(location: str) -> None:
    entry = f'external_data {{ key: "location" value: "{location}" }}'
    swapped = f'external_data {{ value: "{location}" key: "location" }}'
    tensor = {"externalData": [{"key": "location", "value": location}]}
    for data in (proto(tensor=entry), proto(tensor=swapped), as_json(tensor=tensor)):
        assert asked(read(FORMAT, data)) == [("external-files", location)]


def test_external_data_beside_the_model_is_named() -> None:
    walk = SmallWalk(paths=frozenset({"m.onnxjson", "w.bin"}))
    tensor = {"externalData": [{"key": "location", "value": "w.bin"}, {"key": "length", "value": "8"}]}
    facts = read(FORMAT, as_json(tensor=tensor), "m.onnxjson", walk=walk)
    assert not refused(facts)
    assert [fact.path for fact in only(facts, RawNumbers)] == ["w.bin"]


@pytest.mark.parametrize(
    ("operator", "domain", "expected"),
    [
        ("Thing", "org.example", {("custom-ops", "org.example")}),
        ("PyOp", "ai.onnx.contrib", {("custom-ops", "PyOp"), ("custom-ops", "ai.onnx.contrib")}),
        ("EPContext", "com.microsoft", {("native-code", "EPContext")}),
        ("PythonOp", "com.microsoft", {("ops", "PythonOp")}),
    ],
)
def test_operators_that_go_beyond_the_runtime_are_asked_for(
    operator: str, domain: str, expected: set[tuple[str, str]]
) -> None:
    assert set(asked(read(FORMAT, proto(operator, domain)))) == expected
    assert set(asked(read(FORMAT, as_json(operator, domain)))) == expected


def test_a_domain_that_the_model_defines_itself_is_not_asked_for() -> None:
    assert not refused(read(FORMAT, proto("Mine", "own", more=' functions { name: "Mine" domain: "own" }')))
    assert not refused(read(FORMAT, as_json("Mine", "own", functions=[{"name": "Mine", "domain": "own"}])))


def test_a_key_that_stands_twice_is_malformed_and_both_are_read() -> None:
    text = as_json().replace(b'"graph":', b'"graph": {"node": [{"opType": "PythonOp"}]}, "graph":')
    facts = read(FORMAT, text)
    assert rules(facts) == ["json-duplicate-key"]
    assert asked(facts) == [("ops", "PythonOp")]


@pytest.mark.parametrize(
    "data", [b"<\n  ir_version: 8\n>\ng (float[N] x)", b"ir_version: 8 graph {", b"graph { \xff }"]
)
def test_what_is_not_read_is_unread(data: bytes) -> None:
    assert unread(read(FORMAT, data))


@pytest.mark.parametrize("data", [b"", b"{}", b'{"graph": 1}', b"graphs: 1", b"<html>"])
def test_other_text_is_not_accepted(data: bytes) -> None:
    assert not FORMAT.accepts(content_of(data))


def symbol(operator: str) -> bytes:
    nodes = [{"op": "null", "name": "data"}, {"op": operator, "name": "n"}]
    return json.dumps({"nodes": nodes, "arg_nodes": [0], "heads": [[1, 0, 0]]}).encode()


def test_mxnet_operators_that_call_python_are_asked_for() -> None:
    assert asked(read(MXNET, symbol("Custom"))) == [("custom-ops", "Custom")]
    assert asked(read(MXNET, symbol("_TensorRT"))) == [("native-code", "_TensorRT")]
    assert not refused(read(MXNET, symbol("Convolution")))
    assert not MXNET.accepts(content_of(b'{"nodes": []}'))


@given(st.text(max_size=100))
def test_any_text_is_read_or_refused(text: str) -> None:
    data = text.encode("utf-8", "surrogatepass")
    for form, head in ((FORMAT, b"graph { "), (FORMAT, b'{"irVersion": 1, "graph": '), (MXNET, symbol("x")[:-1])):
        fuzz(form, head + data)
        fuzz(form, data)


KEYS = st.sampled_from(["opType", "op", "domain", "functions", "externalData", "key", "value", "graph"])
TEXTS = st.none() | st.text(max_size=5)


@given(st.recursive(TEXTS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5)))
def test_any_json_is_read(value: object) -> None:
    fuzz(FORMAT, json.dumps({"irVersion": 1, "graph": value, "functions": value}).encode())
    fuzz(MXNET, json.dumps({"nodes": value, "arg_nodes": value, "heads": value}).encode())


@pytest.mark.heavy
def test_text_of_the_onnx_package_is_read(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx", reason="writes the sample")
    helper, types = onnx.helper, onnx.TensorProto
    values = [helper.make_tensor_value_info(name, types.FLOAT, [1]) for name in "xy"]
    nodes = [helper.make_node("Evil", ["x"], ["y"], domain="org.example")]
    made = helper.make_model(helper.make_graph(nodes, "g", values[:1], values[1:]))
    for name in ("m.onnxjson", "m.textproto"):
        onnx.save_model(made, tmp_path / name)
        assert asked(read(FORMAT, (tmp_path / name).read_bytes())) == [("custom-ops", "org.example")]
    onnx.save_model(made, tmp_path / "m.onnxtxt")
    assert unread(read(FORMAT, (tmp_path / "m.onnxtxt").read_bytes()))
