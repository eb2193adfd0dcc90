"""tar archives: honest ones are read in silence, and whatever leads out or contradicts itself is told."""

from __future__ import annotations

import gzip
import io
import tarfile

import pytest
from container_builders import (
    MARKER,
    PAYLOAD,
    PLAIN,
    asked,
    faultless,
    formats_at,
    found,
    imports,
    rules,
    troubles,
    truncations,
    walk_all,
    walk_over,
)  # fmt: skip
from hypothesis import given, settings
from hypothesis import strategies as st
from pickle_builders import ECHO, asm, call, named, program, push

from modelguard.formats.gzip import GZIP
from modelguard.formats.tar import TAR
from modelguard.terms.content import Budget
from modelguard.terms.facts import Fact, Member, Unread

FORMATS = (TAR, GZIP, MARKER, PLAIN)
LONE = program(*push(call(named("os", "system"), ECHO)))


def read(data: bytes, **options: Budget) -> list[Fact]:
    facts = walk_over(data, *FORMATS, **options)
    assert faultless(facts)
    return facts


def member(name: str, data: bytes = b"plain", **changes: object) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    for key, value in changes.items():
        setattr(info, key, value)
    return info, data


def tar_of(*members: tuple[tarfile.TarInfo, bytes], form: int = tarfile.PAX_FORMAT) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as archive:
        for info, data in members:
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def resealed(data: bytes, at: int = 0, **changes: bytes) -> bytes:
    """Replace fields of the header at `at` and make its checksum right again."""
    places = {"name": (0, 100), "mode": (100, 8), "size": (124, 12), "kind": (156, 1), "link": (157, 100)}
    block = bytearray(data[at : at + 512])
    for key, value in changes.items():
        start, length = places[key]
        block[start : start + length] = value.ljust(length, b"\0")
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return data[:at] + bytes(block) + data[at + 512 :]


GOOD, BAD = member("a/good"), member("a/bad", PAYLOAD)


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_archives_of_pythons_tarfile_are_read_without_complaint(form: int) -> None:
    folder = member("a", b"", type=tarfile.DIRTYPE, mode=0o755)
    long_name = "a/" + "/".join("x" * 40 for _ in range(4))
    members = [folder, GOOD, BAD, member(long_name), member("./dotted")]
    if form != tarfile.USTAR_FORMAT:
        members.append(member("a/ä" + "y" * 200))
    facts = read(tar_of(*members, form=form))
    assert troubles(facts) == []
    assert found(facts) == ["a/bad"]
    names = {fact.location.members[-1] for fact in facts if isinstance(fact, Member)}
    assert long_name in names


def test_the_oldest_layout_is_read_too() -> None:
    data = bytearray(tar_of(BAD, form=tarfile.USTAR_FORMAT))
    data[257:512] = bytes(255)
    facts = read(resealed(bytes(data), kind=b"\0"))
    assert troubles(facts) == []
    assert found(facts) == ["a/bad"]


CASES: list[tuple[str, str, bytes]] = [
    ("symbolic link", "tar-link", tar_of(member("a/link", b"", type=tarfile.SYMTYPE, linkname="/etc/passwd"), BAD)),
    ("hard link", "tar-link", tar_of(member("a/link", b"", type=tarfile.LNKTYPE, linkname="a/bad"), BAD)),
    ("device", "tar-special", tar_of(member("a/device", b"", type=tarfile.CHRTYPE), BAD)),
    ("pipe", "tar-special", tar_of(member("a/pipe", b"", type=tarfile.FIFOTYPE), BAD)),
    ("sparse", "tar-sparse", resealed(tar_of(BAD), kind=b"S")),
    ("sparse in pax", "tar-sparse", tar_of(member("a/bad", PAYLOAD, pax_headers={"GNU.sparse.major": "1"}))),
    ("parent", "tar-name", tar_of(member("../bad", PAYLOAD))),
    ("absolute", "tar-name", tar_of(member("/bad", PAYLOAD))),
    ("backslash", "tar-name", tar_of(member("a\\bad", PAYLOAD))),
    ("setuid", "tar-mode", tar_of(member("a/bad", PAYLOAD, mode=0o4755))),
    ("type", "tar-type", resealed(tar_of(BAD), kind=b"?")),
    ("duplicate", "tar-duplicate", tar_of(member("a/bad"), BAD)),
    ("twin", "tar-twin", tar_of(member("a/BAD"), BAD)),
    ("folder with data", "tar-folder-data", resealed(tar_of(BAD), kind=b"5")),
    ("name in pax", "tar-name-differs", tar_of(member("a/bad", PAYLOAD, pax_headers={"path": "a/other"}))),
    ("size in pax", "tar-size-differs", tar_of(member("a/bad", PAYLOAD, pax_headers={"size": "14"}), GOOD)
        .replace(b"00000000016", b"00000000003")),
    ("after the end", "tar-trailing", tar_of(GOOD) + tar_of(BAD)),
    ("after the end, no member", "tar-trailing", tar_of(GOOD) + PAYLOAD.ljust(512, b"\0")),
    ("no end", "tar-no-end", tar_of(BAD)[:1024]),
    ("cut off", "tar-cut-off", tar_of(GOOD, member("a/bad", PAYLOAD * 100))[:2048]),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "data"), [row[1:] for row in CASES], ids=[row[0] for row in CASES])
