"""The signature was verified with another trusted root, key or authority file than when the model was locked.

Why it matters
    Whoever can exchange the file that trust rests on can make any signature hold. An update of a root is a normal
    thing, but it is one that a person should have decided.

What to do
    Look at the change with `modelguard trust show`, then renew the lock: `modelguard lock`.

Example
    model.sig: verified with sha256:6030…, but with sha256:9f86… when it was locked
"""

from __future__ import annotations

from collections.abc import Iterator

from modelguard.checks.check import Check
from modelguard.terms.facts import Dossier
from modelguard.terms.finding import Finding, Severity
from modelguard.terms.provenance import PinnedSignature, Signed


def ask(dossier: Dossier) -> Iterator[Finding]:
    """Compare the files that signatures were verified with to the one that the lock records."""
    pinned = dossier.first(PinnedSignature)
    if pinned is None or not pinned.root:
        return
    signatures = list(dossier.all(Signed))
    if any(signed.root == pinned.root for signed in signatures):
        return
    for signed in signatures:
        yield CHECK.finding(
            severity=Severity.LOW,
            location=signed.location,
            subject=signed.root,
            message=f"verified with {signed.root}, but with {pinned.root} when it was locked",
            remedy="look at the change with: modelguard trust show; then renew the lock: modelguard lock",
        )


CHECK = Check(name="trust-root-changed", area="provenance", ask=ask)
