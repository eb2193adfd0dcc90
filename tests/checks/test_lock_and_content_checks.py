"""Checks of the lock and of plain content facts: three lines of literals each."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from modelguard._registry import parts
from modelguard.checks.check import Check
from modelguard.terms.artifact import Artifact, Digest, HubRef, Location, Snapshot
from modelguard.terms.facts import (
    Approval,
    Asks,
    Digested,
    Dossier,
    Fact,
    IdentityChanged,
    Import,
    Malformed,
    Noted,
    NotLocked,
    Opaque,
    Pinned,
    Recognised,
    Substituted,
    Today,
    Unread,
)

A, B = Digest("sha256", "a" * 64), Digest("sha256", "b" * 64)
X, MODEL = Location("x.bin"), Location("acme/tiny")
ARTIFACT = Artifact(path="x.bin", size=1, digest=A)
KNOWN = {check.name: check for check in parts("modelguard.checks", Check)}


def found(
    name: str, *facts: Fact, artifacts: tuple[Artifact, ...] = (), trouble: tuple[tuple[str, str], ...] = ()
) -> list:
    snapshot = Snapshot(ref=HubRef("acme", "tiny"), artifacts=artifacts, trouble=trouble)
    return [*KNOWN[name].ask(Dossier(snapshot=snapshot, facts=facts))]


def pinned(**more: object) -> Pinned:
    return Pinned(**{"location": X, "size": 1, "digest": A, **more})


def digested(**more: object) -> Digested:
    return Digested(**{"location": X, "size": 1, "digest": A, **more})


ASKS = Asks(location=X, permission="ops", name="a")
NOTED = Noted(location=X, format="zip", rule="r", detail="d")
CASES: list[tuple[str, tuple[Fact, ...], tuple[Fact, ...]]] = [
    ("digest-mismatch", (pinned(), digested(digest=B)), (pinned(), digested())),
    ("digest-mismatch", (pinned(), digested(size=2)), (digested(digest=B),)),
    ("digest-mismatch", (Substituted(location=X, expected=str(A), found=str(B)),), ()),
    ("file-set-differs", (pinned(), digested(), digested(location=Location("y"))), (pinned(), digested())),
    ("file-set-differs", (pinned(), pinned(location=Location("y")), digested()), (digested(),)),
    ("not-locked", (NotLocked(location=MODEL, reason="no entry"),), (pinned(),)),
    ("approval-ended", (Approval(location=MODEL, state="revoked"),), (Approval(location=MODEL, state="approved"),)),
    (
        "approval-ended",
        (Today(location=MODEL, date="2026-02-02"), Approval(location=MODEL, state="approved", until="2026-02-01")),
        (Today(location=MODEL, date="2026-02-01"), Approval(location=MODEL, state="approved", until="2026-02-01")),
    ),
    ("approval-ended", (Approval(location=MODEL, state="approved", until="2026-02-01"),), ()),
    (
        "permission-increase",
        (pinned(), Import(location=X, module="os", name="system")),
        (pinned(imports=("os.system",)), Import(location=X, module="os", name="system")),
    ),
    (
        "permission-increase",
        (pinned(), Asks(location=X, permission="ops", name="ReadFile")),
        (pinned(permissions=("ops:ReadFile",)), Asks(location=X, permission="ops", name="ReadFile")),
    ),
    ("permission-increase", (pinned(), ASKS), (ASKS,)),
    ("malformed-file", (Malformed(location=X, format="zip", rule="zip-x", detail="d"),), (NOTED,)),
    ("unread-bytes", (Unread(location=X, format="zip", reason="encrypted"),), (NOTED,)),
    ("unknown-bytes", (Opaque(location=X, size=1, head="ff"),), (NOTED,)),
    ("identity-changed", (IdentityChanged(location=MODEL, what="owner", recorded="1", found="2"),), ()),
]  # fmt: skip


@pytest.mark.parametrize(("name", "bad", "good"), CASES, ids=[case[0] for case in CASES])
def test_a_check_reports_what_it_is_for_and_nothing_else(
    name: str, bad: tuple[Fact, ...], good: tuple[Fact, ...]
) -> None:
    findings = found(name, *bad)
    assert findings
    assert {finding.check for finding in findings} == {name}
    assert {finding.area for finding in findings} == {KNOWN[name].area}
    assert all(finding.message and finding.remedy for finding in findings)
    assert found(name, *good) == []


def test_a_link_or_device_is_an_unsafe_file() -> None:
    assert [finding.location.path for finding in found("unsafe-file", trouble=(("link", "is a link"),))] == ["link"]
    assert found("unsafe-file", artifacts=(ARTIFACT,)) == []


LOOKED_INTO: list[Callable[[], Fact]] = [
    lambda: Recognised(location=X, formats=("zip",)),
    lambda: Opaque(location=X, size=1, head=""),
    lambda: Unread(location=X, format="", reason="r"),
    lambda: Noted(location=X, format="", rule="empty-file", detail="d"),
]


@pytest.mark.parametrize("fact", LOOKED_INTO)
def test_an_artifact_that_nobody_looked_into_is_reported(fact: Callable[[], Fact]) -> None:
    assert len(found("not-examined", artifacts=(ARTIFACT,))) == 1
    assert len(found("not-examined", Recognised(location=X.inside("m"), formats=("a",)), artifacts=(ARTIFACT,))) == 1
    assert found("not-examined", fact(), artifacts=(ARTIFACT,)) == []


def test_an_empty_model_is_reported() -> None:
    assert len(found("not-examined")) == 1
    assert found("not-examined", digested()) == []
    assert found("not-examined", trouble=(("link", "is a link"),)) == []
