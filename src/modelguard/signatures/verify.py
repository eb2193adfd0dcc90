"""Verifying a bundle of any form: the way in for callers who do not know what a bundle is over."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

from modelguard.signatures.attestation import is_provenance, verify_provenance
from modelguard.signatures.bundle import find_signed, signed_path, verify_file
from modelguard.signatures.envelope import Bundle, Dsse, parse_bundle
from modelguard.signatures.oms import verify_model
from modelguard.signatures.trust import Trust
from modelguard.signatures.verified import Verified
from modelguard.terms.artifact import Artifact, printable
from modelguard.terms.errors import SignatureMismatch


def verify(
    bundle: bytes | Bundle,
    trust: Trust,
    artifacts: Iterable[Artifact],
    *,
    name: str = "",
    unsigned: Iterable[str] = (),
    absent: Callable[[str], bool] | None = None,
    now: datetime | None = None,
) -> Verified:
    """Verify a bundle over a model, a file or a build, whichever it is, against files whose digests are known.

    `name` is the name of the bundle's own file, which helps to find the file that a bundle without a digest is over.
    `unsigned`, `absent` and `now` are as for `verify_model`. What a bundle is over is told by what is signed, and the
    signer has to accept that form.

    Raises one of the `SignatureError`s.
    """
    bundle = bundle if isinstance(bundle, Bundle) else parse_bundle(bundle)
    artifacts = tuple(artifacts)
    if not isinstance(bundle.content, Dsse):
        artifact = find_signed(bundle, name, artifacts)
        if artifact is None:
            missing = signed_path(name)
            raise SignatureMismatch(
                f"the file that {printable(name) or 'the bundle'} signs is not there", files=((missing, "missing"),)
            )
        return verify_file(bundle, trust, artifact)
    if is_provenance(bundle):
        return verify_provenance(bundle, trust, artifacts)
    return verify_model(bundle, trust, artifacts, unsigned=unsigned, absent=absent, now=now)
