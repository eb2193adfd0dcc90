"""Sigstore bundles, taken apart without believing them.

A bundle says by which method it was made and carries either a DSSE envelope (a typed payload with a signature) or a
signature over the digest of one file. Format: https://github.com/sigstore/protobuf-specs, `sigstore_bundle.proto`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from attrs import field, frozen

from modelguard.signatures.documents import decode, encode, member, objects, read_json
from modelguard.terms.artifact import Digest, printable
from modelguard.terms.errors import SignatureMalformed, SignatureUnsupported
from modelguard.terms.provenance import Method

IN_TOTO = "application/vnd.in-toto+json"
MEDIA_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
CURRENT = frozenset({MEDIA_TYPE, "application/vnd.dev.sigstore.bundle+json;version=0.3"})
OLDER = frozenset({f"application/vnd.dev.sigstore.bundle+json;version=0.{minor}" for minor in (1, 2)})

# Where each method keeps its verification material. Exactly one of them may be present: a bundle that carries two
# could be read as one method by us and as the other by somebody else.
_MATERIAL: dict[str, Method] = {"publicKey": "key", "certificate": "sigstore", "x509CertificateChain": "certificate"}


@frozen(kw_only=True)
class Dsse:
    """A typed payload and one signature over both."""

    payload_type: str
    payload: bytes = field(repr=False)
    signature: bytes = field(repr=False)

    @property
    def signed_bytes(self) -> bytes:
        return pre_authentication_encoding(self.payload_type, self.payload)


@frozen(kw_only=True)
class FileSignature:
    """A signature over the digest of one file; `claimed` is the digest that the bundle itself names, if any."""

    claimed: Digest | None
    signature: bytes = field(repr=False)


Content: TypeAlias = Dsse | FileSignature


@frozen(kw_only=True)
class Bundle:
    """A bundle as it was read: nothing in it is verified. `raw` is what the sigstore client gets."""

    raw: bytes = field(repr=False)
    method: Method
    content: Content
    material: Mapping[str, Any] = field(repr=False, hash=False)
    older: bool = False


def pre_authentication_encoding(payload_type: str, payload: bytes) -> bytes:
    """Return the bytes that a DSSE signature is over (https://github.com/secure-systems-lab/dsse, protocol.md)."""
    kind = payload_type.encode("utf-8")
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def parse_bundle(raw: bytes) -> Bundle:
    """Take a bundle apart.

    Raises `SignatureMalformed`, and `SignatureUnsupported` for media types and methods that are not verified here.
    """
    document = read_json(raw, "bundle")
    media_type = member(document, "mediaType", str, "bundle")
    if media_type not in CURRENT | OLDER:
        raise SignatureUnsupported(
            f"bundle: media type {printable(media_type)!r} is not a Sigstore bundle of 0.1 to 0.3"
        )
    material = member(document, "verificationMaterial", dict, "bundle")
    return Bundle(
        raw=raw,
        method=_method(material, older=media_type in OLDER),
        content=_content(document),
        material=material,
        older=media_type in OLDER,
    )


def _method(material: Mapping[str, Any], *, older: bool) -> Method:
    present = [name for name in _MATERIAL if material.get(name) is not None]
    if len(present) != 1:
        found = ", ".join(present) or "none"
        raise SignatureUnsupported(f"bundle: expected one of {', '.join(_MATERIAL)} to verify with, found {found}")
    method = _MATERIAL[present[0]]
    # Bundles before 0.3 keep the certificate of a Sigstore signer in a chain; the log entry tells the two apart.
    if older and method == "certificate" and material.get("tlogEntries"):
        method = "sigstore"
    if method == "sigstore":
        _check_log_entry(material)
    return method


def _check_log_entry(material: Mapping[str, Any]) -> None:
    entries = objects(material, "tlogEntries", "bundle") if material.get("tlogEntries") else []
    if len(entries) != 1:
        raise SignatureUnsupported(
            f"bundle: {len(entries)} transparency log entries, expected 1",
            remedy="attestations of private repositories have none; ask the publisher for a logged signature"
            if not entries
            else "",
        )
    version = member(entries[0], "kindVersion", dict, "bundle.tlogEntries[0]")
    kind = f"{version.get('kind')}/{version.get('version')}"
    if kind.startswith("intoto/"):
        raise SignatureUnsupported(
            f"bundle: log entries of kind {printable(kind)} are not verified",
            remedy="ask the publisher for a bundle whose log entry is of kind dsse or hashedrekord",
        )


def _content(document: Mapping[str, Any]) -> Content:
    envelope, message = document.get("dsseEnvelope"), document.get("messageSignature")
    if (envelope is None) == (message is None):
        raise SignatureMalformed("bundle: expected either dsseEnvelope or messageSignature")
    if envelope is not None:
        return _dsse(member(document, "dsseEnvelope", dict, "bundle"))
    return _file_signature(member(document, "messageSignature", dict, "bundle"))


def _dsse(envelope: Mapping[str, Any]) -> Dsse:
    signatures = objects(envelope, "signatures", "bundle.dsseEnvelope")
    if len(signatures) != 1:
        raise SignatureMalformed(f"bundle.dsseEnvelope: {len(signatures)} signatures, expected 1")
    return Dsse(
        payload_type=member(envelope, "payloadType", str, "bundle.dsseEnvelope"),
        payload=decode(envelope, "payload", "bundle.dsseEnvelope"),
        signature=decode(signatures[0], "sig", "bundle.dsseEnvelope.signatures[0]"),
    )


def _file_signature(message: Mapping[str, Any]) -> FileSignature:
    claimed = None
    if message.get("messageDigest") is not None:
        digest = member(message, "messageDigest", dict, "bundle.messageSignature")
        algorithm = member(digest, "algorithm", str, "bundle.messageSignature.messageDigest")
        if algorithm != "SHA2_256":
            raise SignatureUnsupported(f"bundle.messageSignature: digests by {printable(algorithm)!r} are not verified")
        raw = decode(digest, "digest", "bundle.messageSignature.messageDigest")
        if len(raw) != 32:
            raise SignatureMalformed(f"bundle.messageSignature: a SHA-256 of {len(raw)} bytes")
        claimed = Digest.sha256(raw.hex())
    return FileSignature(claimed=claimed, signature=decode(message, "signature", "bundle.messageSignature"))


def envelope_document(material: Mapping[str, Any], content: Dsse) -> dict[str, Any]:
    """Return the JSON object of a bundle around an envelope: what signing writes."""
    return {
        "mediaType": MEDIA_TYPE,
        "verificationMaterial": dict(material),
        "dsseEnvelope": {
            "payload": encode(content.payload),
            "payloadType": content.payload_type,
            "signatures": [{"sig": encode(content.signature), "keyid": ""}],
        },
    }
