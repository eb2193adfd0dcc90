"""Nobody has committed to the publisher's models for longer than the policy allows.

Why it matters
    What nobody looks after is not mended when something is found in it, and an abandoned account is worth taking over.

What to do
    Look for a successor, or keep your own copy and decide to look after it yourselves.

Example
    acme: no commit for 512 days; the policy allows 365
"""

from __future__ import annotations

from collections.abc import Iterator

from modelguard.checks.check import Check
from modelguard.terms.facts import Dossier
from modelguard.terms.finding import Finding, Severity
from modelguard.terms.vendor import VendorQuiet


def ask(dossier: Dossier) -> Iterator[Finding]:
    """Report publishers that have been quiet for too long."""
    for fact in dossier.all(VendorQuiet):
        if fact.days > fact.limit_days:
            yield CHECK.finding(
                severity=Severity.LOW,
                location=fact.location,
                subject=fact.subject,
                message=f"no commit for {fact.days} days; the policy allows {fact.limit_days}",
                remedy="look for a successor, or keep your own copy",
            )


CHECK = Check(name="vendor-inactive", area="vendor", ask=ask)
