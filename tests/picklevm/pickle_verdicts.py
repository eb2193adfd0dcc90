"""Judges a pickle in memory as the default policy does: scan, ask the checks about content, decide."""

from __future__ import annotations

from collections.abc import Iterable

from modelguard._registry import parts
from modelguard.checks.check import Check
from modelguard.picklevm.knowledge.lookup import PROFILES
from modelguard.picklevm.scanner import PersistentRule, scan
from modelguard.policy.judging import Circumstances, judge
from modelguard.policy.settings import Policy
from modelguard.terms.artifact import Artifact, Digest, LocalRef, Location, Snapshot
from modelguard.terms.content import Budget, Content
from modelguard.terms.errors import ReadError
from modelguard.terms.facts import Dossier, Fact, Recognised, Unread
from modelguard.terms.finding import Finding
from modelguard.terms.verdict import Examination

DEFAULT = frozenset(name for name, profile in PROFILES.items() if profile.default)


def examined(data: bytes, *, profiles: Iterable[str] = (), persistent: PersistentRule | None = None) -> Examination:
    """Return the examination of `data` as the only file of a snapshot, with the default profiles and `profiles`."""
    location = Location("model.pkl")
    facts: list[Fact] = [Recognised(location=location, formats=("pickle",))]
    try:
        facts.extend(scan(Content.of(data, location), Budget(seconds=30.0), persistent=persistent))
    except ReadError as error:
        facts.append(Unread(location=location, format="pickle", reason=str(error)))
    return judged(facts, location, size=len(data), profiles=profiles)


def judged(facts: list[Fact], location: Location, *, size: int = 0, profiles: Iterable[str] = ()) -> Examination:
    """Return the examination that these facts about one file lead to."""
    artifact = Artifact(path=location.path, size=size, digest=Digest.sha256("0" * 64))
    snapshot = Snapshot(ref=LocalRef(location.path), artifacts=(artifact,))
    dossier = Dossier(snapshot=snapshot, facts=tuple(facts))
    content = [check for check in parts("modelguard.checks", Check) if check.area == "content"]
    findings = tuple(finding for check in content for finding in check.ask(dossier))
    circumstances = Circumstances(model=location.path, today="2026-01-01", profiles=DEFAULT | frozenset(profiles))
    verdict = judge(findings, Policy(), circumstances)
    return Examination(snapshot=snapshot, dossier=dossier, findings=findings, verdict=verdict)


def because(examination: Examination) -> list[Finding]:
    """Return the findings for which a model was refused; none when it was allowed."""
    return [decision.finding for decision in getattr(examination.verdict, "because", ())]


def reasons(examination: Examination) -> list[str]:
    """Return those findings as one short line each, for messages of assertions."""
    return [f"{finding.check} {finding.severity}: {finding.message}" for finding in because(examination)]
