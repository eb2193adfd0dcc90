"""TensorFlow graphs: operators that reach out are asked for wherever they stand; an ordinary saver is not."""

from __future__ import annotations

import json
from pathlib import Path
from struct import pack
from subprocess import run
from sys import executable
from zipfile import ZipFile

import pytest
from hypothesis import given
from hypothesis import strategies as st
from protobuf_builders import lump, number, varint
from tensorflow_builders import asset, constant, function, graph, node, saved_model, saver, signature
from walk_builders import SmallWalk, asked, content_of, fuzz, only, read, refused, rules, truncations, unread

from modelguard.formats._tensorflow_ops import COMPUTING, REACHING
from modelguard.formats.keras_metadata import FORMAT as NOTES
from modelguard.formats.savedmodel import FORMAT as SAVED
from modelguard.formats.savedmodel_fingerprint import FORMAT as FINGERPRINT
from modelguard.formats.tensorflow_checkpoint import FORMAT as CHECKPOINT
from modelguard.formats.tensorflow_graph import FORMAT as GRAPH
from modelguard.terms.facts import Asks, Header, Noted, RawNumbers, Tensor

PLAIN = graph(node("x", "Placeholder"), node("y", "Relu", "x"))


def test_a_plain_model_passes() -> None:
    facts = read(SAVED, saved_model(PLAIN, signature("serving_default", "y:0")))
    assert not refused(facts)
    assert only(facts, Header)[0].properties == {"tensorflow": "2.15.0", "tags": "serve"}


@pytest.mark.parametrize(
    ("operator", "hazard"),
    [("ReadFile", "file-read"), ("WriteFile", "file-write"), ("PyFunc", "code-execution"), ("Rpc", "network"),
     ("MatchingFiles", "file-read"), ("EagerPyFunc", "code-execution"), ("TextLineDataset", "file-read"),
     ("DecodeProtoV2", "file-read"), ("DebugIdentityV2", "network"), ("ImmutableConst", "file-read"),
     ("CreateSummaryFileWriter", "file-write"), ("LoadAndRemapMatrix", "file-read"), ("Save", "file-write")],
)  # fmt: skip
def test_an_operator_that_reaches_out_is_asked_for(operator: str, hazard: str) -> None:
    (ask,) = only(read(SAVED, saved_model(graph(node("n", operator, "x")))), Asks)
    assert (ask.permission, ask.name, ask.hazard) == ("ops", operator, hazard)


@pytest.mark.parametrize("operator", ["TRTEngineOp", "XlaCallModule", "TPUExecute"])
def test_compiled_programs_are_asked_for(operator: str) -> None:
    assert asked(read(SAVED, saved_model(graph(node("n", operator))))) == [("native-code", operator)]


@pytest.mark.parametrize("operator", ["MyOwnOp", "readfile", "SentencepieceOp", "Relu "])
def test_an_unknown_operator_is_asked_for(operator: str) -> None:
    assert asked(read(SAVED, saved_model(graph(node("n", operator))))) == [("custom-ops", operator)]


def test_the_file_an_operator_names_is_told() -> None:
    body = graph(constant("path", "/etc/passwd"), node("n", "ReadFile", "path"))
    (ask,) = only(read(SAVED, saved_model(body)), Asks)
    assert "'/etc/passwd'" in ask.detail


@pytest.mark.parametrize(
    "data",
    [
        saved_model(graph(functions=(function("f", node("n", "ReadFile")),))),
        saved_model(graph(functions=(lump(3, node("n", "ReadFile")) + lump(1, lump(1, "f")),))),
        saved_model(PLAIN, lump(2, graph(node("n", "ReadFile")))),
        saved_model(PLAIN) + lump(2, lump(2, graph(node("n", "ReadFile")))),
        saved_model(graph(node("n", "Relu") + lump(2, "ReadFile"))),
    ],
    ids=["function", "function-backwards", "second-graph", "second-meta-graph", "two-operators"],
)
def test_an_operator_is_found_wherever_it_stands(data: bytes) -> None:
    assert asked(read(SAVED, data)) == [("ops", "ReadFile")]


