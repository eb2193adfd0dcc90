"""A file lies in a signed model without being covered by the signature.

Why it matters
    Loaders pick up files by name: code, settings, tokenizers, adapters. A file that the signer did not vouch for can be
    put beside signed ones by anybody who can write to the repository, and decide how those are used.

What to do
    Ask the publisher to sign the whole model. A file that no loader needs may be named in `unsigned` of the policy's
    rule; it is then left out of what is loaded.

Example
    modeling_tiny.py: no signature covers this file
"""

from __future__ import annotations

from collections.abc import Iterator

from modelguard.checks.check import Check
from modelguard.terms.facts import Dossier
from modelguard.terms.finding import Finding, Severity
from modelguard.terms.provenance import Uncovered


def ask(dossier: Dossier) -> Iterator[Finding]:
    """Report every file that no signature covers; tolerated ones are only noted."""
    for fact in dossier.all(Uncovered):
        yield CHECK.finding(
            severity=Severity.INFO if fact.tolerated else Severity.HIGH,
            location=fact.location,
            subject=fact.location.path,
            message="no signature covers this file" + ("; the policy lets it stay" if fact.tolerated else ""),
            remedy=""
            if fact.tolerated
            else "ask the publisher to sign the whole model, or name the file in unsigned of the policy's rule",
        )


CHECK = Check(name="unsigned-file", area="provenance", ask=ask)
