"""Examining and locking models where they lie, by ranges, and what comes of it when they are loaded."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from torch_builders import echo, pickled, storage, tensor, torch_zip

from modelguard import guarded_load
from modelguard.guard import Gate, Wish, examine, pin
from modelguard.lock import Lock, update
from modelguard.sources.ranges import Ranges
from modelguard.terms.content import NEAR_HEAD, NEAR_TAIL
from modelguard.terms.errors import BudgetSpent, ModelguardError, SourceError, Tampered
from modelguard.testing import LocalHub

MIB = 1 << 20
SIZE = 3 * MIB


def checkpoint(**more: Any) -> bytes:
    """A torch checkpoint of twelve storages of a megabyte."""
    count = MIB // 4
    state: dict[str, Any] = {f"w{index}": tensor(storage(str(index), count), (count,), (1,)) for index in range(12)}
    return torch_zip(pickled(state | more), storages={str(index): bytes(MIB) for index in range(12)})


def large_safetensors() -> bytes:
    header = json.dumps({"w": {"dtype": "F32", "shape": [SIZE // 4], "data_offsets": [0, SIZE]}}).encode()
    header += b" " * (-len(header) % 8)
    return struct.pack("<Q", len(header)) + header + bytes(SIZE)


@pytest.fixture
def look(project: Path, hub: LocalHub, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    monkeypatch.setenv("HF_ENDPOINT", hub.url)

    def look(files: dict[str, bytes]) -> Any:
        hub.repository("acme/large").commit(files)
        return examine("hf://acme/large", Gate.open(), collectors=("contents",), remote=True)

    return look


def moved(hub: LocalHub) -> list[int]:
    """Return the bytes of each range of a file that was asked for at its last place."""
    texts = [request.headers["Range"].removeprefix("bytes=").split(",") for request in hub.asked("/cdn/")]
    spans = [text.split("-") for several in texts for text in several]
    return [int(last) - int(first) + 1 for first, last in spans]


@pytest.mark.parametrize(("several", "requests"), [(True, 2), (False, 3)])
def test_a_safetensors_file_is_judged_by_two_requests_and_128_kilobytes(
    hub: LocalHub, look: Callable[..., Any], several: bool, requests: int
) -> None:
    hub.several_ranges = several
    found = look({"model.safetensors": large_safetensors()})
    assert found.allowed
    assert [one.check for one in found.findings] == ["partly-read"]
    assert len(hub.asked("model.safetensors")) == requests  # the first is answered with a redirect
    assert len(set(moved(hub))) == 2
    assert sum(set(moved(hub))) < 128 << 10


def test_a_checkpoint_is_judged_by_few_ranges_and_its_storages_are_not_read(
    hub: LocalHub, look: Callable[..., Any]
) -> None:
    found = look({"model.pt": checkpoint()})
    assert found.allowed, [finding.message for finding in found.findings]
    assert len(hub.asked("model.pt")) <= 4
    assert sum(moved(hub)) < 256 << 10


def test_what_a_checkpoint_would_run_is_found_by_ranges(look: Callable[..., Any]) -> None:
    found = look({"model.pt": checkpoint(x=echo())})
    assert not found.allowed
    assert "dangerous-call" in {one.check for one in found.findings}


def test_the_facts_are_those_of_the_whole_file(hub: LocalHub, look: Callable[..., Any]) -> None:
    remote = look({"model.pt": checkpoint()})
    whole = examine("hf://acme/large", Gate.open(), collectors=("contents",))
    kinds = {"Import", "Call", "Recognised", "Asks", "Malformed", "Unread"}

    def facts(found: Any) -> list[str]:
        return [repr(fact) for fact in found.dossier.facts if type(fact).__name__ in kinds]

    assert facts(remote) == facts(whole)
    assert hub.requests


def test_small_files_are_hashed_and_large_ones_are_only_claimed(look: Callable[..., Any]) -> None:
    found = look({"config.json": b"{}", "model.safetensors": large_safetensors()})
    assert {one.path: one.claimed for one in found.snapshot.artifacts} == {
        "config.json": False,
        "model.safetensors": True,
    }
    assert all(one.reader is None for one in found.snapshot.artifacts)


def test_a_member_that_hides_among_the_storages_is_refused(look: Callable[..., Any]) -> None:
    data = bytearray(checkpoint())
    name = b"archive/data/5"
    at = data.index(name, data.index(b"PK\x01\x02"))
    size = data.rindex(b"PK\x01\x02", 0, at) + 24
    struct.pack_into("<I", data, size, MIB - 2048)  # the directory says less than there is: 2 KiB belong to nobody
    assert not look({"model.pt": bytes(data)}).allowed


def test_a_server_that_lies_about_the_bytes_is_found_out_when_they_are_fetched(
    hub: LocalHub, look: Callable[..., Any], project: Path
) -> None:
    look({"model.safetensors": large_safetensors()})
    gate = Gate.open()
    entry, examination = pin(gate.canonical("hf://acme/large"), gate, Wish(remote=True))
    assert examination.allowed
    assert {file.judged for file in entry.files} == {"by-ranges"}
    update(gate.lock_path, lambda lock: lock.with_entry(entry), created_by="test")
    assert Lock.read(gate.lock_path).entries == {entry.id: entry}
    hub.repositories["acme/large"].tamper("model.safetensors")
    with pytest.raises(ModelguardError):
        guarded_load("acme/large", loader="safetensors.numpy", gate=gate)


def test_a_model_locked_by_ranges_is_examined_whole_before_it_is_loaded(
    hub: LocalHub, look: Callable[..., Any], project: Path
) -> None:
    pytest.importorskip("numpy", reason="the loader gives arrays")
    look({"model.safetensors": large_safetensors()})
    gate = Gate.open()
    entry, _ = pin(gate.canonical("hf://acme/large"), gate, Wish(remote=True))
    update(gate.lock_path, lambda lock: lock.with_entry(entry), created_by="test")
    assert guarded_load("acme/large", loader="safetensors.numpy", gate=gate)["w"].shape == (SIZE // 4,)
    again, _ = pin(gate.canonical("hf://acme/large"), gate, Wish(), entry)
    assert {file.judged for file in again.files} == {""}


# --- the ranges themselves ---------------------------------------------------------------------------------------


def ranges(hub: LocalHub, data: bytes, size: int | None = None) -> Ranges:
    hub.repository("acme/large").commit({"f.bin": data})
    return Ranges(url=f"{hub.url}/acme/large/resolve/main/f.bin", size=len(data) if size is None else size)


def test_any_part_of_a_file_can_be_read(hub: LocalHub) -> None:
    data = bytes(range(256)) * 4096 * 3
    found = ranges(hub, data)
    for offset, length in ((0, 10), (100_000, 5), (len(data) - 3, 3), (99_000, 300_000), (0, 0), (49_000, 1000)):
        assert found.fetch(offset, length) == data[offset : offset + length]


def test_both_ends_come_with_the_first_look(hub: LocalHub) -> None:
    data = bytes(range(256)) * 4096 * 3
    for first in (0, len(data) - 1):
        found = ranges(hub, data)
        assert found.fetch(first, 1) == data[first : first + 1]
        assert found.fetch(0, 4096) + found.fetch(len(data) - 4096, 4096) == data[:4096] + data[-4096:]
        assert found.requests == 1


def test_of_a_server_that_sends_the_whole_file_instead_of_two_ranges_only_the_head_is_read(hub: LocalHub) -> None:
    hub.several_ranges = False
    data = bytes(range(256)) * 4096 * 3
    found = ranges(hub, data)
    assert found.fetch(len(data) - 3, 3) == data[-3:]
    assert found.fetch(0, 40_000) == data[:40_000]
    assert found.requests == 2


def test_a_file_that_is_little_longer_than_both_ends_is_read_as_any_other(hub: LocalHub) -> None:
    for size in (NEAR_HEAD + NEAR_TAIL - 1, NEAR_HEAD + NEAR_TAIL, NEAR_HEAD + NEAR_TAIL + 1, 10):
        data = bytes(index % 251 for index in range(size))
        found = ranges(hub, data)
        assert b"".join(found.fetch(at, min(1000, size - at)) for at in range(0, size, 1000)) == data


def test_a_file_of_another_size_than_listed_is_refused(hub: LocalHub) -> None:
    with pytest.raises(Tampered, match="asked for"):
        ranges(hub, bytes(SIZE), SIZE + 1).fetch(0, 10)


def test_a_file_that_changes_between_two_ranges_is_refused(hub: LocalHub) -> None:
    hub.large_files = "direct"
    found = ranges(hub, bytes(SIZE))
    found.fetch(0, 10)
    hub.repositories["acme/large"].commit({"f.bin": bytes(SIZE - 1) + b"x"})
    with pytest.raises(Tampered, match="changed"):
        found.fetch(SIZE // 2, 10)


def test_a_connection_that_breaks_is_told(hub: LocalHub) -> None:
    found = ranges(hub, bytes(SIZE))
    hub.cut_short("f.bin", 100)
    with pytest.raises(SourceError):
        found.fetch(0, 1000)


def test_an_error_of_the_server_is_told(hub: LocalHub) -> None:
    found = ranges(hub, bytes(SIZE))
    hub.fail(500, times=3)
    with pytest.raises(SourceError, match="status 500"):
        found.fetch(0, 10)


def test_reading_everything_by_ranges_is_stopped(hub: LocalHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("modelguard.sources.ranges.BYTES", MIB)
    found = ranges(hub, bytes(SIZE))
    with pytest.raises(BudgetSpent, match="fetch it"):
        _ = [found.fetch(offset, 10) for offset in range(0, SIZE, 100_000)]


def test_the_token_stays_with_the_hub(hub: LocalHub) -> None:
    token = hub.user("alice")
    found = ranges(hub, bytes(SIZE))
    found.token = token
    found.fetch(0, 10)
    found.fetch(SIZE // 2, 10)
    assert hub.asked("f.bin")[0].headers["Authorization"] == f"Bearer {token}"
    assert not any("Authorization" in request.headers for request in hub.asked("/cdn/"))
