"""Single tensors of a locked model: verified when read, from memory that nobody else can change."""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelguard import ModelRefused, guarded_open
from modelguard.guard import Gate
from modelguard.guard.tensors import layout, make_table, read_table
from modelguard.lock import Lock
from modelguard.terms.artifact import Digest
from modelguard.terms.errors import LoaderError, ReadError, Tampered
from modelguard.testing import LocalHub
from modelguard.testing.models import tiny_config, tiny_safetensors

Locker = Callable[..., Any]
FILE = "model.safetensors"


@pytest.fixture
def model(project: Path, lock_model: Locker) -> Path:
    (project / "models").mkdir()
    (project / "models" / FILE).write_bytes(tiny_safetensors())
    (project / "models" / "config.json").write_bytes(tiny_config())
    lock_model("models")
    return project / "models"


def rewrite(file: Path, change: Callable[[bytearray], None]) -> None:
    data = bytearray(file.read_bytes())
    change(data)
    file.chmod(0o644)
    with file.open("r+b") as opened:
        opened.truncate(0)
        opened.write(data)


def test_a_tensor_is_the_one_that_safetensors_reads(model: Path) -> None:
    from safetensors import safe_open

    with guarded_open("models") as ours, safe_open(model / FILE, framework="numpy") as theirs:
        assert ours.keys() == sorted(theirs.keys())
        assert ours.offset_keys() == theirs.offset_keys()
        assert ours.metadata() == theirs.metadata()
        for name in ours:
            assert ours.get_tensor(name).tolist() == theirs.get_tensor(name).tolist()
            assert ours.get_slice(name)[:1].tolist() == theirs.get_slice(name)[:1].tolist()
            assert ours.get_slice(name).get_shape() == theirs.get_slice(name).get_shape()
            assert ours.get_slice(name).get_dtype() == theirs.get_slice(name).get_dtype()


def test_the_lock_pins_the_table_in_one_line_of_the_file(model: Path, project: Path) -> None:
    lines = [line for line in (project / "modelguard.lock").read_text().splitlines() if "tensors = " in line]
    assert len(lines) == 1
    assert FILE in lines[0]
    lock = Lock.read(project / "modelguard.lock")
    pinned = lock.entries["file:models"].file(FILE).tensors
    assert pinned == Digest("sha256", __import__("hashlib").sha256(make_table(
        model / FILE, lock.entries["file:models"].digests[FILE]).text()).hexdigest())  # fmt: skip


def test_a_changed_tensor_refuses_and_the_others_are_still_read(model: Path) -> None:
    def last_byte(data: bytearray) -> None:
        data[-1] ^= 1

    rewrite(model / FILE, last_byte)
    with guarded_open("models") as opened:
        assert opened.get_tensor("embedding.weight").tolist() == [0.0, 0.5, 1.0, 1.5]
        with pytest.raises(ModelRefused, match=r"head\.bias"):
            opened.get_tensor("head.bias")


def test_a_change_after_opening_refuses(model: Path) -> None:
    with guarded_open("models") as opened:
        rewrite(model / FILE, lambda data: data.__setitem__(-1, data[-1] ^ 1))
        with pytest.raises(ModelRefused, match=r"head\.bias"):
            opened.get_tensor("head.bias")


def test_a_change_after_reading_does_not_reach_the_tensor(model: Path) -> None:
    with guarded_open("models") as opened:
        tensor = opened.get_tensor("head.bias")
        rewrite(model / FILE, lambda data: data.__setitem__(-1, data[-1] ^ 1))
        assert tensor.tolist() == [0.25]


def test_a_file_put_in_its_place_after_opening_is_not_read(model: Path) -> None:
    with guarded_open("models") as opened:
        other = model / "other"
        other.write_bytes(tiny_safetensors({"embedding.weight": [9.0] * 4, "head.bias": [9.0]}))
        other.replace(model / FILE)
        assert opened.get_tensor("head.bias").tolist() == [0.25]


def test_a_truncated_file_refuses_instead_of_ending_the_process(model: Path) -> None:
    with guarded_open("models") as opened:
        os.truncate(model / FILE, (model / FILE).stat().st_size - 4)
        with pytest.raises(ModelRefused, match=r"head\.bias"):
            opened.get_tensor("head.bias")


def test_a_renamed_tensor_in_the_header_refuses(model: Path) -> None:
    rewrite(model / FILE, lambda data: data.__setitem__(slice(None), data.replace(b"head.bias", b"tail.bias")))
    with pytest.raises(ModelRefused, match="header"):
        guarded_open("models")


