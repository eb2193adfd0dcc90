"""Provenance statements and plain bundles: what they must say before a file counts as covered."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st
from signature_builders import (
    FILES,
    RELEASE,
    certificate_trust,
    issue,
    key_trust,
    make_artifacts,
    private_pem,
    sha256,
    sigstore_trust,
    statement,
)

from modelguard.signatures.attestation import MOST_BUNDLES, PREDICATES, read_subjects, split_lines, verify_provenance
from modelguard.signatures.bundle import signed_path, verify_file
from modelguard.signatures.envelope import parse_bundle
from modelguard.signatures.signing import sign_file_with_key, sign_with_key
from modelguard.terms.errors import (
    SignatureError,
    SignatureMalformed,
    SignatureMismatch,
    SignatureUnsupported,
    SignatureUntrusted,
)
from modelguard.terms.provenance import LeafName
from modelguard.testing.sigstore import PrivateSigstore


def provenance(*digests: object, predicate: str = next(iter(PREDICATES))) -> bytes:
    return json.dumps(
        {
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [{"name": "whatever", "digest": digest} for digest in digests],
            "predicateType": predicate,
            "predicate": {"buildDefinition": {}},
        }
    ).encode()


def sha(data: bytes) -> dict[str, str]:
    return {"sha256": hashlib.sha256(data).hexdigest()}


@pytest.mark.parametrize("predicate", PREDICATES)
def test_files_are_covered_by_digest(sigstore: PrivateSigstore, predicate: str) -> None:
    payload = provenance(sha(FILES["config.json"]), sha(b"elsewhere"), predicate=predicate)
    trust = sigstore_trust(sigstore, accept=("provenance",))
    verified = verify_provenance(sigstore.sign_statement(payload, RELEASE), trust, make_artifacts())
    assert verified.files == {"config.json": sha256(FILES["config.json"])}
    assert verified.uncovered == ("weights/model.safetensors",)
    assert verified.payload == sha256(payload)


def test_provenance_by_key_is_covered_alike() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    bundle = sign_with_key(provenance(sha(FILES["config.json"])), private_pem(key))
    assert verify_provenance(bundle, key_trust(key, accept=("provenance",)), make_artifacts()).files
    with pytest.raises(SignatureUntrusted, match="provenance do not count"):
        verify_provenance(bundle, key_trust(key), make_artifacts())


def test_provenance_of_other_files_is_a_mismatch(sigstore: PrivateSigstore) -> None:
    bundle = sigstore.sign_statement(provenance(sha(b"elsewhere")), RELEASE)
    with pytest.raises(SignatureMismatch, match="none of these files"):
        verify_provenance(bundle, sigstore_trust(sigstore, accept=("provenance",)), make_artifacts())


def test_a_models_signature_is_not_provenance(sigstore: PrivateSigstore) -> None:
    bundle = sigstore.sign_statement(statement(), RELEASE)
    with pytest.raises(SignatureUnsupported):
        verify_provenance(bundle, sigstore_trust(sigstore, accept=("provenance",)), make_artifacts())


@pytest.mark.parametrize(
    "payload",
    [
        provenance(),
        provenance({"sha1": "00"}),
        provenance({"sha256": "ab"}),
        provenance({"sha256": 7}),
        provenance("sha256"),
        provenance({"sha256": hashlib.sha256(b"").hexdigest().upper()}),
        b"{}",
        b"[]",
    ],
    ids=range(8),
)
def test_a_statement_without_proper_subjects_is_malformed(payload: bytes) -> None:
    with pytest.raises(SignatureMalformed):
        read_subjects(payload)


@settings(deadline=3000)
@given(st.recursive(st.none() | st.text() | st.integers(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)))
def test_no_subject_raises_anything_but_our_errors(subject: Any) -> None:
    document = json.loads(provenance())
    document["subject"] = subject
    with pytest.raises(SignatureError):
        read_subjects(json.dumps(document).encode())


def test_lines_are_split_and_counted() -> None:
    assert split_lines(b'{"a": 1}\n\n{"b": 2}\r\n') == [b'{"a": 1}', b'{"b": 2}\r']
    with pytest.raises(SignatureMalformed):
        split_lines(b"{}\n" * (MOST_BUNDLES + 1))


@pytest.mark.parametrize(
    ("bundle", "file"),
    [
        ("a.gguf.sigstore.json", "a.gguf"),
        ("a.gguf.sigstore", "a.gguf"),
        ("dir/a.sig", "dir/a"),
        ("a.gguf", ""),
    ],
)
def test_the_name_of_a_bundle_points_to_its_file(bundle: str, file: str) -> None:
    assert signed_path(bundle) == file


def test_a_file_bundle_is_not_an_envelope_and_the_other_way_round(sigstore: PrivateSigstore) -> None:
    [artifact, *_] = make_artifacts()
    with pytest.raises(SignatureUnsupported):
        verify_file(sigstore.sign_statement(statement(), RELEASE), sigstore_trust(sigstore), artifact)
    with pytest.raises(SignatureUnsupported):
        verify_provenance(
            sigstore.sign_file(FILES["config.json"], RELEASE),
            sigstore_trust(sigstore, accept=("provenance",)),
            make_artifacts(),
        )


def test_certificates_do_not_sign_single_files() -> None:
    root = issue("root", authority=True)
    [artifact] = make_artifacts({"a.gguf": b"GGUF"})
    bundle = json.loads(sign_file_with_key(b"GGUF", private_pem(ec.generate_private_key(ec.SECP256R1()))))
    bundle["verificationMaterial"] = {"x509CertificateChain": {"certificates": []}}
    with pytest.raises(SignatureUntrusted, match="do not count"):
        verify_file(json.dumps(bundle).encode(), certificate_trust(root.pem, LeafName(name="x")), artifact)
    trust = certificate_trust(root.pem, LeafName(name="x"), accept=("model", "file"))
    with pytest.raises(SignatureUnsupported):
        verify_file(json.dumps(bundle).encode(), trust, artifact)


def test_larger_curves_do_not_verify_single_files() -> None:
    key = ec.generate_private_key(ec.SECP384R1())
    [artifact] = make_artifacts({"a.gguf": b"GGUF"})
    bundle = sign_file_with_key(b"GGUF", private_pem(ec.generate_private_key(ec.SECP256R1())))
    with pytest.raises(SignatureUnsupported, match="secp384r1"):
        verify_file(bundle, key_trust(key), artifact)


def test_a_file_bundle_needs_no_digest_of_its_own(sigstore: PrivateSigstore) -> None:
    """The digest in a bundle is only a claim; without it the signature decides."""
    [good] = make_artifacts({"a.gguf": b"GGUF"})
    [bad] = make_artifacts({"a.gguf": b"GGUX"})
    key = ec.generate_private_key(ec.SECP256R1())
    document = json.loads(sign_file_with_key(b"GGUF", private_pem(key)))
    del document["messageSignature"]["messageDigest"]
    bundle = json.dumps(document).encode()
    assert verify_file(bundle, key_trust(key), good).files
    with pytest.raises(SignatureUntrusted):
        verify_file(bundle, key_trust(key), bad)


@pytest.mark.parametrize(
    ("digest", "error"),
    [
        ({"algorithm": "SHA2_512", "digest": "AAAA"}, SignatureUnsupported),
        ({"algorithm": "SHA2_256", "digest": "AAAA"}, SignatureMalformed),
        ({"algorithm": "SHA2_256", "digest": "?"}, SignatureMalformed),
        ({"algorithm": "SHA2_256"}, SignatureMalformed),
        ([], SignatureMalformed),
    ],
)
def test_an_odd_digest_in_a_bundle_is_refused(digest: object, error: type[SignatureError]) -> None:
    document = json.loads(sign_file_with_key(b"GGUF", private_pem(ec.generate_private_key(ec.SECP256R1()))))
    document["messageSignature"]["messageDigest"] = digest
    with pytest.raises(error):
        parse_bundle(json.dumps(document).encode())


@pytest.mark.parametrize(
    "change",
    [
        lambda document: document.pop("dsseEnvelope"),
        lambda document: document.update(messageSignature={"signature": ""}),
        lambda document: document.pop("verificationMaterial"),
        lambda document: document.update(verificationMaterial={}),
        lambda document: document.update(verificationMaterial=[]),
        lambda document: document.pop("mediaType"),
        lambda document: document.update(mediaType="application/vnd.dev.sigstore.bundle.v0.4+json"),
        lambda document: document["dsseEnvelope"].update(payload="?"),
        lambda document: document["dsseEnvelope"].update(signatures=[]),
        lambda document: document["dsseEnvelope"].update(signatures={}),
    ],
    ids=range(10),
)
def test_a_bundle_that_breaks_a_rule_is_refused(sigstore: PrivateSigstore, change: Any) -> None:
    document = json.loads(sigstore.sign_statement(statement(), RELEASE))
    change(document)
    with pytest.raises((SignatureMalformed, SignatureUnsupported)):
        parse_bundle(json.dumps(document).encode())
