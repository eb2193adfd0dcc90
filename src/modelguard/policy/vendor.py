"""Reads the table `[vendor]` of a policy: what a publisher of models has to reach.

[vendor]
min-score = 5.0
min-scores = { unsafe-files = 7, license-clarity = 5 }
inactive-days = 365
"""

from __future__ import annotations

from collections.abc import Iterable

from modelguard.policy.settings import Policy
from modelguard.terms.errors import PolicyError
from modelguard.terms.section import Section
from modelguard.terms.vendor import VendorRules


def read_vendor(policy: Policy, questions: Iterable[str]) -> VendorRules:
    """Return the policy's word about vendors; `questions` are the ids that `min-scores` may name.

    Raises `PolicyError` with the key path.
    """
    prefix = "tool.modelguard" if policy.origin.endswith("pyproject.toml") else ""
    table = Section(policy.tables, prefix, PolicyError).section("vendor")
    least = table.section("min-scores")
    rules = VendorRules(
        min_score=_score(table, "min-score"),
        min_marks=tuple((name, _score(least, name)) for name in sorted(questions) if name in least),
        inactive_days=table.integer("inactive-days", VendorRules().inactive_days, least=1),
    )
    for name in questions:
        least.raw(name)
    least.finish()
    table.finish()
    return rules


def _score(section: Section, key: str) -> float:
    value = section.number(key, 0.0)
    if not 0 <= value <= 10:
        raise section.fail(key, f"expected a number from 0 to 10, found {value:g}")
    return value
