"""Asks the feeds of advisories about the model, the packages that would load it, and those it asks for.

Feeds are files (`modelguard feed update` fetches them); nothing here uses the network.
"""

from __future__ import annotations

import hashlib
import re
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import ExitStack

from attrs import evolve, frozen

from modelguard.advisories.feeds import FeedFile, age_in_days, opened_index, read_feed
from modelguard.advisories.index import Extent, Index, normalized, repositories_of
from modelguard.advisories.matching import Answer, is_affected, is_commit_affected, requires_affected
from modelguard.advisories.record import Affected, Namespace, Record
from modelguard.advisories.severity import rating
from modelguard.collectors._loader_packages import installed_loaders
from modelguard.collectors._requirements import required_packages
from modelguard.collectors.collector import Case
from modelguard.lock import tree_digest
from modelguard.policy.provenance import read_provenance
from modelguard.signatures.lock_signature import ENDING, verify_lock
from modelguard.signatures.revocation import require_unrevoked
from modelguard.signatures.trust import load_trust
from modelguard.sources.store import default_root
from modelguard.terms.advisory import (
    Advised,
    AdvisoryRules,
    Feed,
    FeedSeen,
    FeedUnread,
    Ignore,
    IgnoreUnused,
    MatchedBy,
    RecordSkipped,
)
from modelguard.terms.artifact import HubRef, Location
from modelguard.terms.errors import ModelguardError, PolicyError, ReadError
from modelguard.terms.facts import Fact

_HUB = "huggingface.co"


@frozen(kw_only=True)
class Opened:
    """A feed that is ready to be asked."""

    feed: Feed
    index: Index
    extent: Extent
    age_days: int | None
    signed_by: str


def gather_from(case: Case, rules: AdvisoryRules) -> Iterator[Fact]:
    """Yield what is known about the model in the feeds: once for each advisory and thing that it is about."""
    with ExitStack() as stack:
        found: dict[tuple[str, str, str], Advised] = {}
        for feed in rules.feeds:
            try:
                opened = open_feed(feed, case, stack)
                yield from _about_feed(opened, rules)
                for fact in _matches(opened, case, rules):
                    _merge(found, fact)
            except PolicyError:
                raise
            except (ModelguardError, sqlite3.Error) as error:
                yield FeedUnread(location=Location(feed.path), name=feed.name, reason=str(error).splitlines()[0])
        model, today = _name(case), case.today.isoformat()
        facts = [_with_ignores(fact, rules.ignores, model, today) for fact in found.values()]
        yield from facts
        yield from _unused(rules.ignores, facts, model)


def open_feed(feed: Feed, case: Case, stack: ExitStack) -> Opened:
    """Read, verify and index a feed. Raises `ReadError`, `StoreError`, `SignatureError` or `PolicyError`."""
    file = read_feed(case.home / feed.path)
    signed_by = _signer(feed, file, case)
    index = stack.enter_context(opened_index(file, default_root() / "advisories"))
    extent = index.extent()
    if not extent.records and not extent.skipped:
        raise ReadError(f"{feed.path}: holds no advisory")
    age = age_in_days(file, extent.newest, case.today) if feed.url else None
    return Opened(feed=feed, index=index, extent=extent, age_days=age, signed_by=signed_by)


def _signer(feed: Feed, file: FeedFile, case: Case) -> str:
    """Return who signed a feed, or an empty string when the policy asks for no signature."""
    if not feed.signers:
        return ""
    provenance = read_provenance(case.policy)
    unknown = set(feed.signers) - {signer.name for signer in provenance.signers}
    if unknown:
        raise PolicyError(f"advisories.feeds: {feed.name}: there is no signer {min(unknown)!r}")
    if file.path.is_dir():
        raise PolicyError(f"advisories.feeds: {feed.name}: only a feed of one file can be signed")
    bundle = file.path.with_name(file.path.name + ENDING)
    if not bundle.is_file():
        raise ReadError(f"{feed.path}: the policy wants it signed, and there is no {bundle.name}")
    trusts = [load_trust(signer, provenance, case.home) for signer in provenance.signers_named(feed.signers)]
    data = file.path.read_bytes()
    if hashlib.sha256(data).hexdigest() != file.sha256:
        raise ReadError(f"{feed.path}: the feed changed while its signature was verified")
    verified = verify_lock(data, bundle.read_bytes(), trusts, name=file.path.name)
    require_unrevoked(verified, provenance.revoked)
    return verified.voucher.signer


