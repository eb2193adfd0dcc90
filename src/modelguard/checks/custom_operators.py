"""The graph has operators that only a plug-in can run.

Why it matters
    A runtime that does not know an operator has to load a shared library that does. Whoever supplies that library runs
    machine code in your process; the model file only names it.

What to do
    Use a model of standard operators. If you trust the plug-in, install it from its own source, not from beside the
    model, and accept the operator.

Example
    model.onnx: The graph needs an operator of a plug-in, com.example.Op
"""

from __future__ import annotations

from collections.abc import Iterator

from modelguard.checks._asked import Judgement, findings_of
from modelguard.checks.check import Check
from modelguard.terms.facts import Dossier
from modelguard.terms.finding import Finding, Severity

# How bad a class of danger is, and why it is rated so. A class without a row is critical.
_SEVERITIES = {
    "native-code": Severity.HIGH,  # it is a machine-code engine in all but name
}

_JUDGEMENT = Judgement(
    check="custom-operators",
    permission="custom-ops",
    sentence="The graph needs an operator of a plug-in,",
    advice="use a model of standard operators",
    otherwise=Severity.MEDIUM,
    severities=_SEVERITIES,
)


def ask(dossier: Dossier) -> Iterator[Finding]:
    """Report every one of them."""
    yield from findings_of(dossier, _JUDGEMENT)


CHECK = Check(name=_JUDGEMENT.check, area="content", ask=ask)
