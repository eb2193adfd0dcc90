"""Signatures by a bare key: three curves, one pinned key, no other method in its place."""

from __future__ import annotations

import json
from typing import Any

import pytest
from attrs import evolve
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from signature_builders import (
    RELEASE,
    key_trust,
    make_artifacts,
    private_pem,
    public_pem,
    sha256,
    sigstore_trust,
    statement,
)

from modelguard.signatures.bundle import verify_file
from modelguard.signatures.oms import verify_model
from modelguard.signatures.signing import sign_file_with_key, sign_with_key
from modelguard.terms.errors import (
    SignatureError,
    SignatureMalformed,
    SignatureUnsupported,
    SignatureUntrusted,
    SigningFailed,
)
from modelguard.testing.sigstore import PrivateSigstore

CURVES = [ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()]


@pytest.fixture(scope="module")
def key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@pytest.mark.parametrize("curve", CURVES, ids=lambda curve: curve.name)
def test_each_curve_of_the_format_is_accepted(curve: ec.EllipticCurve) -> None:
    key = ec.generate_private_key(curve)
    trust = key_trust(key)
    verified = verify_model(sign_with_key(statement(), private_pem(key)), trust, make_artifacts())
    assert verified.files == {artifact.path: artifact.digest for artifact in make_artifacts()}
    assert verified.voucher.method == "key"
    assert verified.voucher.key == trust.signer.spki  # type: ignore[union-attr]
    assert verified.voucher.signed_at is None


@pytest.mark.parametrize("curve", CURVES, ids=lambda curve: curve.name)
def test_a_signature_by_another_key_is_refused(curve: ec.EllipticCurve) -> None:
    bundle = sign_with_key(statement(), private_pem(ec.generate_private_key(curve)))
    with pytest.raises(SignatureUntrusted):
        verify_model(bundle, key_trust(ec.generate_private_key(curve)), make_artifacts())


def test_a_key_carried_in_the_bundle_is_not_used(key: ec.EllipticCurvePrivateKey) -> None:
    """A forger signs with his own key and names it, or the right one's hint: neither makes it trusted."""
    forger = ec.generate_private_key(ec.SECP256R1())
    honest = json.loads(sign_with_key(statement(), private_pem(key)))
    forged = json.loads(sign_with_key(statement(), private_pem(forger)))
    forged["verificationMaterial"]["publicKey"] = honest["verificationMaterial"]["publicKey"]
    with pytest.raises(SignatureUntrusted):
        verify_model(json.dumps(forged).encode(), key_trust(key), make_artifacts())


def test_a_key_file_that_is_not_the_pinned_key_is_refused(key: ec.EllipticCurvePrivateKey) -> None:
    other = ec.generate_private_key(ec.SECP256R1())
    trust = evolve(key_trust(key), material=public_pem(other))
    with pytest.raises(SignatureUntrusted, match="pins"):
        verify_model(sign_with_key(statement(), private_pem(other)), trust, make_artifacts())


def test_an_older_bundle_that_spells_the_key_out_is_accepted(key: ec.EllipticCurvePrivateKey) -> None:
    bundle = json.loads(sign_with_key(statement(), private_pem(key)))
    bundle["verificationMaterial"]["publicKey"] = {"rawBytes": "AAAA", "keyDetails": "PKIX_ECDSA_P256_SHA_256"}
    assert verify_model(json.dumps(bundle).encode(), key_trust(key), make_artifacts()).files


@pytest.mark.parametrize(
    "claimed",
    [
        {"keyDetails": "ML_DSA_65"},
        {"keyDetails": "PKIX_ED25519"},
        {"keyDetails": 7},
        {"keyDetails": []},
        {"hint": "ML_DSA_65:9a22"},
    ],
)
def test_a_bundle_of_another_algorithm_is_unsupported(
    key: ec.EllipticCurvePrivateKey, claimed: dict[str, object]
) -> None:
    bundle = json.loads(sign_with_key(statement(), private_pem(key)))
    bundle["verificationMaterial"]["publicKey"] = claimed
    with pytest.raises(SignatureUnsupported):
        verify_model(json.dumps(bundle).encode(), key_trust(key), make_artifacts())


