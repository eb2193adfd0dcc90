"""HDF5: every way out of the file is asked for, shapes must fit, and what h5py and Keras write is read."""

from __future__ import annotations

import json
from pathlib import Path
from struct import pack

import pytest
from hdf5_builders import (
    BYTE,
    FLOAT32,
    UNDEFINED,
    File,
    attribute,
    contiguous,
    external,
    filtered,
    fixed_text,
    hard,
    header,
    link,
    opaque,
    soft,
    space,
)
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

from modelguard.formats.hdf5 import FORMAT
from modelguard.terms.facts import Asks, Fact, Header, Nested, Noted, Tensor

LAMBDA = {"class_name": "Sequential", "config": {"layers": [{"class_name": "Lambda", "config": {}}]}}
DENSE = {"class_name": "Sequential", "config": {"layers": [{"class_name": "Dense", "config": {"units": 3}}]}}


def with_dataset(
    kind: bytes = FLOAT32, shape: tuple[int, ...] = (3,), *more: tuple[int, bytes], data: bytes = bytes(12)
) -> bytes:
    file = File()
    place = file.add(data)
    dataset = file.dataset(kind, shape, *more, layout=contiguous(place, len(data)))
    return file.finish(hard("w", dataset))


def test_a_dataset_is_a_tensor() -> None:
    data = with_dataset()
    facts = read(FORMAT, data)
    assert not refused(facts)
    (tensor,) = only(facts, Tensor)
    assert (tensor.name, tensor.dtype, tensor.shape, tensor.start, tensor.length) == ("/w", "float32", (3,), 48, 12)


def test_a_keras_configuration_in_an_attribute_is_read() -> None:
    assert asked(read(FORMAT, File().finish(attribute("model_config", json.dumps(LAMBDA).encode())))) == [
        ("remote-code", "Lambda")
    ]
    assert not refused(read(FORMAT, File().finish(attribute("model_config", json.dumps(DENSE).encode()))))


def test_a_configuration_on_any_object_and_under_any_name_is_read() -> None:
    file = File()
    inner = file.add(header(attribute("training_config", json.dumps({"loss": LAMBDA}).encode())))
    assert asked(read(FORMAT, file.finish(hard("g", inner)))) == [("remote-code", "Lambda")]


def test_a_configuration_split_over_attributes_is_joined() -> None:
    text = json.dumps(LAMBDA).encode()
    parts = [attribute("model_config0", text[:40]), attribute("model_config1", text[40:])]
    assert ("remote-code", "Lambda") in asked(read(FORMAT, File().finish(*parts)))


def test_a_configuration_that_is_no_json_is_malformed() -> None:
    facts = read(FORMAT, File().finish(attribute("model_config", b'{"class_name": ')))
    assert rules(facts) == ["hdf5-configuration"]
    doubled = read(FORMAT, File().finish(attribute("m", b'{"class_name": "Dense", "config": {}, "config": {}}')))
    assert rules(doubled) == ["keras-duplicate-key"]


def test_attributes_of_the_root_are_properties() -> None:
    facts = read(FORMAT, File().finish(attribute("keras_version", b"2.15.0")))
    assert {"@keras_version": "2.15.0"} in [header.properties for header in only(facts, Header)]


def test_an_external_link_is_asked_for() -> None:
    facts = read(FORMAT, File().finish(external("w", b"/etc/other.h5", b"/x")))
    assert asked(facts) == [("external-files", "/etc/other.h5")]


def test_a_link_of_a_plug_in_is_asked_for() -> None:
    facts = read(FORMAT, File().finish(link("w", 65, pack("<H", 3) + b"abc")))
    assert asked(facts) == [("native-code", "hdf5-link type 65")]


def test_a_soft_link_is_noted() -> None:
    facts = read(FORMAT, File().finish(soft("w", b"/x")))
    assert not refused(facts)
    assert [fact.rule for fact in only(facts, Noted)] == ["hdf5-soft-link"]


def test_external_storage_is_asked_for() -> None:
    file = File()
    names = file.add(b"\0" * 8 + b"/etc/passwd\0" + bytes(4))
    heap = file.add(b"HEAP" + bytes(4) + pack("<QQQ", 24, 0, names))
    files = bytes([1, 0, 0, 0]) + pack("<HHQ", 1, 1, heap) + pack("<QQQ", 8, 0, 12)
    dataset = file.dataset(FLOAT32, (3,), (7, files))
    (ask,) = only(read(FORMAT, file.finish(hard("w", dataset))), Asks)
    assert (ask.permission, ask.name, ask.hazard) == ("external-files", "/etc/passwd", "file-read")


