"""A whole private Sigstore: it signs as a client would, and writes down what verifiers have to trust."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import Any, Literal, Self

from attrs import field, frozen
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509 import Certificate

from modelguard.testing.sigstore.authority import START, Authority, Who, new_key
from modelguard.testing.sigstore.encoding import (
    base64_text,
    der,
    key_id,
    pre_authentication_encoding,
    spki,
    timestamp,
)
from modelguard.testing.sigstore.log import Log, envelope_spec, file_spec
from modelguard.testing.sigstore.timestamps import TimestampAuthority

MEDIA_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
IN_TOTO = "application/vnd.in-toto+json"


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


@frozen(kw_only=True)
class PrivateSigstore:
    """An instance. `attrs.evolve` with one other part gives an impostor that differs in exactly that part.

    `now` is when things are signed. Version 1 of the log tells the time itself; version 2 needs a timestamp, whose
    clock is the machine's.
    """

    authority: Authority = field(factory=Authority.create)
    log: Log = field(factory=Log)
    timestamps: TimestampAuthority = field(factory=TimestampAuthority.create)
    now: datetime = field(factory=_now)

    @classmethod
    def create(cls) -> Self:
        return cls()

    def sign_statement(
        self,
        payload: bytes,
        who: Who,
        *,
        payload_type: str = IN_TOTO,
        version: Literal[1, 2] = 1,
        stamped: bool | None = None,
    ) -> bytes:
        """Return a bundle over a typed payload. `stamped` defaults to whether the log's version needs a timestamp."""
        key = new_key()
        certificate = self.authority.issue(key.public_key(), who, self.now)
        encoded = pre_authentication_encoding(payload_type, payload)
        signature = key.sign(encoded, ec.ECDSA(hashes.SHA256()))
        envelope = {
            "payload": base64_text(payload),
            "payloadType": payload_type,
            "signatures": [{"sig": base64_text(signature), "keyid": ""}],
        }
        if version == 1:
            entry = self.log.add("dsse", envelope_spec(envelope, payload, signature, certificate), self.now)
        else:
            entry = self.log.add_v2(hashlib.sha256(encoded).digest(), signature, certificate)
        material = self._material(certificate, entry, signature, stamped=version == 2 if stamped is None else stamped)
        return _json({"mediaType": MEDIA_TYPE, "verificationMaterial": material, "dsseEnvelope": envelope})

    def sign_file(self, data: bytes, who: Who, *, version: Literal[1, 2] = 1) -> bytes:
        """Return a bundle over the digest of `data`."""
        key = new_key()
        certificate = self.authority.issue(key.public_key(), who, self.now)
        signature = key.sign(data, ec.ECDSA(hashes.SHA256()))
        digest = hashlib.sha256(data).digest()
        if version == 1:
            entry = self.log.add("hashedrekord", file_spec(digest, signature, certificate), self.now)
        else:
            entry = self.log.add_v2(digest, signature, certificate)
        message = {
            "messageDigest": {"algorithm": "SHA2_256", "digest": base64_text(digest)},
            "signature": base64_text(signature),
        }
        material = self._material(certificate, entry, signature, stamped=version == 2)
        return _json({"mediaType": MEDIA_TYPE, "verificationMaterial": material, "messageSignature": message})

    def _material(
        self, certificate: Certificate, entry: dict[str, Any], signature: bytes, *, stamped: bool
    ) -> dict[str, Any]:
        material: dict[str, Any] = {
            "certificate": {"rawBytes": base64_text(der(certificate))},
            "tlogEntries": [entry],
        }
        if stamped:
            stamp = {"signedTimestamp": base64_text(self.timestamps.stamp(signature))}
            material["timestampVerificationData"] = {"rfc3161Timestamps": [stamp]}
        return material

    def trusted_root(self) -> bytes:
        """Return what a verifier has to trust, as JSON."""
        return _json(self._trusted_root())

    def client_trust_config(self, url: str = "https://modelguard.test") -> bytes:
        """Return the trusted root together with the addresses of services, as JSON."""
        service = {"url": url, "majorApiVersion": 1, "validFor": {"start": timestamp(START)}, "operator": "test"}
        return _json(
            {
                "mediaType": "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json",
                "trustedRoot": self._trusted_root(),
                "signingConfig": {
                    "mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json",
                    "caUrls": [service],
                    "oidcUrls": [service],
                    "rekorTlogUrls": [service],
                    "tsaUrls": [],
                    "rekorTlogConfig": {"selector": "ANY"},
                    "tsaConfig": {"selector": "ANY"},
                },
            }
        )

    def _trusted_root(self) -> dict[str, Any]:
        authority, log = self.authority, self.log
        return {
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": [_log(log.key.public_key(), "rekor"), _log(log.key_v2.public_key(), "rekor2")],
            "ctlogs": [_log(authority.log_key.public_key(), "ct")],
            "certificateAuthorities": [_chain("fulcio", authority.intermediate, authority.root)],
            "timestampAuthorities": [_chain("tsa", self.timestamps.certificate, self.timestamps.root)],
        }


def _log(key: ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey, host: str) -> dict[str, Any]:
    details = "PKIX_ED25519" if isinstance(key, ed25519.Ed25519PublicKey) else "PKIX_ECDSA_P256_SHA_256"
    return {
        "baseUrl": f"https://{host}.modelguard.test",
        "hashAlgorithm": "SHA2_256",
        "publicKey": {
            "rawBytes": base64_text(spki(key)),
            "keyDetails": details,
            "validFor": {"start": timestamp(START)},
        },
        "logId": {"keyId": base64_text(key_id(key))},
    }


def _chain(host: str, *certificates: Certificate) -> dict[str, Any]:
    return {
        "subject": {"organization": "modelguard.test", "commonName": host},
        "uri": f"https://{host}.modelguard.test",
        "certChain": {"certificates": [{"rawBytes": base64_text(der(certificate))} for certificate in certificates]},
        "validFor": {"start": timestamp(START)},
    }


def _json(document: dict[str, Any]) -> bytes:
    return json.dumps(document).encode("utf-8")
