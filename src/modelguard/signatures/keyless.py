"""Keyless signatures: the sigstore client, fed only with files, and all its failures told in our words.

The client is given an explicit trusted root. Its `production()` constructors are never called: they read an unverified
cache in the home directory (sigstore 4.5.1). Nothing here opens a socket.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from modelguard.signatures.envelope import Bundle, Dsse
from modelguard.signatures.signer import ExactIdentity
from modelguard.signatures.vouched import Vouched, Voucher
from modelguard.terms.artifact import Digest, printable
from modelguard.terms.errors import (
    SignatureError,
    SignatureMalformed,
    SignatureUnsupported,
    SignatureUntrusted,
)
from modelguard.terms.provenance import SigstoreSigner

if TYPE_CHECKING:
    from sigstore.models import Bundle as ClientBundle
    from sigstore.verify import Verifier

Result = TypeVar("Result")


def verify_keyless(bundle: Bundle, signer: SigstoreSigner, trusted_root: bytes) -> Vouched:
    """Check the envelope of a bundle against the signer's identities and a trusted root, given as JSON.

    Raises `UntrustedIdentity` for a valid signature by somebody else, `SignatureUntrusted` when the cryptography does
    not lead back to the root, `SignatureMalformed` for a damaged bundle or root.
    """
    if not isinstance(bundle.content, Dsse):
        raise SignatureUnsupported("bundle: expected an envelope, found a signature over one file")
    client_bundle, verifier, policy = _prepare(bundle, signer, trusted_root)
    payload_type, payload = _in_our_words(lambda: verifier.verify_dsse(client_bundle, policy))
    if (payload_type, payload) != (bundle.content.payload_type, bundle.content.payload):
        raise SignatureMalformed("bundle: two readers see two payloads in it")
    return Vouched(voucher=_voucher(client_bundle, signer, policy), payload_type=payload_type, payload=payload)


def verify_file_keyless(bundle: Bundle, signer: SigstoreSigner, trusted_root: bytes, digest: Digest) -> Voucher:
    """Check a bundle over one file, given by its SHA-256. Raises as `verify_keyless`."""
    if isinstance(bundle.content, Dsse):
        raise SignatureUnsupported("bundle: expected a signature over one file, found an envelope")
    client_bundle, verifier, policy = _prepare(bundle, signer, trusted_root)

    def verify() -> None:
        from sigstore.hashes import Hashed  # 1.1 s with its own imports; most models are not signed
        from sigstore_models.common.v1 import HashAlgorithm

        hashed = Hashed(algorithm=HashAlgorithm.SHA2_256, digest=bytes.fromhex(digest.hex))
        verifier.verify_artifact(hashed, client_bundle, policy)

    _in_our_words(verify)
    return _voucher(client_bundle, signer, policy)


def _prepare(
    bundle: Bundle, signer: SigstoreSigner, trusted_root: bytes
) -> tuple[ClientBundle, Verifier, ExactIdentity]:
    if bundle.older and not signer.older_bundles:
        raise SignatureUnsupported(
            "bundle: version 0.1 or 0.2", remedy=f"set older-bundles = true for signer {signer.name!r} to accept it"
        )

    def read() -> ClientBundle:
        from sigstore.models import Bundle as ClientBundle  # 1.1 s; most models are not signed

        return ClientBundle.from_json(bundle.raw)

    return _in_our_words(read), _verifier(trusted_root), ExactIdentity.of(signer)


@lru_cache(maxsize=8)
def _verifier(trusted_root: bytes) -> Verifier:
    """Build a verifier from the bytes of a trusted root. The bytes are the cache's key, so a changed file counts."""

    def build() -> Verifier:
        from sigstore.models import TrustedRoot  # 1.1 s; most models are not signed
        from sigstore.verify import Verifier

        # The client reads trusted roots from paths only. The bytes whose digest was checked go through a private
        # file, so that nobody can put another one in between.
        with tempfile.TemporaryDirectory(prefix="modelguard-") as private:
            path = Path(private, "trusted_root.json")
            path.write_bytes(trusted_root)
            return Verifier(trusted_root=TrustedRoot.from_file(str(path)))

    try:
        return _in_our_words(build)
    except (SignatureMalformed, SignatureUntrusted) as error:
        digest = hashlib.sha256(trusted_root).hexdigest()
        raise SignatureMalformed(f"trusted root sha256:{digest}: {error.message}", remedy=error.remedy) from error


def _voucher(bundle: ClientBundle, signer: SigstoreSigner, policy: ExactIdentity) -> Voucher:
    who = policy.matching(bundle.signing_certificate)
    return Voucher(
        signer=signer.name,
        method="sigstore",
        identity=who.identity,
        issuer=who.issuer,
        signed_at=_in_our_words(lambda: _verified_time(bundle)),
    )


def _verified_time(bundle: ClientBundle) -> datetime | None:
    """Return the moment of signing, from a bundle that has been verified.

    A log's integrated time was verified with its promise. Of timestamps the client asks that one of them be by a
    trusted authority and does not tell which, so the earliest is taken: an added one can only make a signature older.
    """
    entry: Any = bundle.log_entry._inner  # the client has no public way to the time that it verified
    if entry.inclusion_promise and entry.integrated_time:
        return datetime.fromtimestamp(entry.integrated_time, UTC)
    stamps = bundle.verification_material.timestamp_verification_data
    times = [stamp.tst_info.gen_time for stamp in stamps.rfc3161_timestamps] if stamps else []
    return min(times, default=None)


def _in_our_words(action: Callable[[], Result]) -> Result:
    """Run one step of the client and turn whatever it raises into one of our errors.

    The client lets foreign exceptions through: ValueError for a damaged certificate, binascii.Error for a damaged
    checkpoint, pydantic's for a damaged root (sigstore 4.5.1). Anything unforeseen counts as damage as well.
    """
    try:
        return action()
    except SignatureError:
        raise
    except ImportError as error:
        raise SignatureUnsupported(
            f"the sigstore client cannot be used: {printable(str(error))}", remedy="pip install 'sigstore>=4.5.1,<5'"
        ) from error
    except Exception as error:  # the set of its exceptions is open; each must end as refusal
        raise _told(error) from error


def _told(error: Exception) -> SignatureError:
    from sigstore.errors import CertValidationError, VerificationError  # imported by now, or the import failed above
    from sigstore.models import IncompatibleEntry

    text = printable(str(error)).strip()[:300]
    match error:
        case CertValidationError():
            return SignatureUntrusted(
                f"bundle: the signing certificate does not lead to the trusted root: {text}",
                remedy="check that the root is up to date and of the Sigstore instance that the signer uses",
            )
        case VerificationError():
            return SignatureUntrusted(f"bundle: {text}")
        case IncompatibleEntry():
            return SignatureUnsupported(f"bundle: {text}")
    return SignatureMalformed(f"bundle: {type(error).__name__}: {text}")
