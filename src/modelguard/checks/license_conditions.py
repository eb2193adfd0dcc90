"""The license asks for something that nobody has accepted yet.

Why it matters
    Licenses with conditions (a list of prohibited uses, a number of users, terms for everybody downstream) are fine as
    long as somebody knows of the conditions and keeps them. Not legal advice.

What to do
    Read the terms, then accept by name what can be kept:
    `conditional = [{ license = "llama3.1", accept = ["use-policy", "flow-down"] }]`.

Example
    acme/tiny: LicenseRef-hf-gemma asks for what nobody accepted: use-policy (keep to the list of prohibited uses)
"""

from __future__ import annotations

from collections.abc import Iterator

from modelguard.checks._licensing import objecting
from modelguard.checks.check import Check
from modelguard.terms.facts import Dossier
from modelguard.terms.finding import Finding, Severity


def ask(dossier: Dossier) -> Iterator[Finding]:
    """Report obligations that the policy does not accept."""
    remedy = "read the terms, then name what is accepted in licenses.conditional"
    return objecting(dossier, "conditions", CHECK.name, CHECK.area, Severity.MEDIUM, remedy)


CHECK = Check(name="license-conditions", area="license", ask=ask)
