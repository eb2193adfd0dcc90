"""Who vouches for a model: finds its signatures, verifies those that the policy asks for, and writes down the outcome.

A signature counts only for a signer whom the policy names for this very model. Where the policy names nobody, bundles
are not looked into: a valid signature by a stranger says nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, time
from fnmatch import fnmatchcase
from pathlib import Path

from attrs import frozen

from modelguard.collectors.collector import Case, Collector
from modelguard.lock import Entry
from modelguard.policy.provenance import read_provenance
from modelguard.signatures.attestation import split_lines
from modelguard.signatures.bundle import ENDINGS
from modelguard.signatures.documents import LIMIT
from modelguard.signatures.envelope import Bundle, parse_bundle
from modelguard.signatures.oms import is_tolerated
from modelguard.signatures.revocation import revocation_of
from modelguard.signatures.trust import Trust, load_trust
from modelguard.signatures.verified import Verified
from modelguard.signatures.verify import verify
from modelguard.terms.artifact import Artifact, Location, Snapshot
from modelguard.terms.errors import (
    ModelguardError,
    ReadError,
    SignatureError,
    SignatureMalformed,
    SignatureMismatch,
    SignatureUnsupported,
    UntrustedIdentity,
)
from modelguard.terms.facts import Fact
from modelguard.terms.provenance import (
    FaultKind,
    PinnedSignature,
    Provenance,
    RevokedSignature,
    SignatureExpected,
    SignatureFault,
    Signed,
    SigningRule,
    SigstoreSigner,
    TrustRootSeen,
    Uncovered,
    Unsigned,
)

_ATTESTATIONS = ("*.intoto.jsonl", "*attestation*.jsonl", "*sha256?????????*.jsonl")
"""Files that hold attestations, one a line; the last is how the GitHub client names them (`sha256:<digest>.jsonl`)."""

_KINDS: list[tuple[type[ModelguardError], FaultKind]] = [
    (UntrustedIdentity, "identity"),
    (SignatureMismatch, "mismatch"),
    (SignatureMalformed, "malformed"),
    (SignatureUnsupported, "unsupported"),
    (ReadError, "mismatch"),
    (ModelguardError, "untrusted"),
]


@frozen(kw_only=True)
class Candidate:
    """A bundle that was found: `path` is its file, `within` tells whether that is in the snapshot."""

    path: str
    bundle: Bundle
    within: bool


def gather(case: Case) -> Iterator[Fact]:
    """Yield what signatures say about the model, as far as the policy asks."""
    key = case.entry.id if case.entry else case.snapshot.ref.key
    if case.entry is not None:
        yield from _pinned(case.entry)
    provenance = read_provenance(case.policy)
    rule = provenance.rule_for(key)
    if rule is None:
        yield Unsigned(location=Location(key), reason="the policy names no signer for this model", required=False)
        return
    signed_after = rule.signed_after.isoformat() if rule.signed_after else ""
    yield SignatureExpected(location=Location(key), signers=rule.signers, signed_after=signed_after)
    yield from _verify(case, key, provenance, rule)


def _pinned(entry: Entry) -> Iterator[Fact]:
    record = entry.provenance
    if record.status == "verified":
        yield PinnedSignature(
            location=Location(entry.id),
            signer=record.signer,
            method=record.method,
            identity=record.identity,
            issuer=record.issuer,
            payload=record.payload,
            root=record.root,
        )


def _verify(case: Case, key: str, provenance: Provenance, rule: SigningRule) -> Iterator[Fact]:
    trusts: list[Trust] = []
    for signer in provenance.signers_named(rule.signers):
        try:
            trusts.append(load_trust(signer, provenance, case.home))
        except SignatureError as error:
            yield _fault(Location(key), error, signer.name)
    yield from _roots(trusts, provenance, case)
    candidates: list[Candidate] = []
    for found in _candidates(case, rule):
        if isinstance(found, Candidate):
            candidates.append(found)
        else:
            yield found
    signatures: list[Signed] = []
    for candidate in candidates:
        # A bundle may sign other bundles beside it as files, but never itself.
        artifacts = [one for one in case.snapshot.artifacts if not candidate.within or one.path != candidate.path]
        for fact in _verify_candidate(candidate, trusts, artifacts, case, provenance):
            if isinstance(fact, Signed):
                signatures.append(fact)
            yield fact
    if not signatures:
        reason = "none of its signatures counts" if candidates else "it carries no signature"
        yield Unsigned(location=Location(key), reason=reason, required=True)
        return
    covered = _covered(signatures)
    for artifact in _others(case.snapshot, candidates):
        if artifact.path not in covered:
            yield Uncovered(location=Location(artifact.path), tolerated=is_tolerated(artifact.path, rule.unsigned))


def _covered(signatures: Iterable[Signed]) -> frozenset[str]:
    """Return the files that are vouched for.

    A signature over a model says that these files together are the model, so two of them do not add up: nobody has
    vouched for their mixture. Signatures over single files and provenance say nothing of the company that a file keeps.
    """
    whole, single = frozenset[str](), frozenset[str]()
    for signed in signatures:
        if signed.form == "model":
            whole = max(whole, frozenset(signed.covered), key=len)
        else:
            single |= frozenset(signed.covered)
    return whole | single


def _roots(trusts: Iterable[Trust], provenance: Provenance, case: Case) -> Iterator[Fact]:
    for trust in trusts:
        root = provenance.root(trust.signer.root) if isinstance(trust.signer, SigstoreSigner) else None
        if root is not None:
            yield TrustRootSeen(
                location=Location(root.file),
                name=root.name,
                digest=trust.digest,
                age_days=(case.today - root.updated).days if root.updated else None,
                limit_days=provenance.root_days,
            )


# --- finding bundles -----------------------------------------------------------------------------------------------


def _candidates(case: Case, rule: SigningRule) -> Iterator[Candidate | SignatureFault]:
    """Yield the bundles beside and in the model; a file named like one that holds none is a fault."""
    for path in rule.bundles:
        yield from _read(path, _opener(case.home / path), within=False)
    for artifact in case.snapshot.artifacts:
        if artifact.path.endswith(ENDINGS) or any(fnmatchcase(artifact.path, one) for one in _ATTESTATIONS):
            yield from _read(artifact.path, lambda artifact=artifact: _bytes_of(artifact), within=True)  # type: ignore[misc]


def _read(path: str, read: Callable[[], bytes], *, within: bool) -> Iterator[Candidate | SignatureFault]:
    try:
        raw = read()
        if not path.endswith(".jsonl"):
            yield Candidate(path=path, bundle=parse_bundle(raw), within=within)
            return
        bundles = [parse_bundle(line) for line in split_lines(raw)]
    except (ModelguardError, OSError) as error:
        yield _fault(Location(path), error, "")
        return
    yield from (Candidate(path=path, bundle=bundle, within=within) for bundle in bundles)


def _opener(path: Path) -> Callable[[], bytes]:
    def read() -> bytes:
        with path.open("rb") as file:
            return file.read(LIMIT + 1)

    return read


def _bytes_of(artifact: Artifact) -> bytes:
    """Read a bundle of the snapshot; it must be the very bytes that were hashed."""
    if artifact.file is None:
        raise SignatureUnsupported("its bytes are not at hand")
    if artifact.size > LIMIT:
        raise SignatureMalformed(f"{artifact.size} bytes are more than the {LIMIT} that are read")
    data = _opener(artifact.file)()
    if hashlib.sha256(data).hexdigest() != artifact.digest.hex:
        raise SignatureMismatch("the file changed while it was read", files=((artifact.path, "different"),))
    return data


def _others(snapshot: Snapshot, candidates: Iterable[Candidate]) -> list[Artifact]:
    """Return the files of the model that are not bundles themselves."""
    bundles = {candidate.path for candidate in candidates if candidate.within}
    return [artifact for artifact in snapshot.artifacts if artifact.path not in bundles]


# --- verifying one bundle --------------------------------------------------------------------------------------------


def _verify_candidate(
    candidate: Candidate,
    trusts: Iterable[Trust],
    artifacts: list[Artifact],
    case: Case,
    provenance: Provenance,
) -> Iterator[Fact]:
    """Try a bundle against each signer of its method; the first who signed it settles the matter."""
    able = [trust for trust in trusts if trust.signer.method == candidate.bundle.method]
    location = Location(candidate.path)
    if not able:
        detail = f"made by method {candidate.bundle.method!r}, by which no signer of this model signs"
        yield SignatureFault(location=location, kind="untrusted", detail=detail)
    faults: list[SignatureFault] = []
    for trust in able:
        try:
            verified = verify(
                candidate.bundle,
                trust,
                artifacts,
                name=candidate.path,
                unsigned=("*",),  # what is not covered becomes a fact of its own for each file
                absent=_left_out(case.entry),
                now=datetime.combine(case.today, time.max, UTC),
            )
        except SignatureMismatch as error:
            yield from _mismatches(location, error, trust)
            return
        except (ModelguardError, OSError) as error:
            faults.append(_fault(location, error, trust.signer.name))
            continue
        yield from _outcome(location, verified, trust, provenance)
        return
    yield from faults


def _left_out(entry: Entry | None) -> Callable[[str], bool]:
    """Return whether a file was left out of the lock on purpose; only such files may be missing."""
    if entry is None:
        return lambda _: False
    include, exclude = entry.include, entry.exclude

    def is_left_out(path: str) -> bool:
        return (bool(include) and not any(fnmatchcase(path, one) for one in include)) or any(
            fnmatchcase(path, one) for one in exclude
        )

    return is_left_out


def _outcome(location: Location, verified: Verified, trust: Trust, provenance: Provenance) -> Iterator[Fact]:
    voucher = verified.voucher
    revocation = revocation_of(verified, provenance.revoked)
    if revocation is not None:
        yield RevokedSignature(
            location=location,
            signer=voucher.signer,
            by=revocation.by,
            value=revocation.value,
            reason=revocation.reason,
        )
        return
    yield Signed(
        location=location,
        signer=voucher.signer,
        method=voucher.method,
        form=verified.form,
        identity=voucher.identity,
        issuer=voucher.issuer,
        key=str(voucher.key) if voucher.key else "",
        payload=verified.payload,
        signed_at=voucher.signed_at.isoformat(timespec="seconds") if voucher.signed_at else "",
        root=str(trust.digest),
        covered=tuple(sorted(verified.files)),
    )


def _mismatches(location: Location, error: SignatureMismatch, trust: Trust) -> Iterator[Fact]:
    yield _fault(location, error, trust.signer.name)
    for path, what in error.files:
        if path and what != "unsigned":
            kind: FaultKind = "missing" if what == "missing" else "mismatch"
            detail = f"is {what}, compared with what {location} signs"
            yield SignatureFault(location=Location(path), kind=kind, detail=detail, signer=trust.signer.name)


def _fault(location: Location, error: ModelguardError | OSError, signer: str) -> SignatureFault:
    if isinstance(error, OSError):
        detail = f"cannot be read: {error.strerror}"
        return SignatureFault(location=location, kind="missing", detail=detail, signer=signer)
    kind = next(kind for type_, kind in _KINDS if isinstance(error, type_))
    return SignatureFault(location=location, kind=kind, detail=error.message, signer=signer)


SIGNATURE = Collector(name="signature", gather=gather)
