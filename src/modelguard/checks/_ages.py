"""Says that something fetched is too old: one function for the checks of feeds and of trusted roots."""

from __future__ import annotations

from collections.abc import Iterator

from modelguard.checks.check import Check
from modelguard.terms.advisory import FeedSeen
from modelguard.terms.finding import Finding, Severity
from modelguard.terms.provenance import TrustRootSeen


def too_old(check: Check, seen: FeedSeen | TrustRootSeen, kind: str, update: str) -> Iterator[Finding]:
    """Yield a finding when it is older than the policy allows, or of unknown age. `update` is the command for it."""
    if seen.age_days is not None and seen.age_days <= seen.limit_days:
        return
    age = "of unknown age" if seen.age_days is None else f"{seen.age_days} days old"
    yield check.finding(
        severity=Severity.LOW,
        location=seen.location,
        subject=seen.name,
        message=f"the {kind} {seen.name!r} is {age}; the policy allows {seen.limit_days} days",
        remedy=f"{update} {seen.name}",
    )
