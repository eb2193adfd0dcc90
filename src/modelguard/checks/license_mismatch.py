"""The license text in the repository is another license than the one that is declared.

Why it matters
    A card is a few words by whoever made the copy; the text is what was granted. `apache-2.0` on the card of weights
    that carry a community license is the most common way in which restrictions get lost. Not legal advice.

What to do
    Find out which of the two the authors mean. Until then both apply. A clarification can settle it.

Example
    acme/tiny: the card declares Apache-2.0, the text is LicenseRef-hf-llama3.1
"""

from __future__ import annotations

from collections.abc import Iterator

from modelguard.checks.check import Check
from modelguard.terms.facts import Dossier
from modelguard.terms.finding import Finding, Severity
from modelguard.terms.licensing import LicenseMismatch


def ask(dossier: Dossier) -> Iterator[Finding]:
    """Report a text that is another license than the declared one."""
    for fact in dossier.all(LicenseMismatch):
        yield CHECK.finding(
            severity=Severity.HIGH,
            location=fact.location,
            subject=f"{fact.declared} / {fact.detected}",
            message=f"the card declares {fact.declared}, the text is {fact.detected}",
            remedy="ask the publisher which one is meant, then write [[licenses.clarify]]",
        )


CHECK = Check(name="license-mismatch", area="license", ask=ask)
