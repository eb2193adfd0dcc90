"""What an entry of the lock records about its source."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelguard.sources.source import Listed, Resolved

if TYPE_CHECKING:
    from modelguard.lock import Entry


def recorded(entry: Entry) -> Resolved:
    """Return what an entry says its reference stands for: the answer of a source that cannot be asked."""
    return Resolved(
        ref=entry.ref,
        requested=entry.requested,
        revision=entry.revision,
        revision_date=entry.revision_date,
        host=entry.host,
        repo_id=entry.repo_id,
        owner_id=entry.owner_id,
        files=tuple(Listed(path=file.path, size=file.size, digest=file.digest) for file in entry.files),
    )
