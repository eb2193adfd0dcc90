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

from modelguard.checks._ages import too_old
from modelguard.checks.check import Check
from modelguard.terms.advisory import FeedSeen
from modelguard.terms.facts import Dossier
from modelguard.terms.finding import Finding


def ask(dossier: Dossier) -> Iterator[Finding]:
    """Report fetched feeds above the age that the policy allows, and those of unknown age."""
    for feed in dossier.all(FeedSeen):
        if feed.limit_days:
            yield from too_old(CHECK, feed, "feed", "modelguard feed update")


CHECK = Check(name="stale-feed", area="advisory", ask=ask)
