"""A scene: all that is known about one model at one moment, which is what two passes are compared by.

The first scene of a model comes from its lock entry, so that the first pass already tells what has happened since the
model was locked. What a pass could not find out is taken over from the scene before: silence changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

import attrs
from attrs import evolve, frozen

from modelguard.lock import Entry
from modelguard.terms.artifact import HubRef
from modelguard.terms.upstream import (
    Absence,
    Account,
    LockedRevision,
    NotKnown,
    Observation,
    Sibling,
    Sighting,
)

WARN_DAYS = 14
"""Days before its end at which an approval or an accepted finding is called to mind."""
INACTIVE_DAYS = 365
"""Days without a change after which a publisher counts as inactive."""


@frozen(kw_only=True)
class Ending:
    """Something that ends soon or has ended: `kind` is approval or exception, `until` an ISO 8601 day."""

    kind: str
    subject: str
    until: str


@frozen(kw_only=True)
class Notice:
    """An advisory that matches the locked model. `severity` is low, medium, high or critical."""

    id: str
    modified: str = ""
    severity: str = "high"
    summary: str = ""


@frozen(kw_only=True)
class Scene:
    """One model at one moment. `seen` is the last that is known of it, `absence` what the Hub says instead now.

    `requested` is the branch or tag that was locked and `revision` the commit. `inactive_since` is the day of the last
    change when that is long ago.
    """

    ref: str
    seen: Observation
    absence: Absence | None = None
    requested: str = ""
    revision: str = ""
    endings: tuple[Ending, ...] = ()
    notices: tuple[Notice, ...] = ()
    inactive_since: str | None = None


def first_scene(entry: Entry) -> Scene:
    """Return what the lock knows about a model: the scene before the first pass."""
    assert isinstance(entry.ref, HubRef)
    files = tuple(Sibling(path=file.path, size=file.size, sha256=file.digest.hex) for file in entry.files)
    chosen = bool(entry.include or entry.exclude)
    seen = Observation(
        repo=entry.ref.repo,
        host=entry.host,
        at=entry.resolved_at,
        name=entry.ref.repo,
        id=entry.repo_id or None,
        sha=entry.revision if entry.requested in {"", "main"} else None,
        siblings=None if chosen or entry.requested not in {"", "main"} else files,
        locked=LockedRevision(commit=entry.revision, answers=True, reachable=True, siblings=files),
        owner=Account(name=entry.ref.org, id=entry.owner_id or None) if entry.ref.org else None,
    )
    return Scene(ref=entry.id, seen=seen, requested=entry.requested, revision=entry.revision)


def ancestor_scene(repo: str, host: str) -> Scene:
    """Return the scene of a model of which nothing is known yet, such as one that a locked model was made from."""
    return Scene(ref=repo, seen=Observation(repo=repo, host=host, at=""))


def next_scene(
    before: Scene,
    sighting: Sighting,
    *,
    now: datetime,
    entry: Entry | None = None,
    notices: Iterable[Notice] | None = None,
    inactive_days: int = INACTIVE_DAYS,
) -> Scene:
    """Return the scene after a pass. `notices` is None when advisories were not looked at."""
    scene = before
    if isinstance(sighting, Observation):
        scene = evolve(scene, seen=carried(before.seen, sighting), absence=None)
    elif isinstance(sighting, Absence):
        scene = evolve(scene, absence=sighting)
    else:
        assert isinstance(sighting, NotKnown)
    if entry is not None:
        scene = evolve(scene, requested=entry.requested, revision=entry.revision, endings=endings(entry, now.date()))
    if notices is not None:
        scene = evolve(scene, notices=tuple(sorted(notices, key=lambda notice: notice.id)))
    return evolve(scene, inactive_since=_inactive(scene.seen.last_modified, now, inactive_days))


def carried(before: Observation, after: Observation) -> Observation:
    """Return `after` with what it does not know taken from `before`, if that is the same repository."""
    if before.id is not None and after.id is not None and before.id != after.id:
        return after
    unknown = {
        field.name: getattr(before, field.name)
        for field in attrs.fields(Observation)
        if getattr(after, field.name) is None
    }
    if before.new_version is not None and after.name is not None:
        unknown.pop("new_version", None)  # a card that no longer names one is an answer
    merged = evolve(after, **unknown)
    old, new = before.owner, after.owner
    if old is not None and new is not None and new.members is None and old.id == new.id:
        merged = evolve(merged, owner=evolve(new, members=old.members))
    return merged


def endings(entry: Entry, today: date) -> tuple[Ending, ...]:
    """Return what ends within `WARN_DAYS`, or has ended."""
    last = (today + timedelta(days=WARN_DAYS)).isoformat()
    found = [Ending(kind="approval", subject="", until=entry.approval.until)]
    found += [
        Ending(kind="exception", subject=":".join(filter(None, (one.check, one.path, one.subject))), until=one.until)
        for one in entry.accepted
    ]
    return tuple(
        sorted((one for one in found if one.until and one.until <= last), key=lambda one: (one.kind, one.subject))
    )


def _inactive(last_modified: str | None, now: datetime, days: int) -> str | None:
    if last_modified is None:
        return None
    try:
        moment = datetime.fromisoformat(last_modified)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return moment.date().isoformat() if now - moment > timedelta(days=days) else None
