"""The files are those that were locked, but what the signature says about them is another statement.

Why it matters
    Publishers sign a revision once. Another statement over unchanged files may drop files from what is signed, or be an
    older one that was put back after a newer one revoked it.

What to do
    Compare the two signatures with the publisher's account of them, then `modelguard lock --upgrade REF`.

Example
    model.sig: signs sha256:6030…, but sha256:9f86… was locked
"""

from __future__ import annotations

from collections.abc import Iterator

from modelguard.checks._remedies import upgrade
from modelguard.checks.check import Check
from modelguard.terms.facts import Digested, Dossier, Pinned
from modelguard.terms.finding import Finding, Severity
from modelguard.terms.provenance import PinnedSignature, Signed


def ask(dossier: Dossier) -> Iterator[Finding]:
    """Compare the signed statement with the locked one, where the locked files are there unchanged."""
    pinned = dossier.first(PinnedSignature)
    if pinned is None or not pinned.payload or not _unchanged(dossier):
        return
    signatures = list(dossier.all(Signed))
    if any(str(signed.payload) == pinned.payload for signed in signatures):
        return
    for signed in signatures:
        yield CHECK.finding(
            severity=Severity.MEDIUM,
            location=signed.location,
            subject=str(signed.payload),
            message=f"signs {signed.payload}, but {pinned.payload} was locked",
            remedy=f"compare the two with the publisher's account of them, then: {upgrade(dossier)}",
        )


def _unchanged(dossier: Dossier) -> bool:
    """Tell whether every locked file is here as it was locked; without locked files there is nothing to compare."""
    found = {fact.location.path: fact.digest for fact in dossier.all(Digested)}
    pins = list(dossier.all(Pinned))
    return bool(pins) and all(found.get(pin.location.path) == pin.digest for pin in pins)


CHECK = Check(name="signature-replaced", area="provenance", ask=ask)
