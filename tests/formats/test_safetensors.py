"""safetensors: what is sound passes without a word, and each rule of the format is enforced."""

from __future__ import annotations

import base64
import json
import pickle
from struct import pack

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save
from walk_builders import SmallWalk, content_of, fuzz, only, read, read_accepted, refused, rules, truncations, unread

from modelguard.formats.safetensors import BITS, FORMAT
from modelguard.terms.facts import Header, Tensor

GOOD = {
    "a": {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]},
    "b": {"dtype": "I64", "shape": [1], "data_offsets": [16, 24]},
}


def file(header: object, data: bytes = bytes(24), *, raw: bytes | None = None, length: int | None = None) -> bytes:
    text = json.dumps(header).encode() if raw is None else raw
    return pack("<Q", len(text) if length is None else length) + text + data


def entry(**changes: object) -> dict[str, object]:
    return {**GOOD, "b": {**GOOD["b"], **changes}}


def test_a_file_of_the_reference_writer_passes_and_its_tensors_are_facts() -> None:
    data = save({"w": np.zeros((3, 4), np.float32), "n": np.arange(5)}, metadata={"format": "pt"})
    facts = read(FORMAT, data)
    assert not refused(facts)
    assert {(tensor.name, tensor.dtype, tensor.shape) for tensor in only(facts, Tensor)} == {
        ("w", "F32", (3, 4)), ("n", "I64", (5,)),
    }  # fmt: skip
    assert only(facts, Header)[0].properties == {"format": "pt", "tensors": "2"}


def test_tensors_tell_where_their_bytes_are() -> None:
    data = save({"w": np.array([1.5, 2.5], np.float32)})
    (tensor,) = only(read(FORMAT, data), Tensor)
    assert np.frombuffer(data[tensor.start : tensor.start + tensor.length], np.float32).tolist() == [1.5, 2.5]


def test_a_file_without_tensors_passes() -> None:
    assert not refused(read(FORMAT, save({})))


def test_zero_size_tensors_pass_where_the_one_before_ends() -> None:
    data = save({"empty": np.zeros((0, 7), np.float32), "w": np.zeros(3, np.int8), "none": np.zeros(0, np.int8)})
    assert not refused(read(FORMAT, data))


def test_scalars_pass() -> None:
    assert not refused(read(FORMAT, save({"step": np.array(3.0)})))


def test_a_header_padded_with_blanks_passes() -> None:
    assert not refused(read(FORMAT, file(None, raw=json.dumps(GOOD).encode() + b"   ")))


@pytest.mark.parametrize(
    ("header", "rule"),
    [
        (entry(data_offsets=[8, 16]), "overlap"),
        ({**GOOD, "c": {**GOOD["a"]}}, "overlap"),
        (entry(data_offsets=[16, 25], dtype="I8", shape=[9]), "tensor"),
        (entry(data_offsets=[24, 16]), "tensor"),
        (entry(data_offsets=[-8, 0]), "tensor"),
        (entry(data_offsets=[16.0, 24.0]), "tensor"),
        (entry(data_offsets=[True, 24]), "tensor"),
        (entry(data_offsets=["16", "24"]), "tensor"),
        (entry(data_offsets=[16, 20, 24]), "tensor"),
        (entry(data_offsets=[16, 10**30]), "tensor"),
        (entry(shape=[2]), "tensor"),
        (entry(shape=[-1]), "tensor"),
        (entry(shape=1), "tensor"),
        (entry(shape=[4194305, 4194305, 211106198978564]), "tensor"),
        (entry(shape=[1 << 62, 1 << 62, 0], data_offsets=[24, 24]), "tensor"),
        (entry(dtype="OBJECT"), "tensor"),
        (entry(dtype="f32"), "tensor"),
        (entry(dtype=3), "tensor"),
        (entry(loader="os.system"), "tensor"),
        ({**GOOD, "c": [1]}, "tensor"),
        ({"a": GOOD["a"]}, "trailing-data"),
        ({"b": GOOD["b"]}, "gap"),
        ({**GOOD, "z": {"dtype": "F32", "shape": [0], "data_offsets": [8, 8]}}, "overlap"),
        ({"__metadata__": {"format": 1}, **GOOD}, "metadata"),
        ({"__metadata__": ["pt"], **GOOD}, "metadata"),
        ({"__metadata__": {"a": {"b": "c"}}, **GOOD}, "metadata"),
        ({"../../evil": GOOD["a"], "b": GOOD["b"]}, "tensor-name"),
        ({"/etc/x": GOOD["a"], "b": GOOD["b"]}, "tensor-name"),
        ({"a\0b": GOOD["a"], "b": GOOD["b"]}, "tensor-name"),
        ({"a\u202eb": GOOD["a"], "b": GOOD["b"]}, "tensor-name"),
    ],
)  # fmt: skip
def test_a_header_that_breaks_a_rule_is_malformed(header: object, rule: str) -> None:
    assert f"safetensors-{rule}" in rules(read(FORMAT, file(header)))


def test_the_sound_twin_of_all_these_passes() -> None:
    assert not refused(read(FORMAT, file(GOOD)))
    assert not refused(read(FORMAT, file({"layer..0/a": GOOD["a"], "b.weight": GOOD["b"]})))


@pytest.mark.parametrize("where", [b'"a"', b'"dtype"', b'"__metadata__"'])
def test_a_key_that_stands_twice_is_malformed(where: bytes) -> None:
    text = json.dumps({"__metadata__": {"k": "v"}, **GOOD}).encode()
    value = {b'"a"': b"1", b'"dtype"': b'"F32"', b'"__metadata__"': b"{}"}[where]
    doubled = text.replace(where + b":", where + b": " + value + b", " + where + b":", 1)
    assert "safetensors-duplicate-key" in rules(read(FORMAT, file(None, raw=doubled)))


