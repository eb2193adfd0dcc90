"""MXNet arrays, old GGML and XGBoost, CNTK, Caffe, RKNN: counts that do not fit are refused, code is asked for."""

from __future__ import annotations

from pathlib import Path
from struct import pack
from time import process_time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from protobuf_builders import lump, number, real
from walk_builders import SmallWalk, asked, content_of, fuzz, only, read, refused, rules, truncations, unread

from modelguard.formats.caffe import FORMAT as CAFFE
from modelguard.formats.caffe_text import FORMAT as CAFFE_TEXT
from modelguard.formats.cntk import FORMAT as CNTK
from modelguard.formats.format import Format
from modelguard.formats.ggml_legacy import FORMAT as GGML
from modelguard.formats.mxnet_arrays import FORMAT as MXNET
from modelguard.formats.rknn import FORMAT as RKNN
from modelguard.formats.xgboost_binary import FORMAT as XGBOOST
from modelguard.terms.facts import Asks, Header, Tensor

SAMPLES = Path(__file__).parent / "samples" / "snapshots"


# --- MXNet -----------------------------------------------------------------------------------------------------


def array(shape: tuple[int, ...] = (2, 2), type_: int = 0, data: bytes = bytes(16), storage: int = 0) -> bytes:
    head = pack("<IiI", 0xF993FAC9, storage, len(shape)) + pack(f"<{len(shape)}q", *shape)
    return head + pack("<iii", 1, 0, type_) + data


def arrays(*items: bytes, names: tuple[bytes, ...] = (b"arg:w",), count: int = -1) -> bytes:
    head = pack("<QQQ", 0x112, 0, len(items) if count < 0 else count)
    return head + b"".join(items) + pack("<Q", len(names)) + b"".join(pack("<Q", len(name)) + name for name in names)


@pytest.mark.parametrize("old", [pack("<III", 2, 2, 2), pack("<IIqq", 0xF993FAC8, 2, 2, 2)])
def test_arrays_of_every_version_pass(old: bytes) -> None:
    facts = read(MXNET, arrays(array(), old + pack("<iii", 1, 0, 0) + bytes(16), names=(b"a", b"b")))
    assert not refused(facts)
    assert [fact.shape for fact in only(facts, Tensor)] == [(2, 2), (2, 2)]


@pytest.mark.parametrize("name", ["m-0000.params", "sp.params", "list.nd"])
def test_what_mxnet_wrote_passes(name: str) -> None:
    assert not refused(read(MXNET, (SAMPLES / "mxnet" / name).read_bytes()))


@pytest.mark.parametrize(
    "data",
    [
        arrays(array(data=bytes(15))),
        arrays(array((1 << 40, 1 << 40))),
        arrays(array((-1, 2))),
        arrays(array(type_=99)),
        arrays(array(storage=7)),
        arrays(array(tuple([1] * 33))),
        arrays(count=1 << 60),
        arrays(array(), names=())[:-8] + pack("<Q", 1 << 60),
        arrays(array(), names=())[:-8] + pack("<QQ", 1, 1 << 60),
    ],
)
def test_arrays_that_do_not_fit_are_unread(data: bytes) -> None:
    assert unread(read(MXNET, data))


def test_names_that_do_not_fit_are_malformed() -> None:
    assert rules(read(MXNET, arrays(array(), names=(b"a", b"b")))) == ["mxnet-arrays-names"]
    assert rules(read(MXNET, arrays(array(), array(), names=(b"a", b"a")))) == ["mxnet-arrays-names"]


def test_bytes_after_the_names_are_handed_on() -> None:
    walk = SmallWalk()
    assert rules(read(MXNET, arrays(array()) + b"\x80\x04N.", walk=walk)) == ["mxnet-arrays-trailing"]
    assert walk.handed_names() == ["after the names"]


# --- GGML before GGUF ------------------------------------------------------------------------------------------


def ggml(magic: bytes = b"tjgg", version: int | None = 3, *, type_: int = 0, shape: tuple[int, ...] = (4,)) -> bytes:
    data = magic + (b"" if version is None else pack("<I", version)) + pack("<7I", 2, 4, 1, 1, 1, 1, 0)
    for token in (b"a", b"bc"):
        data += pack("<I", len(token)) + token + (b"" if version is None else pack("<f", 0))
    data += pack("<III", len(shape), 6, type_) + pack(f"<{len(shape)}I", *shape) + b"tensor"
    if magic == b"tjgg":
        data += bytes(-len(data) % 32)
    return data + bytes(16)


