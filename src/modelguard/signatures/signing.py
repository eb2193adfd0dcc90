"""Making signatures: standard bundles that model-signing and the sigstore client verify as well.

Key and certificate signatures need no network. A keyless one asks the services named in a client trust config for a
certificate and a log entry; it is the only thing in this room that opens a connection.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from modelguard.signatures.chains import MAXIMUM
from modelguard.signatures.documents import encode
from modelguard.signatures.envelope import IN_TOTO, MEDIA_TYPE, Dsse, envelope_document, pre_authentication_encoding
from modelguard.signatures.keys import CURVES, algorithm_for
from modelguard.terms.artifact import Digest, printable
from modelguard.terms.errors import SigningFailed

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.x509 import Certificate
    from sigstore.sign import Signer as ClientSigner


def sign_with_key(payload: bytes, private_key: bytes, *, password: bytes | None = None) -> bytes:
    """Sign a statement with a private key, given as PEM; return the bundle.

    Raises `SigningFailed` for anything but an ECDSA key on P-256, P-384 or P-521.
    """
    key = load_private_key(private_key, password=password)
    return _bundle(_public_key(key), payload, key)


def sign_with_certificate(
    payload: bytes, private_key: bytes, certificates: bytes, *, password: bytes | None = None
) -> bytes:
    """Sign a statement with a private key whose certificate, and any intermediates after it, are given as PEM.

    Raises `SigningFailed`, also when key and certificate do not belong together.
    """
    key = load_private_key(private_key, password=password)
    chain = _load_chain(certificates)
    if chain[0].public_key() != key.public_key():
        raise SigningFailed("the first certificate is not the one of the key", remedy="put the leaf certificate first")
    from cryptography.hazmat.primitives.serialization import Encoding  # signing is rare

    rows = [{"rawBytes": encode(certificate.public_bytes(Encoding.DER))} for certificate in chain]
    return _bundle({"x509CertificateChain": {"certificates": rows}}, payload, key)


def sign_with_token(payload: bytes, token: str, client_trust_config: str) -> bytes:
    """Sign a statement keylessly with an OIDC identity token; return the bundle.

    `client_trust_config` is JSON that names the services of a Sigstore instance and its trusted root.

    Raises `SigningFailed` with what the service or the client said.
    """

    def sign(signer: ClientSigner) -> str:
        from sigstore.dsse import Statement  # 1.1 s; signing is rare

        return signer.sign_dsse(Statement(payload)).to_json()

    return _with_client(token, client_trust_config, sign)


def sign_file_with_token(digest: Digest, token: str, client_trust_config: str) -> bytes:
    """Sign one file, given by its SHA-256, keylessly; return the bundle. Raises as `sign_with_token`."""

    def sign(signer: ClientSigner) -> str:
        from sigstore.hashes import Hashed  # 1.1 s; signing is rare
        from sigstore_models.common.v1 import HashAlgorithm

        hashed = Hashed(algorithm=HashAlgorithm.SHA2_256, digest=bytes.fromhex(digest.hex))
        return signer.sign_artifact(hashed).to_json()

    return _with_client(token, client_trust_config, sign)


def sign_file_with_key(data: bytes, private_key: bytes, *, password: bytes | None = None) -> bytes:
    """Sign the bytes of one file with a P-256 key, given as PEM; return the bundle.

    Raises `SigningFailed` for other keys: bundles over one file carry a SHA-256.
    """
    key = load_private_key(private_key, password=password)
    if key.curve.name != "secp256r1":
        raise SigningFailed(f"a bundle over one file needs a P-256 key, found {key.curve.name}")
    message = {
        "messageDigest": {"algorithm": "SHA2_256", "digest": encode(hashlib.sha256(data).digest())},
        "signature": encode(key.sign(data, algorithm_for(key.curve.name))),
    }
    material = {**_public_key(key), "tlogEntries": []}
    return _json({"mediaType": MEDIA_TYPE, "verificationMaterial": material, "messageSignature": message})


def _with_client(token: str, client_trust_config: str, sign: Any) -> bytes:
    try:
        from sigstore.models import ClientTrustConfig  # 1.1 s; signing is rare
        from sigstore.oidc import IdentityToken
        from sigstore.sign import SigningContext

        config = ClientTrustConfig.from_json(client_trust_config)
        with SigningContext.from_trust_config(config).signer(IdentityToken(token)) as signer:
            document: str = sign(signer)
    except Exception as error:  # the set of the client's exceptions is open
        raise SigningFailed(
            f"keyless signing: {type(error).__name__}: {printable(str(error))[:300]}",
            remedy="check that the token is fresh and that the services of the trust config can be reached",
        ) from error
    return document.encode("utf-8")


def load_private_key(pem: bytes, *, password: bytes | None = None) -> EllipticCurvePrivateKey:
    """Read a PEM private key. Raises `SigningFailed` for anything but ECDSA on P-256, P-384 or P-521."""
    from cryptography.exceptions import UnsupportedAlgorithm  # signing is rare
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(pem, password)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        # The message is cryptography's own and never holds key material.
        raise SigningFailed(f"the private key cannot be used: {printable(str(error))[:120]}") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name not in CURVES:
        raise SigningFailed("the private key is not ECDSA on P-256, P-384 or P-521")
    return key


def _load_chain(pem: bytes) -> list[Certificate]:
    from cryptography.x509 import load_pem_x509_certificates  # signing is rare

    try:
        chain = load_pem_x509_certificates(pem)
    except ValueError as error:
        raise SigningFailed(f"the certificates cannot be used: {printable(str(error))[:120]}") from None
    if len(chain) > MAXIMUM:
        raise SigningFailed(f"{len(chain)} certificates are more than the {MAXIMUM} that verifiers read")
    return chain


def _public_key(key: EllipticCurvePrivateKey) -> dict[str, Any]:
    """Return how a bundle speaks of a key: by a hint only, the digest of its PEM text (model-signing-spec 1.0)."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat  # signing is rare

    pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return {"publicKey": {"hint": hashlib.sha256(pem).hexdigest()}}


def _bundle(material: dict[str, Any], payload: bytes, key: EllipticCurvePrivateKey) -> bytes:
    signature = key.sign(pre_authentication_encoding(IN_TOTO, payload), algorithm_for(key.curve.name))
    content = Dsse(payload_type=IN_TOTO, payload=payload, signature=signature)
    return _json(envelope_document({**material, "tlogEntries": []}, content))


def _json(document: dict[str, Any]) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode("utf-8")
