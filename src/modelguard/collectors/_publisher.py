"""Collects what a Hub shows about a publisher: its account, its most used models, small texts, and discussions.

What cannot be reached is written down as not reached; nothing of it becomes a bad mark.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from attrs import frozen

from modelguard.lock import Entry, Lock
from modelguard.sources.answers import rows, text
from modelguard.sources.source import Listed, Options, Resolved, Shelf, source_for
from modelguard.sources.upstream import Observer
from modelguard.terms.artifact import HubRef, printable
from modelguard.terms.errors import ModelguardError, SourceError
from modelguard.terms.upstream import Observation
from modelguard.terms.vendor import Collected, Discussion, Recorded, Vendor

log = logging.getLogger(__name__)

TEXTS = ("README.md", "SECURITY.md", "config.json")
LARGEST_TEXT = 1 << 20
"""Bytes above which a text file is not fetched."""
THREADS = 30
"""Threads of one repository that are looked at, newest first; the details of each cost a request."""


@frozen(kw_only=True)
class Means:
    """What collecting needs: who asks the Hub, where small files go, and the lock if there is one."""

    observer: Observer
    options: Options
    shelf: Shelf
    lock: Lock | None = None
    familiar: tuple[str, ...] = ()


def collect(subject: str, means: Means, *, most: int = 10) -> Vendor:
    """Collect what is known about an organization or user (`org`) or about one model (`org/name`).

    Of an organization, the `most` downloaded models are looked at, and all that the lock holds.
    """
    owner_name, _, name = subject.partition("/")
    unreached: list[tuple[str, str]] = []
    names = [subject] if name else _models_of(owner_name, means, most, unreached)
    repositories = []
    for repo in names:
        found = _repository(repo, means)
        if isinstance(found, Collected):
            repositories.append(found)
        else:
            unreached.append((repo, found))
    owner = means.observer.owner(owner_name)
    if owner is None:
        unreached.append((owner_name, "the account could not be found out"))
    return Vendor(
        subject=subject,
        at=means.observer.now().isoformat(timespec="seconds"),
        owner=owner,
        repositories=tuple(repositories),
        unreached=tuple(unreached),
        familiar=means.familiar,
    )


def _models_of(owner: str, means: Means, most: int, unreached: list[tuple[str, str]]) -> list[str]:
    locked = [key for key in (means.lock.entries if means.lock else ()) if key.startswith(f"{owner}/")]
    query = f"/api/models?author={quote(owner, safe='')}&sort=downloads&direction=-1&limit={most}"
    listed: list[dict[str, Any]] = []
    try:
        listed = rows(next(means.observer.asker.pages(query, owner), []))
    except SourceError as error:
        unreached.append((owner, error.message))
    by_downloads = sorted(listed, key=lambda one: -int(one.get("downloads") or 0))
    names = [str(one["id"]) for one in by_downloads if str(one.get("id", "")).startswith(f"{owner}/")]
    return list(dict.fromkeys((*names[:most], *locked)))


def _repository(repo: str, means: Means) -> Collected | str:
    """Return what is known about a repository, or why nothing is."""
    org, _, name = repo.partition("/")
    entry = means.lock.entries.get(repo) if means.lock else None
    seen = means.observer.observe(HubRef(org, name), locked=entry.revision if entry else "")
    if not isinstance(seen, Observation):
        return seen.reason or "it is not there"
    return Collected(
        seen=seen,
        texts=_texts(seen, means),
        discussions=_discussions(seen, means),
        recorded=_recorded(entry) if entry else None,
    )


def _recorded(entry: Entry) -> Recorded:
    return Recorded(
        repo_id=entry.repo_id,
        owner_id=entry.owner_id,
        revision=entry.revision,
        signed=entry.provenance.status == "verified",
    )


def _texts(seen: Observation, means: Means) -> dict[str, str]:
    org, _, name = (seen.name or seen.repo).partition("/")
    found: dict[str, str] = {}
    for path in TEXTS:
        sibling = seen.sibling(path)
        if sibling is None or seen.sha is None or (sibling.size or 0) > LARGEST_TEXT:
            continue
        ref = HubRef(org, name, seen.sha)
        wanted = Resolved(ref=ref, revision=seen.sha, host=seen.host, files=(Listed(path=path, size=sibling.size),))
        try:
            snapshot = source_for(ref).fetch(wanted, means.shelf, means.options, {})
        except ModelguardError as error:
            log.info("%s: %s is not known: %s", printable(seen.repo), path, error.message)
            continue
        file = snapshot.artifacts[0].file
        if file is not None:
            found[path] = file.read_bytes().decode("utf-8", "replace")
    return found


def _discussions(seen: Observation, means: Means) -> tuple[Discussion, ...] | None:
    repo = seen.name or seen.repo
    try:
        answer = means.observer.asker.one(f"/api/models/{repo}/discussions", repo)
    except SourceError as error:
        log.info("%s: discussions are not known: %s", printable(repo), error.message)
        return None
    if not isinstance(answer.get("discussions"), list):
        return None
    listed = sorted(rows(answer.get("discussions")), key=lambda one: str(one.get("createdAt", "")), reverse=True)
    return tuple(_discussion(one, repo, means) for one in listed[:THREADS])


def _discussion(one: dict[str, Any], repo: str, means: Means) -> Discussion:
    number = int(one.get("num") or 0)
    events: tuple[tuple[str, str, str], ...] | None = None
    try:
        details = means.observer.asker.one(f"/api/models/{repo}/discussions/{number}", repo)
        events = tuple(_events(rows(details.get("events"))))
    except SourceError as error:
        log.info("%s: thread %d is not known: %s", printable(repo), number, error.message)
    return Discussion(
        number=number,
        title=text(one.get("title")) or "",
        author=_author(one),
        opened=text(one.get("createdAt")) or "",
        status=text(one.get("status")) or "",
        events=events,
    )


def _events(listed: Iterable[dict[str, Any]]) -> Iterable[tuple[str, str, str]]:
    for one in listed:
        data = one.get("data")
        status = data.get("status") if isinstance(data, dict) else None
        what = str(status) if one.get("type") == "status-change" else str(one.get("type", ""))
        yield text(one.get("createdAt")) or "", _author(one), what


def _author(one: dict[str, Any]) -> str:
    author = one.get("author")
    return str(author.get("name", "")) if isinstance(author, dict) else ""
