"""Reports a pickle that calls a function which is known to be dangerous.

Why it matters
    Naming a function is a possibility; calling it is the deed. Loading this file would run the call before any code
    of yours sees the result, with your rights, on your machine.

What to do
    Do not load the file, in no way and on no machine that matters. Report it to the site that you have it from. No
    profile and no excuse for an import makes the call harmless; only an excuse for this very finding would.

Example
    dangerous-call  critical  model.pkl @31
      Loading the file would call os.system with ('echo pwned'): it starts another program.
      remedy: do not load this file, and report it to where it comes from
"""

from __future__ import annotations

from collections.abc import Iterator

from modelguard.checks.check import Check
from modelguard.terms.artifact import printable
from modelguard.terms.facts import Call, Dossier, Import
from modelguard.terms.finding import Finding, Severity

_ARGUMENTS_SHOWN = 200


def ask(dossier: Dossier) -> Iterator[Finding]:
    reasons = {fact.qualified: fact.why for fact in dossier.all(Import)}
    for fact in dossier.all(Call):
        if fact.hazard and not fact.result_dropped:
            yield CHECK.finding(
                severity=Severity.CRITICAL,
                location=fact.location,
                message=_message(fact, reasons.get(fact.target) or fact.hazard),
                remedy="do not load this file, and report it to where it comes from",
                subject=fact.target,
            )


def _message(fact: Call, reason: str) -> str:
    arguments = printable(fact.arguments)
    shown = arguments if len(arguments) <= _ARGUMENTS_SHOWN else f"{arguments[:_ARGUMENTS_SHOWN]}…"
    called = f" with {shown}" if shown else ""
    return f"Loading the file would call {printable(fact.target)}{called}: {reason}."


CHECK = Check(name="dangerous-call", area="content", ask=ask)
