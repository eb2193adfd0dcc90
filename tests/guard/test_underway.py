"""Hashing that hides behind examining and loading: what may go on meanwhile, and that nothing comes of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from attrs import evolve

from modelguard import ModelRefused, guarded, guarded_load
from modelguard.guard import Gate
from modelguard.guard.standing import admitted, examine_locked
from modelguard.sources import hashing, stamps
from modelguard.terms.errors import LoaderError, SourceError
from modelguard.testing.models import tiny_pickle, tiny_safetensors

Locker = Callable[..., Any]
GOOD, BAD = tiny_safetensors({"a": [1.0]}), tiny_safetensors({"a": [9.0]})


@pytest.fixture
def model(project: Path, lock_model: Locker) -> Path:
    (project / "m.safetensors").write_bytes(GOOD)
    lock_model("m.safetensors")
    return project / "m.safetensors"


def spoil(ref: str, data: bytes) -> None:
    """Rewrite the object of a locked one-file model in the store."""
    gate = Gate.open()
    (digest,) = gate.require_lock().entries[ref].digests.values()
    place = gate.store.path_of(digest)
    assert place is not None
    place.chmod(0o644)
    place.write_bytes(data)


class Slow:
    """A hash that waits to be let go, and tells whether it has ended."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, patience: float) -> None:
        self.go, self.ended, self.patience = Event(), False, patience
        monkeypatch.setattr("modelguard.guard.underway.hash_file", self._hash)

    def _hash(self, *args: Any, **options: Any) -> Any:
        self.go.wait(self.patience)
        found = hashing.hash_file(*args, **options)
        self.ended = True
        return found


def test_tensors_are_loaded_while_the_file_is_hashed(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import safetensors.numpy

    slow, begun = Slow(monkeypatch, patience=30), []
    real = safetensors.numpy.load_file

    def load_file(path: str) -> Any:
        begun.append(slow.ended)
        slow.go.set()
        return real(path)

    monkeypatch.setattr(safetensors.numpy, "load_file", load_file)
    assert guarded_load("m.safetensors", loader="safetensors.numpy")["a"].tolist() == [1.0]
    assert begun == [False]
    assert slow.ended


def test_a_pickle_is_not_touched_before_the_hash_has_ended(
    project: Path, lock_model: Locker, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "m.pkl").write_bytes(tiny_pickle())
    lock_model("m.pkl")
    slow = Slow(monkeypatch, patience=0.3)
    assert guarded(lambda path: (slow.ended, Path(path).exists()))("m.pkl") == (True, True)


def test_what_was_loaded_from_other_bytes_is_given_to_nobody(model: Path) -> None:
    spoil("file:m.safetensors", BAD)
    with pytest.raises(ModelRefused, match="digest-mismatch") as refused:
        guarded_load("m.safetensors", loader="safetensors.numpy")
    assert refused.value.examination is not None
    assert "digest-mismatch" in {one.check for one in refused.value.examination.findings}


def test_other_bytes_are_told_of_even_when_the_framework_fails_on_them(model: Path) -> None:
    spoil("file:m.safetensors", GOOD[:-1] + b"\x00\x00")
    with pytest.raises(ModelRefused, match="digest-mismatch"):
        guarded_load("m.safetensors", loader="safetensors.numpy")
    with pytest.raises(ModelRefused, match="digest-mismatch"):
        guarded_load("m.safetensors", loader="no.such.loader")


def test_an_error_of_the_caller_stays_his_when_the_bytes_are_right(model: Path) -> None:
    with pytest.raises(LoaderError):
        guarded_load("m.safetensors", loader="no.such.loader")


def test_an_object_that_is_cut_short_under_the_hash_is_refused(model: Path) -> None:
    spoil("file:m.safetensors", b"")
    with pytest.raises(ModelRefused):
        guarded_load("m.safetensors", loader="safetensors.numpy")
    gate = Gate.open()
    assert not examine_locked(gate.require_lock().entries["file:m.safetensors"], gate).allowed


def test_hashing_that_nobody_waits_for_is_stopped(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Endless:
        def __init__(self) -> None:
            self.blocks = 0

        def __call__(self, *_: Any, **options: Any) -> Any:
            for _ in range(2000):
                options["progress"].advance("f", 1)
                self.blocks += 1
                time.sleep(0.01)
            raise AssertionError("was not stopped")

    endless = Endless()
    monkeypatch.setattr("modelguard.guard.underway.hash_file", endless)
    with pytest.raises(KeyboardInterrupt), admitted("m.safetensors", Gate.open(), early=True):
        raise KeyboardInterrupt
    assert endless.blocks < 2000


def test_a_file_that_cannot_be_read_is_an_error_and_not_a_model(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreadable(*_: Any, **__: Any) -> Any:
        raise SourceError("cannot be read")

    monkeypatch.setattr("modelguard.guard.underway.hash_file", unreadable)
    with pytest.raises(SourceError, match="cannot be read"):
        guarded_load("m.safetensors", loader="safetensors.numpy")


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The bytes that each hashing took."""
    found: list[int] = []
    real = hashing.hashed

    def counted(*args: Any, **options: Any) -> Any:
        digest, size = real(*args, **options)
        found.append(size)
        return digest, size

    monkeypatch.setattr(hashing, "hashed", counted)
    return found


@pytest.mark.parametrize("verify", ["always", "changed"])
def test_a_local_model_is_hashed_once_a_load_at_most(model: Path, hashed: list[int], verify: Any) -> None:
    time.sleep(2 * stamps.SETTLED)
    guarded_load("m.safetensors", loader="safetensors.numpy", verify=verify)
    hashed.clear()
    guarded_load("m.safetensors", loader="safetensors.numpy", verify=verify)
    assert hashed == ([len(GOOD)] if verify == "always" else [])


def test_a_local_model_that_was_written_to_refuses_even_with_its_old_times(model: Path) -> None:
    import os

    time.sleep(2 * stamps.SETTLED)
    gate = Gate.open()
    gate = evolve(gate, policy=evolve(gate.policy, verify="always"))
    guarded_load("m.safetensors", loader="safetensors.numpy", gate=gate)
    before = model.stat()
    model.write_bytes(BAD)
    os.utime(model, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(ModelRefused, match="digest-mismatch"):
        guarded_load("m.safetensors", loader="safetensors.numpy", gate=gate)
