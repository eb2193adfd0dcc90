"""Parts that come with models: SentencePiece, MessagePack, event logs, pages and drawings, packages to install."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from repository_builders import asked, facts_of, formats_of, of_kind

from modelguard.terms.facts import Asks, Header, Malformed, Noted, Opaque, Unread

# --- SentencePiece ---------------------------------------------------------------------------------------------


def lump(number: int, data: bytes) -> bytes:
    length, size = b"", len(data)
    while size > 0x7F:
        length += bytes([size & 0x7F | 0x80])
        size >>= 7
    return bytes([number << 3 | 2]) + length + bytes([size]) + data


def piece(text: str, score: float = -1.0) -> bytes:
    return lump(1, lump(1, text.encode()) + b"\x15" + struct.pack("<f", score))


def sentencepiece(*more: bytes) -> bytes:
    pieces = b"".join(piece(text) for text in ("<unk>", "<s>", "</s>", "▁the", "▁a"))
    return pieces + lump(2, b"\x18\x01") + lump(3, lump(1, b"nmt_nfkc")) + b"".join(more)


@pytest.mark.parametrize("path", ["tokenizer.model", "spiece.model", "sentencepiece.bpe.model", "anything"])
def test_a_sentencepiece_model_is_read_under_any_name(path: str) -> None:
    facts = facts_of(path, sentencepiece())
    assert formats_of(facts) == ("sentencepiece",)
    assert of_kind(facts, Header)[0].properties == {"pieces": "5"}
    assert not asked(facts)


def test_fields_of_no_schema_and_endless_pieces_are_told() -> None:
    facts = facts_of("tokenizer.model", piece("a") * 2000 + sentencepiece(lump(9, b"hidden")))
    assert [fact.rule for fact in of_kind(facts, Malformed)] == ["sentencepiece-unknown-field"]
    facts = facts_of("tokenizer.model", sentencepiece(piece("x" * 5000)))
    assert [fact.rule for fact in of_kind(facts, Malformed)] == ["sentencepiece-long-piece"]


def test_a_sentencepiece_model_that_ends_early_is_unread() -> None:
    assert of_kind(facts_of("tokenizer.model", sentencepiece()[:-3]), Unread)


@pytest.mark.parametrize("data", [b"\x0a", b"\x0a\x05hello\x12", b"\x08\x07\x12\x00", b"\x0a\x02\x08\x01"])
def test_other_protocol_buffers_are_not_sentencepiece(data: bytes) -> None:
    assert "sentencepiece" not in formats_of(facts_of("file", data))


# --- MessagePack -----------------------------------------------------------------------------------------------


def packed(value: Any) -> bytes:
    """Write MessagePack in its longest forms."""
    match value:
        case None:
            return b"\xc0"
        case bool():
            return b"\xc3" if value else b"\xc2"
        case int():
            return b"\xd3" + struct.pack(">q", value)
        case float():
            return b"\xcb" + struct.pack(">d", value)
        case str():
            return b"\xdb" + struct.pack(">I", len(value.encode())) + value.encode()
        case bytes():
            return b"\xc6" + struct.pack(">I", len(value)) + value
        case list():
            return b"\xdd" + struct.pack(">I", len(value)) + b"".join(map(packed, value))
        case dict():
            inner = b"".join(packed(key) + packed(part) for key, part in value.items())
            return b"\xdf" + struct.pack(">I", len(value)) + inner
        case _:
            raise TypeError(type(value))


def extension(code: int, data: bytes) -> bytes:
    return b"\xc9" + struct.pack(">Ib", len(data), code) + data


ARRAY = {b"nd": True, b"type": "<f4", b"kind": b"", b"shape": [1], b"data": b"\0\0\0\0"}
PICKLE = b"\x80\x04cos\nsystem\n(S'echo pwned'\ntR."


@pytest.mark.parametrize("path", ["ner/model", "vocab/key2row", "flax_model.msgpack"])
def test_messagepack_is_read_under_any_name(path: str) -> None:
    facts = facts_of(path, packed({"W": ARRAY, "names": ["a", 1, 2.0, None, True]}))
    assert formats_of(facts) == ("msgpack",)
    assert not asked(facts)


def test_an_array_of_objects_is_code() -> None:
    [fact] = of_kind(facts_of("model", packed({"W": ARRAY | {b"kind": b"O", b"data": PICKLE}})), Asks)
    assert (fact.permission, fact.hazard) == ("remote-code", "unpickling")


def test_a_pickle_in_the_bytes_is_read_as_what_it_is() -> None:
    facts = facts_of("model", packed({"state": PICKLE}))
    assert [fact.location.members for fact in of_kind(facts, Opaque)] == [("bytes at 20",)]


def test_extensions_that_nobody_knows_are_noted() -> None:
    known = b"\x92" + extension(1, packed([[2], "float32", bytes(8)])) + extension(-1, bytes(4))
    assert not of_kind(facts_of("x.msgpack", known), Noted)
    facts = facts_of("x.msgpack", b"\x91" + extension(42, b"data"))
    assert [fact.rule for fact in of_kind(facts, Noted)] == ["msgpack-extension"]


@pytest.mark.parametrize(
    "data",
    [
        b"\x91" * 1000 + b"\xc0",
        b"\xdf\xff\xff\xff\xff",
        b"\x91\xc6\xff\xff\xff\xff",
        b"\x91\xc1",
        b"\x92\xc0",
        b"\x91\xc0\xc0",
    ],
    ids=["deep", "huge map", "huge bytes", "no value", "short", "trailing"],
)
def test_messagepack_that_cannot_be_read_is_unread(data: bytes) -> None:
    assert [fact.format for fact in of_kind(facts_of("x.msgpack", data), Unread)] == ["msgpack"]


@pytest.mark.parametrize("data", [b"\x80\x04\x95\x00", b"\x80", b"\x90", b"\x81\xc0", b"\x93abc\xff\x00"])
def test_what_is_no_whole_value_is_no_messagepack(data: bytes) -> None:
    assert "msgpack" not in formats_of(facts_of("file", data))


_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@settings(deadline=5000)
@given(st.lists(_values, min_size=1))
def test_whatever_is_packed_is_read_to_its_end(value: list[Any]) -> None:
    facts = facts_of("file.msgpack", packed(value))
    assert not [fact for fact in of_kind(facts, Unread) if fact.format == "msgpack"]


# --- event logs ------------------------------------------------------------------------------------------------


def crc32c(data: bytes) -> int:
    """CRC-32C by division in the plain, unreflected way: another way than the reader's."""
    register = 0xFFFFFFFF
    for bit in (byte >> shift & 1 for byte in data for shift in range(8)):
        register = register << 1 ^ (0x1EDC6F41 if (register >> 31) ^ bit else 0)
        register &= 0xFFFFFFFF
    return int(f"{register ^ 0xFFFFFFFF:032b}"[::-1], 2)


