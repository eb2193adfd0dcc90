"""The policy as frozen nouns, read from `[tool.modelguard]` of pyproject.toml or from modelguard.toml.

Without a policy file the defaults refuse on content (digests, scan, unread or unknown bytes, remote code) and only
note what concerns licenses, signatures and vendors; writing one of those tables makes its findings count.
"""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any, Literal, TypeAlias

from attrs import field, frozen

from modelguard.terms.finding import Area, Severity

Mode: TypeAlias = Literal["enforce", "warn"]
Level: TypeAlias = Literal["refuse", "note"]
Verify: TypeAlias = Literal["always", "sealed", "changed"]

ENFORCED_BY_DEFAULT: tuple[Area, ...] = ("lock", "content", "policy")
"""Areas whose findings refuse even when the policy says nothing about them."""

TABLE_OF_AREA: dict[Area, str] = {
    "license": "licenses",
    "provenance": "provenance",
    "source": "sources",
    "vendor": "vendor",
    "advisory": "advisories",
}
"""Areas whose findings refuse once the policy holds the table named here."""


@frozen(kw_only=True)
class Excuse:
    """A finding that is known and accepted, with the reason and the day it ends.

    `model` and `subject` are exact or shell patterns (`*`); empty `path` and `subject` match every one. `line` names
    the place in the policy.
    """

    check: str
    model: str
    reason: str
    line: str
    path: str = ""
    subject: str = ""
    until: str = ""

    def covers(self, *, check: str, model: str, path: str, subject: str) -> bool:
        return (
            self.check == check
            and fnmatchcase(model, self.model)
            and (not self.path or fnmatchcase(path, self.path))
            and (not self.subject or fnmatchcase(subject, self.subject))
        )

    def ended(self, today: str) -> bool:
        """Tell whether the excuse has ended; ISO 8601 dates compare as text."""
        return bool(self.until) and self.until < today


@frozen(kw_only=True)
class Organization:
    """An owner of repositories that the policy knows; `owner_id` is the Hub's identity, which survives renames."""

    name: str
    owner_id: str = ""


@frozen(kw_only=True)
class SourceRules:
    """Where models may come from: hosts without a scheme, owners, and what is denied, as (pattern, reason).

    Empty `hosts` limit nothing. `unknown_organization` says what becomes of owners that are not listed.
    """

    hosts: tuple[str, ...] = ()
    organizations: tuple[Organization, ...] = ()
    unknown_organization: Level | Literal["allow"] = "allow"
    denied: tuple[tuple[str, str], ...] = ()


@frozen(kw_only=True)
class Policy:
    """What the user allows. `tables` are the tables of other areas as parsed TOML, each read by its own room.

    `verify` says when the bytes of a model are hashed again before a load, `strict` whether they are handed over in
    sealed memory; docs/why/handover.md says what each of them trusts.

    `excused_uses` are the excuses of `[discovery]`: for findings of `modelguard discover`, which are about programs.

    `origin` is the file that the policy was read from, empty for the defaults.
    """

    origin: str = ""
    lockfile: str = "modelguard.lock"
    mode: Mode = "enforce"
    verify: Verify = "always"
    strict: bool = False
    cooldown_days: int = 0
    profiles: frozenset[str] = frozenset()
    threshold: Severity = Severity.MEDIUM
    remote_code: Literal["deny", "locked"] = "deny"
    levels: Mapping[str, Level] = field(factory=dict, hash=False)
    excuses: tuple[Excuse, ...] = ()
    excused_uses: tuple[Excuse, ...] = ()
    max_excuse_days: int = 0
    sources: SourceRules = SourceRules()
    tables: Mapping[str, Mapping[str, Any]] = field(factory=dict, hash=False)
    present: frozenset[str] = frozenset()

    def enforces(self, area: Area) -> tuple[bool, str]:
        """Tell whether findings of an area refuse, and the policy line that says so."""
        if area in ENFORCED_BY_DEFAULT:
            return True, f"default: {area} findings refuse"
        table = TABLE_OF_AREA[area]
        if table in self.present:
            return True, f"[{table}] is set"
        return False, f"default: no [{table}] table, so {area} findings are noted"