def test_a_virtual_dataset_is_asked_for() -> None:
    file = File()
    sources = b"\0" + pack("<Q", 1) + b"/etc/a.h5\0data\0" + bytes(8)
    body = pack("<HHIQ", 1, 1, 0, len(sources)) + sources + bytes(-len(sources) % 8)
    heap = file.add(b"GCOL" + bytes([1, 0, 0, 0]) + pack("<Q", 16 + len(body)) + body)
    dataset = file.dataset(FLOAT32, (3,), layout=bytes([4, 3]) + pack("<QI", heap, 1))
    assert asked(read(FORMAT, file.finish(hard("w", dataset)))) == [("external-files", "/etc/a.h5")]


@pytest.mark.parametrize(
    ("number", "expected"), [(1, []), (32000, []), (32015, [("native-code", "hdf5-filter-32015")])]
)
def test_filters_that_are_plug_ins_are_asked_for(number: int, expected: list[tuple[str, str]]) -> None:
    assert asked(read(FORMAT, with_dataset(FLOAT32, (3,), filtered(number, b"some filter\0")))) == expected


@pytest.mark.parametrize(
    ("shape", "rule"),
    [((1 << 40,), "shape-bomb"), ((1 << 32, 1 << 32, 1 << 32), "shape-bomb"), ((1 << 63, 0), "shape-bomb")],
)
def test_a_shape_far_beyond_the_file_is_malformed(shape: tuple[int, ...], rule: str) -> None:
    assert rules(read(FORMAT, with_dataset(FLOAT32, shape))) == [f"hdf5-{rule}"]


def test_numbers_beyond_the_end_are_malformed() -> None:
    file = File()
    dataset = file.dataset(FLOAT32, (3,), layout=contiguous(1 << 20, 12))
    assert rules(read(FORMAT, file.finish(hard("w", dataset)))) == ["hdf5-data-range"]


def test_the_near_misses_of_these_rules_pass() -> None:
    for shape in ((), (0,), (0, 5), (1000, 1000)):
        file = File()
        assert not refused(read(FORMAT, file.finish(hard("w", file.dataset(FLOAT32, shape)))))


@pytest.mark.parametrize("kind", [opaque(16), fixed_text(16), BYTE], ids=["opaque", "text", "bytes"])
def test_a_pickle_kept_as_a_value_is_handed_to_the_walk(kind: bytes) -> None:
    walk = SmallWalk()
    shape = (16,) if kind == BYTE else ()
    facts = read(FORMAT, with_dataset(kind, shape, data=b"\x80\x04\x95ABCDEFGHIJKL."), walk=walk)
    assert [nested.format for nested in only(facts, Nested)] == ["pickle"]
    assert walk.handed_names() == ["/w"]


def test_a_pickle_in_an_attribute_is_handed_to_the_walk() -> None:
    walk = SmallWalk()
    read(
        FORMAT,
        File().finish(attribute("p", b"\x80\x04\x95ABC."), attribute("q", b"cos\nsystem\n(S'x'\ntR.")),
        walk=walk,
    )
    assert walk.handed_names() == ["@p", "@q as text"]


def test_bytes_before_and_after_the_file_are_handed_to_the_walk() -> None:
    walk = SmallWalk()
    data = File().finish(soft("w", b"/x"))
    facts = read(FORMAT, b"PK\x03\x04".ljust(512, b"x") + data + b"tail", walk=walk)
    assert rules(facts) == ["hdf5-trailing-data"]
    assert walk.handed_names() == ["user-block", "trailing-data"]
    assert not refused(read(FORMAT, bytes(1024) + data))


def test_a_circle_of_groups_is_visited_once() -> None:
    file = File()
    place = len(file.data)
    file.add(header(hard("again", place)))
    assert not refused(read(FORMAT, file.finish(hard("g", place), hard("same", place))))


