"""From a policy and a directory of files to findings: the whole way of signatures through the house."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Iterable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve, field, frozen
from cryptography.hazmat.primitives.asymmetric import ec
from signature_builders import FILES, RELEASE, make_artifacts, private_pem, public_pem, sha256, statement

from modelguard._registry import parts
from modelguard.checks.check import Check
from modelguard.collectors.collector import Case
from modelguard.collectors.signature import SIGNATURE
from modelguard.lock import Accepted, Entry, ProvenanceRecord
from modelguard.policy.provenance import read_provenance
from modelguard.policy.reading import read_policy
from modelguard.signatures.keys import spki_digest
from modelguard.signatures.signing import sign_file_with_key, sign_with_key
from modelguard.terms.artifact import HubRef, Location, Snapshot
from modelguard.terms.errors import PolicyError
from modelguard.terms.facts import Digested, Dossier, Fact, Pinned
from modelguard.terms.finding import Finding, Severity
from modelguard.terms.provenance import (
    CertificateSigner,
    LeafKey,
    LeafName,
    RevokedSignature,
    SignatureFault,
    Signed,
    TrustRootSeen,
    Uncovered,
    Unsigned,
)
from modelguard.testing.sigstore import PrivateSigstore, Who

TODAY = date(2026, 11, 22)
REF = HubRef("acme", "tiny")
INTERN = Who("intern@acme.example", RELEASE.issuer)


@frozen(kw_only=True)
class Room:
    """A directory with a policy's files, and what the policy says."""

    home: Path
    sigstore: PrivateSigstore
    key: ec.EllipticCurvePrivateKey = field(factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def policy(self, rule: str = 'signers = ["acme"]', more: str = "", updated: str = "2026-11-01") -> str:
        root = self.sigstore.trusted_root()
        (self.home / "root.json").write_bytes(root)
        (self.home / "acme.pem").write_bytes(public_pem(self.key))
        return f"""
            [trust.test]
            file = "root.json"
            sha256 = "{sha256(root).hex}"
            {f"updated = {updated}" if updated else ""}
            [provenance]
            {more}
            [provenance.signers.acme]
            method = "sigstore"
            trust = "test"
            any-of = [{{ identity = "{RELEASE.identity}", issuer = "{RELEASE.issuer}" }}]
            accept = ["model", "file", "provenance"]
            [provenance.signers.intern]
            method = "sigstore"
            trust = "test"
            any-of = [{{ identity = "{INTERN.identity}", issuer = "{INTERN.issuer}" }}]
            [provenance.signers.acme-key]
            method = "key"
            public-key = "acme.pem"
            spki-sha256 = "{spki_digest(self.key.public_key()).hex}"
            [[provenance.models]]
            models = ["acme/*"]
            {rule}
        """

    def examine(
        self,
        files: dict[str, bytes],
        policy: str | None = None,
        *,
        entry: Entry | None = None,
        ref: HubRef = REF,
        facts: Iterable[Fact] = (),
    ) -> Outcome:
        case = Case(
            snapshot=Snapshot(ref=ref, artifacts=make_artifacts(files, self.home / "model")),
            policy=read_policy(tomllib.loads(self.policy() if policy is None else policy)),
            today=TODAY,
            home=self.home,
            entry=entry,
        )
        dossier = Dossier(snapshot=case.snapshot, facts=(*facts, *SIGNATURE.gather(case)))
        checks = [check for check in parts("modelguard.checks", Check) if check.area == "provenance"]
        return Outcome(dossier=dossier, findings=[one for check in checks for one in check.ask(dossier)])


@frozen(kw_only=True)
class Outcome:
    dossier: Dossier
    findings: list[Finding]

    def named(self) -> dict[str, Severity]:
        return {finding.check: finding.severity for finding in self.findings}

    def refuses(self) -> set[str]:
        """Return the checks whose findings refuse by default."""
        return {finding.check for finding in self.findings if finding.severity >= Severity.MEDIUM}


@pytest.fixture
def room(tmp_path: Path, sigstore: PrivateSigstore) -> Room:
    return Room(home=tmp_path, sigstore=sigstore)


def signed_by(sigstore: PrivateSigstore, who: Who = RELEASE, files: dict[str, bytes] = FILES) -> dict[str, bytes]:
    return {**files, "model.sig": sigstore.sign_statement(statement(files), who)}


def record(**changes: Any) -> ProvenanceRecord:
    settings: dict[str, Any] = {
        "status": "verified",
        "signer": "acme",
        "method": "sigstore",
        "identity": RELEASE.identity,
        "issuer": RELEASE.issuer,
        "payload": str(sha256(statement())),
    } | changes
    return ProvenanceRecord(**settings)


# --- accepted ------------------------------------------------------------------------------------------------------


def test_a_model_signed_by_the_named_signer_has_no_finding(room: Room) -> None:
    outcome = room.examine(signed_by(room.sigstore))
    assert outcome.findings == []
    [signed] = outcome.dossier.all(Signed)
    assert (signed.signer, signed.identity, signed.issuer) == ("acme", RELEASE.identity, RELEASE.issuer)
    assert signed.covered == tuple(sorted(FILES))
    assert signed.payload == sha256(statement())
    assert signed.location.path == "model.sig"
    assert signed.signed_at == room.sigstore.now.isoformat()


def test_a_bundle_beside_the_policy_counts_for_a_model_that_carries_none(room: Room) -> None:
    (room.home / "tiny.sig").write_bytes(sign_with_key(statement(), private_pem(room.key)))
    policy = room.policy('signers = ["acme-key"]\nbundles = ["tiny.sig"]')
    assert room.examine(FILES, policy).findings == []


def test_each_file_may_have_a_bundle_of_its_own(room: Room) -> None:
    files = dict(FILES)
    for path, data in FILES.items():
        files[f"{path}.sigstore.json"] = room.sigstore.sign_file(data, RELEASE)
    assert room.examine(files).findings == []


def test_key_bundles_over_single_files_count(room: Room) -> None:
    files = {"a.gguf": b"GGUF", "a.gguf.sig": sign_file_with_key(b"GGUF", private_pem(room.key))}
    assert room.examine(files, room.policy('signers = ["acme-key"]')).findings == []


def test_any_named_signer_is_enough(room: Room) -> None:
    outcome = room.examine(signed_by(room.sigstore, INTERN), room.policy('signers = ["acme", "intern"]'))
    assert outcome.refuses() == set()


def test_a_model_without_a_rule_is_left_alone(room: Room) -> None:
    outcome = room.examine(FILES, ref=HubRef("other", "model"))
    assert outcome.findings == []
    assert [fact.required for fact in outcome.dossier.all(Unsigned)] == [False]


def test_no_policy_looks_into_no_bundle(room: Room) -> None:
    outcome = room.examine({**FILES, "model.sig": b"garbage"}, "")
    assert outcome.findings == []
    assert not list(outcome.dossier.all(SignatureFault))


def test_build_provenance_covers_files_by_their_digests_whatever_their_names(room: Room) -> None:
    outcome = room.examine({**FILES, "attestations.intoto.jsonl": provenance(room.sigstore)})
    assert outcome.findings == []
    assert {fact.form for fact in outcome.dossier.all(Signed)} == {"provenance"}


def provenance(sigstore: PrivateSigstore, files: dict[str, bytes] = FILES, predicate: str = "") -> bytes:
    subjects = [
        {"name": f"build/output-{number}", "digest": {"sha256": hashlib.sha256(data).hexdigest(), "sha1": "00"}}
        for number, data in enumerate(files.values())
    ]
    document = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": subjects,
        "predicateType": predicate or "https://slsa.dev/provenance/v1",
        "predicate": {},
    }
    return sigstore.sign_statement(json.dumps(document).encode(), RELEASE) + b"\n"


