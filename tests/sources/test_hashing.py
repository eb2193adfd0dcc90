"""Hashing at the speed of the hash: what is mapped, what is read, and who waits for whom."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelguard.sources import hashing
from modelguard.sources.hashing import hash_file, map_windows, read_blocks, steady_blocks
from modelguard.terms.artifact import Digest
from modelguard.terms.errors import SourceError

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has leases on files")


@pytest.fixture
def small_windows(monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(hashing, "WINDOW", 1 << 16)
    monkeypatch.setattr(hashing, "BLOCK", 1 << 12)
    return 1 << 16


@pytest.fixture
def file(tmp_path: Path, small_windows: int) -> Iterator[tuple[Path, int]]:
    """A file of five windows and a bit, open for reading."""
    place = tmp_path / "f"
    place.write_bytes(os.urandom(5 * small_windows + 100))
    descriptor = os.open(place, os.O_RDONLY)
    yield place, descriptor
    os.close(descriptor)


def sha256(place: Path) -> Digest:
    return Digest.sha256(hashlib.sha256(place.read_bytes()).hexdigest())


@settings(deadline=5000)
@given(size=st.integers(0, 40_000), start=st.integers(0, 40_000))
def test_every_way_of_reading_gives_every_byte_once(
    size: int, start: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    data = os.urandom(size)
    place = tmp_path_factory.getbasetemp() / "any"
    place.write_bytes(data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hashing, "WINDOW", 1 << 12)
        patch.setattr(hashing, "BLOCK", 1 << 10)
        descriptor = os.open(place, os.O_RDONLY)
        try:
            for way in (read_blocks, map_windows, steady_blocks):
                assert b"".join(bytes(block) for block in way(descriptor)) == data
            assert b"".join(bytes(block) for block in read_blocks(descriptor, start)) == data[start:]
        finally:
            os.close(descriptor)


def has_lease(descriptor: int) -> bool:
    import fcntl

    return fcntl.fcntl(descriptor, fcntl.F_GETLEASE) == fcntl.F_RDLCK


def needs_lease(descriptor: int) -> None:
    with hashing._leased(descriptor) as held:
        if not held():
            pytest.skip("the file system of the temporary directory gives no leases")


@on_linux
def test_a_file_that_nobody_writes_to_is_mapped_under_a_lease_that_ends(file: tuple[Path, int]) -> None:
    _, descriptor = file
    needs_lease(descriptor)
    seen = [(len(block), has_lease(descriptor)) for block in steady_blocks(descriptor)]
    assert seen == [(1 << 16, True)] * 5 + [(100, True)]
    assert not has_lease(descriptor)


@on_linux
def test_a_file_that_somebody_has_open_for_writing_is_read(file: tuple[Path, int]) -> None:
    place, descriptor = file
    with place.open("r+b"):
        assert {len(block) for block in steady_blocks(descriptor)} == {1 << 12, 100}


@on_linux
def test_a_writer_waits_for_one_window_only_and_the_rest_is_read(file: tuple[Path, int]) -> None:
    place, descriptor = file
    needs_lease(descriptor)
    program = "import sys, os; print('ready', flush=True); f = open(sys.argv[1], 'r+b'); print('open', flush=True)"
    blocks = steady_blocks(descriptor)
    assert len(next(blocks)) == 1 << 16
    with subprocess.Popen([sys.executable, "-c", program, str(place)], stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
        deadline = time.monotonic() + 20
        while has_lease(descriptor):
            assert time.monotonic() < deadline, "the writer never came"
            time.sleep(0.01)
        assert writer.poll() is None  # it waits
        rest = [len(block) for block in blocks]
        assert set(rest) == {1 << 12, 100}
        assert sum(rest) == 4 * (1 << 16) + 100
        assert writer.stdout.readline() == "open\n"


@on_linux
def test_a_file_that_is_cut_short_under_the_map_is_an_error_and_no_signal(file: tuple[Path, int]) -> None:
    place, descriptor = file
    windows = map_windows(descriptor)
    next(windows)
    os.truncate(place, 100)
    with pytest.raises(OSError, match="shrunk"):
        next(windows)


def test_the_digest_is_the_same_for_ours_and_for_others(file: tuple[Path, int]) -> None:
    place, _ = file
    assert hash_file(place) == hash_file(place, ours=True) == (sha256(place), place.stat().st_size)


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(SourceError):
        hash_file(tmp_path)
