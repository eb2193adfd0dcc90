"""Signatures by one key: ECDSA on the three NIST curves, each with the hash of its own size.

The public key comes from the user's file and is compared with the digest in the policy; the key or hint in a bundle is
never used.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from modelguard.signatures.envelope import Bundle, Dsse
from modelguard.signatures.vouched import Vouched, Voucher
from modelguard.terms.artifact import Digest, printable
from modelguard.terms.errors import SignatureMalformed, SignatureUnsupported, SignatureUntrusted
from modelguard.terms.provenance import KeySigner

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

# Curve, hash, and the name of the pair in a bundle's keyDetails (sigstore_common.proto, PublicKeyDetails).
CURVES: dict[str, tuple[str, str]] = {
    "secp256r1": ("SHA256", "PKIX_ECDSA_P256_SHA_256"),
    "secp384r1": ("SHA384", "PKIX_ECDSA_P384_SHA_384"),
    "secp521r1": ("SHA512", "PKIX_ECDSA_P521_SHA_512"),
}
CURVES_OF_DETAILS = tuple(details for _, details in CURVES.values())


def verify_with_key(bundle: Bundle, signer: KeySigner, pem: bytes) -> Vouched:
    """Check the envelope of a bundle against the signer's key, given as PEM.

    Raises `SignatureUntrusted` when the key is not the pinned one or did not sign, `SignatureUnsupported` for other
    keys than ECDSA on P-256, P-384 and P-521.
    """
    if not isinstance(bundle.content, Dsse):
        raise SignatureUnsupported("bundle: a key signature over a bare file is checked by verify_file_with_key")
    key = pinned_key(signer, pem)
    _check_details(bundle)
    check_signature(key, bundle.content.signature, bundle.content.signed_bytes)
    return Vouched(voucher=voucher(signer), payload_type=bundle.content.payload_type, payload=bundle.content.payload)


def verify_file_with_key(bundle: Bundle, signer: KeySigner, pem: bytes, digest: Digest) -> Voucher:
    """Check a key's signature over one file, given by its SHA-256.

    Raises as `verify_with_key`. Only P-256 is verified: the larger curves sign larger hashes, which are not at hand.
    """
    from cryptography.hazmat.primitives import hashes  # costs 0.1 s, and most models are not signed
    from cryptography.hazmat.primitives.asymmetric import ec, utils

    if isinstance(bundle.content, Dsse):
        raise SignatureUnsupported("bundle: expected a signature over one file, found an envelope")
    key = pinned_key(signer, pem)
    _check_details(bundle)
    if key.curve.name != "secp256r1":
        raise SignatureUnsupported(f"bundle: signatures over one file by {key.curve.name} are not verified")
    _check(key, bundle.content.signature, bytes.fromhex(digest.hex), ec.ECDSA(utils.Prehashed(hashes.SHA256())))
    return voucher(signer)


def voucher(signer: KeySigner) -> Voucher:
    return Voucher(signer=signer.name, method="key", identity=str(signer.spki), key=signer.spki)


def _check_details(bundle: Bundle) -> None:
    """Refuse a bundle that says to be of another algorithm, such as ML-DSA, by that name.

    The algorithm stands in `keyDetails`, or in newer drafts before the hint, as `ML_DSA_65:9a22…`.
    """
    claimed = bundle.material["publicKey"]
    if not isinstance(claimed, dict):
        raise SignatureMalformed("bundle.publicKey: expected an object")
    details, hint = claimed.get("keyDetails"), claimed.get("hint")
    if details is not None and details not in CURVES_OF_DETAILS:
        raise SignatureUnsupported(f"bundle: keys of kind {printable(repr(details))[:60]} are not verified")
    if isinstance(hint, str) and ":" in hint:
        raise SignatureUnsupported(f"bundle: keys of kind {printable(hint.partition(':')[0])[:60]} are not verified")


def pinned_key(signer: KeySigner, pem: bytes) -> EllipticCurvePublicKey:
    """Load the user's public key and compare it with the digest in the policy."""
    key = load_public_key(pem, signer.public_key)
    found = spki_digest(key)
    if found != signer.spki:
        raise SignatureUntrusted(
            f"{printable(signer.public_key)}: the key is {found}, the policy pins {signer.spki} for {signer.name!r}",
            remedy="put the right key file back, or pin the new key after checking it with its holder",
        )
    return key


def load_public_key(pem: bytes, where: str) -> EllipticCurvePublicKey:
    """Read a PEM public key.

    Raises `SignatureMalformed` when it is none, `SignatureUnsupported` for a kind that is not verified.
    """
    from cryptography.exceptions import UnsupportedAlgorithm  # costs 0.1 s, and most models are not signed
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        key = load_pem_public_key(pem)
    except (ValueError, TypeError) as error:
        raise SignatureMalformed(f"{printable(where)}: not a PEM public key: {printable(str(error))[:120]}") from None
    except UnsupportedAlgorithm as error:
        raise SignatureUnsupported(f"{printable(where)}: {printable(str(error))[:120]}") from None
    return supported(key, where)


def supported(key: object, where: str) -> EllipticCurvePublicKey:
    """Return the key if it is of a kind that is verified, else raise `SignatureUnsupported`."""
    from cryptography.hazmat.primitives.asymmetric import ec  # costs 0.1 s, and most models are not signed

    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name not in CURVES:
        raise SignatureUnsupported(
            f"{printable(where)}: only ECDSA keys on P-256, P-384 and P-521 are verified, found {type(key).__name__}"
        )
    return key


def spki_digest(key: Any) -> Digest:
    """Return the SHA-256 of a public key's DER SubjectPublicKeyInfo: the name under which policies pin keys."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat  # as above

    return Digest.sha256(hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest())


def check_signature(key: EllipticCurvePublicKey, signature: bytes, data: bytes) -> None:
    """Check an ECDSA signature with the hash that belongs to the key's curve.

    Raises `SignatureUntrusted` when it does not hold.
    """
    _check(key, signature, data, algorithm_for(key.curve.name))


def algorithm_for(curve: str) -> Any:
    """Return the signature algorithm of a curve from `CURVES`."""
    from cryptography.hazmat.primitives import hashes  # costs 0.1 s, and most models are not signed
    from cryptography.hazmat.primitives.asymmetric import ec

    return ec.ECDSA(getattr(hashes, CURVES[curve][0])())


def _check(key: EllipticCurvePublicKey, signature: bytes, data: bytes, algorithm: Any) -> None:
    from cryptography.exceptions import InvalidSignature  # costs 0.1 s, and most models are not signed

    try:
        key.verify(signature, data, algorithm)
    except InvalidSignature:
        raise SignatureUntrusted(
            "bundle: the signature was not made by the pinned key, or the bundle was changed"
        ) from None
