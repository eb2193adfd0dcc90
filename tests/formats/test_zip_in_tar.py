"""A tar whose last member is a ZIP archive is a tar, unless a reader of ZIP could find something else in it."""

from __future__ import annotations

import io
import tarfile

import pytest
from container_builders import Piece, imports, rules, walk_all, zip_of
from pickle_builders import ECHO, call, named, program, push

from modelguard.terms.facts import Member

PAYLOAD = program(*push(call(named("os", "system"), ECHO)))
INNER = zip_of(Piece(name=b"archive/x", data=PAYLOAD))
HONEST = zip_of(Piece(name=b"archive/notes.txt", data=b"nothing but words\n"))


def tar_of(**members: bytes) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, data in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return stream.getvalue()


def test_an_archive_as_the_last_member_makes_no_second_archive() -> None:
    """NeMo checkpoints end like this."""
    facts = walk_all(tar_of(config=b"a: 1\n", weights=HONEST), "m.nemo")
    assert not {rule for rule in rules(facts) if rule.startswith("zip")}
    found = [fact.location.members for fact in facts if isinstance(fact, Member)]
    assert ("weights", "archive/notes.txt") in found, "the member is read as what it is"


def test_what_the_member_holds_is_found_all_the_same() -> None:
    facts = walk_all(tar_of(config=b"a: 1\n", weights=INNER), "m.nemo")
    assert "os.system" in imports(facts)


def test_two_archives_as_members_are_read_both() -> None:
    facts = walk_all(tar_of(one=HONEST, two=INNER), "m.nemo")
    assert not {rule for rule in rules(facts) if rule.startswith("zip")}
    assert "os.system" in imports(facts)


def end_record(size: int, offset: int, comment: bytes = b"") -> bytes:
    head = b"PK\x05\x06" + bytes(4) + (1).to_bytes(2, "little") * 2
    return (
        head + size.to_bytes(4, "little") + offset.to_bytes(4, "little") + len(comment).to_bytes(2, "little") + comment
    )


def directory_of(archive: bytes) -> bytes:
    return archive[archive.index(b"PK\x01\x02") : archive.rindex(b"PK\x05\x06")]


@pytest.mark.parametrize(
    "data",
    [
        tar_of(config=b"a: 1\n") + INNER,
        tar_of(config=b"a: 1\n")[:-22] + end_record(len(directory_of(INNER)), 0),
        # The directory stands where the record says within the whole file, not within the member.
        tar_of(weights=INNER + directory_of(INNER) + end_record(len(directory_of(INNER)), 512 + len(INNER))),
        # The comment of the record goes on beyond the member.
        tar_of(weights=INNER[:-2] + (600).to_bytes(2, "little")),
    ],
    ids=["behind the tar", "in the padding", "offset of the whole file", "long comment"],
)
def test_an_end_record_that_could_lead_elsewhere_makes_it_an_archive(data: bytes) -> None:
    """W-07."""
    assert {rule for rule in rules(walk_all(data, "m.nemo")) if rule.startswith(("zip", "tar"))}


def test_a_directory_where_the_record_points_in_the_whole_file_is_not_overlooked() -> None:
    """miniz takes the written offset, Python's zipfile reckons back: both directories have to be the member's."""
    inner = zip_of(Piece(name=b"archive/notes.txt", data=b"w" * 600))
    offset = inner.index(b"PK\x01\x02")
    other = directory_of(INNER)
    front = bytes(max(offset - 512, 0)) + other if offset >= 512 else other
    data = tar_of(a=front, weights=inner)
    assert data[offset : offset + 4] == b"PK\x01\x02"
    assert {rule for rule in rules(walk_all(data, "m.nemo")) if rule.startswith("zip")}
