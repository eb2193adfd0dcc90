"""From a reference to verified bytes: find the entry, bring the bytes into the store, lay them out, examine them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from attrs import evolve, field, frozen

from modelguard.guard.examining import examine_known, examine_snapshot
from modelguard.guard.gate import Gate
from modelguard.guard.memory import sealed_files
from modelguard.guard.recorded import recorded
from modelguard.guard.underway import Underway, examined, hashed_meanwhile
from modelguard.sources import stamps
from modelguard.sources.hashing import reading
from modelguard.sources.local import in_place
from modelguard.sources.source import source_for
from modelguard.sources.views import withdraw
from modelguard.terms.artifact import Artifact, HubRef, LocalRef, Location, ModelRef, Snapshot, printable
from modelguard.terms.errors import ModelRefused, StoreError, Tampered
from modelguard.terms.facts import Digested, Fact, NotLocked, Substituted
from modelguard.terms.verdict import Examination, Refused

if TYPE_CHECKING:
    from modelguard.lock import Entry


@frozen(kw_only=True)
class Standing:
    """A model that may be loaded: its entry, a private directory with exactly its files, and what was examined.

    `inner` is the file that the reference pointed at within the model, if it did. `sealed` are the files in sealed
    memory, by path, when the model is handed over so. `underway` is the hashing that has not ended yet: see `settle`.
    """

    entry: Entry
    root: Path
    examination: Examination
    inner: str | None = None
    sealed: Mapping[str, Path] = field(factory=dict)
    underway: Underway | None = None

    def settle(self) -> None:
        """See that every byte was compared: nothing that was loaded may be used before.

        Raises `ModelRefused` when bytes are not the approved ones, `SourceError` when they cannot be read.
        """
        if self.underway is not None:
            require_allowed(self.underway.settled())

    @property
    def only_file(self) -> str | None:
        """The file of a model that is one file by its nature: a local file or an address, not a repository."""
        if isinstance(self.entry.ref, HubRef) or len(self.entry.files) != 1 or self.was_directory:
            return None
        return self.entry.files[0].path

    @property
    def was_directory(self) -> bool:
        """Whether a local model was locked as a directory: its one file then has another name than the model."""
        ref = self.entry.ref
        return isinstance(ref, LocalRef) and PurePosixPath(ref.path).name != self.entry.files[0].path

    @property
    def path(self) -> Path:
        """The path to hand to a framework: the file for a single-file model, else the directory."""
        file = self.inner or self.only_file
        return self.root / file if file else self.root


@contextmanager
def admitted(ref: str | os.PathLike[str], gate: Gate, *, early: bool = False) -> Iterator[Standing]:
    """Yield the verified model that `ref` names; its directory goes away at the end.

    The policy's `verify` says whether all is hashed now, and `strict` whether the files are sealed memory. With `early`
    the hash may still be under way: nothing may come of the model before `Standing.settle`.

    Raises `ModelRefused` with the examination, and the errors of reading the lock, the policy and the source. What the
    system says on the way, because somebody changes files meanwhile, is a `SourceError`.
    """
    with ExitStack() as stack:
        with reading(str(ref)):
            standing = stack.enter_context(_admitted(ref, gate, early=early))
        yield standing


@contextmanager
def _admitted(ref: str | os.PathLike[str], gate: Gate, *, early: bool) -> Iterator[Standing]:
    entry, inner = approved_entry(gate.canonical(ref), gate)
    if gate.policy.strict:
        with in_memory(entry, gate) as (root, sealed, snapshot):
            examination = examine_snapshot(snapshot, gate, entry=entry)
            require_allowed(examination)
            withdraw(root, withheld(examination))
            yield Standing(entry=entry, root=root, examination=examination, inner=inner, sealed=sealed)
        return
    bring(entry, gate)
    if gate.policy.verify != "always":
        yield _standing_by_record(entry, inner, gate, gate.policy.verify)
        return
    with gate.store.view(entry.digests) as root, hashed_meanwhile(entry, root, gate) as underway:
        examination = underway.examination
        left_out = withheld(examination)
        if not early or left_out or not examination.allowed:
            examination = underway.settled()
            require_allowed(examination)
            withdraw(root, withheld(examination))
        yield Standing(entry=entry, root=root, examination=examination, inner=inner, underway=underway)


@contextmanager
def in_memory(entry: Entry, gate: Gate) -> Iterator[tuple[Path, dict[str, Path], Snapshot]]:
    """Give the files of an entry in sealed memory: a directory of links, the places by path, and the snapshot.

    Raises `ModelRefused` when the bytes are not the approved ones or cannot be held still, as `bring` otherwise.
    """
    with sealed_files(_places(entry, gate)) as (root, sealed):
        artifacts = tuple(
            Artifact(path=path, size=size, digest=digest, file=place)
            for path, (place, digest, size) in sorted(sealed.items())
        )
        snapshot = Snapshot(ref=entry.ref, revision=entry.revision, artifacts=artifacts)
        yield root, {path: place for path, (place, _, _) in sealed.items()}, snapshot


def _places(entry: Entry, gate: Gate) -> dict[str, Path]:
    """Return where the files of an entry are copied from. Nothing is hashed yet: the copies are."""
    if isinstance(entry.ref, LocalRef):
        promised = {file.path: (file.size, file.digest) for file in entry.files}
        found = in_place(entry.ref, gate.options, promised)
        _require_pinned(found, gate, entry)
        return {one.path: one.file for one in found.artifacts if one.file is not None}
    bring(entry, gate)
    places: dict[str, Path] = {}
    for file in entry.files:
        place = gate.store.path_of(file.digest)
        if place is None:
            raise StoreError(
                f"store: no object {file.digest} for {printable(file.path)}", remedy="load the model again"
            )
        places[file.path] = place
    return places


def _standing_by_record(entry: Entry, inner: str | None, gate: Gate, trust: stamps.Trust) -> Standing:
    """Return a model in a directory that stays, of which nothing is hashed that a record vouches for."""
    root = gate.store.lasting_view(entry.digests, trust)
    snapshot = Snapshot(
        ref=entry.ref,
        revision=entry.revision,
        artifacts=tuple(
            Artifact(path=file.path, size=file.size, digest=file.digest, file=root / file.path)
            for file in sorted(entry.files, key=lambda file: file.path)
        ),
    )
    examination = examine_known(snapshot, gate, entry)
    require_allowed(examination)
    left_out = withheld(examination)
    if left_out:
        rest = {path: digest for path, digest in entry.digests.items() if path not in left_out}
        root = gate.store.lasting_view(rest, trust)
    return Standing(entry=entry, root=root, examination=examination, inner=inner)


def lasting(ref: str | os.PathLike[str], gate: Gate) -> Standing:
    """Return the verified model that `ref` names in a directory that stays: for programs started later.

    Raises as `admitted` does.
    """
    with reading(str(ref)):
        return _lasting(ref, gate)


def _lasting(ref: str | os.PathLike[str], gate: Gate) -> Standing:
    entry, inner = approved_entry(gate.canonical(ref), gate)
    bring(entry, gate)
    root = gate.store.lasting_view(entry.digests)
    examination = examined(entry, root, gate)
    require_allowed(examination)
    left_out = withheld(examination)
    if left_out:
        loadable = {path: digest for path, digest in entry.digests.items() if path not in left_out}
        root = gate.store.lasting_view(loadable)
    return Standing(entry=entry, root=root, examination=examination, inner=inner)


def withheld(examination: Examination) -> frozenset[str]:
    """Return the files that lie in a signed model without being signed: the policy lets them lie, nobody loads them."""
    from modelguard.terms.provenance import Uncovered  # costs milliseconds that an import need not take

    return frozenset(fact.location.path for fact in examination.dossier.all(Uncovered) if fact.tolerated)


def examine_locked(entry: Entry, gate: Gate) -> Examination:
    """Examine the bytes of an entry as they are now, whatever the verdict.

    Raises `SourceError` when they are neither here nor to be had.
    """
    try:
        bring(entry, gate)
    except ModelRefused as refused:
        if refused.examination is None:
            raise
        return refused.examination
    with gate.store.view(entry.digests) as root:
        return examined(entry, root, gate)


def approved_entry(ref: ModelRef, gate: Gate) -> tuple[Entry, str | None]:
    """Return the entry that a canonical reference is filed under, and the file of it that the reference points at.

    Raises `ModelRefused` when there is none, or when the reference asks for another revision than the locked one.
    """
    entry, trouble = gate.entry_for(ref)
    if entry is None and isinstance(ref, HubRef) and ref.revision is None:
        entry, _ = gate.entry_for(LocalRef(ref.repo))  # a locked file that is no longer there looks like a Hub name
    if entry is None and isinstance(ref, LocalRef):
        for parent in PurePosixPath(ref.path).parents:
            entry, _ = gate.entry_for(LocalRef(str(parent)))
            if entry is not None:
                return entry, PurePosixPath(ref.path).relative_to(parent).as_posix()
    if entry is None:
        raise refusal(ref, gate, trouble)
    if isinstance(ref, HubRef) and ref.revision is not None and ref.revision != entry.revision:
        raise refusal(ref, gate, *_other_revision(ref, entry))
    return entry, None


def bring(entry: Entry, gate: Gate) -> None:
    """See to it that the store holds every file of an entry.

    A local model is looked at where it lies, so that a change of it refuses even while the store holds what was
    approved. What was hashed there before is not hashed again while its stamp is the same, whatever the policy's
    `verify` says: these bytes are only compared, and those of the store are what is loaded.

    Raises `ModelRefused` when the bytes are not the approved ones, `SourceError` when they cannot be fetched.
    """
    if isinstance(entry.ref, LocalRef):
        _bring_local(entry, entry.ref, gate)
        return
    missing = [file for file in entry.files if gate.store.path_of(file.digest) is None]
    if not missing:
        return
    promised = {file.path: file.digest for file in missing}
    whole = recorded(entry)
    wanted = evolve(whole, files=tuple(one for one in whole.files if one.path in promised))
    try:
        source_for(entry.ref).fetch(wanted, gate.store, gate.options, promised)
    except Tampered as error:
        swap = Substituted(location=Location(error.path), expected=error.expected, found=error.found)
        raise _refused_with(Snapshot(ref=entry.ref, revision=entry.revision), gate, entry, (swap,)) from error


def _bring_local(entry: Entry, ref: LocalRef, gate: Gate) -> None:
    name = hashlib.sha256(os.fsencode(gate.place(ref))).hexdigest()
    records = stamps.records(gate.store.root, f"local-{name}", "changed")
    promised = {file.path: (file.size, file.digest) for file in entry.files}
    snapshot = in_place(ref, gate.options, promised, records)
    records.save()
    _require_pinned(snapshot, gate, entry)
    for artifact in snapshot.artifacts:
        if artifact.file is not None and gate.store.path_of(artifact.digest) is None:
            gate.store.keep(artifact.file, expected=artifact.digest)


def _require_pinned(snapshot: Snapshot, gate: Gate, entry: Entry) -> None:
    """Raise `ModelRefused` unless names and digests are those of the entry; what the bytes hold is examined later."""
    facts = [Digested(location=Location(one.path), size=one.size, digest=one.digest) for one in snapshot.artifacts]
    unread = evolve(snapshot, artifacts=())
    require_allowed(examine_snapshot(unread, gate, entry=entry, collectors=("pins",), facts=facts))


def require_allowed(examination: Examination) -> None:
    """Raise `ModelRefused` unless the verdict allows the model."""
    verdict = examination.verdict
    if not isinstance(verdict, Refused):
        return
    first = max((decision.finding for decision in verdict.because), key=lambda finding: finding.severity)
    more = len(verdict.because) - 1
    others = f" (and {more} more)" if more else ""
    ref = examination.snapshot.ref
    place = "" if first.location == Location(ref.key) else f"{first.location}: "  # the model itself is named already
    raise ModelRefused(
        f"{printable(str(ref))}: {first.check}: {place}{first.message}{others}",
        remedy=first.remedy,
        examination=examination,
    )


def refusal(ref: ModelRef, gate: Gate, reason: str, remedy: str = "") -> ModelRefused:
    """Return the refusal of a model that the lock does not approve."""
    fact = NotLocked(location=Location(ref.key), reason=reason, remedy=remedy or f"modelguard lock {ref.key}")
    return _refused_with(Snapshot(ref=ref), gate, None, (fact,))


def _refused_with(snapshot: Snapshot, gate: Gate, entry: Entry | None, facts: tuple[Fact, ...]) -> ModelRefused:
    examination = examine_snapshot(snapshot, gate, entry=entry, collectors=(), facts=facts)
    try:
        require_allowed(examination)
    except ModelRefused as refused:
        return refused
    # A policy in mode "warn" allows findings, but there are no bytes here that could be loaded.
    reason = next((finding.message for finding in examination.findings), "nothing was found to load")
    return ModelRefused(f"{printable(str(snapshot.ref))}: {reason}", examination=examination)


def _other_revision(ref: HubRef, entry: Entry) -> tuple[str, str]:
    if not ref.is_commit:
        return (
            f"{ref.revision!r} is a branch or tag, which may move; a load is always of a commit",
            f"leave the revision out to load the approved one, {entry.revision}",
        )
    return (
        f"the lock approves commit {entry.revision}, not {ref.revision}",
        f"modelguard lock --upgrade {ref}",
    )
