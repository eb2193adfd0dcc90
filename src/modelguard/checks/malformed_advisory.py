"""A feed holds records that break a rule of OSV; they were left out one by one.

Why it matters
    What a skipped record warns of is not looked for. Feeds of large databases rarely have any.

What to do
    `modelguard advisory validate FILE` names the key and the rule. Mend the record, or tell those who publish it.

Example
    feeds/models.zip: 2 records of the feed 'models' left out; x_MG-2026-0003.json: modified: is missing
"""

from __future__ import annotations

from collections.abc import Iterator

from modelguard.checks.check import Check
from modelguard.terms.advisory import RecordSkipped
from modelguard.terms.facts import Dossier
from modelguard.terms.finding import Finding, Severity
from modelguard.terms.words import counted


def ask(dossier: Dossier) -> Iterator[Finding]:
    """Report skipped records, with the first of them."""
    for fact in dossier.all(RecordSkipped):
        records = counted(fact.count, "record")
        yield CHECK.finding(
            severity=Severity.LOW,
            location=fact.location,
            subject=fact.name,
            message=f"{records} of the feed {fact.name!r} left out; {fact.first}",
            remedy="mend the record, or tell those who publish the feed",
        )


CHECK = Check(name="malformed-advisory", area="advisory", ask=ask)
