"""Reports a granted function that a pickle calls in a way in which its own library never does.

Why it matters
    Some functions are safe only with the arguments that their library writes. The function that rebuilds a tensor
    reads foreign memory when it is told of more numbers than there are; the one that rebuilds an object makes
    whatever class it is given. A file that breaks such a rule was not written by the library whose names it uses.

What to do
    Treat the file as hostile, or as damaged: fetch it again and compare its digest with the one that its author
    gives. If a library of yours really writes it, report the rule as a mistake of modelguard, with the message.

Example
    broken-argument  high  model.pt » archive/data.pkl @203
      A call of torch._utils._rebuild_tensor_v2 breaks its rule: a tensor reaches to element 1000 of a storage of 10, beyond its memory.
      remedy: do not load this file; fetch it again from its author and compare the digest
"""  # noqa: E501  # the example is the output as it stands

from __future__ import annotations

from collections.abc import Iterator

from modelguard.checks.check import Check
from modelguard.terms.artifact import printable
from modelguard.terms.facts import Call, Dossier
from modelguard.terms.finding import Finding, Severity


def ask(dossier: Dossier) -> Iterator[Finding]:
    for fact in dossier.all(Call):
        if fact.broken:
            yield CHECK.finding(
                severity=Severity.HIGH,
                location=fact.location,
                message=f"A call of {printable(fact.target)} breaks its rule: {printable(fact.broken)}.",
                remedy="do not load this file; fetch it again from its author and compare the digest",
                subject=fact.target,
            )


CHECK = Check(name="broken-argument", area="content", ask=ask)