# --- refused -------------------------------------------------------------------------------------------------------


def test_a_model_without_a_signature_is_refused(room: Room) -> None:
    outcome = room.examine(FILES)
    assert outcome.refuses() == {"unsigned-model"}
    assert "it carries no signature" in outcome.findings[0].message


def test_a_model_signed_by_somebody_else_is_refused(room: Room) -> None:
    outcome = room.examine(signed_by(room.sigstore, Who("mallory@evil.example", RELEASE.issuer)))
    assert outcome.refuses() == {"unsigned-model", "wrong-signer"}
    assert any("mallory@evil.example" in finding.message for finding in outcome.findings)


def test_a_signer_of_another_model_is_refused(room: Room) -> None:
    """The intern is known to the policy, but not for this model."""
    assert "wrong-signer" in room.examine(signed_by(room.sigstore, INTERN)).refuses()


def test_a_changed_file_is_refused_and_named(room: Room) -> None:
    outcome = room.examine({**signed_by(room.sigstore), "config.json": b"{}"})
    assert {"bad-signature", "unsigned-model"} <= outcome.refuses()
    assert any(
        finding.location.path == "config.json" and finding.severity == Severity.CRITICAL for finding in outcome.findings
    )


def test_a_missing_file_is_refused_unless_the_lock_left_it_out(room: Room) -> None:
    files = signed_by(room.sigstore)
    del files["weights/model.safetensors"]
    assert "bad-signature" in room.examine(files).refuses()
    entry = Entry(id="acme/tiny", exclude=("*.safetensors",))
    assert room.examine(files, entry=entry).refuses() == set()
    assert "bad-signature" in room.examine(files, entry=evolve(entry, exclude=("*.json",))).refuses()


