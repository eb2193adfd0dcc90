"""A file asks for more than the lock records: a new global, operator, template or piece of code.

Why it matters
    What a file may do was reviewed when it was locked. If it now asks for more, either the file changed or modelguard
    has learned to see more in it; both need another look before it is loaded. While a newer revision is recorded, what
    it asks for beyond the approved one is only noted: recording it is the approval.

What to do
    Look at what is new, then record it: `modelguard lock --upgrade REF`.

Example
    clf.joblib: asks for sklearn.tree._classes.DecisionTreeClassifier, which the lock does not record
"""

from __future__ import annotations

from collections.abc import Iterator

from modelguard.checks._remedies import named, upgrade
from modelguard.checks.check import Check
from modelguard.terms.facts import Asks, Dossier, Earlier, Fact, Import, Pinned
from modelguard.terms.finding import Finding, Severity


def ask(dossier: Dossier) -> Iterator[Finding]:
    """Compare what each pinned file asks for with what was recorded, and a newer revision with the approved one."""
    yield from _beyond_the_approved(dossier)
    pinned = {fact.location.path: fact for fact in dossier.all(Pinned)}
    seen: set[tuple[str, str]] = set()
    for fact in (*dossier.all(Import), *dossier.all(Asks)):
        pin = pinned.get(fact.location.path)
        name = permission_of(fact)
        if pin is None or name in pin.imports or name in pin.permissions or (fact.location.path, name) in seen:
            continue
        seen.add((fact.location.path, name))
        yield CHECK.finding(
            severity=Severity.HIGH,
            location=fact.location,
            subject=name,
            message=f"asks for {name}, which the lock does not record",
            remedy=f"look at what is new, then record it: {upgrade(dossier)}",
        )


def _beyond_the_approved(dossier: Dossier) -> Iterator[Finding]:
    """Report what a newer revision asks for; a file that the approved one lacks is compared with all of its files."""
    before = {fact.location.path: {*fact.imports, *fact.permissions} for fact in dossier.all(Earlier)}
    anywhere = {name for names in before.values() for name in names}
    seen: set[tuple[str, str]] = set()
    for fact in (*dossier.all(Import), *dossier.all(Asks)) if before else ():
        path, name = fact.location.path, permission_of(fact)
        if name in before.get(path, anywhere) or (path, name) in seen:
            continue
        seen.add((path, name))
        yield CHECK.finding(
            severity=Severity.LOW,
            location=fact.location,
            subject=name,
            message=f"asks for {name}, which the approved revision did not",
            remedy=f"before you record this revision, see what is new: modelguard diff {named(dossier)}",
        )


def permission_of(fact: Fact) -> str:
    """Return the name under which the lock records what a fact asks for."""
    if isinstance(fact, Import):
        return fact.qualified
    if isinstance(fact, Asks):
        return f"{fact.permission}:{fact.name}"
    raise TypeError(f"{type(fact).__name__} asks for nothing")


CHECK = Check(name="permission-increase", area="lock", ask=ask)
