"""What a question about a vendor is, and how the answers for several repositories become one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date, datetime

from attrs import frozen

from modelguard.terms.upstream import Observation
from modelguard.terms.vendor import Collected, Evidence, Mark, Vendor

CRITICAL, HIGH, MEDIUM, LOW = 10.0, 7.5, 5.0, 2.5
"""Weights by risk, as OpenSSF Scorecard uses them."""


@frozen(kw_only=True)
class Answer:
    """A value from 0 to 10, or None for not known, with the reason and the evidence."""

    value: float | None
    reason: str
    evidence: tuple[Evidence, ...] = ()


@frozen(kw_only=True)
class Question:
    """One question. `formula` says in words how the value comes about; it is part of every record of an assessment."""

    id: str
    weight: float
    asks: str
    formula: str
    answer: Callable[[Vendor, date], Answer]

    def mark(self, vendor: Vendor, today: date) -> Mark:
        answer = self.answer(vendor, today)
        value = None if answer.value is None else round(min(10.0, max(0.0, answer.value)), 1)
        return Mark(question=self.id, weight=self.weight, value=value, reason=answer.reason, evidence=answer.evidence)


def unknown(reason: str, evidence: Iterable[Evidence] = ()) -> Answer:
    return Answer(value=None, reason=reason, evidence=tuple(evidence))


def per_repository(
    vendor: Vendor,
    answer: Callable[[Collected], Answer],
    combine: Callable[[list[float]], float] = lambda values: sum(values) / len(values),
) -> Answer:
    """Answer for each repository and combine what is known: by the mean, unless the worst one decides (`min`)."""
    answers = [answer(one) for one in vendor.repositories]
    values = [one.value for one in answers if one.value is not None]
    evidence = tuple(row for one in answers for row in one.evidence)
    if not values:
        return unknown(answers[0].reason if answers else "no repository was seen", evidence)
    worst = min((one for one in answers if one.value is not None), key=lambda one: one.value or 0.0)
    reason = worst.reason
    if len(answers) > 1:
        reason = f"{len(values)} of {len(answers)} repositories known; the lowest: {worst.reason}"
    return Answer(value=combine(values), reason=reason, evidence=evidence)


def seen_at(seen: Observation, name: str, value: object) -> Evidence:
    """Make a row of evidence from what the Hub said about a repository."""
    return Evidence(source=f"https://{seen.host}/{seen.repo}", name=name, value=str(value))


def day_of(text: str | None) -> date | None:
    """Return the day of an ISO 8601 date or time, or None."""
    try:
        return datetime.fromisoformat(text).date() if text else None
    except ValueError:
        return None


def days_since(text: str | None, today: date) -> int | None:
    """Return the days since an ISO 8601 moment; a future one was not yet."""
    day = day_of(text)
    return None if day is None or day > today else (today - day).days


def step(value: float, steps: Iterable[tuple[float, float]], otherwise: float) -> float:
    """Return the mark of the first step (limit, mark) whose limit is not exceeded."""
    return next((mark for limit, mark in steps if value <= limit), otherwise)