def test_an_added_file_is_refused_and_a_tolerated_one_noted(room: Room) -> None:
    files = {
        **signed_by(room.sigstore),
        "modeling_tiny.py": b"import os",
        "README.md": b"# tiny",
        ".gitattributes": b"",
    }
    outcome = room.examine(files, room.policy('signers = ["acme"]\nunsigned = ["README.md"]'))
    assert {finding.location.path for finding in outcome.findings if finding.severity >= Severity.MEDIUM} == {
        "modeling_tiny.py"
    }
    assert {fact.location.path: fact.tolerated for fact in outcome.dossier.all(Uncovered)} == {
        ".gitattributes": True,
        "README.md": True,
        "modeling_tiny.py": False,
    }


def test_two_signed_models_do_not_make_a_third(room: Room) -> None:
    """Each manifest is complete in the directory, yet the signer never vouched for the mixture."""
    code, weights = {"modeling.py": b"import os"}, {"a.safetensors": b"a", "b.safetensors": b"b"}
    bundles = {
        "code.sig": room.sigstore.sign_statement(statement(code), RELEASE),
        "weights.sig": room.sigstore.sign_statement(statement(weights), RELEASE),
    }
    outcome = room.examine({**code, **weights, **bundles})
    assert outcome.refuses() == {"unsigned-file"}
    assert {finding.location.path for finding in outcome.findings} == {"modeling.py"}
    single = {**weights, "weights.sig": bundles["weights.sig"], **code}
    single["modeling.py.sig"] = room.sigstore.sign_file(code["modeling.py"], RELEASE)
    assert room.examine(single).findings == []


def test_something_else_named_like_a_signature_is_not_passed_over(room: Room) -> None:
    outcome = room.examine({**signed_by(room.sigstore), "evil.sig": b"cos\nsystem\n."})
    assert outcome.refuses() == {"unsigned-file"}
    assert outcome.named()["bad-signature"] == Severity.LOW
    assert "bad-signature" in room.examine({**FILES, "model.sig": b"garbage"}).refuses()


def test_provenance_of_other_files_is_refused(room: Room) -> None:
    bundle = provenance(room.sigstore, {"other": b"other"})
    assert "bad-signature" in room.examine({**FILES, "attestation.jsonl": bundle}).refuses()


def test_a_statement_of_another_kind_by_the_same_signer_is_refused(room: Room) -> None:
    bundle = provenance(room.sigstore, predicate="https://spdx.dev/Document")
    assert {"bad-signature", "unsigned-model"} <= room.examine({**FILES, "attestation.jsonl": bundle}).refuses()


