"""The walk over the files of a snapshot: every fault becomes a fact, and silence never looks like a clean file."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from modelguard.collectors.contents import read_artifacts
from modelguard.formats.format import Format, Walk
from modelguard.terms.artifact import Artifact, Digest
from modelguard.terms.content import Budget, Content
from modelguard.terms.errors import ReadError
from modelguard.terms.facts import Digested, Fact, Header, Malformed, Member, Noted, Opaque, Recognised, Unread


def artifact_of(file: Path, data: bytes | None = None) -> Artifact:
    if data is not None:
        file.write_bytes(data)
    data = file.read_bytes()
    digest = Digest.sha256(hashlib.sha256(data).hexdigest())
    return Artifact(path=file.name, size=len(data), digest=digest, file=file)


def format_of(name: str, head: bytes, read: object = None, **claims: tuple[str, ...]) -> Format:
    def nothing(content: Content, walk: Walk) -> Iterator[Fact]:
        yield Header(location=content.location, format=name)

    return Format(
        name=name, title=name, reads="", looks_for="", accepts=lambda content: content.head(len(head)) == head,
        read=read or nothing, **claims,
    )  # type: ignore[arg-type]  # fmt: skip


ALPHA = format_of("alpha", b"A", endings=(".alpha", ".shared"))
BETA = format_of("beta", b"B", endings=(".shared",), whole_names=("beta.json",))


def facts_of(file: Path, data: bytes, *formats: Format) -> list[Fact]:
    return list(read_artifacts([artifact_of(file, data)], Budget(), formats=formats))


def test_a_file_is_digested_and_recognised(tmp_path: Path) -> None:
    facts = facts_of(tmp_path / "x", b"A file", BETA, ALPHA)
    assert [type(fact) for fact in facts] == [Digested, Recognised, Header]
    assert facts[0].size == 6
    assert facts[1].formats == ("alpha",)


def test_every_format_that_accepts_reads_and_names_are_sorted(tmp_path: Path) -> None:
    facts = facts_of(tmp_path / "x", b"AB", format_of("zeta", b"AB"), ALPHA)
    assert facts[1].formats == ("alpha", "zeta")
    assert [fact.format for fact in facts if isinstance(fact, Header)] == ["zeta", "alpha"]


def test_bytes_that_nobody_accepts_are_opaque(tmp_path: Path) -> None:
    facts = facts_of(tmp_path / "x", b"\x7fwhat is this thing", ALPHA)
    assert [fact.head for fact in facts if isinstance(fact, Opaque)] == [b"\x7fwhat is this th"[:16].hex()]
    assert not any(isinstance(fact, Recognised) for fact in facts)


@pytest.mark.parametrize("name", ["x.alpha", "x.ALPHA", "x.shared", "beta.json", "BETA.json"])
def test_a_name_that_promises_another_format_is_told(tmp_path: Path, name: str) -> None:
    """W-07."""
    facts = facts_of(tmp_path / name, b"Content", ALPHA, BETA, format_of("other", b"C"))
    assert [fact.rule for fact in facts if isinstance(fact, Malformed)] == ["wrong-format"]


@pytest.mark.parametrize(
    ("name", "data"), [("x.shared", b"B"), ("x.shared", b"A"), ("x.alpha", b"A"), ("x.json", b"B")]
)
def test_one_accepting_claimant_is_enough(tmp_path: Path, name: str, data: bytes) -> None:
    facts = facts_of(tmp_path / name, data, ALPHA, BETA)
    assert not any(isinstance(fact, Malformed) for fact in facts)


def test_facts_before_a_fault_stay_and_the_fault_is_told(tmp_path: Path) -> None:
    def read(content: Content, walk: Walk) -> Iterator[Fact]:
        yield Member(location=content.location, size=1)
        raise ReadError("ends early")

    facts = facts_of(tmp_path / "x", b"A", format_of("torn", b"A", read), ALPHA)
    assert [type(fact) for fact in facts] == [Digested, Recognised, Member, Unread, Header]


@pytest.mark.parametrize("fault", [ValueError("bad"), RecursionError(), MemoryError(), KeyError(1), OSError(5, "EIO")])
def test_a_readers_own_mistake_is_unread_and_stops_nobody_else(tmp_path: Path, fault: Exception) -> None:
    def read(content: Content, walk: Walk) -> Iterator[Fact]:
        raise fault
        yield

    facts = facts_of(tmp_path / "x", b"A", format_of("broken", b"A", read), ALPHA)
    assert "internal fault" in next(fact.reason for fact in facts if isinstance(fact, Unread))
    assert any(isinstance(fact, Header) for fact in facts)


def test_a_fault_while_accepting_is_told_as_well(tmp_path: Path) -> None:
    def accepts(content: Content) -> bool:
        raise ValueError("no")

    broken = Format(name="b", title="", reads="", looks_for="", accepts=accepts, read=lambda content, walk: ())
    facts = facts_of(tmp_path / "x", b"A", broken, ALPHA)
    assert any(isinstance(fact, Unread) for fact in facts)
    assert any(isinstance(fact, Header) for fact in facts)


def test_a_spent_budget_leaves_the_remaining_files_unread(tmp_path: Path) -> None:
    def read(content: Content, walk: Walk) -> Iterator[Fact]:
        walk.budget.spend_bytes(60)
        yield Header(location=content.location, format="costly")

    artifacts = [artifact_of(tmp_path / name, b"A") for name in ("a", "b", "c")]
    facts = list(read_artifacts(artifacts, Budget(expanded=100), formats=(format_of("costly", b"A", read),)))
    assert [fact.location.path for fact in facts if isinstance(fact, Header)] == ["a"]
    assert [fact.location.path for fact in facts if isinstance(fact, Unread)] == ["b", "c"]


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 12345\n"


def test_a_git_lfs_pointer_is_told_by_its_own_rule_alone(tmp_path: Path) -> None:
    """W-08: with the formats of the room."""
    facts = list(read_artifacts([artifact_of(tmp_path / "model.safetensors", POINTER)], Budget()))
    assert [fact.rule for fact in facts if isinstance(fact, Malformed)] == ["lfs-pointer"]


def test_an_empty_file_is_refused_only_where_its_name_promises_a_format(tmp_path: Path) -> None:
    """W-08."""
    assert [fact.rule for fact in facts_of(tmp_path / "x.alpha", b"", ALPHA) if isinstance(fact, Malformed)] == [
        "empty-file"
    ]
    facts = facts_of(tmp_path / "__init__.py", b"", ALPHA)
    assert [fact.rule for fact in facts if isinstance(fact, Noted)] == ["empty-file"]
    assert not any(isinstance(fact, Opaque | Malformed) for fact in facts)


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    """D-10."""
    real = artifact_of(tmp_path / "real", b"A")
    link = tmp_path / "link"
    link.symlink_to(real.file or "")
    facts = list(read_artifacts([Artifact(path="link", size=1, digest=real.digest, file=link)], Budget(), formats=()))
    assert [type(fact) for fact in facts] == [Unread]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_neither_blocks_nor_counts_as_a_file(tmp_path: Path) -> None:
    """D-10."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    digest = Digest.sha256(hashlib.sha256(b"").hexdigest())
    facts = list(read_artifacts([Artifact(path="pipe", size=0, digest=digest, file=pipe)], Budget(), formats=()))
    assert [fact.reason for fact in facts if isinstance(fact, Unread)] == ["not a regular file"]


