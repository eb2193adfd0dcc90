"""ONNX: whatever leaves the graph is asked for, wherever it hides; real graphs ask for nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx_builders import entry, external, in_graph, model, node, subgraph, tensor
from protobuf_builders import lump, number, varint
from walk_builders import (
    SmallWalk,
    asked,
    content_of,
    fuzz,
    only,
    read,
    read_accepted,
    refused,
    rules,
    truncations,
    unread,
)

from modelguard.formats.onnx import FORMAT
from modelguard.terms.facts import Asks, Header, Noted, RawNumbers, Tensor

SNAPSHOT = frozenset({"models/m.onnx", "models/m.onnx_data", "models/parts/w.bin", "secret.txt"})


def facts_of(data: bytes) -> list:  # type: ignore[type-arg]  # facts of several kinds
    return read(FORMAT, data, "models/m.onnx", walk=SmallWalk(paths=SNAPSHOT))


def with_external(*entries: tuple[str, str], place: int = 1) -> bytes:
    return model(lump(5, external(*entries, place=place)))


def test_a_plain_graph_passes() -> None:
    graph = in_graph(node("Relu")) + lump(2, "g") + lump(5, tensor(raw=bytes(8)))
    facts = facts_of(model(graph, lump(14, entry("author", "someone"))))
    assert not refused(facts)
    (weight,) = only(facts, Tensor)
    assert (weight.name, weight.dtype, weight.shape, weight.length) == ("w", "FLOAT", (2,), 8)
    properties = {key: value for header in only(facts, Header) for key, value in header.properties.items()}
    assert properties["producer"] == "tests"
    assert properties["operator-sets"] == "ai.onnx 21"
    assert properties["author"] == "someone"


@pytest.mark.parametrize("location", ["m.onnx_data", "parts/w.bin", "./m.onnx_data"])
def test_external_data_beside_the_model_asks_for_nothing_and_is_named(location: str) -> None:
    facts = facts_of(with_external(("location", location), ("offset", "0"), ("length", "8"), ("checksum", "ab")))
    assert not refused(facts)
    assert [fact.path for fact in only(facts, RawNumbers)] == [f"models/{location}".replace("/./", "/")]


@pytest.mark.parametrize(
    "location",
    [
        "../secret.txt", "parts/../../secret.txt", "/etc/passwd", "..\\secret.txt", "C:\\secret.txt", "C:secret.txt",
        "\\\\host\\share", "~/.ssh/id_rsa", "file:///etc/passwd", "https://example.org/w.bin", "m.onnx_data\0.txt", "",
        "missing.bin", "models/m.onnx_data", "parts", "*/_ORT_MEM_ADDR_/*", "m.onnx_data\u202e",
    ],
)  # fmt: skip
def test_external_data_elsewhere_is_asked_for(location: str) -> None:
    (ask,) = only(facts_of(with_external(("location", location), ("offset", "0"), ("length", "8"))), Asks)
    assert ask.name == location
    assert ask.permission == ("network" if location.startswith(("https:", "file:")) else "external-files")


def test_an_address_in_memory_is_called_that() -> None:
    (ask,) = only(facts_of(with_external(("location", "*/_ORT_MEM_ADDR_/*"), ("offset", "1"))), Asks)
    assert ask.hazard == "memory-read"


def test_a_location_that_is_not_marked_external_is_asked_for_all_the_same() -> None:
    assert asked(facts_of(with_external(("location", "../secret.txt"), place=0))) == [
        ("external-files", "../secret.txt")
    ]


EVIL = external(("location", "/etc/passwd"))


@pytest.mark.parametrize(
    "data",
    [
        model(lump(5, EVIL)),
        model(lump(15, lump(1, EVIL))),
        model(lump(15, lump(2, EVIL))),
        model(in_graph(node("If", "", subgraph(lump(5, EVIL))))),
        model(in_graph(node("If", "", subgraph(in_graph(node("Loop", "", subgraph(lump(5, EVIL)))))))),
        model(in_graph(node("Constant", "", lump(1, "value") + lump(5, EVIL)))),
        model(in_graph(node("Constant", "", lump(1, "values") + lump(10, EVIL)))),
        model(in_graph(node("X", "", lump(1, "graphs") + lump(11, lump(5, EVIL))))),
        model(in_graph(node("Constant", "", lump(1, "sparse_value") + lump(22, lump(1, EVIL))))),
        model(b"", lump(25, lump(1, "f") + lump(10, "own") + lump(7, node("Constant", "", lump(5, EVIL))))),
        model(b"", lump(25, lump(1, "f") + lump(10, "own") + lump(11, lump(5, EVIL)))),
        model(b"", lump(20, lump(1, lump(5, EVIL)))),
        model(b"", lump(20, lump(2, lump(5, EVIL)))),
        model(b"", lump(7, lump(5, EVIL))),
    ],
    ids=[
        "initializer", "sparse-values", "sparse-indices", "subgraph", "subgraph-of-subgraph", "attribute-tensor",
        "attribute-tensors", "attribute-graphs", "attribute-sparse", "function", "function-default", "training-init",
        "training-algorithm", "second-graph",
    ],
)  # fmt: skip
def test_external_data_is_found_wherever_it_stands(data: bytes) -> None:
    assert ("external-files", "/etc/passwd") in asked(facts_of(data))


@pytest.mark.parametrize(
    "entries",
    [
        [("location", "m.onnx_data"), ("location", "parts/w.bin")],
        [("location", "m.onnx_data"), ("offset", "0"), ("offset", "8")],
        [("offset", "0")],
        [],
        [("location", "m.onnx_data"), ("offset", "-8")],
        [("location", "m.onnx_data"), ("offset", "0x10")],
        [("location", "m.onnx_data"), ("offset", "9" * 30)],
        [("location", "m.onnx_data"), ("length", "9")],
        [("location", "m.onnx_data"), ("length", "8 ")],
        [("location", "m.onnx")],
    ],
)  # fmt: skip
def test_external_data_that_readers_take_differently_is_malformed(entries: list[tuple[str, str]]) -> None:
    assert "onnx-external-data" in rules(facts_of(with_external(*entries)))


def test_an_entry_with_two_values_is_seen_as_both() -> None:
    doubled = tensor() + lump(13, entry("location", "m.onnx_data") + lump(2, "/etc/passwd")) + number(14, 1)
    facts = facts_of(model(lump(5, doubled)))
    assert ("external-files", "/etc/passwd") in asked(facts)
    assert "onnx-external-data" in rules(facts)


def test_an_unknown_key_of_external_data_is_noted() -> None:
    facts = facts_of(with_external(("location", "m.onnx_data"), ("length", "8"), ("prepacked_0", "x")))
    assert not refused(facts)
    assert [fact.rule for fact in only(facts, Noted)] == ["onnx-external-key"]


@pytest.mark.parametrize(
    ("operator", "domain", "permission", "hazard"),
    [
        ("PyOp", "ai.onnx.contrib", "custom-ops", "code-execution"),
        ("PyCustomOp", "own", "custom-ops", "code-execution"),
        ("PythonOp", "com.microsoft", "ops", "code-execution"),
        ("EPContext", "com.microsoft", "native-code", ""),
        ("Tokenizer", "ai.onnx.contrib", "custom-ops", ""),
        ("Anything", "org.example", "custom-ops", ""),
        ("ATen", "org.pytorch.aten", "custom-ops", ""),
        ("Relu", "ai.onnx.", "custom-ops", ""),
        ("Relu", "AI.ONNX", "custom-ops", ""),
    ],
)
def test_operators_that_go_beyond_the_runtime_are_asked_for(
    operator: str, domain: str, permission: str, hazard: str
) -> None:
    (ask,) = only(facts_of(model(in_graph(node(operator, domain)))), Asks)
    assert (ask.permission, ask.name, ask.hazard) == (permission, f"{domain}.{operator}", hazard)


@pytest.mark.parametrize(
    ("operator", "domain"),
    [("Relu", ""), ("Relu", "ai.onnx"), ("TreeEnsemble", "ai.onnx.ml"), ("FusedConv", "com.microsoft")],
)
def test_operators_of_the_runtime_are_not(operator: str, domain: str) -> None:
    assert not refused(facts_of(model(in_graph(node(operator, domain)) * 3)))


def test_an_operator_that_the_model_defines_itself_is_not_asked_for_but_its_body_is_read() -> None:
    def with_body(operator: str, domain: str) -> bytes:
        function = lump(1, "Mine") + lump(10, "own") + lump(7, node(operator, domain))
        return model(in_graph(node("Mine", "own")), lump(25, function))

    assert not refused(facts_of(with_body("Relu", "")))
    assert asked(facts_of(with_body("PyOp", "ai.onnx.contrib"))) == [("custom-ops", "ai.onnx.contrib.PyOp")]


def test_a_function_that_takes_over_a_standard_operator_is_malformed() -> None:
    facts = facts_of(model(in_graph(node("Relu")), lump(25, lump(1, "Relu") + lump(7, node("Exp")))))
    assert rules(facts) == ["onnx-function-shadows-operator"]


def test_a_function_cannot_hide_an_operator_that_reaches_out() -> None:
    function = lump(1, "PythonOp") + lump(10, "com.microsoft") + lump(7, node("Exp"))
    assert asked(facts_of(model(in_graph(node("PythonOp", "com.microsoft")), lump(25, function))))


@pytest.mark.parametrize("body", [node("Relu") + lump(4, "PyOp"), lump(1, "x"), node("Relu", "a") + lump(7, "")])
def test_a_node_with_two_or_no_operators_is_malformed(body: bytes) -> None:
    assert "onnx-node" in rules(facts_of(model(in_graph(body))))


@pytest.mark.parametrize("path", ["/tmp/context.bin", "../context.bin", "missing.bin"])
def test_the_outer_file_of_a_compiled_context_is_asked_for(path: str) -> None:
    context = lump(1, "ep_cache_context") + lump(4, path)
    facts = facts_of(model(in_graph(node("EPContext", "com.microsoft", context))))
    assert set(asked(facts)) == {("native-code", "com.microsoft.EPContext"), ("external-files", path)}


def test_options_for_the_session_are_asked_for() -> None:
    facts = facts_of(model(b"", lump(14, entry("ort_config", "{}"))))
    assert asked(facts) == [("configuration", "ort_config")]


def test_a_program_in_metadata_is_handed_to_the_walk() -> None:
    walk = SmallWalk()
    data = model(lump(16, entry("note", "{% set x = ''.__class__ %}")), lump(14, entry("n", "cos\nsystem\n(S'x'\ntR.")))
    read(FORMAT, data, walk=walk)
    assert walk.handed_names() == ["metadata.note.jinja", "metadata.n as text"]


@pytest.mark.parametrize(
    ("body", "rule"),
    [
        (tensor(raw=bytes(9)), "tensor-size"),
        (tensor(dims=(1 << 32, 1 << 32), raw=b""), "tensor-shape"),
        (tensor(dims=(-1,), raw=b""), "tensor-shape"),
        (tensor(dims=(3,), kind=22, raw=b"ab" * 2), "tensor-size"),
    ],
)
def test_a_tensor_that_does_not_fit_its_shape_is_malformed(body: bytes, rule: str) -> None:
    assert rules(facts_of(model(lump(5, body)))) == [f"onnx-{rule}"]


@pytest.mark.parametrize(
    "body", [tensor(dims=(3,), kind=22, raw=b"ab"), tensor(dims=(), raw=bytes(4)), tensor(dims=(0,), raw=b"")]
)
def test_a_tensor_that_fits_passes(body: bytes) -> None:
    assert not refused(facts_of(model(lump(5, body))))


def test_a_newer_version_is_noted() -> None:
    facts = facts_of(number(1, 99) + lump(7, b""))
    assert [fact.rule for fact in only(facts, Noted)] == ["onnx-newer-version"]


def nested(depth: int) -> bytes:
    graph = b""
    for _ in range(depth):
        graph = in_graph(node("If", "", subgraph(graph)))
    return model(graph)


@pytest.mark.parametrize(
    "data",
    [
        nested(60),
        model(lump(1, b"\xff" * 20)),
        model(varint(1 << 3 | 3)),
        model(varint(1 << 3 | 6)),
        model(b"\x00\x00"),
        model(lump(5, b"\x08" + b"\xff" * 11)),
        model(in_graph(lump(4, "x" * (1 << 21)))),
    ],
    ids=["deep", "cut-inside", "group", "wire-type", "field-zero", "long-number", "long-text"],
)
def test_bytes_that_are_no_protocol_buffers_within_bounds_are_unread(data: bytes) -> None:
    assert unread(facts_of(data))


def test_numbers_written_one_by_one_are_bounded() -> None:
    assert unread(facts_of(model(lump(5, number(1, 1) * 100_000))))
    assert not refused(facts_of(model(lump(5, number(7, 1) * 100_000))))


@pytest.mark.parametrize(
    "data",
    [b"", b"\x08\x0a", lump(7, b""), number(1, 1) + lump(2, b"meta graph"), model() + lump(99, b"x"), b"{}", bytes(50)],
)
def test_other_bytes_are_not_accepted(data: bytes) -> None:
    assert not FORMAT.accepts(content_of(data))


BRANCH = in_graph(node("If", "", subgraph(lump(5, external(("location", "a"), ("offset", "0"))))))
SAMPLE = model(
    BRANCH + lump(5, tensor(raw=bytes(8))),
    lump(25, lump(1, "f") + lump(10, "own") + lump(7, node("Relu"))), lump(14, entry("a", "b")),
)  # fmt: skip


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    fuzz(FORMAT, data)
    fuzz(FORMAT, model(data))
    fuzz(FORMAT, model(lump(5, data), lump(25, data)))


@given(st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), min_size=1, max_size=4))
def test_changed_bytes_never_raise(changes: list[tuple[int, int]]) -> None:
    data = bytearray(SAMPLE)
    for place, value in changes:
        data[place % len(data)] = value
    fuzz(FORMAT, bytes(data))
    read_accepted(FORMAT, content_of(bytes(data)))


def test_a_truncated_file_never_raises_and_is_refused_inside_a_field() -> None:
    whole = model(in_graph(node("Relu")) * 20)
    for cut in truncations(whole[:-6]):  # the last field, the operator sets, may be missing
        assert not FORMAT.accepts(content_of(cut)) or refused(read_accepted(FORMAT, content_of(cut))), len(cut)
    for cut in truncations(SAMPLE):
        fuzz(FORMAT, cut)


@pytest.mark.heavy
def test_models_of_the_onnx_package_pass(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx", reason="writes the sample")
    np = pytest.importorskip("numpy", reason="writes the sample")
    helper, types = onnx.helper, onnx.TensorProto
    weight = onnx.numpy_helper.from_array(np.ones((64, 64), np.float32), "w")
    value = [helper.make_tensor_value_info(name, types.FLOAT, [1, 64]) for name in "xy"]
    matmul = helper.make_node("MatMul", ["x", "w"], ["h"])
    function = helper.make_function(
        "own", "Act", ["a"], ["b"], [helper.make_node("Relu", ["a"], ["b"])], [helper.make_opsetid("", 21)]
    )
    act = helper.make_node("Act", ["h"], ["y"], domain="own")
    graph = helper.make_graph([matmul, act], "g", value[:1], value[1:], [weight])
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid("own", 1)]
    made = helper.make_model(graph, functions=[function], opset_imports=opsets)
    onnx.checker.check_model(made)
    assert not refused(facts_of(made.SerializeToString()))
    onnx.save_model(made, tmp_path / "m.onnx", save_as_external_data=True, location="m.onnx_data", size_threshold=0)
    facts = facts_of((tmp_path / "m.onnx").read_bytes())
    assert not refused(facts)
    assert [fact.path for fact in only(facts, RawNumbers)] == ["models/m.onnx_data"]
    assert refused(read(FORMAT, (tmp_path / "m.onnx").read_bytes()))  # alone, its numbers are missing


@pytest.mark.heavy
def test_element_types_are_those_of_the_onnx_package() -> None:
    onnx = pytest.importorskip("onnx", reason="holds the reference table")
    from modelguard.formats._onnx_schema import BITS

    named = {number: name for name, number in onnx.TensorProto.DataType.items()}
    assert {number: name for number, (name, _) in BITS.items()} == {
        number: name for number, name in named.items() if name not in {"UNDEFINED", "STRING"}
    }
