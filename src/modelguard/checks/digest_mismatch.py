"""A file is not the one that was approved: its bytes have another SHA-256 than the lock records.

Why it matters
    Somebody or something changed the file after it was reviewed: an attacker, a proxy, a mirror, a broken disk. What
    the changed bytes would do is not known, even if they look harmless.

What to do
    Find out who changed it. If the change is wanted, review it as you would a new model, with
    `modelguard lock --upgrade REF`.

Example
    model.safetensors: expected sha256:9f86…, found sha256:60303…
"""

from __future__ import annotations

from collections.abc import Iterator

from modelguard.checks._remedies import upgrade
from modelguard.checks.check import Check
from modelguard.terms.facts import Digested, Dossier, Pinned, Substituted
from modelguard.terms.finding import Finding, Severity


def ask(dossier: Dossier) -> Iterator[Finding]:
    """Compare every digest with the lock's."""
    pinned = {fact.location.path: fact for fact in dossier.all(Pinned)}
    for fact in dossier.all(Digested):
        pin = pinned.get(fact.location.path)
        if pin is not None and (pin.digest, pin.size) != (fact.digest, fact.size):
            yield _finding(dossier, fact, f"expected {pin.digest}, found {fact.digest}", str(fact.digest))
    for swap in dossier.all(Substituted):
        yield _finding(dossier, swap, f"expected {swap.expected}, found {swap.found}", swap.found)


def _finding(dossier: Dossier, fact: Digested | Substituted, difference: str, found: str) -> Finding:
    return CHECK.finding(
        severity=Severity.CRITICAL,
        location=fact.location,
        subject=found,
        message=f"{difference}: these are not the bytes that were approved",
        remedy=f"find out who changed the file; if the change is wanted, review it: {upgrade(dossier)}",
    )


CHECK = Check(name="digest-mismatch", area="lock", ask=ask)
