"""The certificate authority and its transparency log: short-lived certificates that name who asked for them.

Shape of the certificates: https://github.com/sigstore/fulcio/blob/main/docs/certificate-specification.md
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Self

from attrs import field, frozen
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from modelguard.testing.sigstore.encoding import der_octets, der_text, key_id, length_prefixed

START, END = datetime(2024, 1, 1, tzinfo=UTC), datetime(2044, 1, 1, tzinfo=UTC)
LIFETIME = timedelta(minutes=10)
_ISSUER, _ISSUER_V2 = "1.3.6.1.4.1.57264.1.1", "1.3.6.1.4.1.57264.1.8"
_TIMESTAMPS = "1.3.6.1.4.1.11129.2.4.2"  # the list of signed certificate timestamps, RFC 6962 section 3.3


@frozen
class Who:
    """Somebody whom an identity provider has logged in.

    `extensions` are further claims for the certificate, by object identifier, as text: for instance
    `1.3.6.1.4.1.57264.1.12` for the source repository.
    """

    identity: str
    issuer: str
    extensions: Mapping[str, str] = field(factory=dict, hash=False)


def new_key(curve: type[ec.EllipticCurve] = ec.SECP256R1) -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(curve())


def name(common: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "modelguard.test"),
            x509.NameAttribute(NameOID.COMMON_NAME, common),
        ]
    )


def certificate_authority(
    subject: str,
    key: ec.EllipticCurvePrivateKey,
    *,
    issuer: str = "",
    issuer_key: ec.EllipticCurvePrivateKey | None = None,
    path_length: int | None = None,
) -> x509.Certificate:
    """Make a certificate that may sign others; self-signed unless an issuer is named."""
    builder = _builder(subject, key, issuer or subject, issuer_key or key)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True)
    return _signed(builder.add_extension(_usage(certifies=True), critical=True), issuer_key or key)


def timestamping_certificate(
    subject: str, key: ec.EllipticCurvePrivateKey, issuer: str, issuer_key: ec.EllipticCurvePrivateKey
) -> x509.Certificate:
    """Make the certificate of a timestamp authority (RFC 3161, section 2.3)."""
    builder = _builder(subject, key, issuer, issuer_key)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(_usage(certifies=False), critical=True)
    purpose = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING])
    return _signed(builder.add_extension(purpose, critical=True), issuer_key)


def _builder(
    subject: str, key: ec.EllipticCurvePrivateKey, issuer: str, issuer_key: ec.EllipticCurvePrivateKey
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(name(subject))
        .issuer_name(name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(START)
        .not_valid_after(END)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )


def _usage(*, certifies: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not certifies,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=certifies,
        crl_sign=certifies,
        encipher_only=False,
        decipher_only=False,
    )


def _signed(builder: x509.CertificateBuilder, key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    return builder.sign(key, hashes.SHA384() if key.curve.name == "secp384r1" else hashes.SHA256())


@frozen(kw_only=True)
class Authority:
    """A root, an intermediate under it that issues, and a certificate transparency log.

    `key` signs certificates and `log_key` signs their timestamps: a copy with another one makes certificates that the
    original's trusted root does not bear out. `logs` tells whether certificates carry a timestamp at all.
    """

    root: x509.Certificate
    intermediate: x509.Certificate
    key: ec.EllipticCurvePrivateKey
    log_key: ec.EllipticCurvePrivateKey
    logs: bool = True

    @classmethod
    def create(cls) -> Self:
        root_key, key = new_key(ec.SECP384R1), new_key(ec.SECP384R1)
        return cls(
            root=certificate_authority("root", root_key),
            intermediate=certificate_authority("issuing", key, issuer="root", issuer_key=root_key, path_length=0),
            key=key,
            log_key=new_key(),
        )

    def issue(self, public_key: ec.EllipticCurvePublicKey, who: Who, now: datetime) -> x509.Certificate:
        """Issue a code-signing certificate that is valid for ten minutes from `now`."""
        builder = self._leaf(public_key, who, now)
        if not self.logs:
            return _signed(builder, self.key)
        unlogged = _signed(builder, self.key).tbs_certificate_bytes
        stamps = x509.UnrecognizedExtension(x509.ObjectIdentifier(_TIMESTAMPS), self._timestamps(unlogged, now))
        return _signed(builder.add_extension(stamps, critical=False), self.key)

    def _leaf(self, public_key: ec.EllipticCurvePublicKey, who: Who, now: datetime) -> x509.CertificateBuilder:
        is_mail = "@" in who.identity and "://" not in who.identity
        alternative = x509.RFC822Name(who.identity) if is_mail else x509.UniformResourceIdentifier(who.identity)
        signer = self.intermediate.public_key()
        assert isinstance(signer, ec.EllipticCurvePublicKey)
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([]))
            .issuer_name(self.intermediate.subject)
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now)
            .not_valid_after(now + LIFETIME)
            .add_extension(_usage(certifies=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer), critical=False)
            .add_extension(x509.SubjectAlternativeName([alternative]), critical=True)
        )
        values = {_ISSUER: who.issuer.encode("utf-8"), _ISSUER_V2: der_text(who.issuer)}
        values |= {identifier: _claim(identifier, text) for identifier, text in who.extensions.items()}
        for identifier, value in values.items():
            extension = x509.UnrecognizedExtension(x509.ObjectIdentifier(identifier), value)
            builder = builder.add_extension(extension, critical=False)
        return builder

    def _timestamps(self, unlogged: bytes, now: datetime) -> bytes:
        """Return the extension's value: one timestamp over the certificate without it (RFC 6962, 3.2 and 3.3)."""
        moment = int(now.timestamp() * 1000)
        issuer = self.intermediate.public_key()
        assert isinstance(issuer, ec.EllipticCurvePublicKey)
        entry = key_id(issuer) + struct.pack("!I", len(unlogged))[1:] + unlogged
        signed = struct.pack("!BBQH", 0, 0, moment, 1) + entry + b"\0\0"
        signature = self.log_key.sign(signed, ec.ECDSA(hashes.SHA256()))
        stamp = b"\0" + key_id(self.log_key.public_key()) + struct.pack("!Q", moment) + b"\0\0\x04\x03"
        return der_octets(length_prefixed(length_prefixed(stamp + length_prefixed(signature))))


def _claim(identifier: str, text: str) -> bytes:
    """Encode a claim: those up to .7 are bare text, the later ones DER (fulcio, docs/oid-info.md)."""
    return text.encode("utf-8") if int(identifier.rsplit(".", 1)[1]) < 8 else der_text(text)
