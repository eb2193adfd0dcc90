"""What an attacker may try, row by row, with the tests that show it fails; the rows without a better home are here."""

from __future__ import annotations

import ast
import json
import os
import sys
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from signature_builders import (
    FILES,
    RELEASE,
    certificate_trust,
    issue,
    key_trust,
    make_artifacts,
    private_pem,
    public_pem,
    sha256,
    sigstore_trust,
    statement,
)

from modelguard.cli import main as command_line
from modelguard.collectors.collector import Case
from modelguard.collectors.signature import SIGNATURE
from modelguard.policy.reading import read_policy
from modelguard.signatures import documents, keyless
from modelguard.signatures.envelope import IN_TOTO, Dsse, envelope_document, parse_bundle, pre_authentication_encoding
from modelguard.signatures.keys import algorithm_for, spki_digest
from modelguard.signatures.oms import verify_model
from modelguard.signatures.signing import sign_with_key
from modelguard.signatures.trust import Trust
from modelguard.signatures.verify import verify
from modelguard.terms.artifact import LocalRef, Snapshot
from modelguard.terms.errors import SignatureError, SignatureMalformed, SignatureUnsupported
from modelguard.terms.provenance import LeafName, SignatureFault, Signed
from modelguard.testing.sigstore import PrivateSigstore

HERE = Path(__file__).parent
GUARD = HERE.parent / "guard" / "test_signed_models.py"

THREATS: dict[str, list[str]] = {
    "bytes exchanged between verifying and loading": [
        "test_manifest.py: a_file_that_changes_between_its_two_digests_is_noticed",
        "test_threats.py: a_bundle_exchanged_after_it_was_hashed_does_not_count",
    ],
    "an unsigned file beside signed ones": [
        "test_provenance.py: an_added_file_is_refused_and_a_tolerated_one_noted",
        "guard: a_file_that_may_lie_unsigned_is_not_handed_out",
        "guard: a_file_that_may_not_lie_unsigned_refuses",
    ],
    "files of two signed models in one": ["test_provenance.py: two_signed_models_do_not_make_a_third"],
    "a signer who says what to ignore": [
        "test_manifest.py: what_the_signer_says_to_ignore_is_not_obeyed",
        "test_manifest.py: ignored_paths_of_one_model_do_not_reach_the_next",
    ],
    "anybody's valid signature": [
        "test_keyless.py: a_valid_signature_by_somebody_else_is_refused_by_name",
        "test_keyless.py: an_incomplete_identity_is_nobody_and_not_anybody",
    ],
    "a key from the bundle, an authority of the web": [
        "test_key_signatures.py: a_key_carried_in_the_bundle_is_not_used",
        "test_certificate_signatures.py: no_authority_means_nobody_and_never_the_roots_of_the_web",
        "test_certificate_signatures.py: another_leaf_of_the_same_authority_is_refused",
    ],
    "another method than the signer's, or none": [
        "test_key_signatures.py: no_method_stands_in_for_another",
        "test_key_signatures.py: a_bundle_of_two_methods_is_refused",
        "test_provenance.py: a_model_without_a_signature_is_refused",
    ],
    "an older or larger kind of bundle": [
        "test_threats.py: an_older_bundle_counts_only_for_a_signer_who_is_allowed_it",
        "test_keyless.py: two_signatures_and_two_log_entries_are_refused",
        "test_threats.py: a_document_above_the_limit_is_not_parsed",
    ],
    "a signature made for another purpose": [
        "test_manifest.py: a_statement_of_another_kind_is_unsupported",
        "test_threats.py: a_payload_of_another_type_is_refused_by_every_method",
        "test_key_signatures.py: a_signature_over_a_file_is_not_one_over_a_model",
    ],
    "a signed file that is missing": ["test_provenance.py: a_missing_file_is_refused_unless_the_lock_left_it_out"],
    "a signature over nothing": ["test_manifest.py: a_statement_that_breaks_a_rule_is_malformed"],
    "names that reach out, deceive or collide": [
        "test_manifest.py: a_name_that_could_deceive_is_refused_and_not_mended",
        "test_manifest.py: names_that_some_disk_takes_for_one_are_refused",
        "test_manifest.py: files_that_some_disk_takes_for_one_are_refused",
    ],
    "one document, two readings": ["test_manifest.py: json_that_two_readers_could_read_in_two_ways_is_malformed"],
    "links": [
        "test_signature_commands.py: a_model_that_is_not_as_signed_is_refused",
        "test_signature_commands.py: a_link_is_not_signed",
        "test_signature_commands.py: a_model_in_the_cache_of_the_hub_client_is_verified_through_its_links",
    ],
    "devices and pipes": ["test_threats.py: a_pipe_in_a_model_neither_blocks_nor_passes"],
    "shards with gaps": ["test_manifest.py: shards_with_gaps_overlaps_or_odd_names_are_malformed"],
    "weak or mixed hashes": ["test_manifest.py: a_statement_of_another_kind_is_unsupported"],
    "files renamed under the same root digest": [
        "test_manifest.py: a_renamed_file_is_a_mismatch_although_the_root_digest_stays"
    ],
    "a bundle encoded anew": [
        "test_mutations.py: bundles_are_malleable_so_the_payload_names_a_signature",
        "test_mutations.py: a_mutated_bundle_is_refused_or_says_exactly_the_same",
    ],
    "an old version, validly signed": [
        "test_provenance.py: a_signature_before_the_day_asked_for_is_refused",
        "test_provenance.py: another_statement_over_the_locked_files_is_reported",
    ],
    "a stale or poisoned root": [
        "test_provenance.py: a_root_that_is_not_the_pinned_one_is_refused",
        "test_provenance.py: an_old_root_is_reported_and_one_of_unknown_age_too",
        "test_keyless.py: the_cache_of_the_client_is_never_read",
    ],
    "a stolen key or account": [
        "test_provenance.py: a_revoked_signature_does_not_count",
        "test_provenance.py: a_revoked_key_does_not_count_and_another_key_does",
    ],
    "an expired certificate": [
        "test_certificate_signatures.py: an_expired_certificate_is_refused_unless_the_policy_takes_the_time_of_signing"
    ],
    "an error that passes for success": [
        "test_keyless.py: whatever_the_client_raises_ends_as_our_error",
        "test_threats.py: a_missing_client_is_an_error_and_not_a_pass",
    ],
    "the environment": ["test_threats.py: no_environment_variable_reaches_a_verification"],
    "text that writes to the terminal": [
        "test_manifest.py: a_message_never_carries_a_raw_control_character",
        "test_threats.py: nothing_of_a_bundle_reaches_a_message_raw",
    ],
    "a run that forgets to look": ["guard: an_unsigned_model_is_neither_locked_nor_loaded"],
}


