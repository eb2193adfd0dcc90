"""What is known about somebody who publishes models, the marks that this earns, and the facts that checks see.

A mark of None is `not known`: it is left out of the score and lowers the coverage, and is never the same as zero.
"""

from __future__ import annotations

from collections.abc import Mapping

from attrs import field, frozen

from modelguard.terms.facts import Fact
from modelguard.terms.upstream import Account, Observation

# --- what was collected ----------------------------------------------------------------------------------------------


@frozen(kw_only=True)
class Discussion:
    """A thread of a repository: who opened it and when (ISO 8601), and the events of it as (when, who, what).

    What is `comment`, or the new status such as `closed` or `merged`. `events` is None when they were not asked for.
    """

    number: int
    title: str
    author: str
    opened: str
    status: str
    events: tuple[tuple[str, str, str], ...] | None = None


@frozen(kw_only=True)
class Recorded:
    """What the lock says about a model: the Hub's identities, the commit, whether a signature of it was verified."""

    repo_id: str = ""
    owner_id: str = ""
    revision: str = ""
    signed: bool = False


@frozen(kw_only=True)
class Collected:
    """One repository of the vendor: what the Hub shows, small text files of it, threads, and the lock's word on it.

    `texts` holds what was fetched of README.md, SECURITY.md and config.json. `discussions` is None when not known.
    """

    seen: Observation
    texts: Mapping[str, str] = field(factory=dict, hash=False)
    discussions: tuple[Discussion, ...] | None = None
    recorded: Recorded | None = None


@frozen(kw_only=True)
class Vendor:
    """Everything collected about a publisher, or about one model of it. `subject` is `org` or `org/name`.

    `unreached` are (repository, reason). `familiar` are names of publishers that the user trusts.
    """

    subject: str
    at: str
    owner: Account | None
    repositories: tuple[Collected, ...]
    unreached: tuple[tuple[str, str], ...] = ()
    familiar: tuple[str, ...] = ()


# --- what it earns ---------------------------------------------------------------------------------------------------


@frozen(kw_only=True)
class Evidence:
    """One thing that a mark rests on: where it was seen, which field, and its value, as text."""

    source: str
    name: str
    value: str


@frozen(kw_only=True)
class Mark:
    """The answer to one question: 0 to 10, or None when it is not known, with the reason and the evidence."""

    question: str
    weight: float
    value: float | None
    reason: str
    evidence: tuple[Evidence, ...] = ()


@frozen(kw_only=True)
class LookAlike:
    """A name that can be taken for another one, and what makes it so."""

    name: str
    target: str
    how: str


@frozen(kw_only=True)
class Assessment:
    """The marks of a vendor. `score` (0 to 10) is None when less than half of the weight is known.

    `coverage` is the known share of the weight, 0 to 1. `shown` are figures that never count, such as downloads.
    """

    subject: str
    at: str
    marks: tuple[Mark, ...]
    score: float | None
    coverage: float
    look_alikes: tuple[LookAlike, ...] = ()
    shown: tuple[tuple[str, str], ...] = ()
    unreached: tuple[tuple[str, str], ...] = ()


# --- the user's word -------------------------------------------------------------------------------------------------


@frozen(kw_only=True)
class VendorRules:
    """The table `[vendor]`: the least score, least marks by question, and days without a commit that are too many."""

    min_score: float = 0.0
    min_marks: tuple[tuple[str, float], ...] = ()
    inactive_days: int = 365


# --- facts -----------------------------------------------------------------------------------------------------------


@frozen(kw_only=True)
class VendorScored(Fact):
    """The score of a vendor with the least one that the policy asks for; None when it could not be computed."""

    subject: str
    score: float | None
    coverage: float
    least: float


@frozen(kw_only=True)
class VendorMarked(Fact):
    """A mark for which the policy asks a least value."""

    subject: str
    question: str
    value: float | None
    least: float
    reason: str


@frozen(kw_only=True)
class VendorResembles(Fact):
    """The name of a vendor can be taken for that of another one."""

    subject: str
    target: str
    how: str


@frozen(kw_only=True)
class VendorQuiet(Fact):
    """The days since the last commit in any repository that was looked at, and how many the policy allows."""

    subject: str
    days: int
    limit_days: int