def test_a_function_cannot_take_the_name_of_an_operator_that_reaches_out() -> None:
    body = graph(node("n", "ReadFile"), functions=(function("ReadFile", node("m", "Relu")),))
    assert asked(read(SAVED, saved_model(body))) == [("ops", "ReadFile")]
    called = graph(node("n", "my_function"), functions=(function("my_function", node("m", "Relu")),))
    assert not refused(read(SAVED, saved_model(called)))


def test_printing_to_a_file_is_asked_for_and_to_the_screen_is_not() -> None:
    def printing(stream: str) -> bytes:
        return saved_model(graph(node("n", "PrintV2", "x", text=stream, attribute="output_stream")))

    assert asked(read(SAVED, printing("file:///tmp/x"))) == [("ops", "PrintV2")]
    assert not refused(read(SAVED, printing("stderr")))


def test_the_saver_that_every_model_has_asks_for_nothing() -> None:
    body, _ = saver()
    assert not refused(read(SAVED, saved_model(body, signature("serving_default", "y:0"))))


def test_a_saver_of_tensorflow_1_asks_for_nothing() -> None:
    body = graph(
        constant("save/filename/input", "model"),
        node("save/filename", "PlaceholderWithDefault", "save/filename/input"),
        node("save/Const", "PlaceholderWithDefault", "save/filename"),
        constant("save/StringJoin/inputs_1", f"_temp_{'0' * 32}/part"),
        node("save/StringJoin", "StringJoin", "save/Const", "save/StringJoin/inputs_1"),
        node("save/ShardedFilename", "ShardedFilename", "save/StringJoin", "save/shard", "save/num"),
        node("save/SaveV2", "SaveV2", "save/ShardedFilename", "names", "slices", "x"),
        node("save/control", "Identity", "save/ShardedFilename", "^save/SaveV2"),
        node("save/RestoreV2", "RestoreV2", "save/Const", "names", "slices"),
        node("save/Assign", "Assign", "x", "save/RestoreV2"),
    )
    assert not refused(read(SAVED, saved_model(body, signature("serving_default", "y:0"))))
    ran = read(SAVED, saved_model(body, signature("serving_default", "save/control:0")))
    assert {name for _, name in asked(ran)} == {"SaveV2"}


@pytest.mark.parametrize(
    ("more", "rest"),
    [
        (node("Evil", "SaveV2", "path:output:0"), constant("path", "/root/.bashrc")),
        (node("Evil", "RestoreV2", "joined:output:0"), node("joined", "StringJoin", "file_prefix", "path:output:0")),
    ],
)
def test_a_saver_with_a_fixed_path_is_asked_for(more: bytes, rest: bytes) -> None:
    body, _ = saver(more, rest, constant("path", "/root/.bashrc"))
    assert refused(read(SAVED, saved_model(body)))


@pytest.mark.parametrize(
    "data",
    [
        saved_model(saver()[0], signature("serving_default", "StatefulPartitionedCall_1:0")),
        saved_model(
            saver()[0] + graph(node("y", "Identity", "^StatefulPartitionedCall_1")), signature("serving_default", "y:0")
        ),
        saved_model(saver(prefix="fixed")[0] + graph(constant("fixed", "/root/.bashrc"))),
        saved_model(graph(functions=(*saver()[1], function("f", node(
            "c", "StatefulPartitionedCall", "x", calls="__inference__traced_save_1"))))),
        saved_model(graph(functions=saver()[1])),
    ],
    ids=["signature", "behind-a-signature", "fixed-name", "called-by-a-function", "called-by-nobody"],
)  # fmt: skip
def test_a_saver_that_something_else_runs_is_asked_for(data: bytes) -> None:
    assert {("ops", "SaveV2"), ("ops", "MergeV2Checkpoints")} == set(asked(read(SAVED, data)))


@pytest.mark.parametrize("key", ["saved_model_main_op", "legacy_init_op"])
def test_what_runs_at_loading_may_not_save(key: str) -> None:
    collection = lump(4, lump(1, key) + lump(2, lump(1, lump(1, "StatefulPartitionedCall_1"))))
    facts = read(SAVED, saved_model(saver()[0], collection))
    assert ("ops", "SaveV2") in asked(facts)
    assert [fact.rule for fact in only(facts, Noted)] == ["savedmodel-initialiser"]


