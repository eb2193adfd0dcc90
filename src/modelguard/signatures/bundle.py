"""Verifying single files: a plain Sigstore bundle beside the file that it signs (`X.sigstore.json` for `X`)."""

from __future__ import annotations

from collections.abc import Iterable

from modelguard.signatures.authenticate import authenticate_file
from modelguard.signatures.envelope import Bundle, Dsse, parse_bundle
from modelguard.signatures.trust import Trust
from modelguard.signatures.verified import Verified
from modelguard.terms.artifact import Artifact, printable
from modelguard.terms.errors import SignatureMismatch, SignatureUnsupported

ENDINGS = (".sigstore.json", ".sigstore", ".sig")


def verify_file(bundle: bytes | Bundle, trust: Trust, artifact: Artifact) -> Verified:
    """Verify a bundle over one file.

    Raises `SignatureMismatch` when the bundle names another digest than the file's, and the other `SignatureError`s.
    """
    bundle = bundle if isinstance(bundle, Bundle) else parse_bundle(bundle)
    if isinstance(bundle.content, Dsse):
        raise SignatureUnsupported("bundle: expected a signature over one file, found an envelope")
    if bundle.content.claimed not in {None, artifact.digest}:
        raise SignatureMismatch(
            f"the bundle is over {bundle.content.claimed}, but {printable(artifact.path)!r} is {artifact.digest}",
            remedy="fetch file and bundle anew",
            files=((artifact.path, "different"),),
        )
    voucher = authenticate_file(bundle, trust, artifact.digest)
    return Verified(form="file", voucher=voucher, payload=artifact.digest, files={artifact.path: artifact.digest})


def signed_path(bundle_path: str) -> str:
    """Return the name of the file that a bundle's own name points to, or an empty string."""
    return next((bundle_path.removesuffix(ending) for ending in ENDINGS if bundle_path.endswith(ending)), "")


def find_signed(bundle: Bundle, bundle_path: str, artifacts: Iterable[Artifact]) -> Artifact | None:
    """Return the file that a bundle is about: by the digest it names, else by its name; verified is neither yet."""
    by_name: Artifact | None = None
    for artifact in artifacts:
        if not isinstance(bundle.content, Dsse) and bundle.content.claimed == artifact.digest:
            return artifact
        if artifact.path == signed_path(bundle_path):
            by_name = artifact
    return by_name
