"""The signature of the lock itself: `modelguard.lock.sigstore.json` beside `modelguard.lock`.

A lock decides what may be loaded, so whoever can write it can approve anything. Where the policy names `lock-signers`,
a lock counts only with the signature of one of them over its very bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from modelguard.signatures.bundle import verify_file
from modelguard.signatures.documents import LIMIT
from modelguard.signatures.revocation import require_unrevoked
from modelguard.signatures.trust import Trust, load_trust
from modelguard.signatures.verified import Verified
from modelguard.terms.artifact import Artifact, Digest
from modelguard.terms.errors import SignatureError, SignatureMissing
from modelguard.terms.provenance import Provenance

ENDING = ".sigstore.json"


def require_signed_lock(lock: Path, data: bytes, provenance: Provenance, home: Path) -> Verified | None:
    """Verify the signature of a lock whose bytes are `data`; without `lock-signers` in the policy, return None.

    Raises `SignatureMissing` when there is no bundle beside the lock, and the other `SignatureError`s when none of the
    signers made it.
    """
    if not provenance.lock_signers:
        return None
    trusts = [load_trust(signer, provenance, home) for signer in provenance.signers_named(provenance.lock_signers)]
    path = lock.with_name(lock.name + ENDING)
    try:
        with path.open("rb") as file:
            bundle = file.read(LIMIT + 1)
    except FileNotFoundError:
        raise SignatureMissing(
            f"{lock.name}: the policy wants it signed by {' or '.join(provenance.lock_signers)}",
            remedy=f"modelguard sign {lock.name} --form file --key KEY",
        ) from None
    verified = verify_lock(data, bundle, trusts, name=lock.name)
    require_unrevoked(verified, provenance.revoked)
    return verified


def verify_lock(data: bytes, bundle: bytes, trusts: Iterable[Trust], *, name: str = "modelguard.lock") -> Verified:
    """Verify a bundle over the bytes of a lock by any one of several signers.

    Raises the `SignatureError` of the last signer when it is by none of them.
    """
    artifact = Artifact(path=name, size=len(data), digest=Digest.sha256(hashlib.sha256(data).hexdigest()))
    failure: SignatureError = SignatureMissing(f"{name}: nobody is named who may sign it")
    for trust in trusts:
        try:
            return verify_file(bundle, trust, artifact)
        except SignatureError as error:
            failure = error
    raise failure
