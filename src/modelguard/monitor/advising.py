"""Looks locked models up in the policy's feeds of advisories, from what the lock records alone: no file is fetched."""

from __future__ import annotations

from attrs import define, field

from modelguard.guard import Gate, examine_snapshot
from modelguard.lock import Entry
from modelguard.monitor.scene import Notice
from modelguard.policy.advisories import read_advisories
from modelguard.terms.advisory import Advised, FeedUnread, RecordSkipped
from modelguard.terms.artifact import Artifact, Snapshot, printable
from modelguard.terms.errors import ReadError
from modelguard.terms.facts import Dossier, Unread
from modelguard.terms.words import counted


@define
class Advice:
    """Tells the advisories about an entry; calling it raises `ReadError` when a feed cannot be used.

    `remarks` are what is worth telling of the feeds themselves, such as records that were left out.
    """

    gate: Gate
    remarks: dict[str, None] = field(factory=dict, init=False)

    def __call__(self, entry: Entry) -> tuple[Notice, ...] | None:
        """Return what matches; None when the policy has no feeds.

        Advisories that the policy ignores, and those about packages of this machine, are not events of a model.
        """
        if not read_advisories(self.gate.policy).feeds:
            return None
        dossier = self._dossier(entry)
        for one in dossier.all(RecordSkipped):
            text = f"feed {one.name}: {counted(one.count, 'record')} left out, the first is {one.first}"
            self.remarks[printable(text)] = None
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

    def _dossier(self, entry: Entry) -> Dossier:
        files = tuple(Artifact(path=file.path, size=file.size, digest=file.digest) for file in entry.files)
        snapshot = Snapshot(ref=entry.ref, revision=entry.revision, artifacts=files)
        return examine_snapshot(snapshot, self.gate, entry=entry, collectors=("advisories",)).dossier
