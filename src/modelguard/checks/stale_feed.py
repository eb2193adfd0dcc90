"""A feed of advisories is older than the policy allows.

Why it matters
    That nothing is known about a model says little when the knowledge is a year old.

What to do
    `modelguard feed update NAME`, best on a schedule.

Example
    feeds/models.zip: the feed 'models' is 41 days old; the policy allows 14 days
"""

from __future__ import annotations

from collections.abc import Iterator

from modelguard.checks.check import Check
from modelguard.terms.advisory import FeedSeen
from modelguard.terms.facts import Dossier
from modelguard.terms.finding import Finding, Severity


def ask(dossier: Dossier) -> Iterator[Finding]:
    """Report fetched feeds above the age that the policy allows, and those of unknown age."""
    for fact in dossier.all(FeedSeen):
        if not fact.limit_days or (fact.age_days is not None and fact.age_days <= fact.limit_days):
            continue
        age = "of unknown age" if fact.age_days is None else f"{fact.age_days} days old"
        yield Finding(
            check=CHECK.name,
            area=CHECK.area,
            severity=Severity.LOW,
            location=fact.location,
            subject=fact.name,
            message=f"the feed {fact.name!r} is {age}; the policy allows {fact.limit_days} days",
            remedy=f"modelguard feed update {fact.name}",
        )


CHECK = Check(name="stale-feed", area="advisory", ask=ask)
