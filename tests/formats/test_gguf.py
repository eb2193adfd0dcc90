"""GGUF: counts, lengths and places are checked, templates are handed on, and real files pass."""

from __future__ import annotations

from pathlib import Path
from struct import pack

import pytest
from gguf_builders import ARRAY, BOOL, F32, I32, STRING, U16, U32, U64, array, gguf, number, pair, string, tensor, text
from hypothesis import given
from hypothesis import strategies as st
from walk_builders import (
    SmallWalk,
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

from modelguard.formats.gguf import FORMAT, TYPES
from modelguard.terms.facts import Header, Noted, Tensor

ARCHITECTURE = string("general.architecture", "llama")
TOKENS = array("tokenizer.ggml.tokens", STRING, [text("<s>"), text("a"), text("{{ b }}")])


def sound() -> bytes:
    pairs = [ARCHITECTURE, number("llama.block_count", 2), TOKENS, string("tokenizer.chat_template", "{{ messages }}")]
    return gguf(pairs, [tensor("a", (8,)), tensor("b", (32, 2), 8, 32)], bytes(32 + 96))


def test_a_sound_file_passes_and_its_tensors_are_facts() -> None:
    facts = read(FORMAT, sound())
    assert not refused(facts)
    first, second = only(facts, Tensor)
    assert (first.name, first.dtype, first.shape, first.length) == ("a", "F32", (8,), 32)
    assert (second.dtype, second.shape, second.length) == ("Q8_0", (32, 2), 68)
    assert first.start % 32 == 0
    assert second.start == first.start + 32


def test_keys_are_properties() -> None:
    licensed = [string("general.license", "apache-2.0"), array("general.tags", STRING, [text("chat"), text("small")])]
    (header,) = only(read(FORMAT, gguf([ARCHITECTURE, *licensed, TOKENS])), Header)
    assert header.properties["general.license"] == "apache-2.0"
    assert header.properties["general.tags"] == "chat, small"
    assert header.properties["tokenizer.ggml.tokens"] == "3 x string"
    assert header.properties["version"] == "3"


@pytest.mark.parametrize("key", ["tokenizer.chat_template", "tokenizer.chat_template.tool_use"])
def test_a_chat_template_is_handed_to_the_walk_whatever_it_says(key: str) -> None:
    walk = SmallWalk()
    read(FORMAT, gguf([string(key, "plain words")]), walk=walk)
    assert walk.handed_names() == [f"{key}.jinja"]
    assert walk.handed[0].head(100) == b"plain words"


def test_chat_templates_in_a_list_are_handed_to_the_walk() -> None:
    walk = SmallWalk()
    read(FORMAT, gguf([array("tokenizer.chat_template", STRING, [text("one"), text("two")])]), walk=walk)
    assert walk.handed_names() == ["tokenizer.chat_template.0.jinja", "tokenizer.chat_template.1.jinja"]


def test_a_template_under_another_key_is_handed_to_the_walk_and_tokens_are_not() -> None:
    walk = SmallWalk()
    read(FORMAT, gguf([string("general.description", "{{ ''.__class__ }}"), TOKENS]), walk=walk)
    assert walk.handed_names() == ["general.description.jinja"]


@pytest.mark.parametrize(
    ("data", "rule"),
    [
        (gguf(counts=(1 << 60, 0)), "count"),
        (gguf(counts=(0, 1 << 60)), "count"),
        (gguf([ARCHITECTURE, ARCHITECTURE]), "duplicate-key"),
        (gguf([string("", "x"), ARCHITECTURE]), "key"),
        (gguf([string("a\0b", "x")]), "key"),
        (gguf([number("general.alignment", 0)], [tensor("a")], bytes(32)), "alignment"),
        (gguf([number("general.alignment", 24)], [tensor("a")], bytes(32)), "alignment"),
        (gguf([number("general.alignment", 1 << 31)], [tensor("a")], bytes(32)), "alignment"),
        (gguf([string("general.alignment", "32")], [tensor("a")], bytes(32)), "alignment"),
        (gguf([], [tensor("a"), tensor("a", offset=32)], bytes(64)), "duplicate-tensor"),
        (gguf([], [tensor("")], bytes(32)), "tensor-name"),
        (gguf([], [tensor("x" * 64)], bytes(32)), "tensor-name"),
        (gguf([], [tensor("a"), tensor("b", offset=0)], bytes(64)), "tensor-offset"),
        (gguf([], [tensor("a"), tensor("b", offset=64)], bytes(96)), "tensor-offset"),
        (gguf([], [tensor("a"), tensor("b", offset=33)], bytes(96)), "tensor-offset"),
        (gguf([], [tensor("a", (9,))], bytes(32)), "tensor-range"),
        (gguf([], [tensor("a")], bytes(32) + b"MZ"), "trailing-data"),
        (gguf([], [tensor("a")], bytes(32) + bytes(64)), "trailing-data"),
        (gguf([TOKENS, array("tokenizer.ggml.scores", I32, [bytes(4)] * 3)]), "tokenizer"),
        (gguf([TOKENS, array("tokenizer.ggml.scores", F32, [bytes(4)] * 2)]), "tokenizer"),
        (gguf([TOKENS, number("tokenizer.ggml.token_type", 1)]), "tokenizer"),
        (gguf([string("tokenizer.ggml.tokens", "a")]), "tokenizer"),
        (gguf([array("tokenizer.ggml.tokens", STRING, [text("x" * 70_000)])]), "token-length"),
    ],
)  # fmt: skip
def test_a_file_that_breaks_a_rule_is_malformed(data: bytes, rule: str) -> None:
    assert f"gguf-{rule}" in rules(read(FORMAT, data))


@pytest.mark.parametrize(
    "data",
    [
        gguf([number("general.alignment", 64)], [tensor("a"), tensor("b", offset=64)], bytes(96), alignment=64),
        gguf([], [tensor("x" * 63)], bytes(32)),
        gguf([], [tensor("a", (4,))], bytes(16) + bytes(16)),
        gguf([], [tensor("a", (4,))], bytes(16)),
        gguf([TOKENS, array("tokenizer.ggml.scores", F32, [bytes(4)] * 3)]),
        gguf([], [tensor("scalar", ())], bytes(4)),
        gguf([ARCHITECTURE], version=2),
    ],
    ids=["alignment", "long-name", "padding", "no-padding", "scores", "scalar", "version-2"],
)  # fmt: skip
def test_the_near_misses_of_these_rules_pass(data: bytes) -> None:
    assert not refused(read(FORMAT, data))


@pytest.mark.parametrize(
    "data",
    [
        gguf([], version=1),
        gguf([], version=4),
        gguf([pair("a", 13, bytes(16))]),
        gguf([pair("a", BOOL, b"\x02")]),
        gguf([pair("a", STRING, pack("<Q", 1 << 62))]),
        gguf([pair("a", ARRAY, pack("<IQ", U64, 1 << 61) + bytes(64))]),
        gguf([pair("a", ARRAY, pack("<IQ", STRING, 1 << 61) + bytes(64))]),
        gguf([pair("a", ARRAY, pack("<IQ", ARRAY, 1) + pack("<IQ", U32, 0))]),
        gguf([pair("a", ARRAY, pack("<IQ", 99, 0))]),
        gguf([], [tensor("a", (1, 1, 1, 1, 1))], bytes(32)),
        gguf([], [tensor("a", kind=4)], bytes(32)),
        gguf([], [tensor("a", kind=1 << 31)], bytes(32)),
        gguf([], [tensor("a", (1 << 32, 1 << 32))], bytes(32)),
        gguf([], [tensor("a", (1 << 63, 1))], bytes(32)),
        gguf([], [tensor("a", offset=(1 << 64) - 32)], bytes(32)),
        gguf([], [tensor("a", (33,), 8)], bytes(64)),
    ],
)  # fmt: skip
def test_what_the_reference_reader_refuses_is_unread(data: bytes) -> None:
    assert unread(read(FORMAT, data))


def test_a_longer_table_beside_the_tokens_is_noted() -> None:
    facts = read(FORMAT, gguf([TOKENS, array("tokenizer.ggml.scores", F32, [bytes(4)] * 4)]))
    assert not refused(facts)
    assert [fact.rule for fact in only(facts, Noted)] == ["gguf-tokenizer-table"]


def test_a_program_after_the_tensors_is_handed_to_the_walk() -> None:
    walk = SmallWalk()
    read(FORMAT, gguf([], [tensor("a")], bytes(32) + b"PK\x03\x04rest"), walk=walk)
    assert [content.head(4) for content in walk.handed] == [b"PK\x03\x04"]


def test_a_big_endian_file_is_read() -> None:
    data = b"GGUF" + pack(">IQQ", 3, 0, 1) + pack(">Q", 3) + b"a.b" + pack(">II", U16 - 2, 0)[:5]
    (header,) = only(read(FORMAT, data), Header)
    assert header.properties["byte-order"] == "big"
    assert header.properties["a.b"] == "0"


def test_a_large_vocabulary_is_read_within_seconds() -> None:
    tokens = [text(f"token{number}") for number in range(150_000)]
    data = gguf([array("tokenizer.ggml.tokens", STRING, tokens), array("tokenizer.ggml.merges", STRING, tokens)])
    assert not refused(read(FORMAT, data))


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    fuzz(FORMAT, b"GGUF" + data)
    fuzz(FORMAT, b"GGUF" + pack("<IQQ", 3, 1, 1) + data)


@given(st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), min_size=1, max_size=4))
def test_changed_bytes_never_raise(changes: list[tuple[int, int]]) -> None:
    data = bytearray(sound())
    for place, value in changes:
        data[place % len(data)] = value
    fuzz(FORMAT, bytes(data))


