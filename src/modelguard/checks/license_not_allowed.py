"""The policy lists the licenses that are allowed, and this one is not among them.

Why it matters
    A list of what is allowed is only worth something when everything else is refused. Not legal advice.

What to do
    Have the license reviewed, then add it to `licenses.allow`, or to `licenses.conditional` with what is accepted.

Example
    acme/tiny: MPL-2.0 is not in licenses.allow
"""

from __future__ import annotations

from collections.abc import Iterator

from modelguard.checks._licensing import objecting
from modelguard.checks.check import Check
from modelguard.terms.facts import Dossier
from modelguard.terms.finding import Finding, Severity


def ask(dossier: Dossier) -> Iterator[Finding]:
    """Report licenses that are not on the list."""
    remedy = "have it reviewed, then add it to licenses.allow or licenses.conditional"
    return objecting(dossier, "not-allowed", CHECK.name, CHECK.area, Severity.MEDIUM, remedy)


CHECK = Check(name="license-not-allowed", area="license", ask=ask)
