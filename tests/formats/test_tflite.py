"""TensorFlow Lite: indices and offsets are checked, custom operators are asked for, real models pass."""

from __future__ import annotations

from pathlib import Path
from struct import pack
from subprocess import run
from sys import executable
from typing import Any
from zipfile import ZipFile

import pytest
from flatbuffer_builders import Number, Numbers, flatbuffer
from hypothesis import given
from hypothesis import strategies as st
from walk_builders import asked, content_of, fuzz, only, read, read_accepted, refused, rules, truncations, unread

from modelguard.formats.tflite import FORMAT
from modelguard.terms.facts import Asks, Header, Noted, Tensor

WEIGHT = {0: Numbers((2, 2)), 1: Number(0, 1), 2: Number(1), 3: "w"}


def operator(code: int = 0, **changes: Any) -> dict[int, Any]:
    names = {"inputs": 1, "outputs": 2, "options": 4, "large_start": 9, "large_size": 10}
    return {
        0: Number(code),
        1: Numbers((0,)),
        2: Numbers((0,)),
        **{names[key]: value for key, value in changes.items()},
    }


def model(
    *, codes: tuple[dict[int, Any], ...] = ({0: Number(0, 1)},), graphs: tuple[tuple[dict[int, Any], ...], ...] = (),
    tensor: dict[int, Any] = WEIGHT, buffers: tuple[dict[int, Any], ...] = ({}, {0: bytes(16)}), **more: Any,
) -> bytes:  # fmt: skip
    made = [{0: [tensor], 3: list(operators)} for operators in (graphs or ((operator(),),))]
    named = {"description": 3, "metadata": 6}
    root = {0: Number(3), 1: list(codes), 2: made, 4: list(buffers)}
    return flatbuffer({**root, **{named[key]: value for key, value in more.items()}}, b"TFL3")


def custom(name: str) -> dict[int, Any]:
    return {0: Number(32, 1), 1: name}


def test_a_sound_model_passes_and_its_tensors_are_facts() -> None:
    data = model(description="made by hand", metadata=[{0: "min_runtime_version", 1: Number(0)}])
    facts = read(FORMAT, data)
    assert not refused(facts)
    (tensor,) = only(facts, Tensor)
    assert (tensor.name, tensor.dtype, tensor.shape, tensor.length) == ("w", "FLOAT32", (2, 2), 16)
    assert data[tensor.start : tensor.start + 16] == bytes(16)
    properties = {key: value for header in only(facts, Header) for key, value in header.properties.items()}
    assert properties["description"] == "made by hand"
    assert properties["metadata"] == "min_runtime_version"


@pytest.mark.parametrize(
    ("name", "permission", "hazard", "profiles"),
    [
        ("MyOperator", "custom-ops", "", ()),
        ("FlexReadFile", "ops", "file-read", ()),
        ("FlexPyFunc", "ops", "code-execution", ()),
        ("FlexRFFT", "custom-ops", "", ("tflite-flex",)),
        ("FlexUnheardOf", "custom-ops", "", ()),
        ("edgetpu-custom-op", "custom-ops", "", ()),
    ],
)
def test_a_custom_operator_is_asked_for(name: str, permission: str, hazard: str, profiles: tuple[str, ...]) -> None:
    (ask,) = only(read(FORMAT, model(codes=(custom(name),))), Asks)
    assert (ask.permission, ask.name, ask.hazard, ask.profiles) == (permission, name, hazard, profiles)


def test_the_default_custom_operators_are_not_asked_for() -> None:
    assert not refused(read(FORMAT, model(codes=(custom("TFLite_Detection_PostProcess"),))))
    assert not refused(read(FORMAT, model(codes=({0: Number(9, 1), 1: "only a name"},))))


def test_the_larger_of_both_operator_codes_counts() -> None:
    assert asked(read(FORMAT, model(codes=({0: Number(0, 1), 1: "Mine", 3: Number(32)},)))) == [("custom-ops", "Mine")]


def test_a_newer_operator_is_noted() -> None:
    facts = read(FORMAT, model(codes=({0: Number(127, 1), 3: Number(4000)},)))
    assert [fact.rule for fact in only(facts, Noted)] == ["tflite-newer-operator"]


def running(code: int, *targets: int) -> dict[int, Any]:
    return operator(1, options={number: Number(target) for number, target in enumerate(targets)})


