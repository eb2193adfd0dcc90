"""PaddlePaddle: programs whose operators only compute pass; those that call Python, read files, need plug-ins ask."""

from __future__ import annotations

import json
from pathlib import Path
from struct import pack
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from protobuf_builders import lump, number
from test_models_through_the_walk import facts_of
from walk_builders import asked, content_of, fuzz, only, read, refused, rules, truncations, unread

from modelguard.formats._paddle_operators import OWN, REACHING, is_own
from modelguard.formats._protobuf import Wire
from modelguard.formats.paddle_parameters import FORMAT as PARAMETERS
from modelguard.formats.paddle_pir import FORMAT as PIR
from modelguard.formats.paddle_program import FORMAT as PROGRAM
from modelguard.terms.content import Budget
from modelguard.terms.facts import Asks, Import, Malformed, Recognised, Tensor

SAMPLES = Path(__file__).parent / "samples" / "snapshots" / "paddle"


def operator(kind: str, **attributes: str) -> bytes:
    made = [lump(4, lump(1, name) + number(2, 2) + lump(5, value)) for name, value in attributes.items()]
    return lump(4, lump(1, lump(1, "X") + lump(2, "x")) + lump(3, kind) + b"".join(made))


def program(*operators: bytes) -> bytes:
    variable = lump(3, lump(1, "x") + lump(2, number(1, 7)))
    return lump(1, number(1, 0) + number(2, -1) + variable + b"".join(operators)) + lump(4, number(1, 0))


def tensor(shape: tuple[int, ...] = (2, 3), dtype: int = 5, data: bytes | None = None) -> bytes:
    described = number(1, dtype) + b"".join(number(2, extent) for extent in shape)
    return bytes(16) + pack("<i", len(described)) + described + (bytes(24) if data is None else data)


def pir(*operators: str, **extra: Any) -> bytes:
    ops = [{"#": name, "A": [], "I": [], "O": []} for name in operators]
    block = {"#": "block_0", "args": [], "ops": ops}
    base = {"magic": "pir", "trainable": True, "version": 4}
    return json.dumps(
        {"base_code": base, "program": {"regions": [{"#": "region_0", "blocks": [block]}]}, **extra}
    ).encode()


def test_a_program_that_computes_passes() -> None:
    facts = read(PROGRAM, program(operator("feed"), operator("conv2d"), operator("relu_grad"), operator("fetch")))
    assert not refused(facts)


@pytest.mark.parametrize(
    ("kind", "permission", "hazard"),
    [
        ("py_func", "custom-ops", "code-execution"),
        ("py_layer", "custom-ops", "code-execution"),
        ("load_combine", "ops", "file-read"),
        ("save", "ops", "file-write"),
        ("listen_and_serv", "ops", "network"),
        ("tensorrt_engine", "native-code", ""),
        ("evil_custom_op", "custom-ops", ""),
    ],
)
def test_an_operator_that_reaches_out_is_asked_for(kind: str, permission: str, hazard: str) -> None:
    for data, form in ((program(operator("relu"), operator(kind)), PROGRAM), (pir("1.relu", f"1.{kind}"), PIR)):
        if form is PIR and kind == "evil_custom_op":
            continue
        asks = only(read(form, data), Asks)
        assert [(ask.permission, ask.name, ask.hazard) for ask in asks] == [(permission, kind, hazard)]


def test_the_path_of_an_operator_is_told() -> None:
    ask = only(read(PROGRAM, program(operator("load", file_path="/etc/passwd"))), Asks)[0]
    assert "/etc/passwd" in ask.detail


@pytest.mark.parametrize("name", ["3.evil", "custom_op.evil", "9.relu", "evil.relu", "evil"])
def test_an_operator_of_another_dialect_needs_a_plug_in(name: str) -> None:
    assert asked(read(PIR, pir("1.relu", name))) == [("custom-ops", name)]


@pytest.mark.parametrize("name", ["p", "0.parameter", "1.relu_", "2.if", "4.reshard"])
def test_an_operator_of_the_framework_passes(name: str) -> None:
    assert not refused(read(PIR, pir(name)))


def test_operators_in_control_flow_are_seen() -> None:
    inner = {"#": "region_1", "blocks": [{"#": "block_1", "ops": [{"#": "1.py_func"}]}]}
    data = json.loads(pir("1.relu"))
    data["program"]["regions"][0]["blocks"][0]["ops"].append({"#": "2.while", "regions": [inner]})
    assert asked(read(PIR, json.dumps(data).encode())) == [("custom-ops", "py_func")]


def test_the_tables_do_not_overlap() -> None:
    assert not OWN & REACHING.keys()
    assert is_own("conv2d_double_grad")
    assert not is_own("_grad")


