"""A signature holds, but it is by somebody whom the policy does not name for this model.

Why it matters
    Everyone can get a certificate in their own name and sign anything with it. A signature says something only when it
    is by the one who was expected: identity and identity provider both have to be the named ones, to the letter.

What to do
    Find out from the publisher, by another way than the model's own page, who signs. If the signer has changed, change
    the policy; do not widen it to make the finding go away.

Example
    model.sig: bundle: signed by mallory@evil.example (issuer https://accounts.example), but signer 'acme' is
    release@acme.example (issuer https://accounts.example)
"""

from __future__ import annotations

from collections.abc import Iterator

from modelguard.checks.check import Check
from modelguard.terms.facts import Dossier
from modelguard.terms.finding import Finding, Severity
from modelguard.terms.provenance import SignatureFault, Signed


def ask(dossier: Dossier) -> Iterator[Finding]:
    """Report signatures by others; beside one that counts they are only noted."""
    severity = Severity.INFO if dossier.first(Signed) else Severity.HIGH
    for fact in dossier.all(SignatureFault):
        if fact.kind == "identity":
            yield CHECK.finding(
                severity=severity,
                location=fact.location,
                subject=fact.signer,
                message=fact.detail,
                remedy="check with the publisher who signs; a change of signer needs a change of policy",
            )


CHECK = Check(name="wrong-signer", area="provenance", ask=ask)
