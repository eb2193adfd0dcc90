"""Some bytes were not read to their end, so nobody can say what they hold.

Why it matters
    What a scanner did not read it cannot vouch for: an encrypted member, a limit that was reached, a fault in the file.
    Treating that as clean is how malicious models have passed scanners before.

What to do
    The message tells the reason. Mend the file, install the reader it names, or fetch a version in a plainer format.

Example
    model.7z: 7z archives are not expanded
"""

from __future__ import annotations

from collections.abc import Iterator

from modelguard.checks.check import Check
from modelguard.terms.facts import Dossier, Unread
from modelguard.terms.finding import Finding, Severity

_HOW = {"source": "could not be had", "": "not read to the end"}
"""How a finding begins where no format was at work; all others name the format."""


def ask(dossier: Dossier) -> Iterator[Finding]:
    """Report everything that was not read to its end."""
    for fact in dossier.all(Unread):
        yield CHECK.finding(
            severity=Severity.HIGH,
            location=fact.location,
            subject=fact.format,
            message=f"{_HOW.get(fact.format, f'not read to the end as {fact.format}')}: {fact.reason}",
            remedy=fact.remedy or "mend the file or use a version in a plainer format, such as safetensors",
        )


CHECK = Check(name="unread-bytes", area="content", ask=ask)