VOCABULARY = graph(constant("asset", "vocab.txt"), node("t", "InitializeTableFromTextFileV2", "table", "asset"))


@pytest.mark.parametrize(
    ("body", "rest", "expected"),
    [
        (VOCABULARY, asset("vocab.txt"), set()),
        (VOCABULARY, b"", {("ops", "InitializeTableFromTextFileV2")}),
        (VOCABULARY, asset("vocab.txt", "other:0"), {("ops", "InitializeTableFromTextFileV2")}),
        (PLAIN, asset("../../etc/passwd"), {("external-files", "assets/../../etc/passwd")}),
        (PLAIN, asset("/etc/passwd"), {("external-files", "/etc/passwd")}),
        (PLAIN, asset("missing.txt"), {("external-files", "assets/missing.txt")}),
    ],
)
def test_assets_lie_beside_the_model(body: bytes, rest: bytes, expected: set[tuple[str, str]]) -> None:
    walk = SmallWalk(paths=frozenset({"m/saved_model.pb", "m/assets/vocab.txt", "etc/passwd"}))
    assert set(asked(read(SAVED, saved_model(body, rest), "m/saved_model.pb", walk=walk))) == expected


LAMBDA = {"class_name": "Lambda", "config": {"name": "l"}}


def test_notes_of_keras_are_read_and_own_classes_are_remade_from_the_graph() -> None:
    def with_note(note: object) -> bytes:
        return saved_model(PLAIN, lump(7, lump(1, lump(4, lump(1, "_tf_keras_layer") + lump(3, json.dumps(note))))))

    assert asked(read(SAVED, with_note(LAMBDA))) == [("remote-code", "Lambda")]
    facts = read(SAVED, with_note({"class_name": "MyLayer", "config": {}}))
    assert not refused(facts)
    assert [fact.rule for fact in only(facts, Noted)] == ["keras-own-class"]


def note(value: object) -> bytes:
    return lump(1, number(2, 1) + lump(3, "root.layer-0") + lump(4, "_tf_keras_layer") + lump(5, json.dumps(value)))


def test_keras_metadata_is_read() -> None:
    assert asked(read(NOTES, note({"class_name": "Dense", "config": {}}) + note(LAMBDA))) == [("remote-code", "Lambda")]
    assert not refused(read(NOTES, note({"class_name": "Dense", "config": {}})))
    assert not NOTES.accepts(content_of(graph(node("x", "Relu"))))


def test_a_frozen_graph_is_read() -> None:
    facts = read(GRAPH, graph(node("x", "Placeholder"), node("y", "ReadFile", "x")) + lump(4, number(1, 1087)))
    assert asked(facts) == [("ops", "ReadFile")]
    assert not refused(read(GRAPH, PLAIN))
    assert asked(read(GRAPH, saver()[0])) != []


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        lump(1, lump(1, "piece") + varint(2 << 3 | 5) + bytes(4)),
        note(LAMBDA),
        saved_model(PLAIN),
        bytes(99),
    ],
)
def test_other_bytes_are_no_graph(data: bytes) -> None:
    assert not GRAPH.accepts(content_of(data))
    assert data == saved_model(PLAIN) or not SAVED.accepts(content_of(data))


def test_the_tables_do_not_contradict_each_other() -> None:
    assert not COMPUTING & set(REACHING)


def test_a_fingerprint_is_recognised() -> None:
    data = b"".join(number(field, 1 << 63 | field) for field in range(1, 6)) + lump(6, number(1, 1))
    assert not refused(read(FINGERPRINT, data))
    assert not FINGERPRINT.accepts(content_of(number(1, 1)))


def table(*pairs: tuple[bytes, bytes]) -> bytes:
    """Assemble an index: one data block, an empty block, an index block, the footer."""

    def block(entries: list[tuple[bytes, bytes]]) -> bytes:
        body = b"".join(b"\0" + varint(len(key)) + varint(len(value)) + key + value for key, value in entries)
        return body + pack("<II", 0, 1)

    data, empty = block(list(pairs)), block([])
    index = block([(b"\xff", varint(0) + varint(len(data)))])
    places = varint(len(data) + 5) + varint(len(empty)) + varint(len(data) + len(empty) + 10) + varint(len(index))
    footer = places.ljust(40, b"\0") + (0xDB4775248B80FB57).to_bytes(8, "little")
    return data + bytes(5) + empty + bytes(5) + index + bytes(5) + footer