def record(data: bytes) -> bytes:
    def masked(part: bytes) -> bytes:
        crc = crc32c(part)
        return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)

    length = struct.pack("<Q", len(data))
    return length + masked(length) + data + masked(data)


def test_the_checksum_of_the_test_is_the_one_of_rfc_3720() -> None:
    assert crc32c(bytes(32)) == 0x8A9136AA


def test_an_event_log_is_recognised_and_counted() -> None:
    facts = facts_of("runs/events.out.tfevents.1.host", record(b"\x09abc") + record(b"x" * 100))
    assert of_kind(facts, Header)[0].properties == {"kind": "TensorBoard", "records": "2"}
    assert not of_kind(facts, Opaque)


def test_a_damaged_event_log_is_unread_or_unknown() -> None:
    log = record(b"abc")
    assert of_kind(facts_of("events.out.tfevents.1", log + record(b"x" * 40)[:-5]), Unread)
    assert of_kind(facts_of("events.out.tfevents.1", log + b"\1" * 20), Unread)
    assert of_kind(facts_of("events.out.tfevents.1", b"\1" + log[1:]), Opaque)


# --- pages and drawings ----------------------------------------------------------------------------------------

SVG = '<svg xmlns="http://www.w3.org/2000/svg"><path d="M0 0"/>{}</svg>'


@pytest.mark.parametrize(
    "text",
    [
        SVG.format(""),
        '<?xml version="1.0"?>\n<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/x">\n'
        + SVG.format(""),
        '<?xml version="1.0"?><net name="x" version="11"><layers/></net>',
        "<!DOCTYPE html>\n<html><body>tokens &amp; weights, on = 'x'</body></html>",
    ],
)
def test_an_inert_page_asks_for_nothing(text: str) -> None:
    facts = facts_of("assets/file", text)
    assert "markup" in formats_of(facts)
    assert not asked(facts)
    assert not of_kind(facts, Malformed)


@pytest.mark.parametrize(
    "active",
    ["<script>alert(1)</script>", '<g onload="x()"/>', '<a href="javascript:x"/>', "<foreignObject></foreignObject>"],
)
def test_a_page_that_acts_is_told(active: str) -> None:
    [fact] = of_kind(facts_of("logo.svg", SVG.format(active)), Asks)
    assert (fact.permission, fact.hazard) == ("remote-code", "browser-script")