def test_a_truncated_file_is_refused() -> None:
    data = sound()[:-28]  # without the padding after the last tensor, which may be missing
    for cut in truncations(data):
        assert not FORMAT.accepts(content_of(cut)) or refused(read_accepted(FORMAT, content_of(cut))), len(cut)


@pytest.mark.heavy
def test_a_file_of_the_gguf_package_passes(tmp_path: Path) -> None:
    gguf_package = pytest.importorskip("gguf", reason="writes the sample")
    np = pytest.importorskip("numpy", reason="writes the sample")
    writer = gguf_package.GGUFWriter(tmp_path / "m.gguf", "llama")
    writer.add_name("a model")
    writer.add_license("mit")
    writer.add_tags(["x", "y"])
    writer.add_block_count(1)
    writer.add_token_list(["<s>", "</s>", "a"])
    writer.add_token_scores([0.0, 0.0, -1.0])
    writer.add_token_types([3, 3, 1])
    writer.add_chat_template([{"name": "default", "template": "{{ a }}"}, {"name": "tool", "template": "{{ b }}"}])
    writer.add_tensor("w", np.ones((4, 8), np.float32))
    writer.add_tensor("odd", np.ones(5, np.float16))
    writer.add_tensor("last", np.ones(3, np.int8))
    for step in (writer.write_header_to_file, writer.write_kv_data_to_file, writer.write_tensors_to_file, writer.close):
        step()
    walk = SmallWalk()
    facts = read(FORMAT, (tmp_path / "m.gguf").read_bytes(), walk=walk)
    assert not refused(facts)
    assert not only(facts, Noted)
    assert len(only(facts, Tensor)) == 3
    assert walk.handed_names() == ["tokenizer.chat_template.tool.jinja", "tokenizer.chat_template.jinja"]


@pytest.mark.heavy
def test_the_element_types_are_those_of_the_gguf_package() -> None:
    constants = pytest.importorskip("gguf.constants", reason="holds the reference table")
    for kind, (elements, width) in constants.GGML_QUANT_SIZES.items():
        assert TYPES[int(kind)] == (kind.name, elements, width)
