"""The approval of the model has been revoked or has ended.

Why it matters
    Somebody decided that this model must not be used, or only until a day that has passed. The bytes being unchanged
    does not alter that.

What to do
    Read the reason in the lock. After a new review: `modelguard lock --upgrade REF`, with `--until` for a new end.

Example
    acme/tiny: the approval was revoked: INC-123
"""

from __future__ import annotations

from collections.abc import Iterator

from modelguard.checks.check import Check
from modelguard.terms.facts import Approval, Dossier, Today
from modelguard.terms.finding import Finding, Severity


def ask(dossier: Dossier) -> Iterator[Finding]:
    """Report an approval that no longer holds."""
    today = dossier.first(Today)
    for fact in dossier.all(Approval):
        if fact.state == "revoked":
            yield _finding(fact, f"the approval was revoked: {fact.reason or 'no reason given'}", Severity.CRITICAL)
        elif fact.until and (today is None or fact.until < today.date):
            yield _finding(fact, f"the approval ended on {fact.until}", Severity.HIGH)


def _finding(fact: Approval, message: str, severity: Severity) -> Finding:
    return CHECK.finding(
        severity=severity,
        location=fact.location,
        subject=fact.state,
        message=message,
        remedy=f"after a new review: modelguard lock --upgrade {fact.location.path}",
    )


CHECK = Check(name="approval-ended", area="lock", ask=ask)