WHILE = ({0: Number(0, 1)}, {0: Number(119, 1)})


@pytest.mark.parametrize(
    ("data", "rule"),
    [
        (model(graphs=((operator(7),),)), "operator"),
        (model(graphs=((operator(inputs=Numbers((9,))),),)), "operator"),
        (model(graphs=((operator(outputs=Numbers((-2,))),),)), "operator"),
        (model(graphs=((operator(large_start=Number(1 << 40, 8), large_size=Number(8, 8)),),)), "operator"),
        (model(tensor={**WEIGHT, 2: Number(9)}), "buffer"),
        (model(tensor={**WEIGHT, 0: Numbers((2, 3))}), "tensor"),
        (model(tensor={**WEIGHT, 0: Numbers((-2, -2))}), "tensor"),
        (model(tensor={**WEIGHT, 0: Numbers((1 << 30, 1 << 30, 1 << 30))}), "tensor"),
        (model(buffers=({}, {1: Number(1 << 40, 8), 2: Number(16, 8)})), "buffer"),
        (model(buffers=({}, {1: Number(64, 8), 2: Number((1 << 64) - 8, 8)})), "buffer"),
        (model(metadata=[{0: "m", 1: Number(9)}]), "buffer"),
        (model(codes=WHILE, graphs=((running(119, 0, 0),),)), "subgraph"),
        (model(codes=WHILE, graphs=((running(119, 1, 1),), (running(119, 0, 0),))), "subgraph"),
        (model(codes=WHILE, graphs=((running(119, 5, 5),),)), "subgraph"),
    ],
)  # fmt: skip
def test_a_model_that_does_not_fit_is_malformed(data: bytes, rule: str) -> None:
    assert f"tflite-{rule}" in rules(read(FORMAT, data))


@pytest.mark.parametrize(
    "data",
    [
        model(graphs=((operator(inputs=Numbers((-1, 0))),),)),
        model(codes=WHILE, graphs=((running(119, 1, 2),), (operator(),), (operator(),))),
        model(tensor={**WEIGHT, 2: Number(0)}),
        model(tensor={**WEIGHT, 1: Number(5, 1)}),
        model(tensor={**WEIGHT, 1: Number(17, 1), 0: Numbers((32,))}),
    ],
    ids=["optional-input", "loop", "empty-buffer", "strings", "half-bytes"],
)  # fmt: skip
def test_the_near_misses_pass(data: bytes) -> None:
    assert not refused(read(FORMAT, data))


@pytest.mark.parametrize(
    "data",
    [
        pack("<I", 1 << 30) + b"TFL3",
        pack("<I", 8) + b"TFL3" + pack("<i", 1 << 30),
        pack("<I", 12) + b"TFL3" + pack("<HHi", 3, 0, 4),
        b"\0\0\0\0TFL3",
    ],
)
def test_offsets_that_lead_nowhere_are_unread(data: bytes) -> None:
    assert unread(read(FORMAT, data))


@pytest.mark.parametrize("data", [b"", b"TFL3", b"\x20\0\0\0TFL2", bytes(99)])
def test_other_bytes_are_not_accepted(data: bytes) -> None:
    assert not FORMAT.accepts(content_of(data))


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    fuzz(FORMAT, data[:4] + b"TFL3" + data[4:])


@given(st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), min_size=1, max_size=4))
def test_changed_bytes_never_raise(changes: list[tuple[int, int]]) -> None:
    data = bytearray(model(codes=(custom("Flex"),), description="x"))
    for place, value in changes:
        data[place % len(data)] = value
    fuzz(FORMAT, bytes(data))


def test_a_truncated_model_is_refused() -> None:
    whole = model()[:-1]
    for cut in truncations(whole):
        assert not FORMAT.accepts(content_of(cut)) or refused(read_accepted(FORMAT, content_of(cut))), len(cut)


@pytest.mark.slow
def test_a_published_model_passes(tmp_path: Path) -> None:
    """basic-pitch 0.4.0 carries a model of TensorFlow Lite."""
    command = [executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(tmp_path), "basic-pitch==0.4.0"]
    run(command, check=True, capture_output=True)
    with ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        facts = read(FORMAT, wheel.read("basic_pitch/saved_models/icassp_2022/nmp.tflite"))
    assert not refused(facts)
    assert len(only(facts, Tensor)) > 20
