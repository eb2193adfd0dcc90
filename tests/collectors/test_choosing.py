"""The choice of formats: what is not picked cannot say yes, and every reading of a polyglot is picked."""

from __future__ import annotations

import io
import pickle
import zipfile

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from modelguard.collectors._choosing import Choice, every_format
from modelguard.formats.format import Clue, Format
from modelguard.terms.artifact import Location
from modelguard.terms.content import Content
from modelguard.terms.errors import ReadError

FORMATS = every_format().formats
ENDINGS = sorted({ending for one in FORMATS for ending in (*one.endings, *(one.clue.endings if one.clue else ()))})
NAMES = sorted({name for one in FORMATS for name in (*one.whole_names, *(one.clue.names if one.clue else ()))})
# How contents of many formats begin; hypothesis adds what follows and what stands before.
BEGINNINGS = [
    b"\x80\x04\x95", b"\x80\x02}q\x00.", b"cos\nsystem\n", b"PK\x03\x04", b"PK\x05\x06" + bytes(18),
    b"\x89PNG\r\n\x1a\n", b"GGUF\x03\0\0\0", b"\x93NUMPY\x01\0", b"\x89HDF\r\n\x1a\n", b"\x08\x03\x12\x00",
    b"\x0a\x05\x0a\x01a\x15", b"{}", b'{"a": 1}', b' \n{"learner": {}}', b"[1, 2]", b"<net><layer",
    b"\xc2\x85<PMML>", b"\xef\xbb\xbf<?xml ?>", b"#!/bin/sh\n", b"#!/usr/bin/python\n", b"%YAML 1.2", b"%PDF-1.4",
    b"\x1c\0\0\0TFL3", b"\0\0\0\0ET12", b"\x02\0\0\0\0\0\0\0{}", b"\x02\0\0\0\0\0\0\0  {\"", b"tree\nversion=",
    b"tree\r\nversion=", b"version https://git-lfs", b"\x78\x9c", b"ZF0x1f ", b"\x1f\x8b\x08", b"BZh91AY&SY",
    b"\xfd7zXZ\0", b"]\0\0\x80\0", b"\x04\x22\x4d\x18", b"\x28\xb5\x2f\xfd", b"\x50\x2a\x4d\x18",
    b"7z\xbc\xaf\x27\x1c", b"\x7fELF\x02\x01", b"MZ", b"\x81\xa1a\x01", b"\x91\x01", b"ir_version: 7",
    b"# a\nnode {", b"<ir_version: 7", b"\xff\xd8\xff\xe0", b"RIFF", b"\0\0\0\x20ftypisom", b"abcdefg**ACE**",
    b"\x8a\x00\x01a", b"\x88\x00\x01",
]  # fmt: skip
TAR = b"a" + bytes(147) + b"0000501\0"


def one(name: str) -> Format:
    return next(format_ for format_ in FORMATS if format_.name == name)


def content(data: bytes, name: str = "model.bin") -> Content:
    return Content.of(data, Location(name))


def accepts(format_: Format, what: Content) -> bool:
    try:
        return format_.accepts(what)
    except ReadError:
        return False


@settings(deadline=None)  # the first example loads all formats
@given(
    before=st.sampled_from([b"", b" ", b"\n", b"\xef\xbb\xbf"]),
    start=st.sampled_from([b"", TAR, *BEGINNINGS]),
    rest=st.binary(max_size=600),
    end=st.sampled_from([b"", b"PK\x05\x06" + bytes(18), bytes.fromhex("57fb808b247547db")]),
    stem=st.sampled_from(["model", "a/b", "requirements-gpu", ""]),
    ending=st.sampled_from(["", ".bin", *ENDINGS]),
    upper=st.booleans(),
)
def test_a_format_that_is_not_picked_would_not_have_accepted(
    before: bytes, start: bytes, rest: bytes, end: bytes, stem: str, ending: str, upper: bool
) -> None:
    what = content(before + start + rest + end, (stem + ending).upper() if upper else stem + ending)
    picked = every_format().candidates(what)
    assert [format_.name for format_ in FORMATS if format_ not in picked and accepts(format_, what)] == []


@pytest.mark.parametrize("beginning", [bytes([first, second]) for first in range(256) for second in (0, 1, 10, 0x80)])
def test_no_first_byte_hides_a_format(beginning: bytes) -> None:
    for rest in (bytes(64), b'{"a": 1}' + bytes(600), b"\x0a\x01a" * 40, b"<a> [section]\n" * 40):
        what = content(beginning + rest)
        picked = every_format().candidates(what)
        assert [format_.name for format_ in FORMATS if format_ not in picked and accepts(format_, what)] == []


@pytest.mark.parametrize("name", NAMES)
def test_a_whole_name_is_enough_for_the_formats_that_go_by_it(name: str) -> None:
    what = content(b"key: value\n", f"folder/{name}")
    picked = every_format().candidates(what)
    assert [format_.name for format_ in FORMATS if format_ not in picked and accepts(format_, what)] == []


def test_an_archive_behind_a_pickle_is_picked_with_the_pickle() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("archive/data.pkl", b"")
    what = content(pickle.dumps({"a": 1}) + buffer.getvalue())
    assert {"pickle", "zip", "torch-zip"} <= {format_.name for format_ in every_format().candidates(what)}


def test_a_pickle_alone_asks_few_formats() -> None:
    picked = {format_.name for format_ in every_format().candidates(content(pickle.dumps({"a": 1})))}
    assert "pickle" in picked
    assert not picked & {"zip", "gguf", "json", "safetensors", "onnx", "png"}


def test_a_format_without_a_clue_is_always_asked() -> None:
    silent = evolve(one("gguf"), clue=None)
    assert Choice([silent]).candidates(content(b"anything")) == (silent,)
    assert Choice([one("gguf")]).candidates(content(b"anything")) == ()


def test_each_part_of_a_clue_is_enough() -> None:
    gguf = one("gguf")
    for clue, data, name in (
        (Clue(first=b"x"), b"xyz", "a"),
        (Clue(begins=rb".{2}z"), b"\n\nz", "a"),
        (Clue(endings=(".q",)), b"abc", "dir.x/A.Q"),
        (Clue(names=("readme",)), b"abc", "dir/ReadMe"),
        (Clue(when=lambda what: what.size == 3), b"abc", "a"),
    ):
        assert Choice([evolve(gguf, clue=clue)]).candidates(content(data, name))
        assert not Choice([evolve(gguf, clue=clue)]).candidates(content(b"other", "other"))


def test_when_a_question_fails_every_format_is_asked() -> None:
    def fails(what: Content) -> bool:
        raise ReadError(f"no {what.size}")

    formats = [one("gguf"), evolve(one("zip"), clue=Clue(when=fails))]
    assert Choice(formats).candidates(content(b"abc")) == tuple(formats)


def test_an_ending_without_its_dot_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="with its dot"):
        Choice([evolve(one("gguf"), endings=("gguf",))])


@pytest.mark.parametrize("name", ["model.gguf", "a/model.GGUF", "a/model.gguf/", "a/model.gguf/."])
def test_a_name_is_claimed_by_its_last_part(name: str) -> None:
    assert [format_.name for format_ in every_format().claimants(name)] == ["gguf"]


@pytest.mark.parametrize("name", ["gguf", "model.gguf.old", "model.gguf/x", "..", "", "/"])
def test_a_name_that_only_looks_alike_is_not_claimed(name: str) -> None:
    assert "gguf" not in [format_.name for format_ in every_format().claimants(name)]
