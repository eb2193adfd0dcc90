"""The name of a publisher, or the card of a young one, can be taken for that of another.

Why it matters
    Names one letter off, with look-alike letters or an added word are registered to be downloaded by mistake. In May
    2026 Open-OSS/privacy-filter, with the copied card of another publisher, led the list of trending models.

What to do
    Compare the name letter by letter with the one that you meant. If this is whom you mean, name the publisher in
    `[sources] allow-organizations`.

Example
    0penai/whisper: 0penai can be taken for openai: looks the same
"""

from __future__ import annotations

from collections.abc import Iterator

from modelguard.checks.check import Check
from modelguard.terms.facts import Dossier
from modelguard.terms.finding import Finding, Severity
from modelguard.terms.vendor import VendorResembles


def ask(dossier: Dossier) -> Iterator[Finding]:
    """Report names that can be taken for others."""
    for fact in dossier.all(VendorResembles):
        yield CHECK.finding(
            severity=Severity.HIGH,
            confidence="likely",
            location=fact.location,
            subject=fact.target,
            message=f"{fact.subject} can be taken for {fact.target}: {fact.how}",
            remedy="compare the name with the one that you meant",
        )


CHECK = Check(name="vendor-look-alike", area="vendor", ask=ask)
