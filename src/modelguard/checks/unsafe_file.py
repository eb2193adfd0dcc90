"""The model holds something that is not a plain file with a plain name: a link, a device, or a name that collides.

Why it matters
    A link can lead out of the model to other files; a pipe or device can hang or change while it is read; two names
    that differ only in case or in how accents are written are one file on some machines and two on others.

What to do
    Replace it by a plain file with a plain name.

Example
    model.safetensors: is a symbolic link
"""

from __future__ import annotations

from collections.abc import Iterator

from modelguard.checks.check import Check
from modelguard.terms.artifact import Location
from modelguard.terms.facts import Dossier
from modelguard.terms.finding import Finding, Severity


def ask(dossier: Dossier) -> Iterator[Finding]:
    """Report every path that a snapshot must not hold."""
    for path, reason in dossier.snapshot.trouble:
        yield CHECK.finding(
            severity=Severity.HIGH,
            location=Location(path),
            subject=path,
            message=reason,
            remedy="replace it by a plain file with a plain name",
        )


CHECK = Check(name="unsafe-file", area="content", ask=ask)
