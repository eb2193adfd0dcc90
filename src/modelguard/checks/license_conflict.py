"""The license of a model does not go together with that of a model it was made from.

Why it matters
    Restrictions of a base bind what is made from it, whatever the new card says. A fine-tune that drops them, claims
    commercial use of a base that allows none, changes a base that must not be changed, or joins licenses that cannot be
    joined, was published without the right to. Not legal advice.

What to do
    Treat the model as under the stricter license, or choose one whose bases allow what you do. `modelguard license REF`
    shows the whole tree.

Example
    acme/tiny-chat: restriction-dropped: meta/llama is under LicenseRef-hf-llama3.1, which passes on: flow-down
"""

from __future__ import annotations

from collections.abc import Iterator

from modelguard.checks.check import Check
from modelguard.terms.facts import Dossier
from modelguard.terms.finding import Finding, Severity
from modelguard.terms.licensing import LicenseConflict


def ask(dossier: Dossier) -> Iterator[Finding]:
    """Report licenses on one line of descent that do not go together, with the line."""
    for fact in dossier.all(LicenseConflict):
        yield CHECK.finding(
            severity=Severity.HIGH,
            location=fact.location,
            subject=f"{fact.rule}:{fact.path[-1]}",
            message=f"{fact.rule}: {fact.detail} ({' → '.join(fact.path)})",
            remedy="treat the model as under the license of its base, or choose another one",
        )


CHECK = Check(name="license-conflict", area="license", ask=ask)