@pytest.mark.parametrize(
    "text",
    [
        '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>',
        '<?xml version="1.0"?><!DOCTYPE x SYSTEM "file:///etc/passwd"><x/>',
        '<?xml version="1.0"?><x><xi:include href="file:///etc/passwd"/></x>',
    ],
)
def test_what_a_parser_would_fetch_is_told(text: str) -> None:
    assert asked(facts_of("model.xml", text)) == [("external-files", "file:///etc/passwd")]


def test_entities_made_of_entities_are_told() -> None:
    text = '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "{}"><!ENTITY b "{}">]><x>&b;</x>'
    assert of_kind(facts_of("model.xml", text.format("ha", "&a;&a;")), Malformed)[0].rule == "xml-nested-entity"
    assert not of_kind(facts_of("model.xml", text.format("ha", "ho &amp; ha")), Malformed)


@pytest.mark.parametrize(
    "text",
    [
        '<?xml version="1.0"?>',
        '<?xml version="1.0"?><net><layers/>',
        '<?xml version="1.0"?><net><layers/></net',
        "<net>",
    ],
)
def test_a_document_that_ends_early_is_told(text: str) -> None:
    assert [fact.rule for fact in of_kind(facts_of("model.xml", text), Malformed)] == ["xml-ends-early"]


@pytest.mark.parametrize(
    "text", ["<net/>", "<net><layers/></net>\n<!-- made by hand -->\n", "<!-- <a> --><net a='1'><b></b></net >"]
)
def test_a_document_that_ends_with_its_first_element_is_whole(text: str) -> None:
    assert not of_kind(facts_of("model.xml", text), Malformed)


# --- packages --------------------------------------------------------------------------------------------------

PACKAGES = {
    "x-1.0-py3-none-any.whl": (b"PK\x03\x04" + bytes(40), "install"),
    "x.jar": (b"PK\x03\x04" + bytes(40), "native-code"),
    "x.apk": (b"PK\x03\x04" + bytes(40), "native-code"),
    "x.deb": (b"!<arch>\ndebian-binary   " + bytes(60), "install"),
    "x.rpm": (b"\xed\xab\xee\xdb" + bytes(60), "install"),
    "x.msi": (b"\xd0\xcf\x11\xe0" + bytes(60), "native-code"),
}


@pytest.mark.parametrize(("path", "package"), PACKAGES.items(), ids=PACKAGES)
def test_a_package_is_asked_for(path: str, package: tuple[bytes, str]) -> None:
    data, permission = package
    assert (permission, path) in asked(facts_of(path, data))


def test_an_archive_of_weights_is_no_package() -> None:
    assert not asked(facts_of("pytorch_model.bin", b"PK\x03\x04" + bytes(40)))


# --- foreign bytes ---------------------------------------------------------------------------------------------

SAMPLES = [
    sentencepiece(),
    packed({"W": ARRAY}),
    record(b"abc") * 3,
    SVG.format("<script>").encode(),
]


@settings(deadline=5000)
@given(st.sampled_from(SAMPLES), st.integers(0, 120), st.binary(max_size=12), st.booleans())
def test_damaged_parts_give_facts(data: bytes, at: int, patch: bytes, cut: bool) -> None:
    facts_of("file.msgpack", data[:at] + patch + (b"" if cut else data[at + len(patch) :]))


@settings(deadline=5000)
@given(st.binary(), st.sampled_from(["a.msgpack", "a.svg", "a.whl", "a.tfrecord", "spiece.model"]))
def test_any_bytes_give_facts(data: bytes, path: str) -> None:
    facts_of(path, data)


@settings(deadline=5000)
@given(st.text(alphabet="<>!&;ENTIYSM\"' xsvgonload=/[]"))
def test_any_markup_gives_facts(text: str) -> None:
    facts_of("a.svg", "<svg>" + text)


@pytest.mark.parametrize("name", ["vocab/lookups.bin", "vocab/key2row"])
def test_an_empty_part_of_a_vocabulary_is_messagepack(name: str) -> None:
    assert "msgpack" in formats_of(facts_of(name, b"\x80"))


@pytest.mark.parametrize("name", ["pytorch_model.bin", "vocab/lookups.bin.txt"])
def test_one_byte_under_another_name_is_not(name: str) -> None:
    assert "msgpack" not in formats_of(facts_of(name, b"\x80"))