@pytest.mark.parametrize(("magic", "version"), [(b"lmgg", None), (b"fmgg", 1), (b"tjgg", 1), (b"tjgg", 3)])
def test_each_form_of_llama_passes(magic: bytes, version: int | None) -> None:
    facts = read(GGML, ggml(magic, version))
    assert not refused(facts)
    assert [(fact.name, fact.shape, fact.length) for fact in only(facts, Tensor)] == [("tensor", (4,), 16)]


def test_an_adapter_passes() -> None:
    head = b"algg" + pack("<III", 1, 8, 16) + pack("<III", 1, 5, 0) + pack("<I", 4) + b"loraA"
    assert not refused(read(GGML, head + bytes(-len(head) % 32) + bytes(16)))


@pytest.mark.parametrize(
    "data",
    [
        ggml(version=9),
        ggml(type_=99),
        ggml(shape=(1 << 31, 1 << 31, 1 << 31)),
        ggml(shape=(1, 1, 1, 1, 1)),
        ggml()[:-1],
        b"tjgg" + pack("<8I", 3, 1 << 31, 4, 1, 1, 1, 1, 0),
        b"lmgg" + pack("<8I", 1, 4, 1, 1, 1, 1, 0, 1 << 31),
        b"lmgg" + pack("<11I", 80, 1500, 384, 6, 4, 448, 384, 6, 4, 80, 1),  # the parameters of Whisper
    ],
)
def test_a_ggml_file_that_does_not_fit_is_unread(data: bytes) -> None:
    assert unread(read(GGML, data))


# --- XGBoost ---------------------------------------------------------------------------------------------------


def node(left: int = -1, right: int = -1, parent: int = 0xFFFF_FFFF, feature: int = 0) -> bytes:
    return pack("<IiiIf", parent, left, right, feature, 0.5)


def trees(*nodes: bytes, count: int = 1, size: int = -1, booster: bytes = b"gbtree", after: bytes = b"") -> bytes:
    learner = pack("<fIiiiII", 0.5, 3, 0, 0, 0, 1, 7) + bytes(108)
    names = b"".join(pack("<Q", len(name)) + name for name in (b"reg:squarederror", booster))
    tree = pack("<6i", 1, len(nodes) if size < 0 else size, 0, 1, 3, 0) + bytes(124) + b"".join(nodes)
    return b"binf" + learner + names + pack("<i", count) + bytes(156) + tree + bytes(16 * len(nodes)) + bytes(4) + after


STUMP = (node(1, 2), node(parent=1 << 31), node(parent=0))


def test_a_sound_tree_passes() -> None:
    facts = read(XGBOOST, trees(*STUMP))
    assert not refused(facts)
    assert only(facts, Header)[0].properties["version"] == "1.7"


@pytest.mark.parametrize("name", ["tree.model", "dart.model", "linear.model"])
def test_what_xgboost_wrote_passes(name: str) -> None:
    assert not refused(read(XGBOOST, (SAMPLES / "xgboost" / name).read_bytes()))


@pytest.mark.parametrize(
    "nodes",
    [
        (node(1, 3), *STUMP[1:]),
        (node(-2, 2), *STUMP[1:]),
        (node(1, 2, feature=3), *STUMP[1:]),
        (STUMP[0], node(parent=7), STUMP[2]),
    ],
)
def test_a_tree_that_leads_outside_is_malformed(nodes: tuple[bytes, ...]) -> None:
    assert rules(read(XGBOOST, trees(*nodes))) == ["xgboost-binary-tree"]


@pytest.mark.parametrize(
    "data",
    [
        trees(*STUMP, count=1 << 30),
        trees(*STUMP, count=-1),
        trees(*STUMP, size=1 << 30),
        trees(*STUMP, size=0),
        trees(*STUMP, booster=b"evil"),
        trees(*STUMP, booster=b"dart") + pack("<Q", 1 << 60),
        b"binf" + bytes(64),
        b"binf" + bytes(136) + pack("<Q", 1 << 60),
    ],
)
def test_an_xgboost_file_that_does_not_fit_is_unread(data: bytes) -> None:
    assert unread(read(XGBOOST, data))


