"""Compressed streams: seen through within limits, to the last member, and what follows is not forgotten."""

from __future__ import annotations

import bz2
import gc
import gzip
import importlib
import io
import lzma
import struct
import sys
import tracemalloc
import zlib
from collections.abc import Callable
from random import Random

import pytest
from container_builders import (
    MARKER,
    PAYLOAD,
    PLAIN,
    Piece,
    faultless,
    formats_at,
    found,
    imports,
    rules,
    troubles,
    truncations,
    walk_all,
    walk_over,
    zip_of,
)  # fmt: skip
from hypothesis import given, settings
from hypothesis import strategies as st
from pickle_builders import ECHO, call, named, program, push

from modelguard.formats.bzip2 import BZIP2
from modelguard.formats.gzip import GZIP
from modelguard.formats.lz4 import LZ4
from modelguard.formats.xz import XZ
from modelguard.formats.zlib import ZLIB
from modelguard.formats.zstd import ZSTD
from modelguard.terms.content import Budget
from modelguard.terms.facts import Fact, Unread

FORMATS = (GZIP, BZIP2, XZ, ZLIB, LZ4, ZSTD, MARKER, PLAIN)
LONE = program(*push(call(named("os", "system"), ECHO)))


def _lz4(data: bytes) -> bytes:
    frame = pytest.importorskip("lz4.frame", reason="LZ4 needs the package lz4")
    return frame.compress(data, content_checksum=True)


def _zstd(data: bytes) -> bytes:
    zstandard = pytest.importorskip("zstandard", reason="Zstandard needs the package zstandard")
    return zstandard.ZstdCompressor(write_checksum=True).compress(data)


def _alone(data: bytes) -> bytes:
    return lzma.compress(data, lzma.FORMAT_ALONE)


def _old_joblib(data: bytes) -> bytes:
    return b"ZF" + hex(len(data)).ljust(19).encode() + zlib.compress(data)


WAYS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "lzma": _alone,
    "zlib": zlib.compress,
    "ZF": _old_joblib,
    "ZF of Python 2": lambda data: b"ZF" + hex(len(data)).ljust(20).encode() + zlib.compress(data),
    "lz4": _lz4,
    "zstd": _zstd,
}
SEVERAL = ("gzip", "bzip2", "xz", "lz4", "zstd")


def read(data: bytes, **options: Budget) -> list[Fact]:
    facts = walk_over(data, *FORMATS, **options)
    assert faultless(facts)
    return facts


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("size", [0, 100, 600_000])
def test_a_stream_is_seen_through(way: str, size: int) -> None:
    facts = read(WAYS[way](PAYLOAD + Random(0).randbytes(size)))
    assert troubles(facts) == []
    assert len(found(facts)) == 1


def test_what_does_not_fit_into_memory_goes_to_a_temporary_file() -> None:
    facts = read(gzip.compress(PAYLOAD + Random(0).randbytes(9 << 20), 1))
    assert troubles(facts) == []
    assert len(found(facts)) == 1


@pytest.mark.parametrize("way", WAYS)
def test_a_pickle_in_a_stream_surfaces(way: str) -> None:
    """W-02, with all formats."""
    assert "os.system" in imports(walk_all(WAYS[way](LONE), "model.joblib"))


@pytest.mark.parametrize("way", SEVERAL)
def test_every_member_of_a_stream_is_read(way: str) -> None:
    """W-02: readers put the members together, so a payload may lie across two."""
    make = WAYS[way]
    facts = read(make(PAYLOAD[:3]) + make(PAYLOAD[3:]))
    assert troubles(facts) == []
    assert len(found(facts)) == 1


@pytest.mark.parametrize("way", WAYS)
def test_bytes_behind_a_stream_are_told_and_read(way: str) -> None:
    facts = read(WAYS[way](b"plain") + PAYLOAD)
    assert any(rule.endswith("-trailing") for rule in rules(facts)), facts
    assert len(found(facts)) == 1


@pytest.mark.parametrize("way", WAYS)
def test_a_truncated_stream_is_refused(way: str) -> None:
    sample = WAYS[way](PAYLOAD * 20)
    for data in truncations(sample):
        assert troubles(read(data))


@pytest.mark.parametrize("way", WAYS)
def test_what_a_fault_ended_is_given_back_at_once(way: str) -> None:
    """A decompressor keeps a dictionary of megabytes: none may wait for the collector of reference cycles."""
    data = WAYS[way](PAYLOAD * 20)[:-3]
    assert troubles(read(data))
    gc.collect()
    gc.disable()
    tracemalloc.start()
    try:
        for _ in range(20):
            assert troubles(read(data))
        assert tracemalloc.get_traced_memory()[0] < 2 << 20
    finally:
        tracemalloc.stop()
        gc.enable()


