"""An ignored advisory: one that is ignored at present, one whose ignore has ended, or an ignore that covers nothing.

Why it matters
    To ignore an advisory is a decision with a reason and an end. It stays visible, it comes back on its day, and one
    that covers nothing may hide the next advisory of that id.

What to do
    Decide again, with a new reason and end, or take the entry out of `[[advisories.ignore]]`.

Example
    package:torch: GHSA-53q9-r3pm-6pq6 was ignored until 2026-06-30: decide again
"""

from __future__ import annotations

from collections.abc import Iterator

from modelguard.checks.check import Check
from modelguard.terms.advisory import Advised, IgnoreUnused
from modelguard.terms.artifact import Location
from modelguard.terms.facts import Dossier
from modelguard.terms.finding import Finding, Severity


def ask(dossier: Dossier) -> Iterator[Finding]:
    """Report what is ignored, what no longer is, and what need not be."""
    for fact in dossier.all(Advised):
        if fact.ignored:
            yield _finding(fact.location, fact.id, Severity.INFO, f"{fact.id} is ignored by {fact.ignored}")
        elif fact.ignore_ended:
            message = f"{fact.id} was ignored until {fact.ignore_ended}: decide again"
            yield _finding(fact.location, fact.id, Severity.LOW, message)
    for unused in dossier.all(IgnoreUnused):
        yield _finding(unused.location, unused.id, Severity.LOW, f"the ignore of {unused.id} covers no advisory")


def _finding(location: Location, subject: str, severity: Severity, message: str) -> Finding:
    return CHECK.finding(
        severity=severity,
        location=location,
        subject=subject,
        message=message,
        remedy="decide again, or take it out of [[advisories.ignore]]",
    )


CHECK = Check(name="advisory-ignore", area="advisory", ask=ask)
