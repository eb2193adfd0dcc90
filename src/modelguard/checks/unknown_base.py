"""The license of a model that this one was made from is not known.

Why it matters
    What binds the base binds this model. A base that is gone, gated, not looked up yet or without a clear license
    leaves that open. Not legal advice.

What to do
    `modelguard lock REF` looks bases up while the network may be used, and records what it finds. When a base is only
    known to you, accept this finding with the reason.

Example
    acme/tiny-chat: the license of its base acme/tiny is not known: no such repository
"""

from __future__ import annotations

from collections.abc import Iterator

from modelguard.checks.check import Check
from modelguard.terms.artifact import printable
from modelguard.terms.facts import Dossier
from modelguard.terms.finding import Finding, Severity
from modelguard.terms.licensing import BaseHint, BaseModel


def ask(dossier: Dossier) -> Iterator[Finding]:
    """Report bases without a known license, and hints at bases that are not declared."""
    for fact in dossier.all(BaseModel):
        if fact.unknown:
            way = f" ({' → '.join(map(printable, fact.path))})" if len(fact.path) > 2 else ""
            yield CHECK.finding(
                severity=Severity.MEDIUM,
                location=fact.location,
                subject=fact.name,
                message=f"the license of its base {printable(fact.name)} is not known: {printable(fact.unknown)}{way}",
                remedy=f"modelguard lock {fact.path[0]} looks it up; or accept {CHECK.name} with the reason",
            )
    for hint in dossier.all(BaseHint):
        yield CHECK.finding(
            severity=Severity.INFO,
            location=hint.location,
            subject=hint.name,
            message=f"{printable(hint.name)} may be a base that the card does not declare: {hint.detail}",
            confidence="possible",
        )


CHECK = Check(name="unknown-base", area="license", ask=ask)