def test_a_key_doubled_by_an_escape_is_malformed() -> None:
    text = json.dumps(GOOD).encode()[:-1] + b', "\\u0061": ' + json.dumps(GOOD["a"]).encode() + b"}"
    assert "safetensors-duplicate-key" in rules(read(FORMAT, file(None, raw=text)))


@pytest.mark.parametrize("length", [100_000_001, 1 << 40, 400])
def test_a_header_longer_than_the_file_is_malformed_and_unread(length: int) -> None:
    facts = read(FORMAT, file(GOOD, length=length))
    assert rules(facts) == ["safetensors-header-length"]
    assert unread(facts)


@pytest.mark.parametrize(
    "raw",
    [
        b'{"a": nope}',
        b'{"a": "\xff"}',
        b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"a": ' + b"9" * 5_000 + b"}",
        b'{"a": {}} {"b": 1}',
    ],
    ids=["not-json", "not-utf8", "deep", "long-number", "two-values"],
)  # fmt: skip
def test_a_header_that_is_not_json_within_bounds_is_unread(raw: bytes) -> None:
    assert unread(read(FORMAT, file(None, raw=raw)))


@pytest.mark.parametrize("raw", [b" " + json.dumps(GOOD).encode(), json.dumps(GOOD).encode() + b"\n"])
def test_a_header_padded_otherwise_is_malformed(raw: bytes) -> None:
    assert rules(read(FORMAT, file(None, raw=raw))) == ["safetensors-header-padding"]


def test_nan_in_a_header_is_malformed() -> None:
    text = json.dumps(GOOD).encode().replace(b"[1]", b"[NaN]")
    assert "safetensors-number" in rules(read(FORMAT, file(None, raw=text)))


def test_bytes_after_the_last_tensor_are_read_as_what_they_are() -> None:
    walk = SmallWalk()
    facts = read(FORMAT, file(GOOD, bytes(24) + b"PK\x03\x04 and so on"), walk=walk)
    assert rules(facts) == ["safetensors-trailing-data"]
    assert walk.handed[0].head(4) == b"PK\x03\x04"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("{% for x in ''.__class__.__mro__ %}{% endfor %}", "__metadata__.note.jinja"),
        ("{{ cycler.__init__.__globals__ }}", "__metadata__.note.jinja"),
        ("cos\nsystem\n(S'echo pwned'\ntR.", "__metadata__.note as text"),
        (base64.b64encode(pickle.dumps({"a": list(range(20))})).decode(), "__metadata__.note as base64"),
        (pickle.dumps({"a": list(range(20))}).hex(), "__metadata__.note as hex"),
        (pickle.dumps({"a": "b"}).decode("latin-1"), "__metadata__.note as latin-1"),
    ],
    ids=["statement", "expression", "text-pickle", "base64", "hex", "latin-1"],
)  # fmt: skip
def test_a_program_in_metadata_is_handed_to_the_walk(text: str, name: str) -> None:
    walk = SmallWalk()
    read(FORMAT, file({"__metadata__": {"note": text}, **GOOD}), walk=walk)
    assert name in walk.handed_names()


@pytest.mark.parametrize(
    "text",
    ["pt", '{"epoch": {"loss": {}}}', "{{masterpiece}}, {{{best quality}}}", "see os.path\nand so on", "9f86d081" * 8],
)
def test_ordinary_metadata_is_handed_to_nobody(text: str) -> None:
    walk = SmallWalk()
    assert not refused(read(FORMAT, file({"__metadata__": {"note": text}, **GOOD}), walk=walk))
    assert walk.handed == []


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x10",
        bytes(64),
        b'{"a": "plain json"}',
        b"\x80\x04\x95\x10\x00\x00\x00\x00{",
        pack("<Q", 9) + b"[1, 2, 3]",
    ],
)
def test_other_bytes_are_not_accepted(data: bytes) -> None:
    assert not FORMAT.accepts(content_of(data))


def test_every_type_of_the_reference_writer_is_known() -> None:
    kinds = [np.bool_, np.uint8, np.int8, np.uint16, np.int16, np.uint32, np.int32, np.uint64, np.int64]
    kinds += [np.float16, np.float32, np.float64, np.complex64]
    facts = read(FORMAT, save({str(np.dtype(kind)): np.ones(8, kind) for kind in kinds}))
    assert not refused(facts)
    assert {tensor.dtype for tensor in only(facts, Tensor)} <= set(BITS)


@given(st.binary(max_size=400))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    fuzz(FORMAT, data)
    fuzz(FORMAT, pack("<Q", len(data)) + data)
    fuzz(FORMAT, pack("<Q", len(data) + 1) + b"{" + data + bytes(16))


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_any_json_header_is_read_or_refused(value: object) -> None:
    fuzz(FORMAT, file({"a": value, **GOOD}))
    fuzz(FORMAT, file(value))


@given(st.integers(0, 10_000), st.integers(0, 255))
def test_a_changed_byte_of_the_header_never_raises(place: int, value: int) -> None:
    data = bytearray(save({"w": np.zeros((3, 4), np.float32), "n": np.arange(5)}, metadata={"format": "pt"}))
    data[place % len(data)] = value
    fuzz(FORMAT, bytes(data))


def test_a_truncated_file_is_refused() -> None:
    data = save({"w": np.zeros((30, 40), np.float32), "n": np.arange(5)})
    for cut in truncations(data):
        assert refused(read_accepted(FORMAT, content_of(cut))), len(cut)
