"""A license asks for a name or a notice that is not seen here.

Why it matters
    Some licenses word what has to be shown (`Built with Llama`) or how the name of a derived model begins. A publisher
    who leaves that out has broken the terms, and whoever passes the model on does so as well. Not legal advice.

What to do
    Show the notice and mind the name when you pass the model on.

Example
    acme/chat: LicenseRef-hf-llama3.1: the card does not say 'Built with Llama'
"""

from __future__ import annotations

from collections.abc import Iterator

from modelguard.checks.check import Check
from modelguard.terms.facts import Dossier
from modelguard.terms.finding import Finding, Severity
from modelguard.terms.licensing import LicenseDuty


def ask(dossier: Dossier) -> Iterator[Finding]:
    """Report duties that the repository does not meet."""
    for fact in dossier.all(LicenseDuty):
        yield CHECK.finding(
            severity=Severity.LOW,
            location=fact.location,
            subject=f"{fact.duty}:{fact.imposed}",
            message=f"{fact.imposed}: {fact.detail}",
            remedy="meet the duty in what you pass on",
            confidence="likely",
        )


CHECK = Check(name="license-duty", area="license", ask=ask)
