"""ZIP archives: honest ones are read in silence, and every disagreement between records is told."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib

import pytest
from container_builders import (
    MARKER,
    PAYLOAD,
    PLAIN,
    Piece,
    central_record,
    end_record,
    found,
    local_header,
    rules,
    troubles,
    walk_over,
    zip_of,
)  # fmt: skip
from hypothesis import given, settings
from hypothesis import strategies as st

from modelguard.formats.zip import ZIP
from modelguard.terms.content import Budget
from modelguard.terms.facts import Fact, Member, Noted, Recognised, Unread

FORMATS = (ZIP, MARKER, PLAIN)
BAD = Piece(name=b"a/bad", data=PAYLOAD)
GOOD = Piece(name=b"a/good")


def read(data: bytes, **options: Budget) -> list[Fact]:
    return walk_over(data, *FORMATS, **options)


def by_zipfile(*, compression: int = zipfile.ZIP_STORED, seekable: bool = True) -> bytes:
    out = io.BytesIO()
    target = out if seekable else _Unseekable(out)
    with zipfile.ZipFile(target, "w", compression) as archive:
        archive.mkdir("folder")
        archive.writestr("folder/one", b"plain " * 5000)
        archive.writestr("folder/zwei-ä", b"plain")
        archive.writestr("bad", PAYLOAD)
        with archive.open("forced", "w", force_zip64=True) as member:
            member.write(b"plain text")
    return out.getvalue()


class _Unseekable(io.RawIOBase):
    """A pipe: zipfile then writes data descriptors."""

    def __init__(self, out: io.BytesIO) -> None:
        self.out = out

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        return self.out.write(data)  # type: ignore[call-overload]


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("seekable", [True, False])
def test_archives_of_pythons_zipfile_are_read_without_complaint(compression: int, seekable: bool) -> None:
    facts = read(by_zipfile(compression=compression, seekable=seekable))
    assert troubles(facts) == []
    assert found(facts) == ["bad"]
    members = {fact.location.members[-1] for fact in facts if isinstance(fact, Member)}
    assert members == {"folder/", "folder/one", "folder/zwei-ä", "bad", "forced"}


def test_an_archive_with_more_members_than_16_bits_count_is_read_without_complaint() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for number in range(65_600):
            archive.writestr(str(number), b"plain")
    assert troubles(read(out.getvalue())) == []


def test_an_empty_archive_is_an_archive() -> None:
    facts = read(end_record(0, 0, 0))
    assert troubles(facts) == []
    assert [fact.formats for fact in facts if isinstance(fact, Recognised)] == [("zip",)]


def test_a_comment_is_noted_and_no_fault() -> None:
    facts = read(zip_of(GOOD, comment=b"made by hand"))
    assert troubles(facts) == []
    assert [fact.rule for fact in facts if isinstance(fact, Noted)] == ["zip-comment"]


def test_zero_padding_between_members_is_noted_and_no_fault() -> None:
    facts = read(zip_of(Piece(name=b"a", after=b"\0" * 100), GOOD))
    assert troubles(facts) == []
    assert "zip-padding" in {fact.rule for fact in facts if isinstance(fact, Noted)}


CRC = zlib.crc32(PAYLOAD)
SLACK = {"method": 8, "expanded": len(PAYLOAD), "crc": CRC}

CASES: list[tuple[str, str, bytes]] = [
    ("Z-01 CVE-2025-1944", "zip-name-differs", zip_of(Piece(name=b"a/bad", data=PAYLOAD, local={"name": b"a/xyz"}))),
    ("Z-01 unicode path field", "zip-name-differs", zip_of(
        Piece(name=b"a/bad", data=PAYLOAD, central={"extra": struct.pack("<HHBL", 0x7075, 8, 1, 0) + b"xyz"}))),
    ("Z-02 CVE-2025-1945 0x1 both", "zip-encrypted", zip_of(Piece(name=b"a/bad", data=PAYLOAD, flags=0x1))),
    ("Z-02 0x1 directory", "zip-flags-differ", zip_of(Piece(name=b"a/bad", data=PAYLOAD, central={"flags": 0x1}))),
    ("Z-02 0x1 local", "zip-flags-differ", zip_of(Piece(name=b"a/bad", data=PAYLOAD, local={"flags": 0x1}))),
    ("Z-02 0x20", "zip-flags", zip_of(Piece(name=b"a/bad", data=PAYLOAD, flags=0x20))),
    ("Z-02 0x40", "zip-flags", zip_of(Piece(name=b"a/bad", data=PAYLOAD, flags=0x40))),
    ("Z-02 0x2000", "zip-flags", zip_of(Piece(name=b"a/bad", data=PAYLOAD, flags=0x2000))),
    ("Z-02 0x800", "zip-flags-differ", zip_of(Piece(name=b"a/bad", data=PAYLOAD, central={"flags": 0x800}))),
    ("Z-03 CVE-2025-10156 both", "zip-crc", zip_of(
        Piece(name=b"a/bad", data=PAYLOAD, local={"crc": 1}, central={"crc": 1}))),
    ("Z-03 deflated", "zip-crc", zip_of(
        Piece(name=b"a/bad", data=PAYLOAD, method=8, local={"crc": 1}, central={"crc": 1}))),
    ("Z-03 directory", "zip-crc", zip_of(Piece(name=b"a/bad", data=PAYLOAD, central={"crc": 1}))),
    ("Z-03 local", "zip-crc-differs", zip_of(Piece(name=b"a/bad", data=PAYLOAD, local={"crc": 1}))),
    ("Z-04 first bad", "zip-duplicate", zip_of(BAD, Piece(name=b"a/bad"))),
    ("Z-04 last bad", "zip-duplicate", zip_of(Piece(name=b"a/bad"), BAD)),
    ("Z-05 case", "zip-twin", zip_of(BAD, Piece(name=b"a/BAD"))),
    ("Z-05 separator", "zip-name", zip_of(Piece(name=b"a\\bad", data=PAYLOAD))),
    ("Z-05 blank", "zip-name", zip_of(Piece(name=b"a/bad ", data=PAYLOAD))),
    ("Z-05 dot", "zip-name", zip_of(Piece(name=b"a/bad.", data=PAYLOAD))),
    ("Z-05 NUL", "zip-name", zip_of(Piece(name=b"a/bad\0.txt", data=PAYLOAD))),
    ("Z-05 absolute", "zip-name", zip_of(Piece(name=b"/bad", data=PAYLOAD))),
    ("Z-05 drive", "zip-name", zip_of(Piece(name=b"C:bad", data=PAYLOAD))),
    ("Z-05 parent", "zip-name", zip_of(Piece(name=b"a/../../bad", data=PAYLOAD))),
    ("Z-05 bidi", "zip-name", zip_of(Piece(name="a/\u202ebad".encode(), data=PAYLOAD, flags=0x800))),
    ("Z-05 not UTF-8", "zip-name", zip_of(Piece(name=b"a/\xffbad", data=PAYLOAD, flags=0x800))),
    ("Z-05 empty", "zip-name", zip_of(Piece(name=b"", data=PAYLOAD))),
    ("Z-06 local shorter", "zip-sizes-differ", zip_of(
        Piece(name=b"a/bad", data=PAYLOAD, local={"compressed": 3, "expanded": 3}))),
    ("Z-06 directory shorter", "zip-sizes-differ", zip_of(
        Piece(name=b"a/bad", data=PAYLOAD, central={"compressed": 3, "expanded": 3}))),
    ("Z-06 stored with two sizes", "zip-sizes", zip_of(
        Piece(name=b"a/bad", data=PAYLOAD, local={"expanded": 99}, central={"expanded": 99}))),
    ("Z-06 deflated, lying size", "zip-sizes", zip_of(
        Piece(name=b"a/bad", data=PAYLOAD, method=8, local={"expanded": 3}, central={"expanded": 3}))),
    ("Z-06 descriptor", "zip-descriptor", zip_of(
        Piece(name=b"a/bad", data=PAYLOAD, flags=8, after=struct.pack("<4s3L", b"PK\x07\x08", CRC, 3, 3)))),
    ("Z-06 zip64 extra", "zip64-extra-differs", zip_of(
        Piece(name=b"a/bad", data=PAYLOAD, central={"extra": struct.pack("<HHQQ", 1, 16, 3, 3)}))),
    ("Z-06 zip64 extra in the local header", "zip64-extra-differs", zip_of(
        Piece(name=b"a/bad", data=PAYLOAD, local={"extra": struct.pack("<HHQQ", 1, 16, 3, 3)}))),
    ("Z-06 zip64 sizes in the directory alone", "zip-sizes-differ", zip_of(
        Piece(name=b"a/bad", data=PAYLOAD, local=dict.fromkeys(("compressed", "expanded"), 0xFFFFFFFF), central={
            "compressed": 0xFFFFFFFF, "expanded": 0xFFFFFFFF,
            "extra": struct.pack("<HHQQ", 1, 16, len(PAYLOAD), len(PAYLOAD))}))),
    ("Z-07 AES", "zip-method", zip_of(Piece(name=b"a/bad", data=PAYLOAD, method=99))),
    ("Z-07 zstd", "zip-method", zip_of(Piece(name=b"a/bad", data=PAYLOAD, method=93))),
    ("Z-07 lzma", "zip-method", zip_of(Piece(name=b"a/bad", data=PAYLOAD, method=14))),
    ("Z-07 bzip2", "zip-method", zip_of(Piece(name=b"a/bad", data=PAYLOAD, method=12))),
    ("Z-07 deflate64", "zip-method", zip_of(Piece(name=b"a/bad", data=PAYLOAD, method=9))),
    ("Z-07 methods differ", "zip-method-differs", zip_of(Piece(name=b"a/bad", data=PAYLOAD, local={"method": 8}))),
    ("Z-08 prefix", "zip-prefix", zip_of(BAD, prefix=b"#!/bin/sh\n")),
    ("Z-08 prefix, offsets not shifted", "zip-shifted", zip_of(BAD, prefix=b"#!/bin/sh\n", base=0)),
    ("Z-08 trailing", "zip-trailing", zip_of(GOOD, trailing=PAYLOAD)),
    ("Z-08 trailing, few bytes", "zip-trailing", zip_of(BAD, trailing=b"\0")),
    ("Z-08 comment too long", "zip-comment", zip_of(BAD, comment=b"plain")[:-1]),
    ("Z-08 second archive", "zip-several-ends", zip_of(BAD) + zip_of(GOOD)),
    ("Z-09 orphan", "zip-orphan", zip_of(BAD, GOOD, hidden=(0,))),
    ("Z-09 orphan, deflated", "zip-orphan", zip_of(
        Piece(name=b"a/bad", data=PAYLOAD, method=8), GOOD, hidden=(0,))),
    ("Z-13 link", "zip-link", zip_of(Piece(name=b"a/bad", data=PAYLOAD, mode=0o120777))),
    ("Z-13 device", "zip-special", zip_of(Piece(name=b"a/bad", data=PAYLOAD, mode=0o020666))),
    ("Z-13 setuid", "zip-mode", zip_of(Piece(name=b"a/bad", data=PAYLOAD, mode=0o104755))),
    ("Z-14 offset", "zip-shifted", zip_of(BAD, offset=3)),
    ("Z-14 disk", "zip-disk", zip_of(BAD, disk=1)),
    ("Z-14 disk of a member", "zip-disk", zip_of(Piece(name=b"a/bad", data=PAYLOAD, central={"disk": 2}))),
    ("Z-14 fewer counted", "zip-directory-count", zip_of(GOOD, BAD, here=1, total=1)),
    ("Z-14 counts differ", "zip-directory-count", zip_of(GOOD, BAD, here=1)),
    ("gap", "zip-gap", zip_of(GOOD, gap=PAYLOAD)),
    ("gap between members", "zip-gap", zip_of(Piece(name=b"a", after=PAYLOAD), GOOD)),
    ("folder with data", "zip-folder-data", zip_of(Piece(name=b"a/", data=PAYLOAD))),
    ("slack", "zip-slack", zip_of(
        GOOD, Piece(name=b"a/bad", data=zlib.compress(PAYLOAD, wbits=-15) + b"more", central=SLACK, local=SLACK))),
    ("no directory", "zip-no-directory", zip_of(BAD, GOOD)[:-22]),
    ("cut off", "zip-no-directory", zip_of(BAD, GOOD)[:75]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "rule", "data"), CASES, ids=[name for name, *_ in CASES])
def test_a_lying_archive_is_told_and_its_payload_found(name: str, rule: str, data: bytes) -> None:
    facts = read(data)
    assert rule in rules(facts)
    assert found(facts), "the payload was not read"


def test_each_case_differs_from_an_honest_archive_in_its_own_point_only() -> None:
    assert troubles(read(zip_of(BAD, GOOD))) == []
    assert troubles(read(zip_of(Piece(name=b"a/bad", data=PAYLOAD, method=8), GOOD))) == []
    assert rules(read(zip_of(Piece(name=b"a/bad", data=PAYLOAD, mode=0o100755)))) == set()
    assert rules(read(zip_of(Piece(name="a/ä".encode(), flags=0x800)))) == set()
    assert rules(read(zip_of(Piece(name=b"a/", data=b"", mode=0xFFFF)))) == set(), "directories of some Java tools"


def test_an_encrypted_member_is_unread() -> None:
    """Z-02: whatever the raw bytes look like, nobody can say what is in there."""
    facts = read(zip_of(Piece(name=b"a/bad", data=b"plain", flags=0x1)))
    assert [fact.reason for fact in facts if isinstance(fact, Unread)] == ["the member says that it is encrypted"]


def test_both_names_of_a_member_are_read() -> None:
    facts = read(zip_of(Piece(name=b"a/config.p", data=PAYLOAD, local={"name": b"a/harmless"})))
    assert found(facts) == ["a/config.p", "a/harmless"]


def test_an_end_record_in_the_comment_of_another_is_followed_too() -> None:
    """Z-08: zipfile takes the last signature, Java the record whose comment ends with the file."""
    inner = local_header(BAD.fields({})) + PAYLOAD
    outer = zip_of(GOOD)
    at = len(outer)
    record = central_record(BAD.fields({}), at)
    comment = inner + record + end_record(1, len(record), at + len(inner))
    facts = read(zip_of(GOOD, comment=comment))
    assert {"zip-several-ends"} <= rules(facts)
    assert found(facts)


def test_two_end_records_of_one_length_are_both_followed() -> None:
    first = zip_of(BAD)
    body = local_header(GOOD.fields({})) + b"plain"
    record = central_record(GOOD.fields({}), len(first))
    data = first + body + record + end_record(1, len(record), len(first) + len(body))
    facts = read(data)
    assert rules(facts) & {"zip-several-ends", "zip-orphan"}
    assert found(facts)


def zip64_end(count: int, size: int, offset: int, at: int, *, named: int | None = None) -> bytes:
    record = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, size, offset)
    return record + struct.pack("<4sLQL", b"PK\x06\x07", 0, at if named is None else named, 1)


def with_zip64(pieces: list[Piece], *, full: bool, **changes: int) -> bytes:
    plain = zip_of(*pieces)
    *_, count, size, offset, _ = struct.unpack("<4s4H2LH", plain[-22:])
    wide = zip64_end(**{"count": count, "size": size, "offset": offset, "at": len(plain) - 22} | changes)
    values = {"here": 0xFFFF, "total": 0xFFFF, "size": 0xFFFFFFFF, "offset": 0xFFFFFFFF} if full else {}
    return plain[:-22] + wide + end_record(count, size, offset, **values)


@pytest.mark.parametrize("full", [True, False])
def test_zip64_end_records_are_read_without_complaint(full: bool) -> None:
    facts = read(with_zip64([BAD, GOOD], full=full))
    assert troubles(facts) == []
    assert found(facts) == ["a/bad"]


def test_a_zip64_end_record_that_disagrees_is_told() -> None:
    """Z-06: readers with and without zip64 see different directories."""
    second = len(zip_of(BAD)) - 22 - len(central_record(BAD.fields({}), 0))
    size = len(central_record(BAD.fields({}), 0))
    data = with_zip64([BAD, GOOD], full=False, count=1, size=size, offset=second)
    assert rules(read(data)) & {"zip-several-ends", "zip-directory-count", "zip-directory-size"}


def test_a_locator_that_names_another_record_is_told() -> None:
    plain = zip_of(BAD, GOOD)
    *_, count, size, offset, _ = struct.unpack("<4s4H2LH", plain[-22:])
    hidden = zip64_end(count, size, offset, 0)[:56]
    data = plain[:-22] + hidden + zip64_end(1, size, offset, 0, named=len(plain) - 22) + plain[-22:]
    assert rules(read(data)) & {"zip64-end", "zip64-end-differs", "zip-several-ends"}


def test_overlapping_members_are_told_and_cannot_multiply_the_work() -> None:
    """Z-12, D-08: many directory records for one kernel, as in Fifield's bomb."""
    kernel = Piece(name=b"0", data=b"plain" * 1000)
    body = local_header(kernel.fields({})) + kernel.data
    directory = b"".join(central_record(kernel.fields({"name": b"%d" % number}), 0) for number in range(500))
    data = body + directory + end_record(500, len(directory), len(body))
    facts = read(data, budget=Budget(expanded=100_000))
    assert "zip-overlap" in rules(facts)
    assert any("more expanded bytes" in fact.reason for fact in facts if isinstance(fact, Unread))


