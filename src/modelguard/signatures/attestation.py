"""Verifying provenance: SLSA statements, GitHub and PyPI attestations, matched to files by digest.

Such a statement says that a build made, or a publisher uploaded, bytes with certain digests. The names of its subjects
are not believed: a file is covered when its SHA-256 is among them. Format: https://slsa.dev/spec/v1.0/provenance
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from modelguard.signatures.authenticate import authenticate
from modelguard.signatures.documents import member, objects, read_json
from modelguard.signatures.envelope import Bundle, Dsse, parse_bundle
from modelguard.signatures.manifest import check_statement
from modelguard.signatures.trust import Trust
from modelguard.signatures.verified import Verified
from modelguard.terms.artifact import Artifact, Digest
from modelguard.terms.errors import RefError, SignatureMalformed, SignatureMismatch

# Kinds of statement that say where bytes come from, each with what it says.
PREDICATES: dict[str, str] = {
    "https://slsa.dev/provenance/v1": "a build made these bytes; also GitHub's artifact attestations",
    "https://docs.pypi.org/attestations/publish/v1": "a trusted publisher uploaded these bytes to PyPI (PEP 740)",
}
MOST_BUNDLES = 1000
"""Bundles that one file of attestations, one a line, may hold."""


def verify_provenance(bundle: bytes | Bundle, trust: Trust, artifacts: Iterable[Artifact]) -> Verified:
    """Verify a provenance statement and return the files that it covers.

    Raises `SignatureMismatch` when it covers none of them, and the other `SignatureError`s.
    """
    bundle = bundle if isinstance(bundle, Bundle) else parse_bundle(bundle)
    vouched = authenticate(bundle, trust, "provenance")
    subjects = read_subjects(vouched.payload)
    artifacts = tuple(artifacts)
    covered = {artifact.path: artifact.digest for artifact in artifacts if artifact.digest in subjects}
    if not covered:
        raise SignatureMismatch(
            "the provenance holds, but for none of these files",
            remedy="fetch the attestation of exactly these bytes",
            files=tuple((artifact.path, "unsigned") for artifact in artifacts),
        )
    return Verified(
        form="provenance",
        voucher=vouched.voucher,
        payload=Digest.sha256(hashlib.sha256(vouched.payload).hexdigest()),
        files=covered,
        uncovered=tuple(sorted(artifact.path for artifact in artifacts if artifact.path not in covered)),
    )


def read_subjects(payload: bytes) -> frozenset[Digest]:
    """Return the SHA-256 digests of the subjects of a provenance statement.

    Raises `SignatureMalformed`; `SignatureUnsupported` for statements of another kind.
    """
    statement = read_json(payload, "statement")
    check_statement(statement, predicates=PREDICATES)
    found = set()
    for position, subject in enumerate(objects(statement, "subject", "statement")):
        where = f"statement.subject[{position}]"
        digests = member(subject, "digest", dict, where)
        if "sha256" in digests:
            try:
                found.add(Digest.sha256(member(digests, "sha256", str, where)))
            except RefError as error:
                raise SignatureMalformed(f"{where}: {error.message}") from None
    if not found:
        raise SignatureMalformed("statement: no subject with a SHA-256, so it is about nothing")
    return frozenset(found)


def is_provenance(bundle: Bundle) -> bool:
    """Tell whether a bundle claims to carry provenance; unverified, so only good for choosing the reader."""
    if not isinstance(bundle.content, Dsse):
        return False
    predicate = read_json(bundle.content.payload, "statement").get("predicateType")
    return isinstance(predicate, str) and predicate in PREDICATES


def split_lines(raw: bytes) -> list[bytes]:
    """Return the bundles of a file of attestations, one a line, as `gh attestation download` writes them.

    Raises `SignatureMalformed` above `MOST_BUNDLES`.
    """
    lines = [line for line in raw.split(b"\n") if line.strip()]
    if len(lines) > MOST_BUNDLES:
        raise SignatureMalformed(
            f"{len(lines)} attestations in one file are more than the {MOST_BUNDLES} that are read"
        )
    return lines