def test_bytes_after_the_trees_are_handed_on() -> None:
    walk = SmallWalk()
    assert rules(read(XGBOOST, trees(*STUMP, after=b"\x80\x04N."), walk=walk)) == ["xgboost-binary-trailing"]
    assert walk.handed_names() == ["after the model"]


# --- CNTK ------------------------------------------------------------------------------------------------------


def cntk(**entries: bytes | str) -> bytes:
    """Write a dictionary; a text becomes a value of text, bytes are the value as it stands."""
    made = number(1, 1)
    for key, value in entries.items():
        inner = number(2, 6) + lump(8, value) if isinstance(value, str) else value
        made += lump(2, lump(1, key) + lump(2, number(1, 1) + inner))
    return made


def nested(**entries: bytes | str) -> bytes:
    return number(2, 10) + lump(12, cntk(**entries))


def listed(*values: bytes) -> bytes:
    return number(2, 9) + lump(11, b"".join(lump(1, number(1, 1) + value) for value in values))


def test_a_graph_of_own_functions_passes() -> None:
    data = cntk(type="CompositeFunction", uid="x", primitive_functions=listed(nested(type="PrimitiveFunction", op="1")))
    assert not refused(read(CNTK, data))


@pytest.mark.parametrize(
    ("kind", "permission"), [("UserDefinedFunction", "custom-ops"), ("NativeUserDefinedFunction", "native-code")]
)
def test_a_function_of_a_user_is_asked_for_at_any_depth(kind: str, permission: str) -> None:
    evil = nested(type=kind, module="evil", deserialize_method="make")
    for data in (cntk(type="CompositeFunction", uid="x", f=evil), cntk(uid="x", f=listed(nested(inner=listed(evil))))):
        ask = only(read(CNTK, data), Asks)[0]
        assert (ask.permission, ask.name, "module 'evil'" in ask.detail) == (permission, kind, True)


def test_the_first_version_is_unread() -> None:
    assert unread(read(CNTK, b"B\0C\0N\0\0\0" + bytes(40)))


@pytest.mark.parametrize("data", [b"", b"\x08\x01", cntk(other="x"), number(1, 1) + lump(2, "text"), lump(1, "x")])
def test_other_messages_are_not_cntk(data: bytes) -> None:
    assert not CNTK.accepts(content_of(data))


# --- Caffe -----------------------------------------------------------------------------------------------------


def layer(kind: str, *fields: bytes) -> bytes:
    blob = lump(7, lump(5, pack("<2f", 1, 2)))
    return lump(100, lump(1, "name") + lump(2, kind) + blob + b"".join(fields))


def caffe(*layers: bytes) -> bytes:
    return lump(1, "net") + b"".join(layers)


def test_a_network_of_numbers_passes() -> None:
    assert not refused(read(CAFFE, caffe(layer("Convolution"), layer("ReLU"))))
    assert not refused(read(CAFFE, caffe(lump(2, lump(2, "x") + lump(4, "conv") + number(5, 4) + real(7, 1.0)))))


def test_a_layer_of_python_is_asked_for() -> None:
    data = caffe(layer("Convolution"), layer("Python", lump(130, lump(1, "evil") + lump(2, "Layer"))))
    assert asked(read(CAFFE, data)) == [("custom-ops", "evil.Layer")]


@pytest.mark.parametrize(("field", "name"), [(107, 1), (115, 1), (112, 1), (116, 1), (100, 4)])
def test_a_file_that_a_layer_reads_is_asked_for(field: int, name: int) -> None:
    data = caffe(layer("Data", lump(field, lump(name, "/etc/passwd"))))
    assert asked(read(CAFFE, data)) == [("external-files", "/etc/passwd")]


def test_a_file_that_a_layer_writes_is_told_as_written() -> None:
    asks = only(read(CAFFE, caffe(layer("HDF5Output", lump(113, lump(1, "out.h5"))))), Asks)
    assert [(ask.name, ask.hazard) for ask in asks] == [("out.h5", "file-write")]


PROTOTXT = 'name: "net"\nlayer {\n  name: "a"\n  type: "Convolution"\n  bottom: "x"\n  top: "y"\n}\n'
PYTHON = 'layer {\n  type: "Python"\n  top: "y"\n  python_param { module: "evil" layer: "Layer" param_str: "1" }\n}\n'


