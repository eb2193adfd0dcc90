"""Asks the checks, and spares those that have nothing to see.

A check is pure: what it says depends on the facts it asks for and on nothing else. One that asks an empty dossier for
some kinds of facts and says nothing then says nothing of any dossier that lacks them all, for it takes the same way
through its code. So each check is shown an empty dossier once, and from then on asked only where there is a fact of a
kind that it asked for. A check that looked at anything else, or that says something about nothing, is always asked.

What the checks asked for stands in the index of their room, so that of the checks only those are imported that are
asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any, cast

from modelguard._registry import index, modules, parts
from modelguard.checks.check import Check
from modelguard.terms.artifact import LocalRef, Snapshot
from modelguard.terms.facts import AnyFact, Dossier, Fact
from modelguard.terms.finding import Finding

_ROOM = "modelguard.checks"
_SETS = 4096
"""Sets of kinds for which the checks are kept that have to be asked."""


@cache
def checks() -> tuple[Check, ...]:
    """Return every check, by module name."""
    return parts(_ROOM, Check)


@cache
def names() -> frozenset[str]:
    """Return the name of every check."""
    rows = index(_ROOM)
    return frozenset(check.name for check in checks()) if rows is None else frozenset(name for _, name, _ in rows)


def findings_about(dossier: Dossier) -> tuple[Finding, ...]:
    """Return what the checks find, in their order."""
    return tuple([finding for check in _asked_about(dossier.kinds) for finding in check.ask(dossier)])


def wants(check: Check) -> frozenset[type[Fact]] | None:
    """Return the kinds of facts without any of which a check says nothing; None when it has to be asked always."""
    nothing = _Nothing()
    try:
        said = list(check.ask(cast("Dossier", nothing)))
    except Exception:  # noqa: BLE001  # what a check does about nothing is not known then
        return None
    return None if said or nothing.looked_further or not nothing.asked_for else frozenset(nothing.asked_for)


class _Nothing:
    """A dossier without facts that notes what it is asked for."""

    def __init__(self) -> None:
        self.asked_for: set[type[Fact]] = set()
        self.looked_further = False

    def all(self, kind: type[AnyFact]) -> Iterator[AnyFact]:
        self.asked_for.add(kind)
        return iter(())

    def first(self, kind: type[AnyFact]) -> AnyFact | None:
        self.asked_for.add(kind)
        return None

    def at(self, path: str, kind: type[AnyFact]) -> Iterator[AnyFact]:
        del path
        return self.all(kind)

    def __getattr__(self, name: str) -> Any:
        self.looked_further = True
        return getattr(Dossier(snapshot=Snapshot(ref=LocalRef(path=""))), name)


@cache
def _wanted() -> tuple[tuple[str, frozenset[str] | None], ...]:
    """Return the module of each check, and the kinds of facts that it asks for."""
    rows = index(_ROOM)
    if rows is None:  # a check is there that the index does not know: each may have to be asked
        return tuple((module, None) for module in modules(_ROOM))
    return tuple((module, kinds and frozenset(kinds)) for module, _, kinds in rows)


_ASKED: dict[frozenset[type[Fact]], tuple[Check, ...]] = {}


def _asked_about(kinds: frozenset[type[Fact]]) -> tuple[Check, ...]:
    asked = _ASKED.get(kinds)
    if asked is None:
        there = {f"{kind.__module__}:{kind.__qualname__}" for kind in kinds}
        chosen = (module for module, wanted in _wanted() if wanted is None or not wanted.isdisjoint(there))
        asked = parts(_ROOM, Check, only=frozenset(chosen))
        if len(_ASKED) < _SETS:
            _ASKED[kinds] = asked
    return asked
