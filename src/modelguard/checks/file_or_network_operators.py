"""The graph has operators that touch files, the network or Python.

Why it matters
    A graph is a program. An operator that reads or writes files, opens connections or calls Python does so with the
    rights of the process that runs the model, and no pickle is needed for it.

What to do
    Do not run the graph. Ask for one that computes only, or export it again from its source without these operators.

Example
    saved_model.pb: The graph has an operator that does more than compute, ReadFile: reads any file
"""

from __future__ import annotations

from collections.abc import Iterator

from modelguard.checks._asked import Judgement, findings_of
from modelguard.checks.check import Check
from modelguard.terms.facts import Dossier
from modelguard.terms.finding import Finding, Severity

# How bad a class of danger is, and why it is rated so. A class without a row is critical.
_SEVERITIES = {
    "file-read": Severity.HIGH,  # it reads files of the machine when it runs
    "file-write": Severity.CRITICAL,  # it writes files of the machine when it runs
    "network": Severity.CRITICAL,  # it sends what it sees to another machine
    "code-execution": Severity.CRITICAL,  # it calls Python
    "exhaustion": Severity.MEDIUM,  # it can use up memory or time
    "denial-of-service": Severity.MEDIUM,  # as above
}

_JUDGEMENT = Judgement(
    check="file-or-network-operators",
    permission="ops",
    sentence="The graph has an operator that does more than compute,",
    advice="use a graph that computes only",
    otherwise=Severity.MEDIUM,
    severities=_SEVERITIES,
)


def ask(dossier: Dossier) -> Iterator[Finding]:
    """Report every one of them."""
    yield from findings_of(dossier, _JUDGEMENT)


CHECK = Check(name=_JUDGEMENT.check, area="content", ask=ask)
