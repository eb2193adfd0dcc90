"""Making an entry of the lock: resolve, fetch, examine, and record what may be used."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from fnmatch import fnmatchcase

from attrs import evolve, field, frozen

from modelguard.checks.permission_increase import permission_of
from modelguard.guard.examining import examine_snapshot, excuse_of, judged_anew, without_readers
from modelguard.guard.gate import Gate
from modelguard.guard.lineage import base_licenses, license_record
from modelguard.guard.recorded import recorded
from modelguard.guard.tensors import keep_table
from modelguard.lock import Accepted, Decided, Entry, LicenseRecord, LineageRecord, LockedFile, ProvenanceRecord
from modelguard.sources.ranges import survey
from modelguard.sources.source import Resolved, source_for
from modelguard.terms.artifact import Artifact, HubRef, Location, ModelRef, printable
from modelguard.terms.errors import NotFound, RefError
from modelguard.terms.facts import Asks, Earlier, Fact, IdentityChanged, Import, Recognised
from modelguard.terms.provenance import Signed
from modelguard.terms.verdict import Examination


@frozen(kw_only=True)
class Wish:
    """How a model is to be locked.

    `include` and `exclude` are shell patterns over paths. `accept` are findings that are accepted with a reason;
    `inherited` those that were accepted of the entry before, which do not hold for what has changed since. `by` and
    `until` (ISO 8601 date) go into the approval. `upgrade` moves an existing entry to what the reference means now.
    `remote` reads large files of a Hub by ranges instead of fetching them; the entry says which.
    """

    upgrade: bool = False
    remote: bool = False
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    accept: tuple[Accepted, ...] = ()
    inherited: tuple[Accepted, ...] = ()
    by: str = ""
    reason: str = ""
    until: str = ""
    now: datetime = field(factory=lambda: datetime.now(UTC))


def pin(ref: ModelRef, gate: Gate, wish: Wish, existing: Entry | None = None) -> tuple[Entry, Examination]:
    """Examine a model and return the entry that approves it, with the examination.

    An `existing` entry keeps its revision unless the wish is to upgrade, and stays as it is when nothing changed. The
    caller must not record the entry unless `Examination.allowed`.

    Raises `RefError` also when the reference names another revision than the entry that is to be kept, `SourceError`,
    `StoreError` or `PolicyError`.
    """
    keep = existing is not None and not wish.upgrade
    if existing is not None and keep:
        _require_kept(ref, existing)
        wish = _with_earlier(wish, existing)
    asked = existing.ref if existing is not None and keep else ref
    source = source_for(asked)
    offline = existing is not None and keep and gate.options.offline
    resolved = recorded(existing) if existing is not None and offline else source.resolve(asked, gate.options)
    chosen = evolve(resolved, files=tuple(one for one in resolved.files if _wanted(one.path, wish)))
    if resolved.files and not chosen.files:
        raise NotFound(f"{asked}: no file is left after --include and --exclude")
    expected = existing.digests if existing is not None and keep else {}
    fetch = survey if wish.remote and isinstance(asked, HubRef) and not offline else source.fetch
    snapshot = fetch(chosen, gate.store, gate.options, expected)
    draft = _draft(resolved, existing, wish, keep=keep)
    changes = [] if existing is None else [*_identity_changes(existing, draft), *_earlier(existing)]
    examination = examine_snapshot(
        snapshot, gate, entry=draft, facts=changes, tags=resolved.tags, look_up=base_licenses(gate, existing)
    )
    if existing is not None:
        draft, examination = _without_the_outdated(draft, examination, wish, existing, gate)
    entry = _completed(draft, examination, gate)
    examination = without_readers(examination)
    if existing is not None and _same(existing, entry):
        return existing, examination
    return entry, examination


def _require_kept(ref: ModelRef, existing: Entry) -> None:
    """Raise `RefError` for a revision that keeping the entry would pass over in silence."""
    if isinstance(ref, HubRef) and ref.revision not in {None, existing.requested, existing.revision}:
        locked = f"{existing.requested or 'a commit'} ({existing.revision})"
        raise RefError(
            f"{printable(str(ref))}: the lock has {printable(existing.id)} at {printable(locked)}",
            remedy=f"modelguard lock --upgrade {shlex.quote(printable(str(ref)))}",
        )


def _wanted(path: str, wish: Wish) -> bool:
    included = not wish.include or any(fnmatchcase(path, pattern) for pattern in wish.include)
    return included and not any(fnmatchcase(path, pattern) for pattern in wish.exclude)


def _with_earlier(wish: Wish, existing: Entry) -> Wish:
    """Keep what was chosen and accepted when the entry was made, unless the wish says otherwise."""
    return evolve(
        wish,
        include=wish.include or existing.include,
        exclude=wish.exclude or existing.exclude,
        inherited=existing.accepted,
        by=wish.by if wish.reason else existing.approval.by,
        until=wish.until or existing.approval.until,
        reason=wish.reason or existing.approval.reason,
    )


def _draft(resolved: Resolved, existing: Entry | None, wish: Wish, *, keep: bool) -> Entry:
    """Return an entry without files: who, what revision, and what is accepted."""
    now = wish.now.astimezone(UTC).replace(tzinfo=None, microsecond=0).isoformat() + "Z"
    requested = existing.requested if existing is not None and keep else resolved.requested
    key = resolved.ref.key
    return Entry(
        id=key,
        host=resolved.host,
        repo_id=resolved.repo_id,
        owner_id=resolved.owner_id,
        requested=requested,
        revision=resolved.revision,
        revision_date=resolved.revision_date,
        resolved_at=now if isinstance(resolved.ref, HubRef) else "",
        include=wish.include,
        exclude=wish.exclude,
        accepted=(*wish.inherited, *(one for one in wish.accept if one not in wish.inherited)),
        license=LicenseRecord() if existing is None else existing.license,
        provenance=ProvenanceRecord() if existing is None else existing.provenance,
        lineage=existing.lineage if existing is not None and keep else LineageRecord(),
        approval=Decided(
            state=existing.approval.state if existing is not None and keep else "approved",
            by=wish.by,
            at=now,
            reason=wish.reason,
            until=wish.until,
        ),
    )


COMPARING = frozenset(
    {"identity-changed", "permission-increase", "signer-changed", "signature-replaced", "trust-root-changed",
     "license-changed"}
)  # fmt: skip
"""Checks that compare with the entry before. Who accepts one change has not accepted the next."""


def _without_the_outdated(
    draft: Entry, examination: Examination, wish: Wish, existing: Entry, gate: Gate
) -> tuple[Entry, Examination]:
    """Take back what was accepted earlier, where it would cover other bytes or another change than those looked at."""
    before = existing.digests
    changed = {one.path for one in examination.snapshot.artifacts if before.get(one.path) != one.digest}
    news = [one for one in examination.findings if one.check in COMPARING or one.location.path in changed]

    def holds(row: Accepted) -> bool:
        excuse = excuse_of(row, draft.id)
        return not any(
            excuse.covers(check=one.check, model=draft.id, path=one.location.path, subject=one.subject) for one in news
        )

    kept = tuple(row for row in draft.accepted if row in wish.accept or holds(row))
    if kept == draft.accepted:
        return draft, examination
    draft = evolve(draft, accepted=kept)
    return draft, judged_anew(examination, gate, draft)


def _identity_changes(before: Entry, after: Entry) -> Iterator[Fact]:
    """Yield what is now another repository, owner or host than the ones that were approved.

    The identities are what a host says about itself: another host can say the same ones.
    """
    for what, known, found in (
        ("host", before.host, after.host),
        ("repository", before.repo_id, after.repo_id),
        ("owner", before.owner_id, after.owner_id),
    ):
        if known and known != found:
            yield IdentityChanged(location=Location(before.id), what=what, recorded=known, found=found)


def _earlier(before: Entry) -> Iterator[Fact]:
    """Yield what the files of the approved revision ask for, so that a revision that asks for more is told."""
    for file in before.files:
        yield Earlier(
            location=Location(file.path), revision=before.revision, imports=file.imports, permissions=file.permissions
        )


def _completed(draft: Entry, examination: Examination, gate: Gate) -> Entry:
    """Fill in the files with what they are and ask for."""
    return evolve(
        draft,
        files=tuple(_locked(artifact, examination, gate) for artifact in examination.snapshot.artifacts),
        license=license_record(examination.dossier),
        provenance=_provenance(examination),
        remote_code=any(_is_loadable_code(fact) for fact in examination.dossier.all(Asks)),
    )


def _provenance(examination: Examination) -> ProvenanceRecord:
    """Record the signature that counts; among several, the one that covers most files."""
    signatures = sorted(examination.dossier.all(Signed), key=lambda fact: (-len(fact.covered), str(fact.location)))
    if not signatures:
        return ProvenanceRecord()
    signed = signatures[0]
    return ProvenanceRecord(
        status="verified",
        signer=signed.signer,
        method=signed.method,
        identity=signed.identity,
        issuer=signed.issuer,
        payload=str(signed.payload),
        signed_at=signed.signed_at,
        root=signed.root,
    )


def _is_loadable_code(fact: Asks) -> bool:
    """Tell whether a framework's loader could run this code: scripts, notebooks and pages are run by people."""
    return fact.permission == "remote-code" and not fact.hazard.startswith(("script", "notebook", "browser-"))


def _locked(artifact: Artifact, examination: Examination, gate: Gate) -> LockedFile:
    dossier = examination.dossier
    formats = _names(
        name for fact in dossier.at(artifact.path, Recognised) if not fact.location.members for name in fact.formats
    )
    return LockedFile(
        path=artifact.path,
        size=artifact.size,
        digest=artifact.digest,
        judged="by-ranges" if artifact.claimed else "",
        formats=formats,
        imports=_names(permission_of(fact) for fact in dossier.at(artifact.path, Import)),
        permissions=_names(permission_of(fact) for fact in dossier.at(artifact.path, Asks)),
        tensors=keep_table(artifact, gate.store) if formats == ("safetensors",) else None,
    )


def _names(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(names)))


def _same(before: Entry, after: Entry) -> bool:
    """Tell whether two entries differ in nothing but the moment at which they were made."""
    return before == evolve(
        after,
        resolved_at=before.resolved_at,
        approval=evolve(after.approval, at=before.approval.at, state=before.approval.state),
    )