def test_a_description_of_numbers_passes() -> None:
    assert not refused(read(CAFFE_TEXT, PROTOTXT.encode()))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (PROTOTXT + PYTHON, ("custom-ops", "evil.Layer")),
        (PROTOTXT + 'layers { top: "x" image_data_param { source: "../x" } }', ("external-files", "../x")),
        (PROTOTXT + 'snapshot_prefix: "/root/x"', ("external-files", "/root/x")),
        (PROTOTXT + 'net: "http://evil/x"', ("network", "http://evil/x")),
    ],
)
def test_what_a_description_asks_for(text: str, wanted: tuple[str, str]) -> None:
    assert asked(read(CAFFE_TEXT, text.encode())) == [wanted]


@pytest.mark.parametrize("data", [b"", b"layer cake {", b"# layer {\n", lump(2, "x"), lump(100, "x"), b'{"layer": 1}'])
def test_other_bytes_are_no_networks(data: bytes) -> None:
    assert not CAFFE.accepts(content_of(data))
    assert not CAFFE_TEXT.accepts(content_of(data))


def test_blank_lines_without_end_take_little_time() -> None:
    start = process_time()
    assert not CAFFE_TEXT.accepts(content_of(b"\n" * (1 << 20)))
    assert process_time() - start < 2


def test_a_description_that_is_broken_is_unread() -> None:
    assert unread(read(CAFFE_TEXT, PROTOTXT.encode() + b"layer {"))
    assert not CAFFE_TEXT.accepts(content_of(PROTOTXT.encode() + b"\xff", "net.prototxt"))


# --- RKNN ------------------------------------------------------------------------------------------------------


def rknn(version: int = 2, data: bytes = b"program", text: bytes = b'{"name": "x"}') -> bytes:
    digest = bytes(40) if version != 1 else b""
    return b"RKNN\0\0\0\0" + pack("<QQ", version, len(data)) + digest + data + pack("<Q", len(text)) + text


@pytest.mark.parametrize("version", [1, 2, 6])
def test_a_program_for_a_processor_always_asks_and_its_description_is_read(version: int) -> None:
    walk = SmallWalk()
    assert asked(read(RKNN, rknn(version), walk=walk)) == [("native-code", "rknn-program")]
    assert walk.handed_names() == ["description.json"]


@pytest.mark.parametrize("data", [b"CYPTRKNN" + bytes(8), rknn(9), rknn()[:40], rknn()[:-1]])
def test_a_container_that_does_not_fit_is_unread(data: bytes) -> None:
    assert unread(read(RKNN, data))


def test_bytes_after_the_description_are_handed_on() -> None:
    walk = SmallWalk()
    assert rules(read(RKNN, rknn() + b"\x80\x04N.", walk=walk)) == ["rknn-trailing"]


# --- all of them -----------------------------------------------------------------------------------------------

# Format, a sample, and lengths at which a cut sample is a whole file: GGML does not say how many tensors there are.
ALL: list[tuple[Format, bytes, set[int]]] = [
    (MXNET, arrays(array()), set()),
    (MXNET, (SAMPLES / "mxnet" / "sp.params").read_bytes(), set()),
    (GGML, ggml(), set()),
    (XGBOOST, trees(*STUMP), set()),
    (XGBOOST, (SAMPLES / "xgboost" / "dart.model").read_bytes(), set()),
    (CNTK, cntk(type="CompositeFunction", uid="x" * 100), {2, 2 + len(cntk(type="CompositeFunction")) - 2}),
    (CAFFE, caffe(layer("Convolution"), layer("ReLU")), {5, len(caffe(layer("Convolution")))}),
    (CAFFE_TEXT, PROTOTXT.encode().rstrip(), set(range(13))),
    (RKNN, rknn(), set()),
]


@pytest.mark.parametrize(("form", "sample", "whole"), ALL)
def test_no_truncation_passes(form: Format, sample: bytes, whole: set[int]) -> None:
    for cut in truncations(sample):
        if len(cut) not in whole and form.accepts(content_of(cut)):
            assert refused(read(form, cut)), len(cut)


@pytest.mark.parametrize(("form", "sample"), [(form, sample) for form, sample, _ in ALL])
@given(noise=st.binary(max_size=60), at=st.integers(0, 500))
def test_foreign_bytes_never_break_the_readers(form: Any, sample: bytes, noise: bytes, at: int) -> None:
    fuzz(form, noise)
    fuzz(form, sample[:8] + noise)
    fuzz(form, sample[: at % len(sample)] + noise + sample[at % len(sample) + len(noise) :])
