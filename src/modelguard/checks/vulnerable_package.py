"""A package that would load this model, or that the model asks for, has a known vulnerability.

Why it matters
    Loaders parse untrusted bytes. Before torch 2.6, `weights_only=True` could be escaped (CVE-2025-32434): a model file
    that is refused by a mended loader runs code in an old one.

What to do
    Upgrade the package. For a package that the model asks for, do not install from its list.

Example
    package:torch: torch 2.5.0 is affected by GHSA-53q9-r3pm-6pq6 (feed pypi): mended in 2.6.0
"""

from __future__ import annotations

from collections.abc import Iterator

from modelguard.checks.check import Check
from modelguard.terms.advisory import Advised
from modelguard.terms.facts import Dossier
from modelguard.terms.finding import Finding, Severity


def ask(dossier: Dossier) -> Iterator[Finding]:
    """Report advisories about installed packages, and about those that a model wants installed."""
    for fact in dossier.all(Advised):
        if fact.by not in {"installed", "required"} or fact.ignored:
            continue
        yield CHECK.finding(
            severity=_severity(fact),
            confidence="certain" if fact.certain else "possible",
            location=fact.location,
            subject=fact.id,
            message=_message(fact),
            remedy=_remedy(fact),
        )


def _severity(fact: Advised) -> Severity:
    severity = Severity.parse(fact.rating) if fact.rating else Severity.HIGH
    if fact.kind == "malicious":
        return Severity.CRITICAL
    # What a list asks for is not installed by loading the model.
    return min(severity, Severity.MEDIUM) if fact.by == "required" else severity


def _message(fact: Advised) -> str:
    verb = "is affected by" if fact.certain else "may be affected by"
    if fact.by == "required":
        verb = "asks for what " + verb
    what = f": {fact.summary}" if fact.summary else ""
    mended = f"; mended in {', '.join(fact.fixed)}" if fact.fixed else ""
    return f"{fact.subject} {verb} {fact.id} (feed {fact.feed}){what}{mended}"


def _remedy(fact: Advised) -> str:
    if fact.by == "required":
        return "do not install from this list"
    return f"upgrade to {' or '.join(fact.fixed)}" if fact.fixed else "no version mends it: use another loader"


CHECK = Check(name="vulnerable-package", area="advisory", ask=ask)
