"""What a collector is.

A collector is given a `Case` and yields facts about it. One that cannot reach its source yields `Unread`: silence is
a fact as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from attrs import field, frozen

from modelguard.terms.artifact import Snapshot
from modelguard.terms.content import Budget
from modelguard.terms.facts import Fact

if TYPE_CHECKING:
    from datetime import date
    from pathlib import Path

    from modelguard.licenses.lineage import Known
    from modelguard.lock import Entry
    from modelguard.policy.settings import Policy


@frozen(kw_only=True)
class Case:
    """One examination to be made: the frozen bytes, the lock's entry if there is one, and the policy.

    `home` is the directory of the policy, to which relative paths in it refer. `lock_trouble` says why there is no
    entry (no lock, no such model); it is empty when an entry was not asked for.

    `gathered` are the facts of the collectors that ran before. `tags` are those of the Hub, where it was asked.
    `look_up` finds out about a base model by name; without it, only the lock's record of bases is there to ask.
    `host` and `owner_id` are what a Hub that was asked said; with an entry, those that it recorded count.
    """

    snapshot: Snapshot
    policy: Policy
    today: date
    home: Path
    entry: Entry | None = None
    lock_trouble: str = ""
    budget: Budget = field(factory=Budget)
    gathered: list[Fact] = field(factory=list, eq=False)
    tags: tuple[str, ...] = ()
    look_up: Callable[[str], Known] | None = field(default=None, eq=False)
    host: str = ""
    owner_id: str = ""


@frozen(kw_only=True)
class Collector:
    """One source of facts. `offline` collectors never use the network."""

    name: str
    gather: Callable[[Case], Iterable[Fact]]
    offline: bool = True
