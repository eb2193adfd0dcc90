"""From what was collected about a vendor to an assessment: marks, their weighted mean, and how much of it is known.

    score = sum of weight x mark / sum of weight, over the marks that are known
    coverage = known weight / whole weight; below one half there is no score

Popularity is shown and never scored: downloads and likes can be bought.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date

from modelguard.terms.vendor import Assessment, Mark, Vendor
from modelguard.vendors.lookalikes import look_alikes
from modelguard.vendors.question import days_since
from modelguard.vendors.questions import QUESTIONS

LEAST_COVERAGE = 0.5


def assess(vendor: Vendor, today: date) -> Assessment:
    """Ask every question about a vendor."""
    marks = tuple(question.mark(vendor, today) for question in QUESTIONS)
    score, coverage = weigh(marks)
    return Assessment(
        subject=vendor.subject,
        at=vendor.at,
        marks=marks,
        score=score,
        coverage=coverage,
        look_alikes=tuple(look_alikes(vendor, today)),
        shown=tuple(_shown(vendor, today)),
        unreached=vendor.unreached,
    )


def weigh(marks: Iterable[Mark]) -> tuple[float | None, float]:
    """Return the weighted mean of the known marks, None below half of the weight, and the coverage."""
    marks = tuple(marks)
    whole = sum(mark.weight for mark in marks)
    known = [(mark.weight, mark.value) for mark in marks if mark.value is not None]
    weight = sum(one for one, _ in known)
    coverage = weight / whole if whole else 0.0
    if not weight or coverage < LEAST_COVERAGE:
        return None, coverage
    return round(sum(one * value for one, value in known) / weight, 1), coverage


def _shown(vendor: Vendor, today: date) -> Iterator[tuple[str, str]]:
    downloads = [one.seen.downloads for one in vendor.repositories if one.seen.downloads is not None]
    likes = [one.seen.likes for one in vendor.repositories if one.seen.likes is not None]
    if downloads:
        yield "downloads in 30 days", str(sum(downloads))
    if likes:
        yield "likes", str(sum(likes))
    if vendor.owner is not None and vendor.owner.followers is not None:
        yield "followers", str(vendor.owner.followers)
    age = days_since(vendor.owner.created_at, today) if vendor.owner else None
    if age is not None and age < 90 and sum(downloads) > 10_000:
        yield "note", f"many downloads for an account of {age} days"
