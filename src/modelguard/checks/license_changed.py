"""The license is not the one that the lock recorded.

Why it matters
    Publishers change licenses between revisions. What was approved was the old one. Not legal advice.

What to do
    Read the new terms. An older revision keeps its license; locking the new one again records the new license.

Example
    acme/tiny: the license was Apache-2.0 when it was locked, now it is LicenseRef-hf-llama3.1
"""

from __future__ import annotations

from collections.abc import Iterator

from modelguard.checks.check import Check
from modelguard.terms.facts import Dossier
from modelguard.terms.finding import Finding, Severity
from modelguard.terms.licensing import Licensed


def ask(dossier: Dossier) -> Iterator[Finding]:
    """Report a license that differs from the recorded one."""
    for fact in dossier.all(Licensed):
        if fact.earlier and fact.earlier != fact.meaning.expression:
            yield CHECK.finding(
                severity=Severity.LOW,
                location=fact.location,
                subject=fact.meaning.expression,
                message=f"the license was {fact.earlier} when it was locked, now it is {fact.meaning.expression}",
                remedy="read the new terms before the lock is changed",
            )


CHECK = Check(name="license-changed", area="license", ask=ask)