@pytest.mark.parametrize("change", [b"A longer file than promised", b""])
def test_a_file_of_another_size_than_promised_is_unread(tmp_path: Path, change: bytes) -> None:
    artifact = artifact_of(tmp_path / "x", b"A file")
    (tmp_path / "x").write_bytes(change)
    facts = list(read_artifacts([artifact], Budget(), formats=(ALPHA,)))
    assert [type(fact) for fact in facts] == [Unread]


def test_a_file_that_shrinks_while_it_is_read_is_unread(tmp_path: Path) -> None:
    def read(content: Content, walk: Walk) -> Iterator[Fact]:
        os.truncate(tmp_path / "x", 10)
        content.read(0, content.size)
        yield Header(location=content.location, format="never")

    facts = facts_of(tmp_path / "x", b"A" * 10_000, format_of("slow", b"A", read))
    assert "shrank" in next(fact.reason for fact in facts if isinstance(fact, Unread))


def test_a_file_that_is_not_here_is_unread(tmp_path: Path) -> None:
    artifact = artifact_of(tmp_path / "x", b"A")
    missing = [
        Artifact(path="x", size=1, digest=artifact.digest, file=tmp_path / "gone"),
        Artifact(path="y", size=1, digest=artifact.digest),
    ]
    facts = list(read_artifacts(missing, Budget(), formats=(ALPHA,)))
    assert [type(fact) for fact in facts] == [Unread, Unread]