def symbol_table(version: int = 0) -> bytes:
    """A file of the oldest kind: superblock 0, header version 1, a symbol table with one soft link."""
    heap_data = 24 + 8 * 8 + 100
    head = b"\x89HDF\r\n\x1a\n" + bytes([version, 0, 0, 0, 0, 8, 8, 0]) + pack("<HHI", 4, 16, 0)
    data = bytearray(512)
    stab = pack("<QQ", 200, 300)
    data[96:136] = bytes([1, 0]) + pack("<HII", 1, 1, 24) + bytes(4) + pack("<HHI", 17, len(stab), 0) + stab
    data[200:248] = (
        b"TREE" + bytes([0, 0]) + pack("<H", 1) + pack("<QQ", UNDEFINED, UNDEFINED) + pack("<QQQ", 0, 400, 8)
    )
    data[300:332] = b"HEAP" + bytes(4) + pack("<QQQ", 32, 0, 340)
    data[340:372] = b"\0" * 8 + b"name\0\0\0\0" + b"/to/x\0\0\0" + bytes(8)
    data[400:448] = b"SNOD" + bytes([1, 0]) + pack("<H", 1) + pack("<QQII", 8, 0, 2, 0) + pack("<I", 16) + bytes(12)
    data[:96] = head + pack("<QQQQ", 0, UNDEFINED, len(data), UNDEFINED) + pack("<QQII", 0, 96, 0, 0) + bytes(16)
    assert heap_data < len(data)
    return bytes(data)


def test_a_file_of_the_oldest_kind_is_read() -> None:
    facts = read(FORMAT, symbol_table())
    assert not refused(facts)
    assert [fact.detail for fact in only(facts, Noted)] == ["'/name' stands for '/to/x' in the same file"]


def damaged(change: tuple[int, bytes]) -> bytes:
    place, value = change
    data = bytearray(symbol_table())
    data[place : place + len(value)] = value
    return bytes(data)


@pytest.mark.parametrize(
    "data",
    [
        damaged((8, b"\x07")),
        damaged((13, b"\x03")),
        damaged((24, pack("<Q", 64))),
        damaged((40, pack("<Q", 1 << 40))),
        damaged((48, pack("<Q", 300))),
        damaged((64, pack("<Q", 1 << 50))),
        damaged((96, b"\x09")),
        damaged((104, pack("<I", 1 << 30))),
        damaged((112, pack("<HHI", 17, 60_000, 0))),
        damaged((200, b"TREX")),
        damaged((232, pack("<Q", 200))),
        damaged((300, b"HEAX")),
        damaged((408, pack("<Q", 1 << 20))),
        damaged((406, pack("<H", 60_000))),
        File(version=4).finish(),
        File(extension=1 << 40).finish(),
        File().finish((8, contiguous(0, 0))),
        File().finish((3, FLOAT32), (1, space(1)), (8, bytes([9, 1]))),
        File().finish((3, FLOAT32), (1, space(1)), (8, bytes([3, 7]))),
        File().finish((3, FLOAT32), (1, bytes([7, 1, 0, 0])), (8, contiguous(0, 0))),
        File().finish((3, FLOAT32), (1, bytes([2, 40, 0, 1])), (8, contiguous(0, 0))),
        File().finish((6, bytes([2, 0]))),
        File().finish((12, bytes([9, 0]) + bytes(8))),
        File().finish((16, pack("<QQ", 0, 1 << 60))),
        File().finish(hard("w", UNDEFINED)),
        File().finish(hard("w", 3)),
        File().finish((2, bytes([0, 0]) + pack("<QQ", 60, 60))),
    ],
)  # fmt: skip
def test_what_cannot_be_followed_is_unread(data: bytes) -> None:
    assert unread(read(FORMAT, data))


@pytest.mark.parametrize("data", [b"", b"\x89HDF", bytes(4096), b"x" * 100 + b"\x89HDF\r\n\x1a\n"])
def test_other_bytes_are_not_accepted(data: bytes) -> None:
    assert not FORMAT.accepts(content_of(data))


SAMPLES = [symbol_table(), with_dataset(), File().finish(external("w", b"f", b"x"), attribute("a", b"b"), filtered(5))]


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    fuzz(FORMAT, b"\x89HDF\r\n\x1a\n" + data)
    fuzz(FORMAT, File().finish((6, data), (12, data[:40])))


@given(
    st.sampled_from(SAMPLES), st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), min_size=1, max_size=4)
)
def test_changed_bytes_never_raise(sample: bytes, changes: list[tuple[int, int]]) -> None:
    data = bytearray(sample)
    for place, value in changes:
        data[place % len(data)] = value
    fuzz(FORMAT, bytes(data))


