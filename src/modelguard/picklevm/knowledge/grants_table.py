"""Reads the tables of granted names, each only when a pickle first asks for its package.

A table is a text file `grants/<profile>.txt`:

    # a comment
    [rule] reason for all the rows below
    module name name name
    [rule, state-rule] another reason

`rule` says how a name may be used: `any` (called with anything), `new` (made bare by NEWOBJ, then filled with state),
`name` (named but never called), or the name of a rule in `arguments`. `state-rule` names a rule in `states`.
"""

from __future__ import annotations

from functools import cache, lru_cache
from pathlib import Path

from attrs import frozen

from modelguard.picklevm.knowledge.profiles import BY_PACKAGE

_FOLDER = Path(__file__).parent / "grants"


@frozen
class Grant:
    """What a table says of the names below one heading: the profile, the rules, and the reason."""

    profile: str
    rule: str
    state: str
    reason: str


@cache
def table(profile: str) -> dict[tuple[str, str], Grant]:
    """Return the rows of one profile by module and name.

    Raises `ValueError` for a file that breaks the format: that is a fault of this package, not of a model.
    """
    rows: dict[tuple[str, str], Grant] = {}
    grant: Grant | None = None
    for line in (_FOLDER / f"{profile}.txt").read_text("utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        if line.startswith("["):
            grant = _heading(profile, line)
            continue
        module, *names = line.split()
        if grant is None or not names:
            raise ValueError(f"grants/{profile}.txt: a row needs a heading above it and a name: {line!r}")
        for name in names:
            rows[module, name] = grant
    return rows


def _heading(profile: str, line: str) -> Grant:
    rules, bracket, reason = line[1:].partition("] ")
    rule, _, state = rules.partition(", ")
    if not bracket or not reason:
        raise ValueError(f"grants/{profile}.txt: a heading needs a rule and a reason: {line!r}")
    return Grant(profile, rule, state, reason)


@lru_cache(maxsize=8192)
def grants(module: str, name: str) -> tuple[Grant, ...]:
    """Return the rows, over all profiles, that list this exact name."""
    found = []
    for profile in BY_PACKAGE.get(module.partition(".")[0], ()):
        grant = table(profile).get((module, name))
        if grant is not None:
            found.append(grant)
    return tuple(found)
