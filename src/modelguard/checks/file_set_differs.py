"""The model has a file that the lock does not name, or lacks one that it names.

Why it matters
    A file that nobody approved can change what a loader does: frameworks pick up code, settings and weights by name. A
    file that is missing makes some loaders look elsewhere for it.

What to do
    Take the extra file away or bring the missing one back; if the change is wanted: `modelguard lock --upgrade REF`.

Example
    modeling_tiny.py: is not in the lock
"""

from __future__ import annotations

from collections.abc import Iterator

from modelguard.checks._remedies import upgrade
from modelguard.checks.check import Check
from modelguard.terms.artifact import Location
from modelguard.terms.facts import Digested, Dossier, Pinned, Substituted
from modelguard.terms.finding import Finding, Severity


def ask(dossier: Dossier) -> Iterator[Finding]:
    """Compare the set of files with the lock's."""
    pinned = {fact.location.path for fact in dossier.all(Pinned)}
    if not pinned:
        return
    found = {fact.location.path for fact in dossier.all(Digested)}
    found |= {fact.location.path for fact in dossier.all(Substituted)}
    for path in sorted(found - pinned):
        yield _finding(dossier, path, "is not in the lock: nobody has approved this file")
    for path in sorted(pinned - found):
        yield _finding(dossier, path, "is in the lock and is missing here")


def _finding(dossier: Dossier, path: str, message: str) -> Finding:
    return CHECK.finding(
        severity=Severity.HIGH,
        location=Location(path),
        subject=path,
        message=message,
        remedy=f"restore the files that were approved, or review the change: {upgrade(dossier)}",
    )


CHECK = Check(name="file-set-differs", area="lock", ask=ask)
