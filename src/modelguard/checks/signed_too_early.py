"""The signature is older than the policy allows, or its time cannot be shown.

Why it matters
    An old version stays validly signed after a newer one has mended a fault. Asking for a signature from a certain day
    on keeps it from being put back.

What to do
    Use a newer version of the model. Signatures by key and by certificate carry no proven time: for those, drop
    `signed-after` from the rule and revoke old statements by their digest instead.

Example
    model.sig: signed at 2024-03-01T10:00:00+00:00; the policy asks for 2025-01-01 or later
"""

from __future__ import annotations

from collections.abc import Iterator

from modelguard.checks.check import Check
from modelguard.terms.facts import Dossier
from modelguard.terms.finding import Finding, Severity
from modelguard.terms.provenance import SignatureExpected, Signed


def ask(dossier: Dossier) -> Iterator[Finding]:
    """Compare the time of every signature with the day that the policy asks for."""
    expected = dossier.first(SignatureExpected)
    if expected is None or not expected.signed_after:
        return
    for fact in dossier.all(Signed):
        # ISO 8601 in UTC compares as text; no time at all is earlier than any.
        if fact.signed_at >= expected.signed_after:
            continue
        when = f"signed at {fact.signed_at}" if fact.signed_at else f"method {fact.method} proves no time"
        yield CHECK.finding(
            severity=Severity.HIGH,
            location=fact.location,
            subject=fact.signed_at,
            message=f"{when}; the policy asks for {expected.signed_after} or later",
            remedy="use a newer version of the model",
        )


CHECK = Check(name="signed-too-early", area="provenance", ask=ask)
