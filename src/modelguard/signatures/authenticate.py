"""Who signed a bundle: the one place that chooses the method, and the policy chooses it, not the bundle.

There is no fallback. A bundle of another method than the signer's is refused, however valid it may be.
"""

from __future__ import annotations

from datetime import datetime

from modelguard.signatures.chains import verify_with_certificate
from modelguard.signatures.envelope import IN_TOTO, Bundle
from modelguard.signatures.keyless import verify_file_keyless, verify_keyless
from modelguard.signatures.keys import verify_file_with_key, verify_with_key
from modelguard.signatures.trust import Trust
from modelguard.signatures.vouched import Vouched, Voucher
from modelguard.terms.artifact import Digest, printable
from modelguard.terms.errors import SignatureUnsupported, SignatureUntrusted
from modelguard.terms.provenance import CertificateSigner, Form, KeySigner, SigstoreSigner


def authenticate(bundle: Bundle, trust: Trust, form: Form, *, now: datetime | None = None) -> Vouched:
    """Verify the envelope of a bundle; return its payload, an in-toto statement, and who signed it.

    Raises one of the `SignatureError`s for everything else.
    """
    _check_method(bundle, trust, form)
    match trust.signer:
        case SigstoreSigner() as signer:
            vouched = verify_keyless(bundle, signer, trust.material)
        case KeySigner() as signer:
            vouched = verify_with_key(bundle, signer, trust.material)
        case CertificateSigner() as signer:
            vouched = verify_with_certificate(bundle, signer, trust.material, now=now)
    if vouched.payload_type != IN_TOTO:
        raise SignatureUnsupported(f"bundle: payload type {printable(vouched.payload_type)!r}, expected {IN_TOTO}")
    return vouched


def authenticate_file(bundle: Bundle, trust: Trust, digest: Digest) -> Voucher:
    """Verify a bundle over one file, given by its SHA-256; return who signed it."""
    _check_method(bundle, trust, "file")
    match trust.signer:
        case SigstoreSigner() as signer:
            return verify_file_keyless(bundle, signer, trust.material, digest)
        case KeySigner() as signer:
            return verify_file_with_key(bundle, signer, trust.material, digest)
        case CertificateSigner():
            raise SignatureUnsupported("bundle: certificate signatures over a bare file are not verified")


def _check_method(bundle: Bundle, trust: Trust, form: Form) -> None:
    signer = trust.signer
    if bundle.method != signer.method:
        raise SignatureUntrusted(
            f"bundle: made by method {bundle.method!r}, but signer {signer.name!r} signs by {signer.method!r}",
            remedy="check with the publisher how they sign; a change of method needs a change of policy",
        )
    if form not in signer.accept:
        raise SignatureUntrusted(
            f"signer {signer.name!r}: signatures over a {form} do not count",
            remedy=f'add "{form}" to accept of this signer if they should',
        )
