"""The model refers to files that do not belong to it, or writes some.

Why it matters
    A path that leads out of the model's directory makes a loader read a file of the machine as if it were part of the
    model, so that its content ends in weights, outputs or logs. A path that is written to can replace a program.

What to do
    Do not load the model as it is. References of a well-made model stay within its own directory.

Example
    model.safetensors.index.json: The model refers to a file that is not its own, ../../x.safetensors: a shard named
    by weight_map climbs out of its directory
"""

from __future__ import annotations

from collections.abc import Iterator

from modelguard.checks._asked import Judgement, findings_of
from modelguard.checks.check import Check
from modelguard.terms.facts import Dossier
from modelguard.terms.finding import Finding, Severity

# How bad a class of danger is, and why it is rated so. A class without a row is critical.
_SEVERITIES = {
    "path-escape": Severity.HIGH,  # a file of the machine would be read as a part of the model
    "file-read": Severity.HIGH,  # as above
    "file-write": Severity.CRITICAL,  # a file of the machine would be written
    "file-delete": Severity.CRITICAL,  # a file of the machine would be deleted
}

_JUDGEMENT = Judgement(
    check="external-files",
    permission="external-files",
    sentence="The model refers to a file that is not its own,",
    advice="ask the author for a model whose references stay inside it",
    otherwise=Severity.MEDIUM,
    severities=_SEVERITIES,
)


def ask(dossier: Dossier) -> Iterator[Finding]:
    """Report every one of them."""
    yield from findings_of(dossier, _JUDGEMENT)


CHECK = Check(name=_JUDGEMENT.check, area="content", ask=ask)