def _about_feed(opened: Opened, rules: AdvisoryRules) -> Iterator[Fact]:
    location, extent = Location(opened.feed.path), opened.extent
    if not extent.records:  # it knows of nothing, which is not the same as that nothing is known
        raise ReadError(f"{opened.feed.path}: holds no advisory that can be read: {extent.first_skipped}")
    yield FeedSeen(
        location=location,
        name=opened.feed.name,
        records=extent.records,
        age_days=opened.age_days,
        limit_days=rules.max_age_days if opened.feed.url else 0,
        signed_by=opened.signed_by,
    )
    if extent.skipped:
        yield RecordSkipped(location=location, name=opened.feed.name, count=extent.skipped, first=extent.first_skipped)


# --- what a feed knows -----------------------------------------------------------------------------------------------


def _matches(opened: Opened, case: Case, rules: AdvisoryRules) -> Iterator[Advised]:
    yield from _by_bytes(opened, case)
    if isinstance(case.snapshot.ref, HubRef):
        yield from _by_repository(opened, case, case.snapshot.ref)
        yield from _by_owner(opened, case, case.snapshot.ref)
    if rules.packages:
        yield from _by_package(opened, case)


def _by_bytes(opened: Opened, case: Case) -> Iterator[Advised]:
    artifacts = case.snapshot.artifacts
    for artifact in artifacts:
        for record in opened.index.about("file", artifact.digest.hex):
            yield _advised(opened, record, Location(artifact.path), "file", str(artifact.digest))
    if artifacts:
        digest = tree_digest((one.path, one.size, one.digest) for one in artifacts)
        for record in opened.index.about("tree", digest.hex):
            yield _advised(opened, record, Location(_name(case)), "tree", str(digest))


def _by_repository(opened: Opened, case: Case, ref: HubRef) -> Iterator[Advised]:
    # A mirror serves the models of the public Hub under their names, so an advisory about those is about these too.
    hosts = {_HUB, "*", case.entry.host if case.entry else _HUB}
    names = {f"{host}/{ref.repo}".lower() for host in hosts}
    commit = case.snapshot.revision
    records = {record.id: record for name in sorted(names) for record in opened.index.about("repository", name)}
    for record in records.values():
        for affected in record.affected:
            if names.isdisjoint(repositories_of((one.repo for one in affected.ranges), affected.purl)):
                continue
            answer = _about_commit(commit, affected)
            if answer != "no":
                by: MatchedBy = "revision" if answer == "yes" else "range"
                location = Location(_name(case))
                yield _advised(opened, record, location, by, commit, affected, certain=answer == "yes")


def _about_commit(commit: str, affected: Affected) -> Answer:
    answer = is_commit_affected(commit, affected)
    # A record that names files by their digests has been asked about exactly these: what cannot be told from the
    # commit is told by the bytes.
    return "no" if answer == "perhaps" and affected.sha256 else answer


def _by_owner(opened: Opened, case: Case, ref: HubRef) -> Iterator[Advised]:
    for record in opened.index.about("owner", ref.org.lower()):
        for namespace in record.namespaces:
            if namespace.name.lower() != ref.org.lower():
                continue
            answer = _is_owner(namespace, case)
            if answer != "no":
                location = Location(_name(case))
                yield _advised(opened, record, location, "namespace", ref.org, certain=answer == "yes")


