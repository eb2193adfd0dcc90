"""A signature does not hold, is damaged, cannot be verified, or is over other bytes than these.

Why it matters
    A signature over other bytes means that a file was changed, swapped or taken away after it was signed. One that is
    damaged or of an unknown kind vouches for nothing, however it came to be so.

What to do
    Fetch the model and its signature anew. If they still disagree, tell the publisher and do not load the model.

Example
    model.safetensors: is different, compared with what model.sig signs
"""

from __future__ import annotations

from collections.abc import Iterator

from modelguard.checks.check import Check
from modelguard.terms.facts import Dossier
from modelguard.terms.finding import Finding, Severity
from modelguard.terms.provenance import FaultKind, SignatureFault, Signed

# What a fault means where no signature counts, and where another one does: a second, foreign signature may be damaged
# without harm, but signed bytes that are not the signed ones are never harmless.
SEVERITIES: dict[FaultKind, tuple[Severity, Severity]] = {
    "mismatch": (Severity.CRITICAL, Severity.CRITICAL),
    "missing": (Severity.HIGH, Severity.HIGH),
    "untrusted": (Severity.HIGH, Severity.LOW),
    "malformed": (Severity.HIGH, Severity.LOW),
    "unsupported": (Severity.HIGH, Severity.LOW),
}


def ask(dossier: Dossier) -> Iterator[Finding]:
    """Report every signature that does not hold."""
    is_signed = dossier.first(Signed) is not None
    for fact in dossier.all(SignatureFault):
        if fact.kind in SEVERITIES:
            yield CHECK.finding(
                severity=SEVERITIES[fact.kind][is_signed],
                location=fact.location,
                subject=fact.kind,
                message=fact.detail,
                remedy="fetch the model and its signature anew; if they still disagree, tell the publisher",
            )


CHECK = Check(name="bad-signature", area="provenance", ask=ask)
