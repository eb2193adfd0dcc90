"""No reader knows what these bytes are.

Why it matters
    A file of unknown kind may be anything: a program, an archive, a format with code in it. What is not known is
    refused. A file that a graph beside it names as plain numbers (external data of ONNX, `.bin` of OpenVINO, data files
    of a TensorFlow checkpoint) is not unknown: nothing but numbers is read out of it.

What to do
    Leave the file out when it is not needed: `modelguard lock REF --exclude PATH`. If it is, and you know what it is,
    accept it with a reason: `modelguard lock REF --accept unknown-bytes --reason …`.

Example
    weights.xyz: 4096 bytes of no known format, starting with 7f13…
"""

from __future__ import annotations

from collections.abc import Iterator

from modelguard.checks._remedies import acceptance
from modelguard.checks.check import Check
from modelguard.terms.facts import Dossier, Opaque, RawNumbers
from modelguard.terms.finding import Finding, Severity

# How the bytes of a compressed file are called when its name has no ending of the compression.
_EXPANDED = frozenset({"(gzip)", "(zlib)", "(bzip2)", "(xz)", "(lz4)", "(zstd)"})


def ask(dossier: Dossier) -> Iterator[Finding]:
    """Report every part that no format accepted, unless a file of the model names it as plain numbers.

    Numbers may be compressed, as the chunks of arrays mostly are; they may not be members of an archive.
    """
    numbers = {fact.path for fact in dossier.all(RawNumbers)}
    for fact in dossier.all(Opaque):
        if fact.location.path in numbers and _EXPANDED.issuperset(fact.location.members):
            continue
        start = f", starting with {fact.head}" if fact.head else ""
        yield CHECK.finding(
            severity=Severity.MEDIUM,
            location=fact.location,
            subject=fact.location.path,
            message=f"{fact.size} bytes of no known format{start}",
            remedy=f"leave it out with --exclude when it is locked; if you know what it is: "
            f"{acceptance(dossier, CHECK.name, fact.location.path)}",
        )


CHECK = Check(name="unknown-bytes", area="content", ask=ask)