def test_provenance_does_not_count_for_a_signer_who_is_not_asked_for_it(room: Room) -> None:
    bundle = room.sigstore.sign_statement(
        json.dumps(
            {
                "_type": "https://in-toto.io/Statement/v1",
                "subject": [{"name": "x", "digest": {"sha256": sha256(FILES["config.json"]).hex}}],
                "predicateType": "https://slsa.dev/provenance/v1",
                "predicate": {},
            }
        ).encode(),
        INTERN,
    )
    outcome = room.examine({**FILES, "model.sig": bundle}, room.policy('signers = ["intern"]'))
    assert "unsigned-model" in outcome.refuses()


def test_no_method_stands_in_for_another(room: Room) -> None:
    files = {**FILES, "model.sig": sign_with_key(statement(), private_pem(room.key))}
    outcome = room.examine(files)
    assert {"bad-signature", "unsigned-model"} <= outcome.refuses()
    assert room.examine(files, room.policy('signers = ["acme-key"]')).findings == []


def test_a_root_that_is_not_the_pinned_one_is_refused(room: Room, other_sigstore: PrivateSigstore) -> None:
    policy = room.policy()
    (room.home / "root.json").write_bytes(other_sigstore.trusted_root())
    outcome = room.examine(signed_by(other_sigstore), policy)
    assert {"bad-signature", "unsigned-model"} <= outcome.refuses()
    assert any("pins" in finding.message for finding in outcome.findings)


@pytest.mark.parametrize("name", ["root.json", "acme.pem", "tiny.sig"])
def test_a_file_of_the_policy_that_is_gone_is_refused(room: Room, name: str) -> None:
    (room.home / "tiny.sig").write_bytes(sign_with_key(statement(), private_pem(room.key)))
    rule = 'signers = ["acme"]' if name == "root.json" else 'signers = ["acme-key"]\nbundles = ["tiny.sig"]'
    policy = room.policy(rule)
    (room.home / name).unlink()
    assert "unsigned-model" in room.examine(FILES, policy).refuses()


def test_a_rule_decides_even_when_a_later_one_is_wider(room: Room) -> None:
    policy = room.policy() + '[[provenance.models]]\nmodels = ["*"]\nsigners = ["intern"]\n'
    assert "wrong-signer" in room.examine(signed_by(room.sigstore, INTERN), policy).refuses()
    assert room.examine(signed_by(room.sigstore, INTERN), policy, ref=HubRef("other", "x")).refuses() == set()


# --- time, revocation, roots -----------------------------------------------------------------------------------------


def test_a_signature_before_the_day_asked_for_is_refused(room: Room) -> None:
    day = room.sigstore.now.date()
    on_the_day = room.policy(f'signers = ["acme"]\nsigned-after = {day}')
    day_after = room.policy(f'signers = ["acme"]\nsigned-after = {day + timedelta(days=1)}')
    assert room.examine(signed_by(room.sigstore), on_the_day).findings == []
    assert room.examine(signed_by(room.sigstore), day_after).refuses() == {"signed-too-early"}


def test_a_method_that_proves_no_time_does_not_pass_for_a_late_one(room: Room) -> None:
    files = {**FILES, "model.sig": sign_with_key(statement(), private_pem(room.key))}
    outcome = room.examine(files, room.policy('signers = ["acme-key"]\nsigned-after = 2024-01-01'))
    assert outcome.refuses() == {"signed-too-early"}


@pytest.mark.parametrize(
    "revoked",
    [
        lambda room: ("payload", sha256(statement()).hex),
        lambda room: ("identity", RELEASE.identity),
    ],
    ids=["payload", "identity"],
)
def test_a_revoked_signature_does_not_count(room: Room, revoked: Any) -> None:
    by, value = revoked(room)
    policy = room.policy() + f'[[provenance.revoked]]\n{by} = "{value}"\nreason = "INC-123"\n'
    outcome = room.examine(signed_by(room.sigstore), policy)
    assert outcome.named()["revoked-signer"] == Severity.CRITICAL
    assert "unsigned-model" in outcome.refuses()
    assert [fact.reason for fact in outcome.dossier.all(RevokedSignature)] == ["INC-123"]
    assert not list(outcome.dossier.all(Signed))


