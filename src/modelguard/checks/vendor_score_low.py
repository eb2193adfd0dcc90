"""A publisher does not reach the score, or a single mark, that the policy asks for, or too little is known to tell.

Why it matters
    A model is as good as the people who look after it: whether they can be recognised, answer, and mend what is found.

What to do
    `modelguard assess NAME` shows every mark with its evidence. Choose another publisher, or excuse the finding with a
    reason and an end after looking at what is missing.

Example
    acme: the score is 4.1; the policy asks for 5
"""

from __future__ import annotations

from collections.abc import Iterator

from modelguard.checks.check import Check
from modelguard.terms.artifact import Location
from modelguard.terms.facts import Dossier
from modelguard.terms.finding import Finding, Severity
from modelguard.terms.vendor import VendorMarked, VendorScored


def ask(dossier: Dossier) -> Iterator[Finding]:
    """Report scores and marks below what the policy asks, and those that are not known although it asks."""
    for scored in dossier.all(VendorScored):
        if scored.least and scored.score is None:
            message = (
                f"no score: only {scored.coverage:.0%} of the weight is known; the policy asks for {scored.least:g}"
            )
            yield _finding(scored.location, scored.subject, "score", message)
        elif scored.score is not None and scored.score < scored.least:
            message = f"the score is {scored.score:g}; the policy asks for {scored.least:g}"
            yield _finding(scored.location, scored.subject, "score", message)
    for marked in dossier.all(VendorMarked):
        if marked.value is None or marked.value < marked.least:
            value = "not known" if marked.value is None else f"{marked.value:g}"
            message = f"{marked.question} is {value} ({marked.reason}); the policy asks for {marked.least:g}"
            yield _finding(marked.location, marked.subject, marked.question, message)


def _finding(location: Location, name: str, subject: str, message: str) -> Finding:
    return CHECK.finding(
        severity=Severity.MEDIUM,
        location=location,
        subject=subject,
        message=message,
        remedy=f"modelguard assess {name}",
    )


CHECK = Check(name="vendor-score-low", area="vendor", ask=ask)
