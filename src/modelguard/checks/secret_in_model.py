"""A file of the model holds something that looks like a credential.

Why it matters
    Credentials that were published by mistake let others act for the author. A token of a model hub is the worst case
    for you: whoever finds it can replace this very model.

What to do
    Tell the author, who has to revoke it. Pin the revision and its digests, as a lock does, and do not follow updates
    until that is done. Never use the credential.

Example
    .env: Looks like a credential (Hugging Face token): hf_q… (37 characters)
"""

from __future__ import annotations

from collections.abc import Iterator

from modelguard.checks._remedies import acceptance
from modelguard.checks.check import Check
from modelguard.terms.artifact import printable
from modelguard.terms.facts import Dossier, Secret
from modelguard.terms.finding import Finding, Severity

# Credentials with which the model itself can be replaced or signed; all others endanger only their owner.
_ENDANGERS_MODEL = {"Hugging Face token", "Hugging Face organisation token", "GitHub token", "private key"}


def ask(dossier: Dossier) -> Iterator[Finding]:
    """Report every credential, shown no further than its first characters."""
    for fact in dossier.all(Secret):
        yield CHECK.finding(
            severity=Severity.MEDIUM if fact.kind in _ENDANGERS_MODEL else Severity.LOW,
            location=fact.location,
            message=f"Looks like a credential ({printable(fact.kind)}): {printable(fact.sample)}",
            remedy=f"tell the author, who has to revoke it; to accept it: {acceptance(dossier, CHECK.name, fact.kind)}",
            subject=fact.kind,
            confidence="likely",
        )


CHECK = Check(name="secret-in-model", area="content", ask=ask)
