"""The asking of checks: sparing those that have nothing to see changes no finding."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis import given, settings
from hypothesis import strategies as st

from modelguard.checks.check import Check
from modelguard.guard.asking import checks, findings_about, wants
from modelguard.terms.artifact import Artifact, Digest, HubRef, Location, Snapshot
from modelguard.terms.facts import (
    Approval,
    Asks,
    Build,
    Call,
    Digested,
    Dossier,
    Fact,
    Import,
    Malformed,
    Nested,
    NotLocked,
    Opaque,
    PartlyRead,
    Pinned,
    Recognised,
    Substituted,
    Today,
    Unread,
    Unresolved,
)
from modelguard.terms.finding import Finding

AT = Location("model.pkl")
ONE, OTHER = Digest.sha256("1" * 64), Digest.sha256("2" * 64)
FACTS: list[Fact] = [
    Digested(location=AT, size=3, digest=ONE),
    Recognised(location=AT, formats=("pickle",)),
    Import(location=AT, module="os", name="system", hazard="process", why="runs a program"),
    Import(location=AT, module="acme", name="Thing"),
    Call(location=AT, target="os.system", opcode="REDUCE", hazard="process"),
    Call(location=AT, target="acme.Thing", opcode="REDUCE", result_dropped=True),
    Call(location=AT, target="acme.Thing", opcode="REDUCE", broken="too many arguments"),
    Build(location=AT, target="acme.Thing", manner="setstate-key", detail="__setstate__"),
    Malformed(location=AT, format="pickle", rule="pickle-length", detail="too long"),
    Nested(location=AT, format="pickle", carrier="bytes"),
    Opaque(location=AT, size=3, head="010203"),
    Unread(location=AT, format="pickle", reason="ends early"),
    Unresolved(location=AT, what="computed-global", detail="from a call"),
    Asks(location=AT, permission="native-code", name="ops.so", detail="machine code"),
    PartlyRead(location=AT, size=3, digest=ONE),
    Pinned(location=AT, size=3, digest=OTHER),
    NotLocked(location=AT, reason="there is no lock"),
    Substituted(location=AT, expected=str(ONE), found=str(OTHER)),
    Approval(location=AT, state="revoked", reason="found to be harmful"),
    Approval(location=AT, state="exempted", until="2020-01-01"),
    Today(location=AT, date="2026-01-01"),
]


def dossier(facts: list[Fact]) -> Dossier:
    artifact = Artifact(path="model.pkl", size=3, digest=ONE)
    return Dossier(snapshot=Snapshot(ref=HubRef("acme", "tiny"), artifacts=(artifact,)), facts=tuple(facts))


@settings(deadline=None)  # the first example loads all checks
@given(st.lists(st.sampled_from(FACTS), max_size=8))
def test_checks_that_are_spared_would_have_said_nothing(facts: list[Fact]) -> None:
    given_facts = dossier(facts)
    assert findings_about(given_facts) == tuple(finding for check in checks() for finding in check.ask(dossier(facts)))


def test_most_checks_are_spared_when_there_is_little_to_see() -> None:
    asked = [check for check in checks() if (wants(check) or {Digested}) & {Digested, Recognised}]
    assert len(asked) < len(checks()) / 4


def made(ask: object) -> Check:
    return Check(name="made-up", area="content", ask=ask)  # type: ignore[arg-type]  # any of the functions below


def test_a_check_is_known_by_all_that_it_asks_for() -> None:
    def ask(facts: Dossier) -> Iterator[Finding]:
        if facts.first(Import) is None and not list(facts.at("x", Call)):
            yield from ()
        yield from (fact for fact in facts.all(Opaque) if False)

    assert wants(made(ask)) == {Import, Call, Opaque}


def test_a_check_that_looks_at_the_snapshot_is_always_asked() -> None:
    def ask(facts: Dossier) -> Iterator[Finding]:
        if facts.first(Import) is None and not facts.snapshot.artifacts:
            return
        yield from ()

    assert wants(made(ask)) is None


def test_a_check_that_says_something_about_nothing_is_always_asked() -> None:
    def ask(facts: Dossier) -> Iterator[Finding]:
        if facts.first(Import) is None:
            yield Finding(check="made-up", area="content", severity="low", location=AT, message="nothing", remedy="")  # type: ignore[arg-type]

    assert wants(made(ask)) is None


def test_a_check_that_asks_for_nothing_or_fails_is_always_asked() -> None:
    def fails(facts: Dossier) -> Iterator[Finding]:
        raise ValueError(str(facts))

    assert wants(made(lambda facts: iter(()))) is None
    assert wants(made(fails)) is None