@pytest.mark.parametrize("way", WAYS)
def test_what_came_out_before_a_fault_is_read(way: str) -> None:
    """C-14: a payload in front, a stream that breaks on purpose behind."""
    sample = WAYS[way](PAYLOAD + Random(0).randbytes(3_000_000))
    facts = read(sample[: len(sample) * 9 // 10])
    assert any(isinstance(fact, Unread) for fact in facts)
    assert len(found(facts)) == 1


@pytest.mark.parametrize("way", WAYS)
def test_a_bomb_ends_at_the_budget(way: str) -> None:
    """D-08."""
    bomb = WAYS[way](PAYLOAD + bytes(30_000_000))
    facts = read(bomb, budget=Budget(expanded=5_000_000, ratio=1_000_000))
    assert "more expanded bytes" in next(fact.reason for fact in facts if isinstance(fact, Unread))
    assert len(found(facts)) == 1
    facts = read(bomb, budget=Budget(ratio=20))
    assert "20 times" in next(fact.reason for fact in facts if isinstance(fact, Unread))


def test_streams_in_streams_end_at_the_depth_of_the_budget() -> None:
    data = PAYLOAD
    for _ in range(20):
        data = gzip.compress(data)
    facts = read(data)
    assert any("levels" in fact.reason for fact in facts if isinstance(fact, Unread))
    assert found(facts) == []


def test_a_dictionary_of_gigabytes_is_not_allocated() -> None:
    """The header of LZMA asks for 2 GiB before the first byte comes out."""
    data = _alone(PAYLOAD)
    facts = read(data[:1] + struct.pack("<L", 1 << 31) + data[5:])
    assert found(facts) == []
    assert troubles(facts)


@pytest.mark.parametrize(("way", "package"), [("lz4", "lz4"), ("zstd", "zstandard")])
def test_without_the_package_the_bytes_are_unread_and_the_package_named(
    way: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = WAYS[way](PAYLOAD)
    monkeypatch.setitem(sys.modules, package, None)
    facts = read(data)
    assert f"pip install {package}" in next(fact.reason for fact in facts if isinstance(fact, Unread))
    importlib.invalidate_caches()


@pytest.mark.parametrize(
    "data",
    [b"x\x9cnot zlib at all", b"x^2 + 1 = 0 is an equation", b"BZh9 is no stream", b"\x5d\x00\x00\x00 text", b"ZFoo"],
)
def test_bytes_that_only_look_like_a_stream_are_not_taken_for_one(data: bytes) -> None:
    assert [type(fact).__name__ for fact in read(data)] == ["Opaque"]


def test_the_name_inside_is_the_name_without_its_ending() -> None:
    facts = walk_over(gzip.compress(b"plain"), *FORMATS, name="dir/model.marker.gz")
    assert rules(facts) == {"wrong-format"}, "model.marker promises the marker format"
    assert formats_at(facts, "model.marker") == ("plain",)


@pytest.mark.parametrize("way", WAYS)
@settings(max_examples=60, deadline=5000)
@given(changes=st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), min_size=1, max_size=4))
def test_a_mutated_stream_never_breaks_the_reader(way: str, changes: list[tuple[int, int]]) -> None:
    data = bytearray(WAYS[way](PAYLOAD * 30))
    for at, value in changes:
        data[at % len(data)] = value
    read(bytes(data), budget=Budget(expanded=1 << 22))


# --- archives that stay closed --------------------------------------------------------------------------------------

SEALED = {
    "7z": b"7z\xbc\xaf\x27\x1c\x00\x04",
    "rar 4": b"Rar!\x1a\x07\x00",
    "rar 5": b"Rar!\x1a\x07\x01\x00",
    "ar": b"!<arch>\nmodel.o/",
    "cpio": b"070701000000",
    "cabinet": b"MSCF\0\0\0\0",
    "lzip": b"LZIP\x01",
    "lzop": b"\x89LZO\0\r\n\x1a\n",
    "compress": b"\x1f\x9d\x90",
    "snappy": b"\xff\x06\0\0sNaPpY",
    "openssl": b"Salted__12345678",
    "age": b"age-encryption.org/v1\n",
    "skipped frame": b"\x50\x2a\x4d\x18\x04\0\0\0abcd",
}


@pytest.mark.parametrize("name", SEALED)
def test_an_archive_that_is_not_expanded_is_unread(name: str) -> None:
    """W-01, nullifAI."""
    facts = walk_all(SEALED[name] + bytes(100), "model.pt")
    assert any("not expanded" in fact.reason for fact in facts if isinstance(fact, Unread))


def test_a_sealed_archive_within_an_archive_is_unread_too() -> None:
    facts = walk_all(zip_of(Piece(name=b"a/data.7z", data=SEALED["7z"])), "model.zip")
    assert any(fact.location.members == ("a/data.7z",) for fact in facts if isinstance(fact, Unread))


def test_gzip_headers_with_every_field_are_read() -> None:
    out = io.BytesIO()
    with gzip.GzipFile("a name", "wb", fileobj=out, mtime=1) as file:
        file.write(PAYLOAD)
    assert troubles(read(out.getvalue())) == []
