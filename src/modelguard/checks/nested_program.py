"""Reports a program or archive that is carried inside another file, in a text, in bytes or behind its end.

Why it matters
    A file within a constant is invisible to whoever only looks at the outside, and a single innocent call can load
    it. What it would do is examined too and reported on its own; this finding says that it is there.

What to do
    Find out why it is there. Libraries that store a second model as bytes do so rarely; ask the author, or extract
    and scan the inner file on its own.

Example
    nested-program  high  model.pkl » bytes@14
      The file carries another pickle inside its bytes.
      remedy: ask the author what the inner file is for; do not load it before you know
"""

from __future__ import annotations

from collections.abc import Iterator

from modelguard.checks.check import Check
from modelguard.terms.artifact import printable
from modelguard.terms.facts import Dossier, Nested
from modelguard.terms.finding import Finding, Severity


def ask(dossier: Dossier) -> Iterator[Finding]:
    for fact in dossier.all(Nested):
        yield CHECK.finding(
            severity=Severity.HIGH,
            location=fact.location,
            message=f"The file carries another {printable(fact.format)} inside its {printable(fact.carrier)}.",
            remedy="ask the author what the inner file is for; do not load it before you know",
            subject=f"{fact.format} in {fact.carrier}",
        )


CHECK = Check(name="nested-program", area="content", ask=ask)
