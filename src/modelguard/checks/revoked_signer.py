"""A signature holds, but the policy has revoked its signer, its key or this very statement.

Why it matters
    Signatures do not expire with trust: what a stolen key or account has signed goes on verifying for ever. By a
    revocation a team says that it no longer counts.

What to do
    Read the reason in the policy. Use a version that was signed anew, or take the model out.

Example
    model.sig: signed by acme, revoked by identity release@acme.example: INC-123, account taken over
"""

from __future__ import annotations

from collections.abc import Iterator

from modelguard.checks.check import Check
from modelguard.terms.facts import Dossier
from modelguard.terms.finding import Finding, Severity
from modelguard.terms.provenance import RevokedSignature


def ask(dossier: Dossier) -> Iterator[Finding]:
    """Report signatures that hold and are revoked."""
    for fact in dossier.all(RevokedSignature):
        yield CHECK.finding(
            severity=Severity.CRITICAL,
            location=fact.location,
            subject=fact.value,
            message=f"signed by {fact.signer}, revoked by {fact.by} {fact.value}: {fact.reason}",
            remedy="use a version that was signed anew, or take the model out",
        )


CHECK = Check(name="revoked-signer", area="provenance", ask=ask)