def test_a_revoked_key_does_not_count_and_another_key_does(room: Room) -> None:
    files = {**FILES, "model.sig": sign_with_key(statement(), private_pem(room.key))}
    for spki, expected in ((spki_digest(room.key.public_key()).hex, True), ("00" * 32, False)):
        policy = room.policy('signers = ["acme-key"]') + f'[[provenance.revoked]]\nkey = "{spki}"\nreason = "lost"\n'
        assert ("revoked-signer" in room.examine(files, policy).named()) is expected


@pytest.mark.parametrize(
    ("updated", "stale"), [("2026-11-01", False), ("2026-05-27", False), ("2026-05-25", True), ("", True)]
)
def test_an_old_root_is_reported_and_one_of_unknown_age_too(room: Room, updated: str, stale: bool) -> None:
    outcome = room.examine(signed_by(room.sigstore), room.policy(updated=updated))
    assert ("stale-trust-root" in outcome.named()) is stale
    assert outcome.refuses() == set()
    [root] = outcome.dossier.all(TrustRootSeen)
    assert root.age_days == ((TODAY - date.fromisoformat(updated)).days if updated else None)


# --- against the lock ------------------------------------------------------------------------------------------------


def test_the_signer_of_the_lock_is_expected_again(room: Room) -> None:
    entry = Entry(id="acme/tiny", provenance=record())
    policy = room.policy('signers = ["acme", "intern"]')
    assert room.examine(signed_by(room.sigstore), policy, entry=entry).findings == []
    assert room.examine(signed_by(room.sigstore, INTERN), policy, entry=entry).refuses() == {"signer-changed"}


def test_a_signature_that_is_gone_is_a_change_of_signer_even_without_a_rule(room: Room) -> None:
    entry = Entry(id="acme/tiny", provenance=record())
    assert room.examine(FILES, "", entry=entry).refuses() == {"signer-changed"}
    assert room.examine(FILES, "", entry=evolve(entry, provenance=ProvenanceRecord())).findings == []


def test_another_statement_over_the_locked_files_is_reported(room: Room) -> None:
    files = signed_by(room.sigstore)
    pins: list[Fact] = []
    for artifact in make_artifacts(files):
        location = Location(artifact.path)
        pins.append(Pinned(location=location, size=artifact.size, digest=artifact.digest))
        pins.append(Digested(location=location, size=artifact.size, digest=artifact.digest))
    same = Entry(id="acme/tiny", provenance=record())
    other = Entry(id="acme/tiny", provenance=record(payload=f"sha256:{'0' * 64}"))
    assert room.examine(files, entry=same, facts=pins).findings == []
    assert room.examine(files, entry=other, facts=pins).refuses() == {"signature-replaced"}
    assert room.examine(files, entry=other).refuses() == set()  # an upgrade: other files, other statement


def test_another_root_than_the_locks_is_noted(room: Room) -> None:
    root = str(sha256(room.sigstore.trusted_root()))
    for locked, expected in ((root, set()), (f"sha256:{'0' * 64}", {"trust-root-changed"})):
        entry = Entry(id="acme/tiny", provenance=record(root=locked), accepted=(Accepted(check="x", reason="y"),))
        outcome = room.examine(signed_by(room.sigstore), entry=entry)
        assert set(outcome.named()) == expected
        assert outcome.refuses() == set()


# --- reading the policy ----------------------------------------------------------------------------------------------


def test_the_policy_is_read_into_nouns(room: Room) -> None:
    policy = room.policy(more='root-days = 30\nlock-signers = ["acme"]')
    found = read_provenance(read_policy(tomllib.loads(policy)))
    assert [signer.name for signer in found.signers] == ["acme", "intern", "acme-key"]
    assert found.root_days == 30
    assert found.lock_signers == ("acme",)
    assert [rule.models for rule in found.rules] == [("acme/*",)]


