"""What advisories say about a model or about the packages that would load it: the policy's nouns and the facts."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Literal, TypeAlias

from attrs import frozen

from modelguard.terms.facts import Fact

MatchedBy: TypeAlias = Literal["file", "tree", "revision", "range", "namespace", "installed", "required"]
"""How an advisory was found: a file's SHA-256, the digest of all files, a commit, a range of commits, the owner, an
installed package, a package that the model asks for."""

Rating: TypeAlias = Literal["low", "medium", "high", "critical"]


# --- the user's word -------------------------------------------------------------------------------------------------


@frozen(kw_only=True)
class Feed:
    """A collection of OSV records: a directory, a zip of JSON files or one JSON file at `path`, relative to the policy.

    `url` is where `modelguard feed update` fetches the file from; nothing else ever does. When `signers` are named, the
    file counts only with a signature of one of them beside it (`path` + `.sigstore.json`).
    """

    name: str
    path: str
    url: str = ""
    signers: tuple[str, ...] = ()


@frozen(kw_only=True)
class Ignore:
    """An advisory, by id or alias, that does not count for some models (shell pattern), with the reason and the end.

    `line` names the place in the policy; `until` is an ISO 8601 date, or empty.
    """

    id: str
    reason: str
    line: str
    model: str = "*"
    until: str = ""

    def covers(self, names: tuple[str, ...], model: str) -> bool:
        return self.id in names and fnmatchcase(model, self.model)

    def ended(self, today: str) -> bool:
        return bool(self.until) and self.until < today


@frozen(kw_only=True)
class AdvisoryRules:
    """The table `[advisories]`: feeds, the days after which a fetched one is old, and what is ignored.

    `packages` tells whether installed packages and those that a model asks for are looked up as well.
    """

    feeds: tuple[Feed, ...] = ()
    max_age_days: int = 14
    packages: bool = True
    ignores: tuple[Ignore, ...] = ()


# --- facts -----------------------------------------------------------------------------------------------------------


@frozen(kw_only=True)
class Advised(Fact):
    """An advisory that is about this model, or about a package that would load it or that it asks for.

    `subject` is what matched: a digest, a commit, an owner, `torch 2.5.0`. `certain` is False when the record alone
    cannot tell, as for a range of commits without their history. `rating` is empty when the record gives none that can
    be computed. `fixed` are the versions or commits that mend it. `ignored` is the reason why it does not count, and
    `ignore_ended` the day on which an ignore of it ended.
    """

    id: str
    names: tuple[str, ...]
    feed: str
    by: MatchedBy
    subject: str
    kind: str = ""
    summary: str = ""
    rating: Rating | Literal[""] = ""
    certain: bool = True
    fixed: tuple[str, ...] = ()
    ignored: str = ""
    ignore_ended: str = ""


@frozen(kw_only=True)
class FeedSeen(Fact):
    """A feed that was read: how many records, and its age in days (None for a feed that is not fetched)."""

    name: str
    records: int
    age_days: int | None
    limit_days: int
    signed_by: str = ""


@frozen(kw_only=True)
class FeedUnread(Fact):
    """A feed that cannot be used, and why: it is missing, damaged, or not signed by whom the policy names."""

    name: str
    reason: str


@frozen(kw_only=True)
class RecordSkipped(Fact):
    """Records of a feed that break a rule of OSV: how many, and the first of them with the rule."""

    name: str
    count: int
    first: str


@frozen(kw_only=True)
class IgnoreUnused(Fact):
    """An ignore that names exactly this model and covers no advisory about it."""

    id: str
    line: str
