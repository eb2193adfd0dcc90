"""Sparse members of tar archives: every spelling is read as the file that it unpacks to, and is told as sparse."""

from __future__ import annotations

import io
import tarfile

import pytest
from container_builders import imports, rules, walk_all
from hypothesis import given
from hypothesis import strategies as st
from pickle_builders import ECHO, call, named, program, push
from walk_builders import fuzz

from modelguard.formats.tar import TAR
from modelguard.terms.facts import Fact, Member, Unread

LONE = program(*push(call(named("os", "system"), ECHO)))
HOLE = 1 << 16
PIECES = [(0, 4), (HOLE, len(LONE))]
STORED = b"ABCD" + LONE
WHOLE = HOLE + len(LONE)


def pax(stored: bytes = STORED, **headers: str) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        info = tarfile.TarInfo("GNUSparseFile.1/s.bin")
        info.size = len(stored)
        info.pax_headers = headers
        archive.addfile(info, io.BytesIO(stored))
    return out.getvalue()


def listed(pieces: list[tuple[int, int]]) -> str:
    return ",".join(f"{offset},{length}" for offset, length in pieces)


def in_data(pieces: list[tuple[int, int]], stored: bytes = STORED) -> bytes:
    numbers = [len(pieces), *(number for piece in pieces for number in piece)]
    text = "".join(f"{number}\n" for number in numbers).encode()
    return text + bytes(-len(text) % 512) + stored


def version_1(pieces: list[tuple[int, int]] = PIECES, size: object = WHOLE, **more: str) -> bytes:
    headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": str(size)}
    return pax(in_data(pieces), **headers, **{"GNU.sparse.name": "s.bin", **more})


def version_01(pieces: list[tuple[int, int]] = PIECES, size: object = WHOLE) -> bytes:
    return pax(**{"GNU.sparse.map": listed(pieces), "GNU.sparse.size": str(size), "GNU.sparse.name": "s.bin"})


def gnu(pieces: list[tuple[int, int]] = PIECES, size: int = WHOLE, stored: bytes = STORED) -> bytes:
    """GNU's own header: four pieces in it, 21 in each block behind it."""
    raw = [b"%011o\0%011o\0" % piece for piece in pieces]
    header = bytearray(tarfile.TarInfo("s.bin").tobuf(tarfile.GNU_FORMAT)[:512])
    header[124:136] = b"%011o\0" % len(stored)
    header[156:157] = b"S"
    header[386:482] = b"".join(raw[:4]).ljust(96, b"\0")
    rest = [raw[at : at + 21] for at in range(4, len(raw), 21)]
    header[482] = bool(rest)
    header[483:495] = b"%011o\0" % size
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    blocks = b""
    for number, group in enumerate(rest):
        blocks += (b"".join(group).ljust(504, b"\0") + bytes([number + 1 < len(rest)])).ljust(512, b"\0")
    return bytes(header) + blocks + stored + bytes(-len(stored) % 512 + 1024)


MANY = [(number * 4096, 1) for number in range(60)]


def unpacked(facts: list[Fact]) -> list[tuple[str, int]]:
    members = [fact for fact in facts if isinstance(fact, Member) and fact.method == "sparse"]
    return [(fact.location.members[-1], fact.size) for fact in members]


@pytest.mark.parametrize(
    ("data", "name"), [(version_1(), "s.bin"), (version_01(), "s.bin"), (gnu(), "s.bin (unpacked)")]
)
def test_every_spelling_is_read_as_the_file_that_it_unpacks_to(data: bytes, name: str) -> None:
    facts = walk_all(data, "model.tar")
    assert unpacked(facts) == [(name, WHOLE)]
    assert rules(facts) == {"tar-sparse"}


def test_a_program_that_only_the_filled_holes_make_is_found() -> None:
    """Ten bytes of an empty tuple that is dropped again stand in the hole: zeros are what makes the text of it."""
    text = program(("BINBYTES", bytes(64)), "POP", *push(call(named("os", "system"), ECHO)))
    at = text.index(bytes(64))
    stored = text[:at] + text[at + 64 :]
    pieces = [(0, at), (at + 64, len(text) - at - 64)]
    data = pax(
        stored, **{"GNU.sparse.map": listed(pieces), "GNU.sparse.size": str(len(text)), "GNU.sparse.name": "s.bin"}
    )
    below = [fact for fact in walk_all(data, "m.tar") if fact.location.members[:1] == ("s.bin",)]
    assert "os.system" in imports(below)


@pytest.mark.parametrize("size", [1, 60])
def test_the_blocks_that_continue_a_map_are_no_data(size: int) -> None:
    stored = bytes(range(size))
    data = gnu(MANY[:size], 60 * 4096, stored) + b""
    facts = walk_all(data, "m.tar")
    assert unpacked(facts) == [("s.bin (unpacked)", 60 * 4096)]
    assert not [fact for fact in facts if isinstance(fact, Unread)]


@pytest.mark.parametrize(
    "data",
    [
        version_1([(0, 1 << 40)]),
        version_1([(8, 4), (0, 4)]),
        version_1([(0, 4), (2, 4)]),
        version_1(size=2),
        version_1(size="-1"),
        version_1(size="9" * 40),
        version_01([(0, 1 << 40)]),
        pax(**{"GNU.sparse.map": "0,1,2", "GNU.sparse.size": "9"}),
        pax(**{"GNU.sparse.map": "a,b", "GNU.sparse.size": "9"}),
        pax(b"9999999\n" + bytes(504), **{"GNU.sparse.major": "1", "GNU.sparse.realsize": "9"}),
        pax(b"7\n1\n", **{"GNU.sparse.major": "1", "GNU.sparse.realsize": "9"}),
        gnu([(0, 1 << 30)]),
    ],
)
def test_a_map_that_does_not_fit_is_unread(data: bytes) -> None:
    facts = walk_all(data, "m.tar")
    assert [fact for fact in facts if isinstance(fact, Unread)]
    assert not unpacked(facts)


def test_a_hole_that_fills_a_disk_is_not_read() -> None:
    facts = walk_all(version_1(size=1 << 50), "m.tar")
    assert ["on a disk" in fact.reason for fact in facts if isinstance(fact, Unread)] == [True]


def test_a_name_that_leads_out_is_told() -> None:
    facts = walk_all(version_1(**{"GNU.sparse.name": "../../evil"}), "m.tar")
    assert rules(facts) == {"tar-sparse", "tar-name"}


@given(st.binary(max_size=60), st.integers(0, 2000), st.sampled_from([version_1(), version_01(), gnu(MANY, 1 << 18)]))
def test_foreign_bytes_never_break_the_reader(noise: bytes, at: int, sample: bytes) -> None:
    fuzz(TAR, sample[: at % len(sample)] + noise + sample[at % len(sample) + len(noise) :])
