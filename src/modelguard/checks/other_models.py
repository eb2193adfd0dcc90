"""The model needs another model, which a loader would fetch without a lock.

Why it matters
    An adapter is only part of a model. The loader follows its pointer to a second repository, at its default branch,
    and what lies there today need not be what lay there when the adapter was made.

What to do
    Lock the other model too, with `modelguard lock ORG/NAME`, and load it first through the same gate; then accept the
    pointer.

Example
    adapter_config.json: The model needs another model, org/base: the adapter is put onto this model, which the
    loader fetches
"""

from __future__ import annotations

from collections.abc import Iterator

from modelguard.checks._asked import Judgement, findings_of
from modelguard.checks.check import Check
from modelguard.terms.facts import Dossier
from modelguard.terms.finding import Finding, Severity

# How bad a class of danger is, and why it is rated so. A class without a row is critical.
_SEVERITIES = {
    "path-escape": Severity.HIGH,  # a path of another machine, or one that leads anywhere on this one
}

_JUDGEMENT = Judgement(
    check="other-models",
    permission="other-models",
    sentence="The model needs another model,",
    advice="lock that model as well, and load it through the same gate",
    otherwise=Severity.MEDIUM,
    severities=_SEVERITIES,
)


def ask(dossier: Dossier) -> Iterator[Finding]:
    """Report every one of them."""
    yield from findings_of(dossier, _JUDGEMENT)


CHECK = Check(name=_JUDGEMENT.check, area="content", ask=ask)
