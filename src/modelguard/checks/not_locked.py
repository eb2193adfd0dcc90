"""The lock has no entry for this model.

Why it matters
    Nobody has looked at the model and said that it may be used. Refusing is the default for whatever is not known.

What to do
    Have it examined and recorded: `modelguard lock REF`, then have the change of modelguard.lock reviewed.

Example
    acme/tiny: the lock has no entry for this model
"""

from __future__ import annotations

from collections.abc import Iterator

from modelguard.checks.check import Check
from modelguard.terms.facts import Dossier, NotLocked
from modelguard.terms.finding import Finding, Severity


def ask(dossier: Dossier) -> Iterator[Finding]:
    """Report a model without an entry."""
    for fact in dossier.all(NotLocked):
        yield CHECK.finding(
            severity=Severity.HIGH,
            location=fact.location,
            subject=fact.location.path,
            message=fact.reason,
            remedy=fact.remedy or f"modelguard lock {fact.location.path}",
        )


CHECK = Check(name="not-locked", area="lock", ask=ask)
