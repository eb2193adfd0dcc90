"""How the private Sigstore writes bytes: base64, canonical JSON, DER of the few things that need it, times."""

from __future__ import annotations

import base64
import hashlib
import json
import struct
from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import Certificate


def base64_text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def canonical_json(value: Any) -> bytes:
    """Write JSON as RFC 8785 does, for values without fractions."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode("utf-8")


def spki(key: ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey) -> bytes:
    """Return the DER SubjectPublicKeyInfo of a public key."""
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def key_id(key: ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey) -> bytes:
    """Return how logs are named: the SHA-256 of their key's SPKI."""
    return hashlib.sha256(spki(key)).digest()


def der(certificate: Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


def pem(certificate: Certificate) -> bytes:
    return certificate.public_bytes(Encoding.PEM)


def timestamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def length_prefixed(data: bytes) -> bytes:
    """Prefix with a two-byte length, as TLS structures do (RFC 5246, section 4.3)."""
    return struct.pack("!H", len(data)) + data


def der_value(tag: int, data: bytes) -> bytes:
    """Write one DER value of at most 65,535 bytes."""
    size = len(data)
    if size < 0x80:
        length = bytes([size])
    elif size < 0x100:
        length = bytes([0x81, size])
    else:
        length = b"\x82" + struct.pack("!H", size)
    return bytes([tag]) + length + data


def der_text(text: str) -> bytes:
    return der_value(0x0C, text.encode("utf-8"))


def der_octets(data: bytes) -> bytes:
    return der_value(0x04, data)


def pre_authentication_encoding(payload_type: str, payload: bytes) -> bytes:
    """Return what a DSSE signature is over (https://github.com/secure-systems-lab/dsse, protocol.md)."""
    return b"DSSEv1 %d %s %d %s" % (len(payload_type), payload_type.encode("ascii"), len(payload), payload)