def test_parameters_are_told_with_their_places() -> None:
    data = tensor() + tensor((4,), 3, bytes(32))
    facts = read(PARAMETERS, data)
    assert not refused(facts)
    found = [(fact.dtype, fact.shape, fact.start, fact.length) for fact in only(facts, Tensor)]
    assert found == [("float32", (2, 3), 26, 24), ("int64", (4,), 26 + 24 + 24, 32)]


@pytest.mark.parametrize(
    "data",
    [
        tensor(data=bytes(23)),
        tensor() + b"\x80\x04N.",
        tensor() + tensor(dtype=7),
        tensor() + b"\1" + tensor()[1:],
        tensor() + bytes(4) + pack("<q", 1 << 60) + bytes(40),
        tensor() + bytes(16) + pack("<i", 1 << 30),
        tensor() + bytes(16) + pack("<i", 4) + lump(9, "ab"),
        tensor((1 << 40, 1 << 40)),
        tensor((-1,)),
    ],
)
def test_parameters_that_do_not_fit_are_unread(data: bytes) -> None:
    assert unread(read(PARAMETERS, data))


def test_a_shape_that_overflows_is_malformed() -> None:
    assert rules(read(PARAMETERS, tensor((1 << 40, 1 << 40)))) == ["paddle-tensor-shape"]


@pytest.mark.parametrize("data", [b"", bytes(64), bytes(16) + pack("<i", 2) + b"\x08\x99", bytes(16) + b"\x01"])
def test_other_bytes_are_no_parameters(data: bytes) -> None:
    assert not PARAMETERS.accepts(content_of(data))


@pytest.mark.parametrize("data", [b"", b"\x0a", lump(1, "text"), lump(1, number(1, 1) + number(2, 0) + lump(3, "x"))])
def test_other_messages_are_no_programs(data: bytes) -> None:
    assert not PROGRAM.accepts(content_of(data))


@pytest.mark.parametrize("data", [b"{}", b'{"base_code": 1}', b'{"program": {}}', b'{"base_code": {"magic": "x"}}'])
def test_other_json_is_no_program(data: bytes) -> None:
    assert not PIR.accepts(content_of(data))


def test_the_pickles_of_paddle_are_read_by_the_pickle_machine(tmp_path: Path) -> None:
    facts = facts_of(tmp_path, {name: (SAMPLES / name).read_bytes() for name in ("state.pdparams", "state.pdopt")})
    assert {fact.formats for fact in facts if isinstance(fact, Recognised)} == {("pickle",)}
    assert {fact.profiles for fact in facts if isinstance(fact, Import)} == {("numpy",)}


def test_a_lod_tensor_of_paddle_calls_eval_and_is_told(tmp_path: Path) -> None:
    """paddle.save writes `eval('data', {'data': …})` for a LoDTensor (python/paddle/framework/io.py)."""
    data = b"\x80\x04\x8c\x08builtins\x8c\x04eval\x93\x8c\x04data}\x8c\x04dataK\x01s\x86R."
    imports = [fact for fact in facts_of(tmp_path, {"m.pdparams": data}) if isinstance(fact, Import)]
    assert [(fact.qualified, fact.hazard != "") for fact in imports] == [("builtins.eval", True)]


def test_a_pickle_called_pdmodel_is_refused_and_read(tmp_path: Path) -> None:
    payload = b"\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x0becho pwned1\x85R."
    for name in ("m.pdmodel", "m.pdiparams"):
        facts = facts_of(tmp_path, {name: payload})
        assert "wrong-format" in [fact.rule for fact in facts if isinstance(fact, Malformed)]
        assert "posix.system" in [fact.qualified for fact in facts if isinstance(fact, Import)]


@pytest.mark.parametrize(
    ("form", "name"), [(PROGRAM, "program.pdmodel"), (PARAMETERS, "program.pdiparams"), (PIR, "pir.json")]
)
def test_no_truncation_of_a_real_file_passes(form: Any, name: str) -> None:
    data = (SAMPLES / name).read_bytes()
    whole = read(form, data)
    assert not refused(whole)
    # What ends behind a tensor, or behind the blocks, is a whole file: neither says how many there are.
    ends = {fact.start + fact.length for fact in only(whole, Tensor)}
    if form is PROGRAM:
        wire = Wire(content_of(data), Budget())
        ends.update(piece.start + piece.length for _, piece in wire.pieces(0, len(data)))
    for cut in truncations(data):
        if form.accepts(content_of(cut)) and len(cut) not in ends:
            assert refused(read(form, cut))


@given(st.binary(max_size=100), st.integers(0, 1000), st.sampled_from([program(operator("x")), tensor(), pir("1.x")]))
def test_foreign_bytes_never_break_the_readers(noise: bytes, at: int, sample: bytes) -> None:
    for form in (PROGRAM, PARAMETERS, PIR):
        fuzz(form, noise)
        fuzz(form, sample[: at % len(sample)] + noise + sample[at % len(sample) + len(noise) :])
