"""What the feeds of advisories say about the model, the packages that would load it, and those it asks for.

Without feeds in the policy there is nothing to say, and the readers of feeds are not even loaded.
"""

from __future__ import annotations

from collections.abc import Iterator

from modelguard.collectors.collector import Case, Collector
from modelguard.terms.facts import Fact


def gather(case: Case) -> Iterator[Fact]:
    """Yield what is known about the model in any feed: once for each advisory and thing that it is about."""
    if "advisories" not in case.policy.tables:
        return
    from modelguard.policy.advisories import read_advisories  # most policies have no such table

    rules = read_advisories(case.policy)
    if rules.feeds:
        from modelguard.collectors.asking_feeds import (
            gather_from,  # SQLite, signatures and more: only for who has feeds
        )

        yield from gather_from(case, rules)


ADVISORIES = Collector(name="advisories", gather=gather)
