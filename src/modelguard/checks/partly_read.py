"""Reports a file of which only parts were read, where it lies, and whose digest nobody has computed.

Why it matters
    A look over the network reads headers, directories and pickles. Whoever serves the file can serve other bytes
    later, and what lies between the parts that were read is not known. The digest is the word of the source.

What to do
    Nothing for a first look. Before a model is loaded its files are fetched, hashed and examined whole in any case;
    `modelguard scan --whole` does so at once.

Example
    partly-read  info  model.safetensors
      Only parts of the 4000000000 bytes were read, and the digest is what the source claims.
      remedy: examine it whole with `modelguard scan --whole`
"""

from __future__ import annotations

from collections.abc import Iterator

from modelguard.checks.check import Check
from modelguard.terms.facts import Dossier, PartlyRead
from modelguard.terms.finding import Finding, Severity


def ask(dossier: Dossier) -> Iterator[Finding]:
    for fact in dossier.all(PartlyRead):
        yield CHECK.finding(
            severity=Severity.INFO,
            location=fact.location,
            message=f"Only parts of the {fact.size} bytes were read, and the digest is what the source claims.",
            remedy="examine it whole with `modelguard scan --whole`",
            subject=fact.location.path,
        )


CHECK = Check(name="partly-read", area="content", ask=ask)