def test_a_file_beside_that_the_lock_does_not_name_refuses(model: Path) -> None:
    (model / "extra.bin").write_bytes(b"x")
    with pytest.raises(ModelRefused, match=r"extra\.bin"):
        guarded_open("models")


def test_a_changed_file_beside_refuses(model: Path) -> None:
    (model / "config.json").write_bytes(tiny_config(vocab_size=17))
    with pytest.raises(ModelRefused, match=r"config\.json"):
        guarded_open("models")


def test_a_tensor_that_is_not_there_is_named(model: Path) -> None:
    with guarded_open("models") as opened, pytest.raises(LoaderError, match="no_such"):
        opened.get_tensor("no_such")


@pytest.mark.usefixtures("project")
def test_a_model_of_the_hub_is_read_from_the_store_without_its_table(
    hub: LocalHub, lock_model: Locker, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {
        "model-00001-of-00002.safetensors": tiny_safetensors({"a": [1.0, 2.0]}),
        "model-00002-of-00002.safetensors": tiny_safetensors({"b": [3.0]}),
        "config.json": tiny_config(),
    }
    hub.repository("acme/two").commit(files)
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    entry = lock_model("acme/two")
    store = Gate.open().store
    for file in entry.files:
        if file.tensors is not None:
            place = store.path_of(file.tensors)
            assert place is not None
            place.unlink()
    with guarded_open("acme/two") as opened:
        assert opened.keys() == ["a", "b"]
        assert opened.get_tensor("a").tolist() == [1.0, 2.0]
        assert opened.get_tensor("b").tolist() == [3.0]
    assert all(store.path_of(digest) for digest in entry.kept)
    damaged = store.path_of(entry.digests["model-00002-of-00002.safetensors"])
    assert damaged is not None
    rewrite(damaged, lambda data: data.__setitem__(-1, data[-1] ^ 1))
    with guarded_open("acme/two") as opened, pytest.raises(ModelRefused, match="'b'"):
        opened.get_tensor("b")


def test_a_forged_table_in_the_store_is_not_believed(model: Path) -> None:
    gate = Gate.open()
    pinned = gate.require_lock().entries["file:models"].file(FILE)
    assert pinned is not None
    assert pinned.tensors is not None
    place = gate.store.path_of(pinned.tensors)
    assert place is not None
    rewrite(place, lambda data: data.__setitem__(slice(None), data.replace(b"head.bias", b"tail.bias")))
    with guarded_open("models") as opened:
        assert opened.get_tensor("head.bias").tolist() == [0.25]


def with_header(header: object, body: bytes) -> tuple[bytes, int]:
    text = json.dumps(header).encode()
    return text, 8 + len(text) + len(body)


@pytest.mark.parametrize(
    ("offsets", "length", "trouble"),
    [
        ([[0, 4], [4, 8]], 8, ""),
        ([[0, 4], [0, 4]], 8, "begins at"),
        ([[0, 4], [8, 12]], 12, "begins at"),
        ([[0, 4], [4, 8]], 9, "the file at"),
        ([[0, 4], [4, 9]], 9, "bits"),
        ([[0, 4], [True, 8]], 8, "not a size"),
    ],
)
def test_tensors_must_fill_the_file(offsets: list[list[int]], length: int, trouble: str) -> None:
    rows = {f"t{n}": {"dtype": "F32", "shape": [1], "data_offsets": pair} for n, pair in enumerate(offsets)}
    text, size = with_header(rows, bytes(length))
    if not trouble:
        assert [placed.name for placed in layout(text, size)] == ["t0", "t1"]
        return
    with pytest.raises(ReadError, match=trouble):
        layout(text, size)


def test_a_name_that_stands_twice_is_refused() -> None:
    row = '{"dtype":"F32","shape":[1],"data_offsets":[0,4]}'
    text = f'{{"a":{row},"a":{row}}}'.encode()
    with pytest.raises(ReadError, match="twice"):
        layout(text, 12 + len(text))


@given(st.binary(max_size=200) | st.text(max_size=80).map(str.encode), st.integers(0, 400))
def test_any_header_is_read_or_refused(header: bytes, size: int) -> None:
    try:
        layout(header, size)
    except ReadError:
        pass


@given(st.binary(max_size=300))
def test_any_file_has_a_table_or_is_refused(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    file = tmp_path_factory.mktemp("any") / "m.safetensors"
    file.write_bytes(struct.pack("<Q", 8) + data)
    with pytest.raises((ReadError, Tampered)):
        make_table(file, Digest("sha256", "0" * 64))


@given(st.binary(max_size=300))
def test_any_table_is_read_or_refused(data: bytes) -> None:
    try:
        read_table(data)
    except ReadError:
        pass
