"""The policy denies this license, or the use that the policy names is outside of it.

Why it matters
    A license that allows no commercial use, ends at a number of users or leaves out a region gives no right to what
    lies beyond. The licenses of base models count, whatever the card of this model says. Not legal advice.

What to do
    Choose another model, or get a license from the owner and write an exception for this one model with the reason.

Example
    acme/adapter: CC-BY-NC-4.0 allows no commercial use (imposed through acme/adapter → acme/base)
"""

from __future__ import annotations

from collections.abc import Iterator

from modelguard.checks._licensing import objecting
from modelguard.checks.check import Check
from modelguard.terms.facts import Dossier
from modelguard.terms.finding import Finding, Severity


def ask(dossier: Dossier) -> Iterator[Finding]:
    """Report licenses that the policy denies, by id, category or use."""
    remedy = "choose another model; a license bought from the owner is an entry of [[licenses.exceptions]]"
    return objecting(dossier, "denied", CHECK.name, CHECK.area, Severity.HIGH, remedy)


CHECK = Check(name="license-denied", area="license", ask=ask)
