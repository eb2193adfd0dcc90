"""The checks of provenance, asked with literal facts: the example of each page is what the check really says."""

from __future__ import annotations

import importlib
from typing import Any

import pytest

from modelguard.checks.check import Check
from modelguard.terms.artifact import Digest, HubRef, Location, Snapshot
from modelguard.terms.facts import Digested, Dossier, Fact, Pinned
from modelguard.terms.finding import Finding, Severity
from modelguard.terms.provenance import (
    FaultKind,
    PinnedSignature,
    RevokedSignature,
    SignatureExpected,
    SignatureFault,
    Signed,
    TrustRootSeen,
    Uncovered,
    Unsigned,
)

MODEL, BUNDLE = Location("acme/tiny"), Location("model.sig")
OLD, NEW = f"sha256:{'9f86' * 16}", f"sha256:{'6030' * 16}"
ISSUER = "https://accounts.example"


def signed(**changes: Any) -> Signed:
    settings: dict[str, Any] = {
        "location": BUNDLE,
        "signer": "acme",
        "method": "sigstore",
        "form": "model",
        "identity": "release@acme.example",
        "issuer": ISSUER,
        "payload": Digest.parse(OLD),
        "root": OLD,
    }
    return Signed(**(settings | changes))


def pinned(**changes: Any) -> PinnedSignature:
    settings: dict[str, Any] = {
        "location": MODEL,
        "signer": "acme",
        "method": "sigstore",
        "identity": "release@acme.example",
        "issuer": ISSUER,
    }
    return PinnedSignature(**(settings | changes))


def fault(kind: FaultKind, location: Location = BUNDLE, detail: str = "x") -> SignatureFault:
    return SignatureFault(location=location, kind=kind, detail=detail, signer="acme")


def unchanged() -> list[Fact]:
    digest, location = Digest.parse(OLD), Location("w.bin")
    return [Pinned(location=location, size=1, digest=digest), Digested(location=location, size=1, digest=digest)]


def ask(name: str, *facts: Fact) -> list[Finding]:
    check: Check = importlib.import_module(f"modelguard.checks.{name.replace('-', '_')}").CHECK
    assert check.name == name
    assert check.area == "provenance"
    return list(check.ask(Dossier(snapshot=Snapshot(ref=HubRef("acme", "tiny")), facts=facts)))


WANTED = SignatureExpected(location=MODEL, signers=("acme",), signed_after="2025-01-01")
ROOT = Location("trust/public-good.json")
REVOKED = RevokedSignature(
    location=BUNDLE,
    signer="acme",
    by="identity",
    value="release@acme.example",
    reason="INC-123, account taken over",
)
WRONG = (
    f"bundle: signed by mallory@evil.example (issuer {ISSUER}), but signer 'acme' is release@acme.example "
    f"(issuer {ISSUER})"
)

CASES: dict[str, tuple[list[Fact], Severity]] = {
    "unsigned-model": (
        [WANTED, Unsigned(location=MODEL, reason="it carries no signature", required=True)],
        Severity.HIGH,
    ),
    "wrong-signer": ([fault("identity", detail=WRONG)], Severity.HIGH),
    "bad-signature": (
        [fault("mismatch", Location("model.safetensors"), detail="is different, compared with what model.sig signs")],
        Severity.CRITICAL,
    ),
    "signer-changed": ([pinned(), signed(identity="intern@acme.example")], Severity.HIGH),
    "signature-replaced": (
        [pinned(payload=OLD), signed(payload=Digest.parse(NEW)), *unchanged()],
        Severity.MEDIUM,
    ),
    "unsigned-file": ([Uncovered(location=Location("modeling_tiny.py"), tolerated=False)], Severity.HIGH),
    "stale-trust-root": (
        [TrustRootSeen(location=ROOT, name="public-good", digest=Digest.parse(OLD), age_days=412, limit_days=180)],
        Severity.LOW,
    ),
    "trust-root-changed": ([pinned(root=OLD), signed(root=NEW)], Severity.LOW),
    "revoked-signer": ([REVOKED], Severity.CRITICAL),
    "signed-too-early": ([WANTED, signed(signed_at="2024-03-01T10:00:00+00:00")], Severity.HIGH),
}


def example_of(name: str) -> str:
    page = importlib.import_module(f"modelguard.checks.{name.replace('-', '_')}").__doc__ or ""
    return " ".join(page.partition("Example\n")[2].split())


@pytest.mark.parametrize("name", CASES)
def test_the_example_of_the_page_is_what_the_check_says(name: str) -> None:
    facts, severity = CASES[name]
    [finding] = ask(name, *facts)
    said = f"{finding.location}: {finding.message}"
    for digest in (OLD, NEW):
        said = said.replace(digest, f"{digest[:11]}…")
    assert said == example_of(name)
    assert finding.severity == severity
    assert finding.remedy
    assert finding.check == name


NEAR_MISSES: dict[str, list[Fact]] = {
    "unsigned-model": [Unsigned(location=MODEL, reason="no rule", required=False)],
    "wrong-signer": [fault("mismatch")],
    "bad-signature": [fault("identity")],
    "signer-changed": [pinned(), signed(), signed(identity="intern@acme.example")],
    "signature-replaced": [pinned(payload=OLD), signed(payload=Digest.parse(NEW))],
    "unsigned-file": [],
    "stale-trust-root": [
        TrustRootSeen(location=ROOT, name="x", digest=Digest.parse(OLD), age_days=180, limit_days=180)
    ],
    "trust-root-changed": [pinned(root=OLD), signed(root=OLD), signed(root=NEW)],
    "revoked-signer": [signed()],
    "signed-too-early": [WANTED, signed(signed_at="2025-01-01T00:00:00+00:00")],
}


@pytest.mark.parametrize("name", NEAR_MISSES)
def test_what_is_nearly_so_is_not_reported(name: str) -> None:
    assert ask(name, *NEAR_MISSES[name]) == []


@pytest.mark.parametrize("kind", ["malformed", "untrusted", "unsupported"])
def test_a_second_signature_that_does_not_hold_is_minor(kind: FaultKind) -> None:
    assert [finding.severity for finding in ask("bad-signature", fault(kind))] == [Severity.HIGH]
    assert [finding.severity for finding in ask("bad-signature", fault(kind), signed())] == [Severity.LOW]
    assert [finding.severity for finding in ask("wrong-signer", fault("identity"), signed())] == [Severity.INFO]


@pytest.mark.parametrize(("kind", "severity"), [("mismatch", Severity.CRITICAL), ("missing", Severity.HIGH)])
def test_other_bytes_than_the_signed_ones_are_never_minor(kind: FaultKind, severity: Severity) -> None:
    assert [finding.severity for finding in ask("bad-signature", fault(kind), signed())] == [severity]


def test_a_tolerated_file_and_a_root_without_a_date_are_told() -> None:
    [tolerated] = ask("unsigned-file", Uncovered(location=Location("README.md"), tolerated=True))
    assert tolerated.severity == Severity.INFO
    root = TrustRootSeen(location=ROOT, name="x", digest=Digest.parse(OLD), age_days=None, limit_days=180)
    [undated] = ask("stale-trust-root", root)
    assert "of unknown age" in undated.message


def test_a_signature_without_a_time_is_too_early() -> None:
    [finding] = ask("signed-too-early", WANTED, signed(method="key", signed_at=""))
    assert "proves no time" in finding.message


def test_a_signature_that_is_gone_is_a_changed_signer() -> None:
    [finding] = ask("signer-changed", pinned())
    assert finding.message.endswith("is now without one that counts")
