"""Reports a call whose result nothing in the pickle keeps, so that it is made for its effect alone.

Why it matters
    A pickler writes a call because it needs the result. A result that is thrown away is how an attack hides a call
    from tools that only look at the finished object. With a function that is known to be dangerous that is
    critical, with an unknown one high, with one that only builds data a note: some libraries build an object twice.

What to do
    Look at the function that is named. If it is not one of a library that you use, do not load the file.

Example
    dropped-result  critical  model.pkl @31
      The file calls os.system and throws the result away: the call is made for what it does.
      remedy: do not load this file, and report it to where it comes from
"""

from __future__ import annotations

from collections.abc import Iterator

from modelguard.checks.check import Check
from modelguard.terms.artifact import printable
from modelguard.terms.facts import Call, Dossier, Import
from modelguard.terms.finding import Finding, Severity


def ask(dossier: Dossier) -> Iterator[Finding]:
    granted = {fact.qualified for fact in dossier.all(Import) if fact.profiles}
    for fact in dossier.all(Call):
        if fact.result_dropped:
            yield CHECK.finding(
                severity=_severity(fact, known=fact.target in granted),
                location=fact.location,
                message=f"The file calls {printable(fact.target)} and throws the result away: "
                "the call is made for what it does.",
                remedy=_remedy(fact, known=fact.target in granted),
                subject=fact.target,
            )


def _severity(fact: Call, *, known: bool) -> Severity:
    if fact.hazard:
        return Severity.CRITICAL
    return Severity.INFO if known else Severity.HIGH


def _remedy(fact: Call, *, known: bool) -> str:
    if fact.hazard:
        return "do not load this file, and report it to where it comes from"
    return "" if known else "look at the function that is named, and ask the author why it is called"


CHECK = Check(name="dropped-result", area="content", ask=ask)