@pytest.mark.parametrize("threat", THREATS)
def test_every_threat_has_its_tests(threat: str) -> None:
    for place in THREATS[threat]:
        file, _, name = place.partition(": ")
        path = GUARD if file == "guard" else HERE / file
        tree = ast.parse(path.read_text("utf-8"))
        assert f"test_{name}" in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}, place


# --- rows without a better home --------------------------------------------------------------------------------------


def test_a_bundle_exchanged_after_it_was_hashed_does_not_count(tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    (tmp_path / "pub.pem").write_bytes(public_pem(key))
    policy = {
        "provenance": {
            "signers": {
                "us": {
                    "method": "key",
                    "public-key": "pub.pem",
                    "spki-sha256": spki_digest(key.public_key()).hex,
                }
            },
            "models": [{"models": ["*"], "signers": ["us"]}],
        }
    }
    bundle = sign_with_key(statement(), private_pem(key))
    artifacts = make_artifacts({**FILES, "model.sig": b"unsigned"}, tmp_path / "model")
    (tmp_path / "model" / "model.sig").write_bytes(bundle)
    case = Case(
        snapshot=Snapshot(ref=LocalRef("model"), artifacts=artifacts),
        policy=read_policy(policy),
        today=date(2026, 11, 22),
        home=tmp_path,
    )
    facts = list(SIGNATURE.gather(case))
    assert not [fact for fact in facts if isinstance(fact, Signed)]
    assert [fact.kind for fact in facts if isinstance(fact, SignatureFault)] == ["mismatch"]


@pytest.mark.parametrize("version", ["0.1", "0.2"])
def test_an_older_bundle_counts_only_for_a_signer_who_is_allowed_it(sigstore: PrivateSigstore, version: str) -> None:
    document = json.loads(sigstore.sign_statement(statement(), RELEASE))
    document["mediaType"] = f"application/vnd.dev.sigstore.bundle+json;version={version}"
    material = document["verificationMaterial"]
    material["x509CertificateChain"] = {"certificates": [material.pop("certificate")]}
    bundle = json.dumps(document).encode()
    with pytest.raises(SignatureUnsupported, match="older-bundles"):
        verify_model(bundle, sigstore_trust(sigstore), make_artifacts())
    assert verify_model(bundle, sigstore_trust(sigstore, older_bundles=True), make_artifacts()).files
    with pytest.raises(SignatureError):
        verify_model(bundle, certificate_trust(b"", LeafName(name="x")), make_artifacts())


def test_a_document_above_the_limit_is_not_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    def parse(*_arguments: object, **_options: object) -> None:
        raise AssertionError("it was parsed")

    monkeypatch.setattr(documents.json, "loads", parse)
    with pytest.raises(SignatureMalformed, match="more than"):
        parse_bundle(b" " * (documents.LIMIT + 1))


def test_a_payload_of_another_type_is_refused_by_every_method(sigstore: PrivateSigstore) -> None:
    """The signature covers the type as well: a statement that was signed as plain text is no statement."""
    plain = "text/plain"
    keyless_bundle = sigstore.sign_statement(statement(), RELEASE, payload_type=plain)
    root = issue("root", authority=True)
    leaf = issue("leaf", root)
    key_bundle, certificate_bundle = (
        _typed(plain, leaf.key, material)
        for material in (
            {"publicKey": {"hint": ""}},
            {"x509CertificateChain": {"certificates": [{"rawBytes": documents.encode(_der(leaf.certificate))}]}},
        )
    )
    certificate = certificate_trust(root.pem, LeafName(name="CN=leaf"))
    cases: list[tuple[bytes, Trust]] = [
        (keyless_bundle, sigstore_trust(sigstore)),
        (key_bundle, key_trust(leaf.key)),
        (certificate_bundle, certificate),
    ]
    for bundle, trust in cases:
        with pytest.raises(SignatureUnsupported, match="payload type 'text/plain'"):
            verify_model(bundle, trust, make_artifacts())
    assert verify_model(_typed(IN_TOTO, leaf.key, {"publicKey": {}}), key_trust(leaf.key), make_artifacts()).files


def _der(certificate: Any) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding

    der: bytes = certificate.public_bytes(Encoding.DER)
    return der


def _typed(payload_type: str, key: ec.EllipticCurvePrivateKey, material: dict[str, Any]) -> bytes:
    signature = key.sign(pre_authentication_encoding(payload_type, statement()), algorithm_for(key.curve.name))
    content = Dsse(payload_type=payload_type, payload=statement(), signature=signature)
    return json.dumps(envelope_document(material, content)).encode()


def test_a_pipe_in_a_model_neither_blocks_nor_passes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    key = ec.generate_private_key(ec.SECP256R1())
    make_artifacts(FILES, tmp_path / "model")
    (tmp_path / "pub.pem").write_bytes(public_pem(key))
    (tmp_path / "model" / "model.sig").write_bytes(sign_with_key(statement(), private_pem(key)))
    os.mkfifo(tmp_path / "model" / "pipe")
    with pytest.raises(SystemExit) as exit_:
        command_line.main(["verify", "model", "--public-key", "pub.pem"])
    assert exit_.value.code == 1
    assert "pipe" in capsys.readouterr().err


def test_a_missing_client_is_an_error_and_not_a_pass(
    sigstore: PrivateSigstore, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle, trust = sigstore.sign_statement(statement(), RELEASE), sigstore_trust(sigstore)
    keyless._verifier.cache_clear()
    for name in [name for name in sys.modules if name.split(".")[0] == "sigstore"]:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(SignatureUnsupported, match="sigstore client"):
        verify_model(bundle, trust, make_artifacts())


def test_no_environment_variable_reaches_a_verification() -> None:
    """Turning verification off is a line in the policy that somebody reviews, never a variable that somebody sets."""
    source = HERE.parent.parent / "src" / "modelguard"
    places = [*(source / "signatures").glob("*.py"), source / "policy" / "provenance.py"]
    places.append(source / "collectors" / "signature.py")
    assert len(places) > 10
    for place in places:
        names = {node.attr for node in ast.walk(ast.parse(place.read_text("utf-8"))) if isinstance(node, ast.Attribute)}
        assert not names & {"environ", "getenv", "environb"}, place


ESCAPE = "\x1b]0;pwned\x07\u202e"


@pytest.mark.parametrize(
    "change",
    [
        lambda document: document.update(mediaType=ESCAPE),
        lambda document: document.update({ESCAPE: 1}),
        lambda document: document["verificationMaterial"]["tlogEntries"][0]["kindVersion"].update(kind=ESCAPE),
        lambda document: document["verificationMaterial"].update({ESCAPE: 1}),
        lambda document: document["dsseEnvelope"].update(payloadType=ESCAPE),
    ],
    ids=range(5),
)
def test_nothing_of_a_bundle_reaches_a_message_raw(sigstore: PrivateSigstore, change: Any) -> None:
    document = json.loads(sigstore.sign_statement(statement(), RELEASE))
    change(document)
    with pytest.raises(SignatureError) as refusal:
        verify(json.dumps(document).encode(), sigstore_trust(sigstore), make_artifacts(), name=ESCAPE)
    assert str(refusal.value).isprintable() or "\n  remedy" in str(refusal.value)
    assert not set(str(refusal.value)) & {"\x1b", "\x07", "\u202e"}


def test_a_file_bundle_over_a_file_that_is_not_there_is_a_mismatch(sigstore: PrivateSigstore) -> None:
    with pytest.raises(SignatureError, match="is not there"):
        verify(sigstore.sign_file(b"other", RELEASE), sigstore_trust(sigstore), make_artifacts(), name="other.sig")


def test_the_way_in_for_every_form_finds_it(sigstore: PrivateSigstore) -> None:
    trust = sigstore_trust(sigstore)
    assert verify(sigstore.sign_statement(statement(), RELEASE), trust, make_artifacts()).form == "model"
    [first, *_] = make_artifacts()
    found = verify(sigstore.sign_file(FILES["config.json"], RELEASE), trust, make_artifacts())
    assert (found.form, found.files) == ("file", {"config.json": first.digest})
    assert sha256(FILES["config.json"]) == found.payload
