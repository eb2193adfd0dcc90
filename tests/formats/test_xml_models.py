"""OpenVINO and PMML: layers of extensions, Java functions and entities; Core ML's weight files beside them."""

from __future__ import annotations

from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st
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

from modelguard.formats.coreml_weights import FORMAT as WEIGHTS
from modelguard.formats.openvino import FORMAT as OPENVINO
from modelguard.formats.pmml import FORMAT as PMML
from modelguard.terms.facts import Header, Noted, RawNumbers, Tensor

CONSTANT = '<data element_type="f32" offset="0" size="16"/>'


def openvino(*, version: str = "opset1", kind: str = "Const", data: str = CONSTANT, head: str = "") -> bytes:
    layer = f'<layer id="0" name="w" type="{kind}" version="{version}">{data}</layer>'
    return f'<?xml version="1.0"?>{head}<net name="m" version="11"><layers>{layer}</layers></net>'.encode()


def test_a_graph_with_its_numbers_passes() -> None:
    walk = SmallWalk(paths=frozenset({"d/m.xml", "d/m.bin"}))
    facts = read(OPENVINO, openvino(), "d/m.xml", walk=walk)
    assert not refused(facts)
    assert [fact.path for fact in only(facts, RawNumbers)] == ["d/m.bin"]
    properties = {key: value for header in only(facts, Header) for key, value in header.properties.items()}
    assert properties == {"name": "m", "version": "11", "layers": "1", "operator-sets": "opset1"}


def test_the_numbers_of_a_graph_in_capitals_are_found() -> None:
    walk = SmallWalk(paths=frozenset({"d/m.XML", "d/m.bin"}))
    assert not refused(read(OPENVINO, openvino(), "d/m.XML", walk=walk))


def test_numbers_that_are_not_there_are_asked_for() -> None:
    assert asked(read(OPENVINO, openvino(), "m.xml")) == [("external-files", "m.bin")]
    assert not refused(read(OPENVINO, openvino(data=""), "m.xml"))


@pytest.mark.parametrize("version", ["extension", "custom_opset", "opset1x", "org.openvinotoolkit"])
def test_a_layer_of_an_extension_is_asked_for(version: str) -> None:
    assert asked(read(OPENVINO, openvino(version=version, kind="Evil", data=""))) == [("custom-ops", f"{version}.Evil")]


@pytest.mark.parametrize("place", ['offset="-1" size="4"', 'offset="0" size="x"', f'offset="0" size="{"9" * 30}"'])
def test_a_place_that_is_no_number_is_malformed(place: str) -> None:
    assert "openvino-place" in rules(read(OPENVINO, openvino(data=f"<data {place}/>")))


ENTITY = '<!DOCTYPE net [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
LAUGHS = '<!DOCTYPE PMML [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]>'


def pmml(body: str = "", head: str = "") -> bytes:
    return f'<?xml version="1.0"?>{head}<PMML version="4.4" xmlns="http://www.dmg.org/PMML-4_4">{body}</PMML>'.encode()


@pytest.mark.parametrize(
    ("form", "data"),
    [
        (OPENVINO, openvino(head=ENTITY)),
        (PMML, pmml(head=ENTITY.replace("net", "PMML"))),
        (PMML, pmml(head=LAUGHS)),
        (PMML, pmml(head="<!DOCTYPE PMML>")),
        (PMML, pmml("<a>" * 600 + "</a>" * 600)),
        (PMML, pmml("<a></b>")),
        (PMML, pmml()[:-3]),
    ],
)
def test_document_types_and_broken_xml_are_unread(form: object, data: bytes) -> None:
    assert unread(read(form, data))  # type: ignore[arg-type]


def test_a_plain_statistics_model_passes() -> None:
    facts = read(PMML, pmml('<Header/><Apply function="+"/><Apply function="my-function"/>'))
    assert not refused(facts)
    assert only(facts, Header)[0].properties == {"version": "4.4"}


def test_what_leaves_a_statistics_model_is_asked_for() -> None:
    apply = '<pmml:Apply xmlns:pmml="x" function="com.evil.Run"/>' * 2
    assert asked(read(PMML, pmml(apply))) == [("configuration", "com.evil.Run")]
    assert asked(read(PMML, pmml('<TableLocator name="t"/>'))) == [("external-files", "t")]


def test_an_extension_is_noted() -> None:
    facts = read(PMML, pmml('<Extension name="x" value="y"/>'))
    assert not refused(facts)
    assert [fact.rule for fact in only(facts, Noted)] == ["pmml-extension"]


def weights(*sizes: int, count: int | None = None, start: int = 0, rest: bytes = b"") -> bytes:
    data = pack("<II", len(sizes) if count is None else count, 2) + bytes(56)
    for size in sizes:
        head = b"\xef\xbe\xad\xde" + pack("<IQQ", 1, size, start or len(data) + 64)
        data += head + bytes(40) + bytes(size) + bytes(-size % 64)
    return data + rest


def test_weights_are_read_to_their_end() -> None:
    facts = read(WEIGHTS, weights(100, 64))
    assert not refused(facts)
    assert [(tensor.length, tensor.start) for tensor in only(facts, Tensor)] == [(100, 128), (64, 320)]


@pytest.mark.parametrize(
    ("data", "rule"),
    [
        (weights(64, rest=b"PK\x03\x04"), "coreml-weights-trailing"),
        (weights(64, start=1 << 60), "coreml-weights-range"),
        (weights(64, start=64), "coreml-weights-range"),
    ],
)
def test_weights_that_do_not_fit_are_malformed(data: bytes, rule: str) -> None:
    assert rules(read(WEIGHTS, data)) == [rule]


def test_weights_with_fewer_arrays_than_promised_are_unread() -> None:
    assert unread(read(WEIGHTS, weights(64, count=1 << 31)))


@pytest.mark.parametrize(
    "data", [b"", b"<html/>", b"<network/>", b"<net/>", b"<!-- <PMML> -->", bytes(200), b"<!DOCTYPE"]
)
def test_other_bytes_are_not_accepted(data: bytes) -> None:
    for form in (OPENVINO, PMML, WEIGHTS):
        assert not form.accepts(content_of(data))


SAMPLES = [(OPENVINO, openvino()), (PMML, pmml('<Apply function="+"/>')), (WEIGHTS, weights(100, 64))]


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
    for form, head in ((OPENVINO, b"<net><layers><layer "), (PMML, b"<PMML "), (WEIGHTS, weights(64)[:128])):
        fuzz(form, head + data)
        fuzz(form, data)


def test_a_truncated_model_is_refused() -> None:
    for form, sample in SAMPLES:
        for cut in truncations(sample):
            assert not form.accepts(content_of(cut)) or refused(read_accepted(form, content_of(cut))), cut
