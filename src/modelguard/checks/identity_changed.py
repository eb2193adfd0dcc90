"""The name of the model now belongs to another repository, the repository to another owner, or the Hub is another.

Why it matters
    When an account is deleted or renamed, others can take its old name. What is published under it from then on comes
    from somebody else, although the address is the same. A name means another model on another host, too: a changed
    `HF_ENDPOINT` or a proxy is enough.

What to do
    Find out from a second source who owns the name now. If the new owner is trusted, accept it with a reason:
    `modelguard lock --upgrade REF --accept identity-changed --reason …`.

Example
    acme/tiny: the repository is now 66e7f5c0a1b2c3d4e5f60799, approved was 66e7f5c0a1b2c3d4e5f60718
"""

from __future__ import annotations

from collections.abc import Iterator

from modelguard.checks.check import Check
from modelguard.terms.facts import Dossier, IdentityChanged
from modelguard.terms.finding import Finding, Severity


def ask(dossier: Dossier) -> Iterator[Finding]:
    """Report each identity that changed."""
    for fact in dossier.all(IdentityChanged):
        yield CHECK.finding(
            severity=Severity.CRITICAL,
            location=fact.location,
            subject=fact.what,
            message=f"the {fact.what} is now {fact.found or 'not known'}, approved was {fact.recorded}",
            remedy="find out from a second source who owns the name now",
        )


CHECK = Check(name="identity-changed", area="lock", ask=ask)
