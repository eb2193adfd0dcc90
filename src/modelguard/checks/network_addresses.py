"""Loading the model would fetch something from an address.

Why it matters
    What is fetched at load has no digest in the lock and may be another thing tomorrow. The request alone tells the
    other side that the model is used, and where.

What to do
    Fetch it once, look at it, and ask the author for a model that contains it.

Example
    model.keras: Loading would fetch https://x.example/vocab.txt: StringLookup reads its vocabulary from there
"""

from __future__ import annotations

from collections.abc import Iterator

from modelguard.checks._asked import Judgement, findings_of
from modelguard.checks.check import Check
from modelguard.terms.facts import Dossier
from modelguard.terms.finding import Finding, Severity

# How bad a class of danger is, and why it is rated so. A class without a row is critical.
_SEVERITIES = {
    "network": Severity.HIGH,  # the loader opens the connection without being asked
    "file-read": Severity.HIGH,  # what is read there ends in the model
}

_JUDGEMENT = Judgement(
    check="network-addresses",
    permission="network",
    sentence="Loading would fetch",
    advice="ask the author for a model that contains it",
    otherwise=Severity.MEDIUM,
    severities=_SEVERITIES,
)


def ask(dossier: Dossier) -> Iterator[Finding]:
    """Report every one of them."""
    yield from findings_of(dossier, _JUDGEMENT)


CHECK = Check(name=_JUDGEMENT.check, area="content", ask=ask)