def test_a_bomb_ends_at_the_budget() -> None:
    """D-08: what came out before the end of the budget is read all the same."""
    bomb = Piece(name=b"a/bad", data=PAYLOAD + b"\0" * 50_000_000, method=8)
    facts = read(zip_of(bomb), budget=Budget(expanded=10_000_000))
    assert found(facts) == ["a/bad"]
    assert "more expanded bytes" in next(fact.reason for fact in facts if isinstance(fact, Unread))


def test_a_bomb_ends_at_the_ratio() -> None:
    bomb = Piece(name=b"a/bad", data=b"plain" + b"\0" * 5_000_000, method=8)
    facts = read(zip_of(bomb), budget=Budget(ratio=100))
    assert "100 times" in next(fact.reason for fact in facts if isinstance(fact, Unread))
    assert troubles(read(zip_of(bomb))) == []


def test_members_are_counted() -> None:
    facts = read(zip_of(*(Piece(name=b"%d" % number) for number in range(20))), budget=Budget(members=10))
    assert "members" in next(fact.reason for fact in facts if isinstance(fact, Unread))


def test_archives_in_archives_are_read_to_the_depth_of_the_budget() -> None:
    data = PAYLOAD
    for number in range(5):
        data = zip_of(Piece(name=b"%d" % number, data=data, method=8 * (number % 2)))
    assert found(read(data)) == ["4/3/2/1/0"]
    facts = read(data, budget=Budget(depth=3))
    assert [fact.reason for fact in facts if isinstance(fact, Unread)] == ["nested deeper than 3 levels"]


