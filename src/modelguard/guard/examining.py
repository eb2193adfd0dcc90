"""Gather facts, ask every check, judge: the pipe that every command and every load goes through."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import evolve

from modelguard._registry import parts
from modelguard.collectors.collector import Case, Collector
from modelguard.guard.asking import findings_about, names
from modelguard.guard.gate import Gate
from modelguard.picklevm.knowledge.lookup import PROFILES
from modelguard.policy.judging import ABOUT_EXCUSES, Circumstances, judge
from modelguard.policy.settings import Excuse
from modelguard.sources.local import in_place
from modelguard.sources.source import Resolved, source_for
from modelguard.terms.artifact import Digest, HubRef, LocalRef, Location, ModelRef, Snapshot, printable
from modelguard.terms.errors import ModelguardError, PolicyError
from modelguard.terms.facts import Dossier, Fact, Unread
from modelguard.terms.verdict import Examination

if TYPE_CHECKING:
    from modelguard.licenses.lineage import Known
    from modelguard.lock import Accepted, Entry
    from modelguard.policy.settings import Policy

CONTENT_ONLY = ("contents",)
"""The collectors that look at nothing but the bytes."""


def examine(
    ref: str | Path | ModelRef,
    gate: Gate | None = None,
    *,
    collectors: Iterable[str] | None = None,
    remote: bool = False,
) -> Examination:
    """Examine a model where it lies (a local one) or as it is now upstream, without asking the lock about it.

    With `remote`, large files of a Hub are read by ranges instead of being fetched.

    Raises `RefError`, `SourceError`, `PolicyError` or `StoreError`; a model that the policy refuses is no error: see
    `Examination.verdict`.
    """
    gate = gate or Gate.open()
    found = gate.canonical(ref)
    if isinstance(found, LocalRef):
        return examine_snapshot(in_place(found, gate.options), gate, collectors=collectors)
    source = source_for(found)
    fetch = source.fetch
    if remote and isinstance(found, HubRef):
        from modelguard.sources.ranges import survey  # an HTTP client: only where there is something to fetch

        fetch = survey
    resolved = source.resolve(found, gate.options)
    snapshot = fetch(resolved, gate.store, gate.options, {})
    return without_readers(examine_snapshot(snapshot, gate, collectors=collectors, resolved=resolved))


def without_readers(examination: Examination) -> Examination:
    """Return the examination without what reads remote files: it can then cross processes."""
    if not any(artifact.reader for artifact in examination.snapshot.artifacts):
        return examination
    artifacts = tuple(evolve(artifact, reader=None) for artifact in examination.snapshot.artifacts)
    snapshot = evolve(examination.snapshot, artifacts=artifacts)
    return evolve(examination, snapshot=snapshot, dossier=evolve(examination.dossier, snapshot=snapshot))


def examine_snapshot(
    snapshot: Snapshot,
    gate: Gate,
    *,
    entry: Entry | None = None,
    lock_trouble: str = "",
    collectors: Iterable[str] | None = None,
    facts: Iterable[Fact] = (),
    tags: tuple[str, ...] = (),
    look_up: Callable[[str], Known] | None = None,
    resolved: Resolved | None = None,
) -> Examination:
    """Examine bytes that are at hand. With an `entry`, they are compared with what it approves.

    `collectors` names those to run (all offline ones by default); `facts` are added to what they gather. `tags` and
    `look_up` are what the Hub says, for the license: see `Case`. `resolved` is the source's answer about them.
    """
    case = Case(
        snapshot=snapshot,
        policy=gate.policy,
        today=gate.today,
        home=gate.home,
        entry=entry,
        lock_trouble=lock_trouble,
        tags=tags,
        look_up=look_up,
        gathered=[*facts],
        host=resolved.host if resolved else "",
        owner_id=resolved.owner_id if resolved else "",
    )
    chosen = [one for one in _collectors() if one.offline] if collectors is None else _named(collectors)
    dossier = Dossier(snapshot=snapshot, facts=tuple(gather(case, chosen)))
    findings = findings_about(dossier)
    verdict = judge(findings, gate.policy, circumstances(case))
    return Examination(snapshot=snapshot, dossier=dossier, findings=findings, verdict=verdict)


_KNOWN: OrderedDict[tuple[tuple[str, Digest], ...], tuple[Fact, ...]] = OrderedDict()
_KNOWN_MODELS = 32
"""Models whose facts about content are kept in memory: the same bytes under the same names always give the same."""


def examine_known(snapshot: Snapshot, gate: Gate, entry: Entry) -> Examination:
    """Examine as `examine_snapshot` does, but read contents only once a process: for bytes that a record vouches for.

    Lock, signature, license and everything else that may change are asked each time.
    """
    key = tuple((one.path, one.digest) for one in snapshot.artifacts)
    contents = _named(CONTENT_ONLY)
    facts = _KNOWN.get(key)
    if facts is None:
        case = Case(snapshot=snapshot, policy=gate.policy, today=gate.today, home=gate.home, entry=entry)
        facts = tuple(gather(case, contents))
        if not any(isinstance(fact, Unread) for fact in facts):
            _KNOWN[key] = facts
            while len(_KNOWN) > _KNOWN_MODELS:
                _KNOWN.popitem(last=False)
    others = [one.name for one in _collectors() if one.offline and one.name not in CONTENT_ONLY]
    return examine_snapshot(snapshot, gate, entry=entry, collectors=others, facts=facts)


def judged_anew(examination: Examination, gate: Gate, entry: Entry) -> Examination:
    """Return the examination with another verdict over the same findings: as if they had been met under `entry`."""
    case = Case(snapshot=examination.snapshot, policy=gate.policy, today=gate.today, home=gate.home, entry=entry)
    return evolve(examination, verdict=judge(examination.findings, gate.policy, circumstances(case)))


def gather(case: Case, collectors: Iterable[Collector]) -> list[Fact]:
    """Run collectors one after the other; one that fails leaves `Unread`, and the facts that it wrote before."""
    facts = case.gathered
    for collector in collectors:
        try:
            for fact in collector.gather(case):
                facts.append(fact)  # what came before a fault has to stay
        except PolicyError:
            raise
        except ModelguardError as error:
            location = Location(case.snapshot.ref.key)
            facts.append(Unread(location=location, format=collector.name, reason=error.message, remedy=error.remedy))
    return facts


def default_profiles() -> frozenset[str]:
    """Return the permission profiles that are on without being named: those whose names only build data."""
    return frozenset(name for name, profile in PROFILES.items() if profile.default)


def _collectors() -> tuple[Collector, ...]:
    return parts("modelguard.collectors", Collector)


def _named(names: Iterable[str]) -> list[Collector]:
    """Return the collectors of these names: each is in the module of its name, so that no other has to be loaded."""
    return list(parts("modelguard.collectors", Collector, only=frozenset(names)))


def circumstances(case: Case) -> Circumstances:
    """Return what a judgement about a case depends on beside the findings. Raises `PolicyError`."""
    entry = case.entry
    accepted = () if entry is None else entry.accepted
    name = case.snapshot.ref.key if entry is None else entry.id
    _check_profiles(case.policy.profiles)
    _check_names(case.policy)
    return Circumstances(
        model=name,
        today=case.today.isoformat(),
        profiles=default_profiles(),
        accepted=tuple(
            excuse_of(row, name, f"{case.policy.lockfile}: accepted[{index}]") for index, row in enumerate(accepted)
        ),
    )


def excuse_of(row: Accepted, model: str, line: str = "") -> Excuse:
    """Return what the lock accepts of a model as an excuse; `line` is where it stands."""
    return Excuse(
        check=row.check,
        model=model,
        path=row.path,
        subject=row.subject,
        reason=row.reason,
        until=row.until,
        line=line,
    )


def _check_profiles(named: frozenset[str]) -> None:
    unknown = sorted(named - PROFILES.keys())
    if unknown:
        raise PolicyError(
            f"content.profiles: there is no profile {unknown[0]!r}", remedy=f"known: {', '.join(sorted(PROFILES))}"
        )


def _check_names(policy: Policy) -> None:
    """Refuse names of checks that there are none of: such a line would change nothing, and look as if it did."""
    named = [(f"checks.{name}", name) for name in policy.levels]
    named += [(f"{excuse.line}.check", excuse.check) for excuse in policy.excuses]
    known = names() | ABOUT_EXCUSES
    for place, name in named:
        if name not in known:
            from difflib import get_close_matches  # only on the way to an error

            close = get_close_matches(name, known, n=1)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            raise PolicyError(
                f"{place}: there is no check {printable(name)!r}{hint}", remedy="modelguard explain lists all checks"
            )