def test_what_breaks_a_rule_is_told_and_its_payload_found(rule: str, data: bytes) -> None:
    """W-03."""
    facts = read(fixed(data))
    assert rule in rules(facts)
    assert found(facts), "the payload was not read"


def fixed(data: bytes) -> bytes:
    """Make every checksum right again after a test has changed headers."""
    for at in range(0, len(data) - 511, 512):
        if data[at + 257 : at + 262] == b"ustar":
            data = resealed(data, at)
    return data


def test_a_global_header_that_renames_members_is_told() -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT, pax_headers={"path": "a/other"}) as archive:
        archive.addfile(BAD[0], io.BytesIO(BAD[1]))
    assert "tar-global-header" in rules(read(out.getvalue()))


def test_a_global_header_with_a_comment_is_no_fault() -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT, pax_headers={"comment": "0123"}) as archive:
        archive.addfile(BAD[0], io.BytesIO(BAD[1]))
    assert troubles(read(out.getvalue())) == []


def test_a_compressed_archive_is_read() -> None:
    """W-03: `.nemo` as tar.gz."""
    facts = walk_all(gzip.compress(tar_of(member("model_weights.ckpt", LONE))), "model.nemo")
    assert "os.system" in imports(facts)


def test_a_name_that_is_a_pickle_is_read_as_both() -> None:
    """A polyglot: the name of the first member is a protocol 0 pickle."""
    name = asm(b"cos\nsystem\n(S'echo pwned'\ntR.").decode()
    facts = walk_all(tar_of(member(name)), "model.pt")
    assert "os.system" in imports(facts) or "posix.system" in imports(facts)
    assert "tar" in formats_at(facts)


def test_the_tar_of_old_torch_asks_for_its_loader() -> None:
    """W-03, CVE-2025-32434."""
    names = ("sys_info", "pickle", "tensors", "storages")
    facts = walk_all(tar_of(*(member(name, LONE if name == "pickle" else program("NONE")) for name in names)), "m.pt")
    assert ("remote-code", "torch-legacy-tar") in asked(facts)
    assert "os.system" in imports(facts)
    assert formats_at(facts) == ("tar", "torch-tar")


def test_another_tar_does_not_ask_for_it() -> None:
    assert asked(walk_all(tar_of(member("pickle.txt"), member("a/tensors")), "m.tar")) == set()


SAMPLE = tar_of(GOOD, BAD, member("a/ä" + "y" * 200), member("a/bigger", PAYLOAD * 100))


def test_a_truncated_archive_is_refused() -> None:
    end = SAMPLE.rstrip(b"\0")
    for data in truncations(SAMPLE):
        if len(data) < len(end) + 1024:
            assert troubles(read(data)), len(data)


def test_members_are_counted() -> None:
    data = tar_of(*(member(str(number)) for number in range(20)))
    facts = read(data, budget=Budget(members=10))
    assert any("members" in fact.reason for fact in facts if isinstance(fact, Unread))


def test_a_header_without_a_member_behind_it_ends_the_reading() -> None:
    info = member("a/bad", PAYLOAD, pax_headers={"path": "a/other"})
    facts = read(tar_of(info)[:1024] + bytes(2048))
    assert troubles(facts)


@settings(max_examples=200, deadline=3000)
@given(st.lists(st.tuples(st.integers(0, len(SAMPLE) - 1), st.integers(0, 255)), min_size=1, max_size=5))
def test_a_mutated_archive_never_breaks_the_reader(changes: list[tuple[int, int]]) -> None:
    data = bytearray(SAMPLE)
    for at, value in changes:
        data[at] = value
    read(fixed(bytes(data)))
    read(bytes(data))
