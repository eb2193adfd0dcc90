"""A file of the model was not looked into, or there was nothing to look into.

Why it matters
    A verdict about bytes that nobody read would be a guess. Silence must never look like "all is well".

What to do
    Name a file or directory that holds a model. If a file was passed over, that is a fault of modelguard: report it.

Example
    file:downloads: holds no file that could be examined
"""

from __future__ import annotations

from collections.abc import Iterator

from modelguard.checks.check import Check
from modelguard.terms.artifact import Location
from modelguard.terms.facts import (
    Digested,
    Dossier,
    Fact,
    Malformed,
    Noted,
    NotLocked,
    Opaque,
    Recognised,
    Substituted,
    Unread,
)
from modelguard.terms.finding import Finding, Severity

_REMEDY = "name a file or directory that holds a model"


def ask(dossier: Dossier) -> Iterator[Finding]:
    """Report artifacts about which no fact says what they are, and a snapshot without artifacts."""
    kinds: tuple[type[Fact], ...] = (Recognised, Opaque, Unread, Malformed, Noted)
    looked_into = {fact.location.path for kind in kinds for fact in dossier.all(kind) if not fact.location.members}
    for artifact in dossier.snapshot.artifacts:
        if artifact.path not in looked_into and artifact.size:  # in a file of no bytes there is nothing to look into
            yield _finding(artifact.path, "was not looked into")
    known = dossier.first(Digested) or dossier.first(NotLocked) or dossier.first(Substituted)
    if not dossier.snapshot.artifacts and not dossier.snapshot.trouble and not known:
        unreached = next((fact for fact in dossier.all(Unread) if fact.format == "source"), None)
        if unreached is None:
            yield _finding(dossier.snapshot.ref.key, "holds no file that could be examined")
        else:
            yield _finding(dossier.snapshot.ref.key, "nothing of it was examined", remedy="")  # unread-bytes says why


def _finding(path: str, message: str, remedy: str = _REMEDY) -> Finding:
    return CHECK.finding(
        severity=Severity.HIGH,
        location=Location(path),
        subject=path,
        message=message,
        remedy=remedy,
    )


CHECK = Check(name="not-examined", area="content", ask=ask)
