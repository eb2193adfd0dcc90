"""The lock's own signature, required by the policy."""

from __future__ import annotations

from pathlib import Path

import pytest
from attrs import evolve
from cryptography.hazmat.primitives.asymmetric import ec
from signature_builders import RELEASE, private_pem, public_pem, sha256

from modelguard.signatures.keys import spki_digest
from modelguard.signatures.lock_signature import require_signed_lock, verify_lock
from modelguard.signatures.signing import sign_file_with_key
from modelguard.terms.errors import SignatureError, SignatureMismatch, SignatureMissing, UntrustedIdentity
from modelguard.terms.provenance import (
    Identity,
    KeySigner,
    Provenance,
    Revocation,
    SigstoreSigner,
    TrustedRootFile,
)
from modelguard.testing.sigstore import PrivateSigstore, Who

LOCK = b'lock-version = "1.0"\n'


@pytest.fixture
def key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@pytest.fixture
def policy(tmp_path: Path, key: ec.EllipticCurvePrivateKey, sigstore: PrivateSigstore) -> Provenance:
    root = sigstore.trusted_root()
    (tmp_path / "root.json").write_bytes(root)
    (tmp_path / "team.pem").write_bytes(public_pem(key))
    identity = Identity(identity=RELEASE.identity, issuer=RELEASE.issuer)
    return Provenance(
        roots=(TrustedRootFile(name="test", file="root.json", sha256=sha256(root)),),
        signers=(
            KeySigner(name="team", public_key="team.pem", spki=spki_digest(key.public_key())),
            SigstoreSigner(name="release", root="test", any_of=(identity,)),
        ),
        lock_signers=("team", "release"),
    )


def require(tmp_path: Path, policy: Provenance, bundle: bytes | None, data: bytes = LOCK) -> object:
    if bundle is not None:
        (tmp_path / "modelguard.lock.sigstore.json").write_bytes(bundle)
    return require_signed_lock(tmp_path / "modelguard.lock", data, policy, tmp_path)


def test_a_lock_signed_by_any_of_the_named_signers_counts(
    tmp_path: Path, policy: Provenance, key: ec.EllipticCurvePrivateKey, sigstore: PrivateSigstore
) -> None:
    assert require(tmp_path, policy, sign_file_with_key(LOCK, private_pem(key)))
    assert require(tmp_path, policy, sigstore.sign_file(LOCK, RELEASE))


def test_without_lock_signers_no_signature_is_asked_for(tmp_path: Path, policy: Provenance) -> None:
    assert require(tmp_path, evolve(policy, lock_signers=()), None) is None


def test_a_lock_without_its_signature_is_refused_with_the_command(tmp_path: Path, policy: Provenance) -> None:
    with pytest.raises(SignatureMissing, match=r"sign modelguard[.]lock --form file"):
        require(tmp_path, policy, None)


def test_a_changed_lock_is_refused(tmp_path: Path, policy: Provenance, key: ec.EllipticCurvePrivateKey) -> None:
    with pytest.raises(SignatureError):
        require(tmp_path, policy, sign_file_with_key(LOCK, private_pem(key)), LOCK + b"\n")


def test_a_lock_signed_by_somebody_else_is_refused(
    tmp_path: Path, policy: Provenance, sigstore: PrivateSigstore
) -> None:
    stranger = private_pem(ec.generate_private_key(ec.SECP256R1()))
    mallory = sigstore.sign_file(LOCK, Who("mallory@evil.example", RELEASE.issuer))
    for bundle in (sign_file_with_key(LOCK, stranger), mallory, b"garbage", b""):
        with pytest.raises(SignatureError):
            require(tmp_path, policy, bundle)


def test_a_lock_signed_by_a_revoked_signer_is_refused(
    tmp_path: Path, policy: Provenance, sigstore: PrivateSigstore
) -> None:
    revoked = evolve(policy, revoked=(Revocation(by="identity", value=RELEASE.identity, reason="left"),))
    with pytest.raises(UntrustedIdentity, match="left"):
        require(tmp_path, revoked, sigstore.sign_file(LOCK, RELEASE))


def test_nobody_named_is_nobody_and_not_anybody() -> None:
    with pytest.raises(SignatureMissing):
        verify_lock(LOCK, b"", ())


def test_a_bundle_over_another_file_is_a_mismatch(
    tmp_path: Path, policy: Provenance, sigstore: PrivateSigstore
) -> None:
    with pytest.raises(SignatureMismatch):
        require(tmp_path, evolve(policy, lock_signers=("release",)), sigstore.sign_file(b"other", RELEASE))
