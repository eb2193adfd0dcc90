"""Turns what a model asks for into findings: one function for all checks of permissions, which bring their tables.

Each check judges one kind of permission, so that nothing is judged twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from attrs import field, frozen

from modelguard.checks._remedies import acceptance
from modelguard.terms.artifact import printable
from modelguard.terms.facts import Asks, Dossier, Permission
from modelguard.terms.finding import Finding, Severity

_SHOWN = 400


@frozen(kw_only=True)
class Judgement:
    """How one check judges: which permission, how bad each class of danger is, and what to say and do.

    `severities` has a row per hazard; `otherwise` is for an `Asks` without one, `unknown` for a hazard without a row,
    which is never taken lightly. `sentence` ends where the name follows; the fact's own detail comes after it.
    """

    check: str
    permission: Permission
    sentence: str
    advice: str
    otherwise: Severity
    unknown: Severity = Severity.CRITICAL
    severities: Mapping[str, Severity] = field(factory=dict, hash=False)


def findings_of(dossier: Dossier, judgement: Judgement) -> Iterator[Finding]:
    """Yield one finding for everything of the judgement's kind that the model asks for."""
    for fact in dossier.all(Asks):
        if fact.permission == judgement.permission:
            yield Finding(
                check=judgement.check,
                area="content",
                severity=_severity(fact, judgement),
                location=fact.location,
                message=_message(fact, judgement),
                remedy=_remedy(dossier, fact, judgement),
                subject=fact.name,
                profiles=fact.profiles,
            )


def _severity(fact: Asks, judgement: Judgement) -> Severity:
    if not fact.hazard:
        return judgement.otherwise
    return judgement.severities.get(fact.hazard, judgement.unknown)


def _message(fact: Asks, judgement: Judgement) -> str:
    sentence = f"{judgement.sentence} {_shown(fact.name)}"
    return f"{sentence}: {_shown(fact.detail)}" if fact.detail else sentence


def _remedy(dossier: Dossier, fact: Asks, judgement: Judgement) -> str:
    grant = f"enable the profile {fact.profiles[0]}, or " if fact.profiles else ""
    return f"{judgement.advice}; to accept it: {grant}{acceptance(dossier, judgement.check, fact.name)}"


def _shown(text: str) -> str:
    text = printable(text)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