@pytest.mark.parametrize("front", [b"GGUF\x03\0\0\0" + b"\1" * 400, b"\x89PNG\r\n\x1a\n" + b"\1" * 90_000, PAYLOAD])
def test_an_archive_at_the_tail_of_another_file_is_seen(front: bytes) -> None:
    """W-07: GGUF, PNG or pickle in front, ZIP behind."""
    for base in (None, 0):
        facts = read(zip_of(BAD, prefix=front, base=base))
        assert "a/bad" in found(facts)
        assert "zip-prefix" in rules(facts)


def test_bytes_without_any_archive_are_not_one() -> None:
    assert not any(isinstance(fact, Recognised) for fact in read(b"PK is a short name, \x05\x06 too" * 100))
    assert not any(isinstance(fact, Recognised) for fact in read(b"x" * 100 + b"PK\x05\x06" + b"x" * 200))


SOUND = zip_of(BAD, Piece(name=b"a/deflated", data=b"plain" * 100, method=8), GOOD, comment=b"c")


@pytest.mark.parametrize("part", range(64))
def test_a_truncated_archive_is_refused(part: int) -> None:
    facts = read(SOUND[: len(SOUND) * part // 64])
    assert troubles(facts) or len(SOUND) * part // 64 == 0


@settings(max_examples=300, deadline=2000)
@given(st.lists(st.tuples(st.integers(0, len(SOUND) - 1), st.integers(0, 255)), min_size=1, max_size=6))
def test_a_mutated_archive_never_breaks_the_reader(changes: list[tuple[int, int]]) -> None:
    data = bytearray(SOUND)
    for at, value in changes:
        data[at] = value
    facts = read(bytes(data), budget=Budget(expanded=1 << 24))
    assert not [fact for fact in facts if isinstance(fact, Unread) and "internal fault" in fact.reason]


@settings(max_examples=300, deadline=2000)
@given(st.binary(max_size=400), st.sampled_from([b"", b"PK\x03\x04", b"PK\x05\x06"]), st.binary(max_size=60))
def test_random_bytes_never_break_the_reader(front: bytes, mark: bytes, back: bytes) -> None:
    facts = read(mark + front + b"PK\x01\x02" + back + end_record(1, len(back) + 4, len(mark + front)))
    assert not [fact for fact in facts if isinstance(fact, Unread) and "internal fault" in fact.reason]
