"""An advisory calls this model, one of its files or its owner malicious.

Why it matters
    Somebody has looked into exactly these bytes, or into this account, and found an attack. Copies of known malicious
    files are uploaded again under new names; the digest finds them under every name.

What to do
    Do not load it. Read the advisory, take the model out of the lock, and look for where it has been loaded already.

Example
    pytorch_model.bin: x_MG-2026-0001 (feed models): Reverse shell in pytorch_model.bin
"""

from __future__ import annotations

from collections.abc import Iterator

from modelguard.checks.check import Check
from modelguard.terms.advisory import Advised
from modelguard.terms.facts import Dossier
from modelguard.terms.finding import Finding, Severity

KINDS = ("malicious", "namespace-hijack", "account-compromise")


def ask(dossier: Dossier) -> Iterator[Finding]:
    """Report advisories about attacks, by whichever way the model was recognised."""
    for fact in dossier.all(Advised):
        if fact.kind not in KINDS or fact.by in {"installed", "required"} or fact.ignored:
            continue
        maybe = "" if fact.certain else "may be about this model: "
        yield CHECK.finding(
            severity=Severity.CRITICAL if fact.certain else Severity.HIGH,
            confidence="certain" if fact.certain else "possible",
            location=fact.location,
            subject=fact.id,
            message=f"{fact.id} (feed {fact.feed}): {maybe}{fact.summary or fact.kind}",
            remedy="do not load it; read the advisory and take the model out of the lock",
        )


CHECK = Check(name="malicious-model", area="advisory", ask=ask)