@pytest.mark.parametrize(
    "other",
    [
        ed25519.Ed25519PrivateKey.generate,
        lambda: rsa.generate_private_key(65537, 2048),
        lambda: ec.generate_private_key(ec.SECP256K1()),
    ],
    ids=["ed25519", "rsa", "secp256k1"],
)
def test_a_trusted_key_of_another_kind_is_unsupported(key: ec.EllipticCurvePrivateKey, other: Any) -> None:
    with pytest.raises(SignatureUnsupported):
        verify_model(sign_with_key(statement(), private_pem(key)), key_trust(other()), make_artifacts())


@pytest.mark.parametrize("pem", [b"", b"not a key", b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"])
def test_a_damaged_key_file_is_refused(key: ec.EllipticCurvePrivateKey, pem: bytes) -> None:
    trust = evolve(key_trust(key), material=pem)
    with pytest.raises(SignatureMalformed):
        verify_model(sign_with_key(statement(), private_pem(key)), trust, make_artifacts())


def test_no_method_stands_in_for_another(sigstore: PrivateSigstore, key: ec.EllipticCurvePrivateKey) -> None:
    keyless, keyed = sigstore.sign_statement(statement(), RELEASE), sign_with_key(statement(), private_pem(key))
    for bundle, trust in ((keyless, key_trust(key)), (keyed, sigstore_trust(sigstore))):
        with pytest.raises(SignatureUntrusted, match="by method"):
            verify_model(bundle, trust, make_artifacts())


def test_a_bundle_of_two_methods_is_refused(sigstore: PrivateSigstore, key: ec.EllipticCurvePrivateKey) -> None:
    both = json.loads(sigstore.sign_statement(statement(), RELEASE))
    both["verificationMaterial"]["publicKey"] = {"hint": ""}
    for trust in (key_trust(key), sigstore_trust(sigstore)):
        with pytest.raises(SignatureUnsupported, match="expected one of"):
            verify_model(json.dumps(both).encode(), trust, make_artifacts())


def test_a_single_file_is_accepted_and_its_changed_twin_refused(key: ec.EllipticCurvePrivateKey) -> None:
    bundle = sign_file_with_key(b"GGUF", private_pem(key))
    good, bad = make_artifacts({"a.gguf": b"GGUF"})[0], make_artifacts({"a.gguf": b"GGUX"})[0]
    assert verify_file(bundle, key_trust(key), good).files == {"a.gguf": sha256(b"GGUF")}
    with pytest.raises(SignatureError):
        verify_file(bundle, key_trust(key), bad)


def test_a_single_file_by_another_key_is_refused(key: ec.EllipticCurvePrivateKey) -> None:
    [artifact] = make_artifacts({"a.gguf": b"GGUF"})
    with pytest.raises(SignatureUntrusted):
        verify_file(
            sign_file_with_key(b"GGUF", private_pem(ec.generate_private_key(ec.SECP256R1()))), key_trust(key), artifact
        )


def test_only_p256_signs_single_files() -> None:
    with pytest.raises(SigningFailed, match="P-256"):
        sign_file_with_key(b"GGUF", private_pem(ec.generate_private_key(ec.SECP384R1())))


def test_a_signature_over_a_file_is_not_one_over_a_model(key: ec.EllipticCurvePrivateKey) -> None:
    """Signing the bytes of a statement as a file must not pass as signing the statement."""
    with pytest.raises(SignatureUnsupported):
        verify_model(sign_file_with_key(statement(), private_pem(key)), key_trust(key), make_artifacts())


@pytest.mark.parametrize("pem", [b"", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"])
def test_a_private_key_that_is_none_signs_nothing(pem: bytes) -> None:
    with pytest.raises(SigningFailed):
        sign_with_key(statement(), pem)
