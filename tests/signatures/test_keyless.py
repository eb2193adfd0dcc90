"""Keyless signatures end to end: a private Sigstore signs, the real client verifies, and the network is off."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import pytest
from attrs import evolve
from signature_builders import RELEASE, make_artifacts, sha256, sigstore_trust, statement

from modelguard.signatures.bundle import verify_file
from modelguard.signatures.oms import verify_model
from modelguard.signatures.trust import Trust, trusted_root_of
from modelguard.terms.errors import (
    SignatureError,
    SignatureMalformed,
    SignatureMismatch,
    SignatureUnsupported,
    SignatureUntrusted,
    UntrustedIdentity,
)
from modelguard.terms.provenance import Identity
from modelguard.testing.sigstore import Authority, Log, PrivateSigstore, TimestampAuthority, Who, has_openssl

needs_openssl = pytest.mark.skipif(not has_openssl(), reason="timestamps are made by the openssl command")
REPOSITORY = "1.3.6.1.4.1.57264.1.12"
REF = "1.3.6.1.4.1.57264.1.14"


def changed(bundle: bytes, change: Any) -> bytes:
    document = json.loads(bundle)
    change(document)
    return json.dumps(document).encode()


def entry_of(document: dict[str, Any]) -> dict[str, Any]:
    entry: dict[str, Any] = document["verificationMaterial"]["tlogEntries"][0]
    return entry


# --- accepted ------------------------------------------------------------------------------------------------------


def test_a_model_signed_with_the_first_log_version_is_accepted(sigstore: PrivateSigstore) -> None:
    verified = verify_model(sigstore.sign_statement(statement(), RELEASE), sigstore_trust(sigstore), make_artifacts())
    assert verified.files == {artifact.path: artifact.digest for artifact in make_artifacts()}
    assert verified.payload == sha256(statement())
    assert (verified.voucher.identity, verified.voucher.issuer) == (RELEASE.identity, RELEASE.issuer)
    assert verified.voucher.signed_at == sigstore.now


@needs_openssl
def test_a_model_signed_with_the_second_log_version_is_accepted(sigstore: PrivateSigstore) -> None:
    bundle = sigstore.sign_statement(statement(), RELEASE, version=2)
    verified = verify_model(bundle, sigstore_trust(sigstore), make_artifacts())
    assert verified.voucher.signed_at is not None
    assert abs(verified.voucher.signed_at - sigstore.now) < timedelta(minutes=10)


@needs_openssl
def test_a_model_with_both_a_promise_and_a_timestamp_is_accepted(sigstore: PrivateSigstore) -> None:
    bundle = sigstore.sign_statement(statement(), RELEASE, version=1, stamped=True)
    assert verify_model(bundle, sigstore_trust(sigstore), make_artifacts()).files


@pytest.mark.parametrize("version", [1, pytest.param(2, marks=needs_openssl)])
def test_a_single_file_is_accepted(sigstore: PrivateSigstore, version: Literal[1, 2]) -> None:
    [artifact] = make_artifacts({"model.gguf": b"GGUF"})
    bundle = sigstore.sign_file(b"GGUF", RELEASE, version=version)
    verified = verify_file(bundle, sigstore_trust(sigstore), artifact)
    assert verified.files == {"model.gguf": artifact.digest}


def test_the_root_of_a_private_instance_may_come_in_a_client_trust_config(sigstore: PrivateSigstore) -> None:
    trust = evolve(sigstore_trust(sigstore), material=trusted_root_of(sigstore.client_trust_config(), "config.json"))
    assert verify_model(sigstore.sign_statement(statement(), RELEASE), trust, make_artifacts()).files


def test_a_workflow_is_accepted_with_all_its_claims(sigstore: PrivateSigstore) -> None:
    workflow = Who(
        "https://github.com/acme/tiny/.github/workflows/release.yml@refs/tags/v1",
        "https://token.actions.githubusercontent.com",
        {REPOSITORY: "https://github.com/acme/tiny", REF: "refs/tags/v1"},
    )
    claims = {"source-repository-uri": "https://github.com/acme/tiny", "source-repository-ref": "refs/tags/v1"}
    trust = sigstore_trust(
        sigstore, any_of=(Identity(identity=workflow.identity, issuer=workflow.issuer, claims=claims),)
    )
    assert verify_model(sigstore.sign_statement(statement(), workflow), trust, make_artifacts()).files


def test_a_model_signed_a_year_ago_is_accepted_although_the_certificate_lived_ten_minutes(
    sigstore: PrivateSigstore,
) -> None:
    then = evolve(sigstore, now=datetime.now(UTC).replace(microsecond=0) - timedelta(days=365))
    verified = verify_model(then.sign_statement(statement(), RELEASE), sigstore_trust(sigstore), make_artifacts())
    assert verified.voucher.signed_at == then.now


def test_any_one_of_several_identities_is_enough_and_the_result_names_it(sigstore: PrivateSigstore) -> None:
    others = (Identity(identity="old@acme.example", issuer=RELEASE.issuer),)
    trust = sigstore_trust(sigstore, any_of=(*others, Identity(identity=RELEASE.identity, issuer=RELEASE.issuer)))
    verified = verify_model(sigstore.sign_statement(statement(), RELEASE), trust, make_artifacts())
    assert verified.voucher.identity == RELEASE.identity


# --- somebody else -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "who",
    [
        Who("mallory@acme.example", RELEASE.issuer),
        Who("RELEASE@acme.example", RELEASE.issuer),
        Who("release@acme.example.evil.example", RELEASE.issuer),
        Who(RELEASE.identity, "https://accounts.evil.example"),
        Who(RELEASE.identity, RELEASE.issuer + "/"),
    ],
    ids=["name", "case", "suffix", "issuer", "issuer-slash"],
)
def test_a_valid_signature_by_somebody_else_is_refused_by_name(sigstore: PrivateSigstore, who: Who) -> None:
    with pytest.raises(UntrustedIdentity) as refusal:
        verify_model(sigstore.sign_statement(statement(), who), sigstore_trust(sigstore), make_artifacts())
    assert who.identity in refusal.value.message
    assert who.issuer in refusal.value.message


def test_a_workflow_of_another_repository_is_refused(sigstore: PrivateSigstore) -> None:
    claims = {"source-repository-uri": "https://github.com/acme/tiny"}
    trust = sigstore_trust(
        sigstore, any_of=(Identity(identity=RELEASE.identity, issuer=RELEASE.issuer, claims=claims),)
    )
    fork = evolve(RELEASE, extensions={REPOSITORY: "https://github.com/mallory/tiny"})
    for who in (fork, RELEASE):
        with pytest.raises(UntrustedIdentity):
            verify_model(sigstore.sign_statement(statement(), who), trust, make_artifacts())


@pytest.mark.parametrize(
    "any_of",
    [(), (Identity(identity="release@acme.example", issuer=""),), (Identity(identity="", issuer="https://x"),)],
    ids=["nobody", "no issuer", "no identity"],
)
def test_an_incomplete_identity_is_nobody_and_not_anybody(
    sigstore: PrivateSigstore, any_of: tuple[Identity, ...]
) -> None:
    with pytest.raises(UntrustedIdentity):
        verify_model(
            sigstore.sign_statement(statement(), RELEASE), sigstore_trust(sigstore, any_of=any_of), make_artifacts()
        )


def test_a_claim_that_is_not_known_is_refused_and_not_skipped(sigstore: PrivateSigstore) -> None:
    who = Identity(identity=RELEASE.identity, issuer=RELEASE.issuer, claims={"source-repo": "x"})
    with pytest.raises(SignatureUnsupported, match="source-repo"):
        verify_model(
            sigstore.sign_statement(statement(), RELEASE), sigstore_trust(sigstore, any_of=(who,)), make_artifacts()
        )


# --- another instance, or one part of it replaced --------------------------------------------------------------------


def test_a_bundle_of_another_instance_is_refused(sigstore: PrivateSigstore, other_sigstore: PrivateSigstore) -> None:
    with pytest.raises(SignatureUntrusted, match="does not lead to the trusted root"):
        verify_model(other_sigstore.sign_statement(statement(), RELEASE), sigstore_trust(sigstore), make_artifacts())


def test_a_private_bundle_is_refused_under_the_public_root(sigstore: PrivateSigstore) -> None:
    public = files("sigstore") / "_store" / "https%3A%2F%2Ftuf-repo-cdn.sigstore.dev" / "trusted_root.json"
    trust = evolve(sigstore_trust(sigstore), material=public.read_bytes())
    with pytest.raises(SignatureUntrusted):
        verify_model(sigstore.sign_statement(statement(), RELEASE), trust, make_artifacts())


def impostor(sigstore: PrivateSigstore, part: str) -> PrivateSigstore:
    """Return the instance with one part of another."""
    authority = sigstore.authority
    match part:
        case "certificate not logged":
            return evolve(sigstore, authority=evolve(authority, logs=False))
        case "wrong certificate log":
            return evolve(sigstore, authority=evolve(authority, log_key=Authority.create().log_key))
        case "wrong issuer key":
            return evolve(sigstore, authority=evolve(authority, key=Authority.create().key))
        case "wrong log":
            return evolve(sigstore, log=Log())
    raise AssertionError(part)


@pytest.mark.parametrize("part", ["certificate not logged", "wrong certificate log", "wrong issuer key", "wrong log"])
def test_an_instance_with_one_part_replaced_is_refused(sigstore: PrivateSigstore, part: str) -> None:
    bundle = impostor(sigstore, part).sign_statement(statement(), RELEASE)
    with pytest.raises(SignatureUntrusted):
        verify_model(bundle, sigstore_trust(sigstore), make_artifacts())


@needs_openssl
def test_a_timestamp_by_another_authority_is_refused(sigstore: PrivateSigstore) -> None:
    impostor = evolve(sigstore, timestamps=TimestampAuthority.create())
    bundle = impostor.sign_statement(statement(), RELEASE, version=2)
    with pytest.raises(SignatureUntrusted, match="time"):
        verify_model(bundle, sigstore_trust(sigstore), make_artifacts())


@needs_openssl
def test_the_second_log_version_needs_a_timestamp(sigstore: PrivateSigstore) -> None:
    bundle = sigstore.sign_statement(statement(), RELEASE, version=2, stamped=False)
    with pytest.raises(SignatureError, match="inclusion promise or signed timestamp"):
        verify_model(bundle, sigstore_trust(sigstore), make_artifacts())


@needs_openssl
def test_an_added_timestamp_can_only_make_a_signature_older(sigstore: PrivateSigstore) -> None:
    """The client accepts a bundle of two timestamps when one holds, and does not tell which one."""
    bundle = sigstore.sign_statement(statement(), RELEASE, version=2)
    foreign = evolve(sigstore, timestamps=TimestampAuthority.create()).sign_statement(statement(), RELEASE, version=2)
    stamps = json.loads(foreign)["verificationMaterial"]["timestampVerificationData"]["rfc3161Timestamps"]
    alone = verify_model(bundle, sigstore_trust(sigstore), make_artifacts()).voucher.signed_at
    both = changed(
        bundle,
        lambda it: it["verificationMaterial"]["timestampVerificationData"]["rfc3161Timestamps"].extend(stamps),
    )
    together = verify_model(both, sigstore_trust(sigstore), make_artifacts()).voucher.signed_at
    assert alone is not None
    assert together is not None
    assert together <= alone


def test_a_log_entry_made_after_the_certificate_ended_is_refused(sigstore: PrivateSigstore) -> None:
    late = sigstore.now + timedelta(hours=1)

    class LateLog(Log):
        def add(self, kind: str, spec: dict[str, Any], now: datetime) -> dict[str, Any]:
            return super().add(kind, spec, late)

    log = LateLog(key=sigstore.log.key, key_v2=sigstore.log.key_v2)
    bundle = evolve(sigstore, log=log).sign_statement(statement(), RELEASE)
    with pytest.raises(SignatureUntrusted):
        verify_model(bundle, sigstore_trust(sigstore), make_artifacts())


# --- changed bundles -----------------------------------------------------------------------------------------------


def test_a_changed_payload_is_refused(sigstore: PrivateSigstore) -> None:
    import base64

    evil = base64.b64encode(statement({"config.json": b"evil"})).decode()
    bundle = changed(sigstore.sign_statement(statement(), RELEASE), lambda it: it["dsseEnvelope"].update(payload=evil))
    with pytest.raises(SignatureUntrusted):
        verify_model(bundle, sigstore_trust(sigstore), make_artifacts({"config.json": b"evil"}))


def test_a_changed_file_is_refused(sigstore: PrivateSigstore) -> None:
    [artifact] = make_artifacts({"model.gguf": b"GGUX"})
    with pytest.raises(SignatureMismatch) as refusal:
        verify_file(sigstore.sign_file(b"GGUF", RELEASE), sigstore_trust(sigstore), artifact)
    assert refusal.value.files == (("model.gguf", "different"),)


def test_a_changed_file_is_refused_when_the_bundle_names_the_new_digest(sigstore: PrivateSigstore) -> None:
    import base64

    [artifact] = make_artifacts({"model.gguf": b"GGUX"})
    digest = base64.b64encode(bytes.fromhex(artifact.digest.hex)).decode()
    bundle = changed(
        sigstore.sign_file(b"GGUF", RELEASE), lambda it: it["messageSignature"]["messageDigest"].update(digest=digest)
    )
    with pytest.raises(SignatureUntrusted):
        verify_file(bundle, sigstore_trust(sigstore), artifact)


def test_a_changed_time_is_refused(sigstore: PrivateSigstore) -> None:
    def later(document: dict[str, Any]) -> None:
        entry_of(document)["integratedTime"] = str(int(entry_of(document)["integratedTime"]) + 60)

    bundle = changed(sigstore.sign_statement(statement(), RELEASE), later)
    with pytest.raises(SignatureUntrusted):
        verify_model(bundle, sigstore_trust(sigstore), make_artifacts())


def test_the_log_entry_of_another_signature_is_refused(sigstore: PrivateSigstore) -> None:
    other = json.loads(sigstore.sign_statement(statement({"a": b""}), RELEASE))

    def swap(document: dict[str, Any]) -> None:
        document["verificationMaterial"]["tlogEntries"] = other["verificationMaterial"]["tlogEntries"]

    with pytest.raises(SignatureUntrusted):
        verify_model(
            changed(sigstore.sign_statement(statement(), RELEASE), swap), sigstore_trust(sigstore), make_artifacts()
        )


def test_a_shortened_proof_is_refused(sigstore: PrivateSigstore) -> None:
    bundle = changed(
        sigstore.sign_statement(statement(), RELEASE), lambda it: entry_of(it)["inclusionProof"]["hashes"].pop()
    )
    with pytest.raises(SignatureError):
        verify_model(bundle, sigstore_trust(sigstore), make_artifacts())


def test_a_promise_taken_away_is_refused(sigstore: PrivateSigstore) -> None:
    bundle = changed(sigstore.sign_statement(statement(), RELEASE), lambda it: entry_of(it).pop("inclusionPromise"))
    with pytest.raises(SignatureError, match="inclusion promise or signed timestamp"):
        verify_model(bundle, sigstore_trust(sigstore), make_artifacts())


# --- no exception of the client gets through -----------------------------------------------------------------------


def garbage_certificate(document: dict[str, Any]) -> None:
    document["verificationMaterial"]["certificate"]["rawBytes"] = "AAAA"


def garbage_checkpoint(document: dict[str, Any]) -> None:
    proof = entry_of(document)["inclusionProof"]
    envelope = proof["checkpoint"]["envelope"]
    proof["checkpoint"]["envelope"] = envelope.rstrip("\n")[:-3] + "\n"


def unknown_field(document: dict[str, Any]) -> None:
    document["verificationMaterial"]["surprise"] = 1


def negative_index(document: dict[str, Any]) -> None:
    entry_of(document)["logIndex"] = "-1"


def unknown_entry(document: dict[str, Any]) -> None:
    entry_of(document)["kindVersion"] = {"kind": "alien", "version": "0.0.1"}


def empty_signature(document: dict[str, Any]) -> None:
    document["dsseEnvelope"]["signatures"][0]["sig"] = ""


def wrong_type(document: dict[str, Any]) -> None:
    entry_of(document)["inclusionProof"] = []


@pytest.mark.parametrize(
    "damage",
    [
        garbage_certificate,
        garbage_checkpoint,
        unknown_field,
        negative_index,
        unknown_entry,
        empty_signature,
        wrong_type,
    ],
    ids=lambda damage: damage.__name__,
)
def test_whatever_the_client_raises_ends_as_our_error(sigstore: PrivateSigstore, damage: Any) -> None:
    bundle = changed(sigstore.sign_statement(statement(), RELEASE), damage)
    with pytest.raises(SignatureError):
        verify_model(bundle, sigstore_trust(sigstore), make_artifacts())


@pytest.mark.parametrize("root", [b"", b"{}", b"[]", b'{"mediaType": 1}', b"\xff"])
def test_a_damaged_trusted_root_ends_as_our_error(sigstore: PrivateSigstore, root: bytes) -> None:
    trust = Trust(signer=sigstore_trust(sigstore).signer, material=root, digest=sha256(root))
    with pytest.raises(SignatureMalformed, match="trusted root"):
        verify_model(sigstore.sign_statement(statement(), RELEASE), trust, make_artifacts())


def test_two_signatures_and_two_log_entries_are_refused(sigstore: PrivateSigstore) -> None:
    bundle = sigstore.sign_statement(statement(), RELEASE)
    two_signatures = changed(bundle, lambda it: it["dsseEnvelope"]["signatures"].append({"sig": "AAAA"}))
    two_entries = changed(bundle, lambda it: it["verificationMaterial"]["tlogEntries"].append(entry_of(it)))
    for damaged in (two_signatures, two_entries):
        with pytest.raises(SignatureError):
            verify_model(damaged, sigstore_trust(sigstore), make_artifacts())


def test_an_attestation_without_a_log_entry_is_refused_with_the_reason(sigstore: PrivateSigstore) -> None:
    bundle = changed(
        sigstore.sign_statement(statement(), RELEASE), lambda it: it["verificationMaterial"].pop("tlogEntries")
    )
    with pytest.raises(SignatureUnsupported, match="private repositories"):
        verify_model(bundle, sigstore_trust(sigstore), make_artifacts())


def test_entries_of_kind_intoto_are_refused_with_the_reason(sigstore: PrivateSigstore) -> None:
    bundle = changed(
        sigstore.sign_statement(statement(), RELEASE),
        lambda it: entry_of(it).update(kindVersion={"kind": "intoto", "version": "0.0.2"}),
    )
    with pytest.raises(SignatureUnsupported, match=r"intoto/0\.0\.2"):
        verify_model(bundle, sigstore_trust(sigstore), make_artifacts())


def test_the_cache_of_the_client_is_never_read(
    sigstore: PrivateSigstore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A poisoned cache in the home directory must not matter, nor must a home that is not there."""
    for name in ("HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "nowhere"))
    assert verify_model(sigstore.sign_statement(statement(), RELEASE), sigstore_trust(sigstore), make_artifacts()).files
    assert not (tmp_path / "nowhere").exists()
