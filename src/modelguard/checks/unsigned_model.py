"""The policy wants this model signed, and no signature of it counts.

Why it matters
    Digests show that the bytes are those that were locked, not who made them. Where the policy names signers for a
    model, a copy without their signature is what anybody could have uploaded.

What to do
    Ask the publisher for a signature, or put the bundle beside the policy and name it in `bundles` of the rule. If the
    model is not signed by its publisher, sign it yourself after a review: `modelguard sign PATH --key KEY`.

Example
    acme/tiny: it carries no signature, but the policy wants one by acme
"""

from __future__ import annotations

from collections.abc import Iterator

from modelguard.checks.check import Check
from modelguard.terms.facts import Dossier
from modelguard.terms.finding import Finding, Severity
from modelguard.terms.provenance import SignatureExpected, Unsigned


def ask(dossier: Dossier) -> Iterator[Finding]:
    """Report a model without a signature that counts, where the policy wants one."""
    expected = dossier.first(SignatureExpected)
    signers = " or ".join(expected.signers) if expected else "somebody"
    for fact in dossier.all(Unsigned):
        if fact.required:
            yield CHECK.finding(
                severity=Severity.HIGH,
                location=fact.location,
                subject=signers,
                message=f"{fact.reason}, but the policy wants one by {signers}",
                remedy="ask the publisher for a signature, or name its bundle in the policy's rule for this model",
            )


CHECK = Check(name="unsigned-model", area="provenance", ask=ask)
