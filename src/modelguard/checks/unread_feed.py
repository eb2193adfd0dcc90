"""A feed of advisories is missing, damaged, or not signed by whom the policy names.

Why it matters
    The policy wants the model looked up there. A feed that cannot be read knows of nothing, which must not look as if
    nothing were known.

What to do
    Fetch it with `modelguard feed update NAME`, or mend the path or the signers in the policy.

Example
    feeds/models.zip: the feed 'models' cannot be used: models.zip: there is no such file or directory
"""

from __future__ import annotations

from collections.abc import Iterator

from modelguard.checks.check import Check
from modelguard.terms.advisory import FeedUnread
from modelguard.terms.facts import Dossier
from modelguard.terms.finding import Finding, Severity


def ask(dossier: Dossier) -> Iterator[Finding]:
    """Report feeds that cannot be used."""
    for fact in dossier.all(FeedUnread):
        yield CHECK.finding(
            severity=Severity.HIGH,
            location=fact.location,
            subject=fact.name,
            message=f"the feed {fact.name!r} cannot be used: {fact.reason}",
            remedy=f"modelguard feed update {fact.name}",
        )


CHECK = Check(name="unread-feed", area="advisory", ask=ask)