def test_a_certificate_signer_is_read_with_its_leaf() -> None:
    by_subject = CERTIFICATE + 'subject = "release@acme.example"\nat = "signing"'
    by_key = CERTIFICATE + f'spki-sha256 = "{"0" * 64}"'
    for text, leaf, at in ((by_subject, LeafName, "signing"), (by_key, LeafKey, "now")):
        [signer] = read_provenance(read_policy(tomllib.loads(text))).signers
        assert isinstance(signer, CertificateSigner)
        assert isinstance(signer.leaf, leaf)
        assert signer.at == at


def test_the_key_path_names_the_table_in_pyproject() -> None:
    policy = evolve(read_policy(tomllib.loads("[provenance]\nsigner = 1")), origin="/x/pyproject.toml")
    with pytest.raises(PolicyError, match=r"tool[.]modelguard[.]provenance[.]signer"):
        read_provenance(policy)


CERTIFICATE = '[provenance.signers.x]\nmethod = "certificate"\nauthorities = "ca.pem"\n'
SIGSTORE = (
    '[trust.t]\nfile = "t"\nsha256 = "' + "0" * 64 + '"\n[provenance.signers.x]\nmethod = "sigstore"\ntrust = "t"\n'
)
WRONG = {
    "unknown key": ("[provenance]\nsigner = 1", "provenance.signer"),
    "unknown method": ('[provenance.signers.x]\nmethod = "gpg"', "provenance.signers.x.method"),
    "no identity": (SIGSTORE, "any-of"),
    "empty list": (SIGSTORE + "any-of = []", "any-of"),
    "empty issuer": (SIGSTORE + 'any-of = [{ identity = "a", issuer = " " }]', "any-of[0].issuer"),
    "missing issuer": (SIGSTORE + 'any-of = [{ identity = "a" }]', "any-of[0].issuer"),
    "short digest": ('[trust.t]\nfile = "x"\nsha256 = "abc"', "trust.t.sha256"),
    "no digest": ('[trust.t]\nfile = "x"', "trust.t.sha256"),
    "whose certificate": (CERTIFICATE, "subject"),
    "two leaves": (CERTIFICATE + 'subject = "a"\nspki-sha256 = "' + "0" * 64 + '"', "subject"),
    "empty subject": (CERTIFICATE + 'subject = ""', "subject"),
    "unknown form": (CERTIFICATE + 'subject = "a"\naccept = ["anything"]', "accept[0]"),
    "unknown signer": ('[[provenance.models]]\nmodels = ["*"]\nsigners = ["nobody"]', "there is no signer 'nobody'"),
    "unknown lock signer": ('[provenance]\nlock-signers = ["nobody"]', "nobody"),
    "unknown root": (
        '[provenance.signers.x]\nmethod = "sigstore"\ntrust = "t"\nany-of = [{ identity = "a", issuer = "b" }]',
        "[trust.t]",
    ),
    "no signer": ('[[provenance.models]]\nmodels = ["*"]\nsigners = []', "signers"),
    "no model": ('[[provenance.models]]\nsigners = ["x"]', "models"),
    "revoked what": ('[[provenance.revoked]]\nreason = "x"', "revoked[0]"),
    "revoked why": ('[[provenance.revoked]]\nreason = ""\nidentity = "a"', "reason"),
    "revoked two": ('[[provenance.revoked]]\nreason = "x"\nidentity = "a"\nkey = "' + "0" * 64 + '"', "revoked[0]"),
}


@pytest.mark.parametrize(("text", "where"), WRONG.values(), ids=WRONG.keys())
def test_a_policy_that_could_be_misread_is_an_error_with_its_key_path(text: str, where: str) -> None:
    with pytest.raises(PolicyError) as error:
        read_provenance(read_policy(tomllib.loads(text)))
    assert where in error.value.message
