"""The model belongs to an organization or user whom the policy does not list, or not under this identity.

Why it matters
    On a Hub everybody can publish under a name of their own, and a name that was given up can be taken by others. A
    list of owners, best with the Hub's identity of each, keeps a mistyped or taken-over name from being used.

What to do
    Look at who publishes the model, with `modelguard assess ORG`. If they are to be trusted, add them to
    `allow-organizations` in `[sources]`, with their `owner-id`.

Example
    acne/tiny: belongs to acne, whom the policy does not list
"""

from __future__ import annotations

from collections.abc import Iterator

from modelguard.checks.check import Check
from modelguard.terms.artifact import printable
from modelguard.terms.facts import Dossier
from modelguard.terms.finding import Finding, Severity
from modelguard.terms.origin import Origin, SourcesRuled


def ask(dossier: Dossier) -> Iterator[Finding]:
    """Report owners that are not listed. What lies on this machine has none; what an address gives tells none."""
    for origin in dossier.all(Origin):
        for rules in dossier.all(SourcesRuled):
            if origin.kind == "local" or rules.unlisted == "allow":
                continue
            fault = _fault_of(origin, rules)
            if fault:
                yield CHECK.finding(
                    severity=Severity.HIGH if rules.unlisted == "refuse" else Severity.INFO,
                    location=origin.location,
                    subject=origin.owner,
                    message=fault,
                    remedy="look at who publishes it, then add them to allow-organizations in [sources]",
                )


def _fault_of(origin: Origin, rules: SourcesRuled) -> str:
    if not origin.owner:
        return "an address tells no organization, and the policy lists organizations"
    listed = [identity for name, identity in rules.organizations if name == origin.owner]
    if not listed:
        return f"belongs to {printable(origin.owner)}, whom the policy does not list"
    if "" in listed or origin.owner_id in listed:
        return ""
    found = f"is {printable(origin.owner_id)}" if origin.owner_id else "is not known"
    return f"the identity of {printable(origin.owner)} {found}; the policy lists {', '.join(map(printable, listed))}"


CHECK = Check(name="unlisted-organization", area="source", ask=ask)
