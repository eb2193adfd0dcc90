"""Signatures by certificate: the user's own authorities, one pinned leaf, and time that counts."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID
from signature_builders import (
    Issued,
    certificate_trust,
    issue,
    key_trust,
    make_artifacts,
    private_pem,
    statement,
)

from modelguard.signatures.keys import spki_digest
from modelguard.signatures.oms import verify_model
from modelguard.signatures.revocation import revocation_of
from modelguard.signatures.signing import sign_with_certificate
from modelguard.terms.errors import SignatureMalformed, SignatureUntrusted, SigningFailed, UntrustedIdentity
from modelguard.terms.provenance import LeafKey, LeafName, Revocation

ROOT = issue("acme root", authority=True, days=(-30, 3650))
MIDDLE = issue("acme signing authority", ROOT, authority=True, days=(-30, 3650))
LEAF = issue("acme release", MIDDLE, mail="release@acme.example")
PIN = LeafKey(spki=spki_digest(LEAF.key.public_key()))


def signed(leaf: Issued = LEAF, *rest: Issued) -> bytes:
    chain = b"".join(issued.pem for issued in (leaf, *(rest or (MIDDLE,))))
    return sign_with_certificate(statement(), private_pem(leaf.key), chain)


@pytest.mark.parametrize(
    "pin",
    [PIN, LeafName(name="release@acme.example"), LeafName(name="CN=acme release")],
    ids=["key", "alternative name", "subject"],
)
def test_a_pinned_leaf_under_the_users_authority_is_accepted(pin: LeafKey | LeafName) -> None:
    verified = verify_model(signed(), certificate_trust(ROOT.pem, pin), make_artifacts())
    assert verified.voucher.method == "certificate"
    assert verified.voucher.identity == "CN=acme release"
    assert verified.voucher.key == PIN.spki
    assert len(verified.files) == 2


def test_a_leaf_without_alternative_names_is_accepted() -> None:
    plain = issue("plain", MIDDLE)
    assert verify_model(signed(plain), certificate_trust(ROOT.pem, LeafName(name="CN=plain")), make_artifacts()).files


def test_a_root_carried_in_the_bundle_changes_nothing() -> None:
    assert verify_model(signed(LEAF, MIDDLE, ROOT), certificate_trust(ROOT.pem, PIN), make_artifacts()).files
    stranger = issue("acme root", authority=True)
    with pytest.raises(SignatureUntrusted):
        verify_model(signed(LEAF, MIDDLE, ROOT), certificate_trust(stranger.pem, PIN), make_artifacts())


def test_another_leaf_of_the_same_authority_is_refused() -> None:
    colleague = issue("acme intern", MIDDLE, mail="intern@acme.example")
    for pin in (PIN, LeafName(name="release@acme.example"), LeafName(name=""), LeafName(name="acme")):
        with pytest.raises(UntrustedIdentity):
            verify_model(signed(colleague), certificate_trust(ROOT.pem, pin), make_artifacts())


def test_a_chain_to_another_root_of_the_same_name_is_refused() -> None:
    twin = issue("acme root", authority=True)
    with pytest.raises(SignatureUntrusted, match="chain"):
        verify_model(signed(), certificate_trust(twin.pem, PIN), make_artifacts())


def test_a_chain_with_a_missing_link_is_refused() -> None:
    bundle = sign_with_certificate(statement(), private_pem(LEAF.key), LEAF.pem)
    with pytest.raises(SignatureUntrusted, match="chain"):
        verify_model(bundle, certificate_trust(ROOT.pem, PIN), make_artifacts())


def test_a_leaf_that_signs_certificates_of_its_own_is_refused() -> None:
    """A leaf is no authority: what it issues does not count, although every signature in the chain is right."""
    child = issue("forged", LEAF)
    with pytest.raises(SignatureUntrusted, match="chain"):
        verify_model(
            signed(child, LEAF, MIDDLE), certificate_trust(ROOT.pem, LeafName(name="CN=forged")), make_artifacts()
        )


def test_an_expired_certificate_is_refused_unless_the_policy_takes_the_time_of_signing() -> None:
    old = issue("old", MIDDLE, days=(-20, -10))
    pin = LeafName(name="CN=old")
    with pytest.raises(SignatureUntrusted, match="chain does not hold"):
        verify_model(signed(old), certificate_trust(ROOT.pem, pin), make_artifacts())
    assert verify_model(signed(old), certificate_trust(ROOT.pem, pin, at="signing"), make_artifacts()).files


def test_a_certificate_expires_with_the_clock() -> None:
    later = datetime.now(UTC) + timedelta(days=8 * 365)
    assert verify_model(signed(), certificate_trust(ROOT.pem, PIN), make_artifacts()).files
    with pytest.raises(SignatureUntrusted):
        verify_model(signed(), certificate_trust(ROOT.pem, PIN), make_artifacts(), now=later)


@pytest.mark.parametrize("purpose", [None, ExtendedKeyUsageOID.SERVER_AUTH], ids=["none", "web server"])
def test_a_certificate_for_another_purpose_is_refused(purpose: object) -> None:
    web = issue("web", MIDDLE, purpose=purpose)  # type: ignore[arg-type]
    with pytest.raises(SignatureUntrusted, match=r"signing certificate|extension"):
        verify_model(signed(web), certificate_trust(ROOT.pem, LeafName(name="CN=web")), make_artifacts())


def test_a_signature_by_another_key_than_the_certificates_is_refused() -> None:
    bundle = json.loads(signed())
    forged = json.loads(signed(issue("other", MIDDLE)))
    bundle["dsseEnvelope"] = forged["dsseEnvelope"]
    with pytest.raises(SignatureUntrusted):
        verify_model(json.dumps(bundle).encode(), certificate_trust(ROOT.pem, PIN), make_artifacts())


@pytest.mark.parametrize("certificates", [[], [{"rawBytes": "AAAA"}], [{}], [{"rawBytes": "?"}], ["x"], [{}] * 11])
def test_a_damaged_chain_is_malformed(certificates: object) -> None:
    bundle = json.loads(signed())
    bundle["verificationMaterial"]["x509CertificateChain"]["certificates"] = certificates
    with pytest.raises(SignatureMalformed):
        verify_model(json.dumps(bundle).encode(), certificate_trust(ROOT.pem, PIN), make_artifacts())


def test_no_authority_means_nobody_and_never_the_roots_of_the_web() -> None:
    with pytest.raises((SignatureUntrusted, SignatureMalformed)):
        verify_model(signed(), certificate_trust(b"", PIN), make_artifacts())


def test_a_certificate_bundle_does_not_pass_as_a_key_bundle() -> None:
    with pytest.raises(SignatureUntrusted, match="by method"):
        verify_model(signed(), key_trust(LEAF.key), make_artifacts())


def test_a_key_without_its_certificate_signs_nothing() -> None:
    with pytest.raises(SigningFailed, match="first certificate"):
        sign_with_certificate(statement(), private_pem(LEAF.key), MIDDLE.pem + LEAF.pem)
    with pytest.raises(SigningFailed):
        sign_with_certificate(statement(), private_pem(LEAF.key), b"")


@pytest.mark.parametrize("revoked", ["release@acme.example", "CN=acme release"])
def test_a_revocation_by_any_name_of_the_certificate_counts(revoked: str) -> None:
    verified = verify_model(
        signed(), certificate_trust(ROOT.pem, LeafName(name="release@acme.example")), make_artifacts()
    )
    assert revocation_of(verified, [Revocation(by="identity", value=revoked, reason="left")]) is not None
    assert revocation_of(verified, [Revocation(by="identity", value="acme.example", reason="left")]) is None
    assert revocation_of(verified, [Revocation(by="identity", value="", reason="left")]) is None