def entry(*, shard: int = 0, start: int = 0, size: int = 16, extent: int = 4) -> bytes:
    return number(1, 1) + lump(2, lump(2, number(1, extent))) + number(3, shard) + number(4, start) + number(5, size)


def checkpoint(**changes: int) -> bytes:
    return table((b"", number(1, 1)), (b"w", entry(**changes)))


def test_a_checkpoint_names_its_data_file() -> None:
    walk = SmallWalk(paths=frozenset({"m/variables.index", "m/variables.data-00000-of-00001"}))
    facts = read(CHECKPOINT, checkpoint(), "m/variables.index", walk=walk)
    assert not refused(facts)
    assert [fact.path for fact in only(facts, RawNumbers)] == ["m/variables.data-00000-of-00001"]
    (tensor,) = only(facts, Tensor)
    assert (tensor.name, tensor.dtype, tensor.shape, tensor.length) == ("w", "float32", (4,), 16)
    shouted = SmallWalk(paths=frozenset({"v.INDEX", "v.data-00000-of-00001"}))
    assert not refused(read(CHECKPOINT, checkpoint(), "v.INDEX", walk=shouted))
    alone = read(CHECKPOINT, checkpoint(), "variables.index")
    assert asked(alone) == [("external-files", "variables.data-00000-of-00001")]


@pytest.mark.parametrize("changes", [{"shard": 1}, {"size": -1}, {"start": -1}, {"extent": -1}])
def test_an_entry_that_does_not_fit_is_malformed(changes: dict[str, int]) -> None:
    assert "tensorflow-checkpoint-entry" in rules(read(CHECKPOINT, checkpoint(**changes)))


def test_a_checkpoint_with_unsorted_keys_or_no_shards_is_malformed() -> None:
    assert "tensorflow-checkpoint-order" in rules(read(CHECKPOINT, table((b"b", entry()), (b"a", entry()))))
    assert "tensorflow-checkpoint-shards" in rules(read(CHECKPOINT, table((b"", number(1, 1 << 40)))))


def test_a_damaged_checkpoint_is_unread() -> None:
    data = bytearray(checkpoint())
    data[-48] = 0xFF
    assert unread(read(CHECKPOINT, bytes(data)))


SAMPLES = [
    (SAVED, saved_model(saver()[0], signature("serving_default", "y:0"), asset("a"))),
    (GRAPH, saver()[0]),
    (NOTES, note(LAMBDA)),
    (CHECKPOINT, checkpoint()),
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
    for form in (SAVED, GRAPH, NOTES, FINGERPRINT, CHECKPOINT):
        fuzz(form, data)
    fuzz(SAVED, saved_model(data))
    fuzz(GRAPH, graph(node("x", "Relu")) + lump(2, data))
    fuzz(NOTES, note(LAMBDA) + lump(1, data))
    fuzz(CHECKPOINT, table((b"", number(1, 1)), (b"w", data)))
    fuzz(CHECKPOINT, data + checkpoint()[-48:])


def test_truncated_files_never_raise() -> None:
    for form, sample in SAMPLES:
        for cut in truncations(sample):
            fuzz(form, cut)


@pytest.mark.slow
def test_a_published_model_passes(tmp_path: Path) -> None:
    """basic-pitch 0.4.0 carries a SavedModel of TensorFlow 2.4 with classes of its own."""
    command = [executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(tmp_path), "basic-pitch==0.4.0"]
    run(command, check=True, capture_output=True)
    with ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        root = "basic_pitch/saved_models/icassp_2022/nmp"
        files = {name for name in wheel.namelist() if name.startswith(root)}
        for form, name in ((SAVED, "saved_model.pb"), (CHECKPOINT, "variables/variables.index")):
            walk = SmallWalk(paths=frozenset(files))
            assert not refused(read(form, wheel.read(f"{root}/{name}"), f"{root}/{name}", walk=walk))
