"""TensorFlow graphs as text: the same operators are asked for as in the binary form."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from walk_builders import asked, content_of, fuzz, read, refused, unread

from modelguard.formats._text_proto import text_fields
from modelguard.formats.tensorflow_text import FORMAT
from modelguard.terms.content import Budget

PLAIN = 'node { name: "x" op: "Placeholder" } node { name: "y" op: "Relu" input: "x" } versions { producer: 1087 }'
SAVED = "saved_model_schema_version: 1 meta_graphs { graph_def { %s } %s }"


def test_a_plain_graph_passes() -> None:
    assert not refused(read(FORMAT, PLAIN.encode()))
    assert not refused(read(FORMAT, (SAVED % (PLAIN, "")).encode()))


@pytest.mark.parametrize(
    "text",
    [
        'node { op: "ReadFile" }',
        "# first a remark\nnode {\n  op: 'ReadFile'\n}",
        'node < op: "ReadFile" >',
        'node: { op: "Read" "File" }',
        'node { op: "" "ReadFile" }',
        'node { name: "" op: "ReadFile" }',
        'node { input: ["", ""] op: "ReadFile" }',
        'node { op: "\\122eadFile" }',
        'node { op: "\\x52eadFile" }',
        'node { op: "\\u0052eadFile" }',
        'node { op: "\\U00000052eadFile" }',
        'node { op: "Relu" op: "ReadFile" }',
        'node [ { op: "Relu" }, { op: "ReadFile" } ]',
        'library { function { signature { name: "ReadFile" } node_def { op: "ReadFile" } } }',
        SAVED % ('node { op: "ReadFile" }', ""),
        SAVED % ('library { function { node_def { op: "ReadFile" } } }', ""),
    ],
)
def test_an_operator_that_reaches_out_is_found_however_it_is_written(text: str) -> None:
    facts = read(FORMAT, text.encode())
    assert asked(facts) == [("ops", "ReadFile")]


def test_an_unknown_operator_is_asked_for_and_a_function_of_the_model_is_not() -> None:
    assert asked(read(FORMAT, b'node { op: "Mine" }')) == [("custom-ops", "Mine")]
    own = 'node { op: "mine" } library { function { signature { name: "mine" } node_def { op: "Relu" } } }'
    assert not refused(read(FORMAT, own.encode()))


def test_an_asset_outside_the_model_is_asked_for() -> None:
    text = SAVED % (PLAIN, 'asset_file_def { filename: "../../etc/passwd" }')
    assert asked(read(FORMAT, text.encode())) == [("external-files", "assets/../../etc/passwd")]


@pytest.mark.parametrize(
    "text",
    [
        "node { op: ",
        "node { } }",
        "node { > ",
        "node {" * 300,
        'node { op: "a',
        "node { op: \\ }",
        "node { op: 'a\n' }",
    ],
)
def test_text_that_cannot_be_followed_is_unread(text: str) -> None:
    assert unread(read(FORMAT, text.encode()))


@pytest.mark.parametrize("data", [b"", b"a node { }", b"nodes: 3", b"{}", b'model_checkpoint_path: "x"'])
def test_other_text_is_not_accepted(data: bytes) -> None:
    assert not FORMAT.accepts(content_of(data))


def test_fields_have_their_paths() -> None:
    text = 'a { b: 1 c: [2, 3] d { e: "f" "g" } } h: x'
    assert list(text_fields(text, Budget())) == [
        (("a",), "{"), (("a", "b"), "1"), (("a", "c"), "2"), (("a", "c"), "3"), (("a", "d"), "{"),
        (("a", "d", "e"), "fg"), (("h",), "x"),
    ]  # fmt: skip


@given(st.text(max_size=80), st.text(alphabet=" {}<>[]:;,\"'#\\nodep\n", max_size=80))
def test_any_text_is_read_or_refused(first: str, second: str) -> None:
    for text in (first, second):
        fuzz(FORMAT, b"node { " + text.encode("utf-8", "surrogatepass"))
        fuzz(FORMAT, b"node { op: '" + text.encode("utf-8", "surrogatepass") + b"' }")
