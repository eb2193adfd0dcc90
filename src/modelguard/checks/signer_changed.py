"""The model was locked with a signature by somebody, and now that signature is gone or by somebody else.

Why it matters
    A new signer is what a takeover of a repository looks like: the bytes are signed, and even by someone whom the
    policy names, yet not by the one who vouched for the model when it was approved.

What to do
    Ask the publisher whether they sign differently now. If so: `modelguard lock --upgrade REF`.

Example
    acme/tiny: was signed by release@acme.example when it was locked, and is now by intern@acme.example
"""

from __future__ import annotations

from collections.abc import Iterator

from modelguard.checks._remedies import upgrade
from modelguard.checks.check import Check
from modelguard.terms.facts import Dossier
from modelguard.terms.finding import Finding, Severity
from modelguard.terms.provenance import PinnedSignature, Signed


def ask(dossier: Dossier) -> Iterator[Finding]:
    """Compare the signers with the one that the lock records."""
    signatures = list(dossier.all(Signed))
    for pinned in dossier.all(PinnedSignature):
        if any(_who(pinned) == _who(signed) for signed in signatures):
            continue
        now = " and ".join(sorted({f"by {signed.identity}" for signed in signatures})) or "without one that counts"
        yield CHECK.finding(
            severity=Severity.HIGH,
            location=pinned.location,
            subject=pinned.identity,
            message=f"was signed by {pinned.identity} when it was locked, and is now {now}",
            remedy=f"ask the publisher whether they sign differently now; if so: {upgrade(dossier)}",
        )


def _who(fact: PinnedSignature | Signed) -> tuple[str, str, str]:
    return fact.method, fact.identity, fact.issuer


CHECK = Check(name="signer-changed", area="provenance", ask=ask)
