"""Questions about how a vendor works: history, continuity, maintenance, number of people, answers, fixes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from datetime import date
from statistics import median

from modelguard.terms.vendor import Collected, Discussion, Evidence, Vendor
from modelguard.vendors.question import Answer, day_of, days_since, per_repository, seen_at, step, unknown

_BOTS = re.compile(r"(?:^|[-_])bot$|\[bot\]$|^system$|^SFconvertbot$|^parquet-converter$", re.IGNORECASE)
_SECURITY = re.compile(
    r"\b(?:security|vulnerab\w+|malicious|malware|CVE-\d{4}-\d+|exploit|backdoor|unsafe|pickle|RCE)\b", re.IGNORECASE
)
_ENDED = frozenset({"closed", "merged"})


def revision_integrity(vendor: Vendor, today: date) -> Answer:  # noqa: ARG001  # every question is asked alike
    """Ask whether the locked commits are still there; one that is not decides."""
    return per_repository(vendor, _integrity, min)


def _integrity(one: Collected) -> Answer:
    locked, history = one.seen.locked, one.seen.history
    if locked is not None:
        row = (seen_at(one.seen, "locked commit", locked.commit),)
        if locked.answers is False or locked.reachable is False:
            reason = f"{one.seen.repo}: history was rewritten: the locked commit is gone"
            return Answer(value=0.0, reason=reason, evidence=row)
        if locked.reachable:
            return Answer(value=10.0, reason=f"{one.seen.repo}: the locked commit is in the history", evidence=row)
    if history is not None and history.complete and len(history.commits) == 1:
        return Answer(value=5.0, reason=f"{one.seen.repo}: one commit: new, or its history was squashed")
    return unknown(f"{one.seen.repo}: not locked, so that nothing can be compared")


def continuity(vendor: Vendor, today: date) -> Answer:  # noqa: ARG001  # as above
    """Ask whether repository and owner are those of the lock; one that is not decides."""
    return per_repository(vendor, _continuity, min)


def _continuity(one: Collected) -> Answer:
    recorded, owner = one.recorded, one.seen.owner
    found = (one.seen.id, owner.id if owner else None)
    pairs = [] if recorded is None else [*zip((recorded.repo_id, recorded.owner_id), found, strict=True)]
    known = [(before, now) for before, now in pairs if before and now]
    if not known:
        return unknown(f"{one.seen.repo}: not locked, so that nothing can be compared")
    evidence = tuple(seen_at(one.seen, "identity", f"{before} then, {now} now") for before, now in known)
    if any(before != now for before, now in known):
        return Answer(value=0.0, reason=f"{one.seen.repo}: somebody else has this name now", evidence=evidence)
    if one.seen.redirected_to:
        reason = f"{one.seen.repo}: renamed to {one.seen.redirected_to}"
        return Answer(value=4.0, reason=reason, evidence=evidence)
    return Answer(value=10.0, reason=f"{one.seen.repo}: the same repository and owner", evidence=evidence)


def _commits(vendor: Vendor) -> Iterator[tuple[date, tuple[str, ...], str]]:
    """Yield (day, authors, repository) of every commit that is known."""
    for one in vendor.repositories:
        for commit in one.seen.history.commits if one.seen.history else ():
            day = day_of(commit.date)
            if day is not None:
                yield day, commit.authors, one.seen.repo


def quiet_days(vendor: Vendor, today: date) -> int | None:
    """Return the days since the last commit in any repository, or None when none is known."""
    days = [day for day, _, _ in _commits(vendor) if day <= today]
    days += [day for one in vendor.repositories if (day := day_of(one.seen.last_modified)) and day <= today]
    return (today - max(days)).days if days else None


def maintained(vendor: Vendor, today: date) -> Answer:
    """Ask in how many quarters of the last year anything was committed."""
    days = [day for day, _, _ in _commits(vendor) if day <= today]
    if not days:
        return unknown("no commit is known")
    ages = [(today - day).days for day in days]
    quarters = len({age // 92 for age in ages if age < 368})
    evidence = (Evidence(source=vendor.subject, name="last commit", value=max(days).isoformat()),)
    reason = f"commits in {quarters} of the last 4 quarters; the last {min(ages)} days ago"
    return Answer(value=10 * quarters / 4, reason=reason, evidence=evidence)


def bus_factor(vendor: Vendor, today: date) -> Answer:  # noqa: ARG001  # as above
    """Ask for the smallest number of people who made half of the commits."""
    counts = Counter(author for _, authors, _ in _commits(vendor) for author in authors if not _BOTS.search(author))
    if not counts:
        return unknown("no commit by a person is known")
    half, people, sum_ = sum(counts.values()) / 2, 0, 0
    for _, count in counts.most_common():
        people, sum_ = people + 1, sum_ + count
        if sum_ >= half:
            break
    rows = tuple(
        Evidence(source=vendor.subject, name="commits", value=f"{n} by {who}") for who, n in counts.most_common(5)
    )
    value = {1: 2.0, 2: 6.0}.get(people, 10.0)
    return Answer(value=value, reason=f"half of the commits are by {people} of {len(counts)} people", evidence=rows)


def _threads(vendor: Vendor) -> list[Discussion] | None:
    known = [one.discussions for one in vendor.repositories if one.discussions is not None]
    return [thread for threads in known for thread in threads] if known else None


def responsiveness(vendor: Vendor, today: date) -> Answer:
    """Ask for the median time to the first answer by a member."""
    threads = _threads(vendor)
    if threads is None:
        return unknown("discussions are not known, or switched off")
    team = {vendor.owner.name, *(vendor.owner.members or ())} if vendor.owner else set()
    if not team:
        return unknown("the members are not known")
    days = []
    for thread in threads:
        opened = days_since(thread.opened, today)
        if opened is None or thread.events is None or thread.author in team:
            continue
        answers = [days_since(when, today) for when, who, _ in thread.events if who in team]
        days.append(opened - max((one for one in answers if one is not None), default=0))
    if not days:
        return unknown("no thread by others")
    middle = median(days)
    value = step(middle, ((3, 10.0), (14, 7.0), (60, 4.0)), 1.0)
    row = Evidence(source=vendor.subject, name="threads by others", value=str(len(days)))
    return Answer(value=value, reason=f"first answer after {middle:g} days (median)", evidence=(row,))


def fix_speed(vendor: Vendor, today: date) -> Answer:
    """Ask how long threads about security stayed open; one that is still open counts with its age so far."""
    threads = _threads(vendor)
    if threads is None:
        return unknown("discussions are not known, or switched off")
    days, evidence = [], []
    for thread in threads:
        opened = days_since(thread.opened, today)
        if opened is None or not _SECURITY.search(thread.title) or (thread.status in _ENDED and thread.events is None):
            continue
        ends = [days_since(when, today) for when, _, what in thread.events or () if what in _ENDED]
        left = min((one for one in ends if one is not None), default=0) if thread.status in _ENDED else 0
        days.append(opened - left)
        evidence.append(Evidence(source=vendor.subject, name=f"#{thread.number} {thread.status}", value=thread.title))
    if not days:
        return unknown("no thread about security")
    value = step(median(days), ((7, 10.0), (30, 7.0), (90, 4.0)), 0.0)
    reason = f"threads about security took {median(days):g} days (median)"
    return Answer(value=value, reason=reason, evidence=tuple(evidence))
