"""A transparency log in two versions: a Merkle tree, proofs of inclusion, signed checkpoints and promises.

Tree and proofs: RFC 6962, section 2.1. Checkpoints: https://github.com/C2SP/C2SP/blob/main/tlog-checkpoint.md
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any

from attrs import define, field
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509 import Certificate

from modelguard.testing.sigstore.authority import new_key
from modelguard.testing.sigstore.encoding import base64_text, canonical_json, der, key_id, pem


def _leaf_hash(data: bytes) -> bytes:
    return hashlib.sha256(b"\0" + data).digest()


def _split(size: int) -> int:
    """Return the largest power of two below `size`."""
    return 1 << ((size - 1).bit_length() - 1)


def tree_hash(leaves: list[bytes]) -> bytes:
    if len(leaves) == 1:
        return leaves[0]
    middle = _split(len(leaves))
    return hashlib.sha256(b"\1" + tree_hash(leaves[:middle]) + tree_hash(leaves[middle:])).digest()


def inclusion_path(index: int, leaves: list[bytes]) -> list[bytes]:
    if len(leaves) == 1:
        return []
    middle = _split(len(leaves))
    if index < middle:
        return [*inclusion_path(index, leaves[:middle]), tree_hash(leaves[middle:])]
    return [*inclusion_path(index - middle, leaves[middle:]), tree_hash(leaves[:middle])]


@define(kw_only=True)
class Log:
    """A log that other entries are in already, so that proofs have steps. `key` is of version 1, `key_v2` of 2."""

    origin: str = "rekor.modelguard.test"
    key: ec.EllipticCurvePrivateKey = field(factory=new_key)
    key_v2: ed25519.Ed25519PrivateKey = field(factory=ed25519.Ed25519PrivateKey.generate)
    leaves: list[bytes] = field(factory=lambda: [_leaf_hash(b"before %d" % number) for number in range(5)])

    def add(self, kind: str, spec: dict[str, Any], now: datetime) -> dict[str, Any]:
        """Log an entry as version 1 does: with a promise that says when."""
        body = canonical_json({"apiVersion": "0.0.1", "kind": kind, "spec": spec})
        log_id, moment = key_id(self.key.public_key()), int(now.timestamp())
        entry = self._append(body, log_id, self._sign)
        promise = {
            "body": base64_text(body),
            "integratedTime": moment,
            "logID": log_id.hex(),
            "logIndex": int(entry["logIndex"]),
        }
        return entry | {
            "kindVersion": {"kind": kind, "version": "0.0.1"},
            "integratedTime": str(moment),
            "inclusionPromise": {"signedEntryTimestamp": base64_text(self._sign(canonical_json(promise)))},
        }

    def add_v2(self, digest: bytes, signature: bytes, certificate: Certificate) -> dict[str, Any]:
        """Log an entry as version 2 does: without a time."""
        verifier = {
            "keyDetails": "PKIX_ECDSA_P256_SHA_256",
            "x509Certificate": {"rawBytes": base64_text(der(certificate))},
        }
        spec = {
            "data": {"algorithm": "SHA2_256", "digest": base64_text(digest)},
            "signature": {"content": base64_text(signature), "verifier": verifier},
        }
        body = {"apiVersion": "0.0.2", "kind": "hashedrekord", "spec": {"hashedRekordV002": spec}}
        entry = self._append(canonical_json(body), key_id(self.key_v2.public_key()), self.key_v2.sign)
        return entry | {"kindVersion": {"kind": "hashedrekord", "version": "0.0.2"}}

    def _sign(self, data: bytes) -> bytes:
        return self.key.sign(data, ec.ECDSA(hashes.SHA256()))

    def _append(self, body: bytes, log_id: bytes, sign: Any) -> dict[str, Any]:
        self.leaves.append(_leaf_hash(body))
        index = len(self.leaves) - 1
        self.leaves += [_leaf_hash(b"after %d" % number) for number in range(2)]
        root, size = tree_hash(self.leaves), len(self.leaves)
        note = f"{self.origin}\n{size}\n{base64_text(root)}\n"
        signed_note = f"{note}\n\u2014 {self.origin} {base64_text(log_id[:4] + sign(note.encode('utf-8')))}\n"
        return {
            "logIndex": str(index),
            "logId": {"keyId": base64_text(log_id)},
            "inclusionProof": {
                "logIndex": str(index),
                "rootHash": base64_text(root),
                "treeSize": str(size),
                "hashes": [base64_text(step) for step in inclusion_path(index, self.leaves)],
                "checkpoint": {"envelope": signed_note},
            },
            "canonicalizedBody": base64_text(body),
        }


def envelope_spec(
    envelope: dict[str, Any], payload: bytes, signature: bytes, certificate: Certificate
) -> dict[str, Any]:
    """Return the entry of kind `dsse` for an envelope."""
    digest = hashlib.sha256(canonical_json(envelope)).hexdigest()
    return {
        "envelopeHash": {"algorithm": "sha256", "value": digest},
        "payloadHash": {"algorithm": "sha256", "value": hashlib.sha256(payload).hexdigest()},
        "signatures": [{"signature": base64_text(signature), "verifier": base64_text(pem(certificate))}],
    }


def file_spec(digest: bytes, signature: bytes, certificate: Certificate) -> dict[str, Any]:
    """Return the entry of kind `hashedrekord` for a file."""
    return {
        "data": {"hash": {"algorithm": "sha256", "value": digest.hex()}},
        "signature": {
            "content": base64_text(signature),
            "publicKey": {"content": base64_text(pem(certificate))},
        },
    }
