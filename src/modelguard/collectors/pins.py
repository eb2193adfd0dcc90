"""What the lock says about a model: files, permissions and the approval."""

from __future__ import annotations

from collections.abc import Iterator

from modelguard.collectors.collector import Case, Collector
from modelguard.lock import Entry
from modelguard.terms.artifact import Location
from modelguard.terms.facts import Approval, Fact, NotLocked, Pinned, Today


def gather(case: Case) -> Iterator[Fact]:
    """Yield the lock's word, or that it has none."""
    name = case.entry.id if case.entry else case.snapshot.ref.key
    yield Today(location=Location(name), date=case.today.isoformat())
    if case.entry is not None:
        yield from _pins(case.entry)
    elif case.lock_trouble:
        yield NotLocked(location=Location(name), reason=case.lock_trouble)


def _pins(entry: Entry) -> Iterator[Fact]:
    for file in entry.files:
        yield Pinned(
            location=Location(file.path),
            size=file.size,
            digest=file.digest,
            imports=file.imports,
            permissions=file.permissions,
        )
    yield Approval(
        location=Location(entry.id),
        state=entry.approval.state,
        revision=entry.revision,
        by=entry.approval.by,
        reason=entry.approval.reason,
        until=entry.approval.until,
    )


PINS = Collector(name="pins", gather=gather)