def _is_owner(namespace: Namespace, case: Case) -> Answer:
    """Tell whether the owner of the model is the one meant: by the Hub's identity, and from the first day on.

    Whoever pushes a commit sets its date. What was resolved before that day is older for certain; of a commit that was
    met since, an older date is only a claim.
    """
    entry, since = case.entry, namespace.since[:10]
    known = entry.owner_id if entry else ""
    made = entry.revision_date[:10] if entry else ""
    if namespace.owner_id and known and namespace.owner_id != known:
        return "no"
    if made and made < since:
        return "perhaps" if entry and entry.resolved_at[:10] >= since else "no"
    return "yes" if (known or not namespace.owner_id) and (made or not namespace.since) else "perhaps"


def _by_package(opened: Opened, case: Case) -> Iterator[Advised]:
    for name, version in installed_loaders(artifact.path for artifact in case.snapshot.artifacts):
        location = Location(f"package:{name}")
        for record, affected in _about_package(opened, name):
            answer = is_affected(version, affected)
            if answer != "no":
                subject = f"{name} {version}"
                yield _advised(opened, record, location, "installed", subject, affected, certain=answer == "yes")
    for path, name, specifier in required_packages(case.snapshot.artifacts):
        for record, affected in _about_package(opened, name):
            answer = requires_affected(specifier, affected)
            if answer != "no":
                subject = f"{name}{specifier}"
                yield _advised(opened, record, Location(path), "required", subject, affected, certain=answer == "yes")


def _about_package(opened: Opened, name: str) -> Iterator[tuple[Record, Affected]]:
    for record in opened.index.about("package", normalized(name)):
        for affected in record.affected:
            if affected.ecosystem == "PyPI" and normalized(affected.package) == normalized(name):
                yield record, affected


def _advised(
    opened: Opened,
    record: Record,
    location: Location,
    by: MatchedBy,
    subject: str,
    affected: Affected | None = None,
    *,
    certain: bool = True,
) -> Advised:
    return Advised(
        location=location,
        id=record.id,
        names=record.names,
        feed=opened.feed.name,
        by=by,
        subject=subject,
        kind=record.kind,
        summary=re.sub(r"\s+", " ", record.summary)[:200],
        rating=rating(record, affected) or "",
        certain=certain,
        fixed=affected.fixed if affected else (),
    )


# --- the same advisory under several names, and ignores ---------------------------------------------------------------


def _merge(found: dict[tuple[str, str, str], Advised], fact: Advised) -> None:
    """Keep one fact for each advisory and thing: databases have records of their own about the same vulnerability."""
    place = str(fact.location)
    for key, other in found.items():
        if key[1:] == (place, fact.subject) and set(other.names) & set(fact.names):
            better = fact if (fact.certain, bool(fact.rating)) > (other.certain, bool(other.rating)) else other
            names = tuple(dict.fromkeys((better.id, *other.names, *fact.names)))
            fixed = tuple(dict.fromkeys((*other.fixed, *fact.fixed)))
            kind = better.kind or other.kind or fact.kind
            found[key] = evolve(better, names=names, fixed=fixed, kind=kind)
            return
    found[(fact.id, place, fact.subject)] = fact


def _with_ignores(fact: Advised, ignores: Iterable[Ignore], model: str, today: str) -> Advised:
    covering = [ignore for ignore in ignores if ignore.covers(fact.names, model)]
    current = next((ignore for ignore in covering if not ignore.ended(today)), None)
    if current is not None:
        return evolve(fact, ignored=f"{current.line}: {current.reason}")
    return evolve(fact, ignore_ended=covering[0].until) if covering else fact


def _unused(ignores: Iterable[Ignore], facts: Iterable[Advised], model: str) -> Iterator[Fact]:
    facts = tuple(facts)
    for ignore in ignores:
        if ignore.model == model and not any(ignore.covers(fact.names, model) for fact in facts):
            yield IgnoreUnused(location=Location(ignore.line), id=ignore.id, line=ignore.line)


def _name(case: Case) -> str:
    return case.entry.id if case.entry else case.snapshot.ref.key
