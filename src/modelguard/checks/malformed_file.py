"""Bytes break a rule of their format, or two readers of the format would understand them differently.

Why it matters
    Attackers build files that a scanner reads one way and a loader another way. A file that breaks the rules of its own
    format is either damaged or made for that.

What to do
    Fetch the file again from its author; do not load it as it is.

Example
    model.pt » archive/data.pkl: zip-name-differs: the directory says data.pkl, the local header config.p
"""

from __future__ import annotations

from collections.abc import Iterator

from modelguard.checks.check import Check
from modelguard.terms.facts import Dossier, Malformed, RawNumbers
from modelguard.terms.finding import Finding, Severity


def ask(dossier: Dossier) -> Iterator[Finding]:
    """Report every broken rule.

    A name such as `model.bin` promises a checkpoint, but may also be the plain numbers of a graph that names it so.
    """
    numbers = {fact.path for fact in dossier.all(RawNumbers)}
    for fact in dossier.all(Malformed):
        if fact.rule == "wrong-format" and not fact.location.members and fact.location.path in numbers:
            continue
        yield CHECK.finding(
            severity=Severity.HIGH,
            location=fact.location,
            subject=fact.rule,
            message=f"{fact.rule}: {fact.detail}",
            remedy="fetch the file again from its author; a damaged or ambiguous file must not be loaded",
        )


CHECK = Check(name="malformed-file", area="content", ask=ask)