def test_a_truncated_file_is_refused() -> None:
    for sample in SAMPLES:
        for cut in truncations(sample):
            assert not FORMAT.accepts(content_of(cut)) or refused(read_accepted(FORMAT, content_of(cut))), len(cut)


def written_by_h5py(path: Path, libver: str) -> list[Fact]:
    h5py = pytest.importorskip("h5py", reason="writes the sample")
    np = pytest.importorskip("numpy", reason="writes the sample")
    with h5py.File(path, "w", libver=libver) as file:
        for number in range(300):
            file.create_dataset(f"g{number % 7}/d{number}", data=np.arange(number + 1))
        for number in range(60):
            file["g1"].attrs[f"a{number}"] = number
            file["g2"].attrs[f"s{number}"] = "x" * number
        for name, options in (
            ("c", {"compression": "gzip", "shuffle": True}),
            ("l", {"compression": "lzf"}),
            ("n", {}),
        ):
            file.create_dataset(name, data=np.ones((1000, 10)), chunks=(10, 10), **options)
        file.create_dataset("grows", shape=(10, 5), maxshape=(None, 5), dtype="f4")
        file.create_dataset("texts", data=["a", "bc"], dtype=h5py.string_dtype())
        file["type"] = np.dtype([("a", "i4"), ("b", "f8")])
        file.create_dataset("pairs", (3,), dtype=file["type"])
        file["pairs"].attrs["k"] = np.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")])
        file.attrs["model_config"] = json.dumps({**LAMBDA, "padding": "x" * 70_000})
        file.attrs["names"] = ["one", "two"]
    return read(FORMAT, path.read_bytes())


@pytest.mark.heavy
@pytest.mark.parametrize("libver", ["earliest", "v108", "v110", "latest"])
def test_files_of_h5py_are_read_to_their_end(tmp_path: Path, libver: str) -> None:
    facts = written_by_h5py(tmp_path / "m.h5", libver)
    assert asked(facts) == [("remote-code", "Lambda")]
    assert not rules(facts)
    assert not unread(facts)
    assert len(only(facts, Tensor)) == 306


@pytest.mark.heavy
@pytest.mark.parametrize("place", [10, 500, 3_000, 10_000, 60_000])
def test_a_damaged_file_of_h5py_never_raises(tmp_path: Path, place: int) -> None:
    written_by_h5py(tmp_path / "m.h5", "latest")
    data = bytearray((tmp_path / "m.h5").read_bytes())
    for offset in range(place, min(place + 400, len(data)), 7):
        data[offset] ^= 0xFF
        fuzz(FORMAT, bytes(data))


@pytest.mark.heavy
def test_what_reaches_out_of_a_file_of_h5py_is_asked_for(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py", reason="writes the sample")
    with h5py.File(tmp_path / "m.h5", "w", libver="latest") as file:
        layout = h5py.VirtualLayout(shape=(4, 100), dtype="i4")
        for number in range(4):
            layout[number] = h5py.VirtualSource(f"/etc/{number}.h5", "data", shape=(100,))
        file.create_virtual_dataset("v", layout)
        file.create_dataset("e", (100,), "u1", external=[("/etc/passwd", 0, 100)])
        file["x"] = h5py.ExternalLink("/etc/other.h5", "/x")
        file.create_dataset("big", (1 << 30, 1 << 30), "f4", chunks=(10, 10))
    facts = read(FORMAT, (tmp_path / "m.h5").read_bytes())
    assert {name for _, name in asked(facts)} == {"/etc/passwd", "/etc/0.h5", "/etc/other.h5"}
    assert rules(facts) == ["hdf5-shape-bomb"]


@pytest.mark.heavy
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # of keras with torch
def test_models_and_weights_of_keras_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    keras = pytest.importorskip("keras", reason="writes the sample")
    made = keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(3, activation="relu"), keras.layers.LayerNormalization()]
    )
    made.compile("adam", "mse")
    made.save(tmp_path / "m.h5")
    made.save_weights(tmp_path / "m.weights.h5")
    for name in ("m.h5", "m.weights.h5"):
        facts = read(FORMAT, (tmp_path / name).read_bytes())
        assert not refused(facts)
        assert len(only(facts, Tensor)) >= 4
