"""Models, signers and certificates for the tests of signatures."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from attrs import frozen
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from modelguard.signatures.keys import spki_digest
from modelguard.signatures.statement import write_statement
from modelguard.signatures.trust import Trust
from modelguard.terms.artifact import Artifact, Digest
from modelguard.terms.provenance import CertificateSigner, Identity, KeySigner, LeafKey, LeafName, SigstoreSigner
from modelguard.testing.sigstore import PrivateSigstore, Who

RELEASE = Who("release@acme.example", "https://accounts.acme.example")
FILES = {"config.json": b'{"model_type": "tiny"}', "weights/model.safetensors": b"\x08\0\0\0\0\0\0\0{}      "}


def sha256(data: bytes) -> Digest:
    return Digest.sha256(hashlib.sha256(data).hexdigest())


def make_artifacts(files: dict[str, bytes] = FILES, home: Path | None = None) -> tuple[Artifact, ...]:
    """Return files as artifacts; with `home`, they are written there."""
    return tuple(_artifact(path, data, home) for path, data in files.items())


def _artifact(path: str, data: bytes, home: Path | None) -> Artifact:
    file = None
    if home is not None:
        file = home / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    return Artifact(path=path, size=len(data), digest=sha256(data), file=file)


def statement(files: dict[str, bytes] = FILES) -> bytes:
    return write_statement("tiny", make_artifacts(files))


def statement_document(files: dict[str, bytes] = FILES) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(statement(files))
    return document


def sealed(document: dict[str, Any]) -> bytes:
    """Write a statement after its rows were changed: with the subject that belongs to them."""
    rows = document["predicate"]["resources"]
    joined = b"".join(bytes.fromhex(row["digest"]) for row in rows)
    document["subject"] = [{"name": "tiny", "digest": {"sha256": hashlib.sha256(joined).hexdigest()}}]
    return json.dumps(document).encode("utf-8")


# --- sigstore ------------------------------------------------------------------------------------------------------


def sigstore_trust(sigstore: PrivateSigstore, who: Who = RELEASE, **changes: Any) -> Trust:
    settings: dict[str, Any] = {"any_of": (Identity(identity=who.identity, issuer=who.issuer),)} | changes
    root = sigstore.trusted_root()
    return Trust(signer=SigstoreSigner(name="release", root="test", **settings), material=root, digest=sha256(root))


# --- keys ----------------------------------------------------------------------------------------------------------


def private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def public_pem(key: Any) -> bytes:
    pem: bytes = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return pem


def key_trust(key: Any, **changes: Any) -> Trust:
    signer = KeySigner(name="acme-key", public_key="acme.pem", spki=spki_digest(key.public_key()), **changes)
    return Trust(signer=signer, material=public_pem(key), digest=sha256(public_pem(key)))


# --- certificates --------------------------------------------------------------------------------------------------


@frozen(kw_only=True)
class Issued:
    """A certificate with the key that belongs to it."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)


def issue(
    common_name: str,
    issuer: Issued | None = None,
    *,
    authority: bool = False,
    days: tuple[int, int] = (-30, 365),
    mail: str = "",
    purpose: x509.ObjectIdentifier | None = ExtendedKeyUsageOID.CODE_SIGNING,
) -> Issued:
    """Make a certificate that is valid over the given days from today."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    signing_key, issuer_name = (issuer.key, issuer.certificate.subject) if issuer else (key, subject)
    today = datetime.now(UTC).replace(microsecond=0)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer_name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today + timedelta(days=days[0]))
        .not_valid_after(today + timedelta(days=days[1]))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(
            x509.KeyUsage(not authority, False, False, False, False, authority, authority, False, False), critical=True
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signing_key.public_key()), critical=False)
    )
    if purpose is not None and not authority:
        builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
    if mail:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.RFC822Name(mail)]), critical=False)
    return Issued(certificate=builder.sign(signing_key, hashes.SHA256()), key=key)


def certificate_trust(authorities: bytes, leaf: LeafKey | LeafName, **changes: Any) -> Trust:
    signer = CertificateSigner(name="acme-corp", authorities="ca.pem", leaf=leaf, **changes)
    return Trust(signer=signer, material=authorities, digest=sha256(authorities))
