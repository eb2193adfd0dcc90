"""Who publishes the model: the assessment of its owner, held against what the policy asks of vendors.

It asks the Hub, so it runs only where that is wanted: `modelguard assess`, and monitoring.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import date

from modelguard.collectors._publisher import Means, collect
from modelguard.collectors.collector import Case, Collector
from modelguard.lock import Lock
from modelguard.policy.settings import Policy
from modelguard.policy.vendor import read_vendor
from modelguard.sources.source import Options
from modelguard.sources.store import Store
from modelguard.sources.upstream import open_observer
from modelguard.terms.artifact import HubRef, Location
from modelguard.terms.facts import Fact
from modelguard.terms.vendor import Assessment, Vendor, VendorMarked, VendorQuiet, VendorResembles, VendorScored
from modelguard.vendors.conduct import quiet_days
from modelguard.vendors.questions import QUESTIONS
from modelguard.vendors.scoring import assess

BUDGET = 120
"""Requests that the assessment of one model may take."""


def gather(case: Case) -> Iterator[Fact]:
    """Yield what the assessment of the model's publisher comes to."""
    ref = case.snapshot.ref
    if not isinstance(ref, HubRef) or not ref.org:
        return
    options = Options(home=case.home, endpoint=os.environ.get("HF_ENDPOINT"), token=os.environ.get("HF_TOKEN"))
    lock = Lock(entries={case.entry.id: case.entry}) if case.entry else None
    means = Means(
        observer=open_observer(options, budget=BUDGET),
        options=options,
        shelf=Store(),
        lock=lock,
        familiar=familiar_names(case.policy),
    )
    vendor = collect(ref.repo, means)
    yield from vendor_facts(vendor, assess(vendor, case.today), case.policy, case.today)


def familiar_names(policy: Policy) -> tuple[str, ...]:
    """Return the publishers that the policy names."""
    return tuple(one.name for one in policy.sources.organizations)


def vendor_facts(vendor: Vendor, assessment: Assessment, policy: Policy, today: date) -> Iterator[Fact]:
    """Yield the facts that checks of vendors look at."""
    rules = read_vendor(policy, [question.id for question in QUESTIONS])
    location = Location(assessment.subject)
    yield VendorScored(
        location=location,
        subject=assessment.subject,
        score=assessment.score,
        coverage=assessment.coverage,
        least=rules.min_score,
    )
    marks = {mark.question: mark for mark in assessment.marks}
    for question, least in rules.min_marks:
        mark = marks[question]
        yield VendorMarked(
            location=location,
            subject=assessment.subject,
            question=question,
            value=mark.value,
            least=least,
            reason=mark.reason,
        )
    for one in assessment.look_alikes:
        yield VendorResembles(location=location, subject=one.name, target=one.target, how=one.how)
    days = quiet_days(vendor, today)
    if days is not None:
        yield VendorQuiet(location=location, subject=assessment.subject, days=days, limit_days=rules.inactive_days)


VENDOR = Collector(name="vendor", gather=gather, offline=False)
