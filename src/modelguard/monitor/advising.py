"""Looks locked models up in the policy's feeds of advisories, from what the lock records alone: no file is fetched."""

from __future__ import annotations

from modelguard.guard import Gate, examine_snapshot
from modelguard.lock import Entry
from modelguard.monitor.scene import Notice
from modelguard.monitor.watching import Advise
from modelguard.policy.advisories import read_advisories
from modelguard.terms.advisory import Advised, FeedUnread
from modelguard.terms.artifact import Artifact, Snapshot
from modelguard.terms.errors import ReadError
from modelguard.terms.facts import Unread


def advice(gate: Gate) -> Advise:
    """Return what tells the advisories about an entry; it raises `ReadError` when a feed cannot be used.

    Advisories that the policy ignores, and those about packages of this machine, are not events of a model.
    """
    if not read_advisories(gate.policy).feeds:
        return lambda _: None
    return lambda entry: _about(entry, gate)


def _about(entry: Entry, gate: Gate) -> tuple[Notice, ...]:
    files = tuple(Artifact(path=file.path, size=file.size, digest=file.digest) for file in entry.files)
    snapshot = Snapshot(ref=entry.ref, revision=entry.revision, artifacts=files)
    dossier = examine_snapshot(snapshot, gate, entry=entry, collectors=("advisories",)).dossier
    reasons = [*(one.reason for one in dossier.all(FeedUnread)), *(one.reason for one in dossier.all(Unread))]
    if reasons:
        raise ReadError(f"advisories: {reasons[0]}")
    found = {
        Notice(
            id=fact.id,
            modified=" ".join(filter(None, (fact.by, fact.subject, fact.kind, "" if fact.certain else "perhaps"))),
            severity=fact.rating or "high",
            summary=fact.summary,
        )
        for fact in dossier.all(Advised)
        if not fact.ignored and fact.by not in {"installed", "required"}
    }
    return tuple(sorted(found, key=lambda notice: (notice.id, notice.modified)))
