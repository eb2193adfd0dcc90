"""The trusted root that signatures are verified with is old, or nobody wrote down how old it is.

Why it matters
    Keys of logs and authorities are rotated, and withdrawn when they are lost. A root that is never updated goes on
    trusting what its operators no longer trust, and one day refuses what they sign today.

What to do
    `modelguard trust update NAME`, look at what changed, and put the new digest and date into the policy.

Example
    trust/public-good.json: the trusted root 'public-good' is 412 days old; the policy allows 180 days
"""

from __future__ import annotations

from collections.abc import Iterator

from modelguard.checks._ages import too_old
from modelguard.checks.check import Check
from modelguard.terms.facts import Dossier
from modelguard.terms.finding import Finding
from modelguard.terms.provenance import TrustRootSeen


def ask(dossier: Dossier) -> Iterator[Finding]:
    """Report roots above the age that the policy allows, and roots without a date."""
    for root in dossier.all(TrustRootSeen):
        yield from too_old(CHECK, root, "trusted root", "modelguard trust update")


CHECK = Check(name="stale-trust-root", area="provenance", ask=ask)
