"""The policy denies this very model, by name or by a pattern.

Why it matters
    Somebody decided that this model, or everything of this owner, must not be used, whatever the bytes look like. The
    reason stands beside the rule.

What to do
    Read the reason, and use another model. If the decision no longer holds, take the rule out of `deny` in
    `[sources]`.

Example
    acme/old-tiny: the policy denies acme/old-*: replaced by acme/tiny
"""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase

from modelguard.checks.check import Check
from modelguard.terms.facts import Dossier
from modelguard.terms.finding import Finding, Severity
from modelguard.terms.origin import Origin, SourcesRuled


def ask(dossier: Dossier) -> Iterator[Finding]:
    """Report each rule that denies the model; a Hub finds names whatever their case, and so do the rules."""
    for origin in dossier.all(Origin):
        name = origin.location.path
        for rules in dossier.all(SourcesRuled):
            for pattern, reason in rules.denied:
                if fnmatchcase(name.casefold(), pattern.casefold()):
                    yield CHECK.finding(
                        severity=Severity.CRITICAL,
                        location=origin.location,
                        subject=pattern,
                        message=f"the policy denies {pattern}: {reason}",
                        remedy="use another model, or take the rule out of deny in [sources]",
                    )


CHECK = Check(name="denied-model", area="source", ask=ask)
