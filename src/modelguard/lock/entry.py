"""The nouns of the lock: one entry a model, one row a file, and who decided."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from typing import Literal, TypeAlias, get_args

from attrs import frozen

from modelguard.terms.artifact import Digest, HubRef, LocalRef, ModelRef, parse_key

State: TypeAlias = Literal["approved", "exempted", "revoked"]
STATES: tuple[State, ...] = get_args(State)


@frozen(kw_only=True)
class LockedFile:
    """One approved file: size in bytes, SHA-256, and what it may do: the globals it imports, what else it asks for.

    `tensors` is the SHA-256 of a safetensors file's table of tensor digests (`guard/tensors.py`): the table lies in the
    store, or is made anew from the file, so that one key here pins every tensor by itself.

    `judged` is `by-ranges` when only parts of it were read where it lies: the digest is then its source's claim. The
    first full fetch compares it, and examines the file again before anything is loaded.
    """

    path: str
    size: int
    digest: Digest
    formats: tuple[str, ...] = ()
    imports: tuple[str, ...] = ()
    permissions: tuple[str, ...] = ()
    tensors: Digest | None = None
    judged: str = ""


@frozen(kw_only=True)
class Accepted:
    """A finding that was accepted when the model was locked, with the reason and the day it ends."""

    check: str
    reason: str
    path: str = ""
    subject: str = ""
    until: str = ""


@frozen(kw_only=True)
class BaseRecord:
    """A base model: made into model `of` in the manner of `relation`; `license` is its expression when locked."""

    id: str
    of: str
    relation: str = "base"
    license: str = "NOASSERTION"


@frozen(kw_only=True)
class LicenseRecord:
    """The license of the model as an SPDX expression, with what it rests on."""

    expression: str = "NOASSERTION"
    declared: str = ""
    detected: str = ""
    confidence: str = ""
    table: str = ""
    evidence: tuple[str, ...] = ()
    bases: tuple[BaseRecord, ...] = ()


@frozen(kw_only=True)
class ProvenanceRecord:
    """Who signed the model: `status` is verified or unsigned; `payload` the digest of what was signed."""

    status: str = "unsigned"
    signer: str = ""
    method: str = ""
    identity: str = ""
    issuer: str = ""
    payload: str = ""
    signed_at: str = ""
    root: str = ""


@frozen(kw_only=True)
class LineageRecord:
    """What the model was made from: the reference, file and digest of the original, and how (`converted`).

    `tensors` is the digest over the tensors that both were proved to hold.
    """

    original: str = ""
    path: str = ""
    digest: str = ""
    tensors: str = ""
    how: str = ""


@frozen(kw_only=True)
class Decided:
    """Who decided about the model, when (ISO 8601 UTC), why, and until when."""

    state: State = "approved"
    by: str = ""
    at: str = ""
    reason: str = ""
    until: str = ""


@frozen(kw_only=True)
class Entry:
    """One approved model. `id` is the key: `org/name`, `file:path` or an https address.

    `include` and `exclude` are the shell patterns by which its files were chosen, so that it is chosen again alike.
    """

    id: str
    host: str = ""
    repo_id: str = ""
    owner_id: str = ""
    requested: str = ""
    revision: str = ""
    revision_date: str = ""
    resolved_at: str = ""
    remote_code: bool = False
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    files: tuple[LockedFile, ...] = ()
    license: LicenseRecord = LicenseRecord()
    provenance: ProvenanceRecord = ProvenanceRecord()
    lineage: LineageRecord = LineageRecord()
    accepted: tuple[Accepted, ...] = ()
    approval: Decided = Decided()

    @property
    def ref(self) -> ModelRef:
        """The reference to exactly these bytes: for the Hub, with the locked commit."""
        ref = parse_key(self.id)
        return ref.at(self.revision) if isinstance(ref, HubRef) else ref

    @property
    def purl(self) -> str:
        """The package URL (https://github.com/package-url/purl-spec), percent-encoded where its rules ask for it."""
        from urllib.parse import quote  # only where a package URL is wanted

        ref = parse_key(self.id)
        if isinstance(ref, HubRef):
            return f"pkg:huggingface/{quote(ref.org)}/{quote(ref.name)}@{self.revision}"
        name = ref.path.rsplit("/", 1)[-1] if isinstance(ref, LocalRef) else ref.url.rsplit("/", 1)[-1]
        return f"pkg:generic/{quote(name)}?checksum={self.tree_digest}"

    @property
    def tree_digest(self) -> Digest:
        """The digest over all files: SHA-256 of `path NUL size NUL sha256 LF`, sorted by the bytes of the path."""
        return tree_digest((file.path, file.size, file.digest) for file in self.files)

    @property
    def digests(self) -> dict[str, Digest]:
        return {file.path: file.digest for file in self.files}

    @property
    def kept(self) -> frozenset[Digest]:
        """The objects of the store that this entry needs: its files, and the tables of their tensors."""
        tables = (file.tensors for file in self.files if file.tensors is not None)
        return frozenset((*self.digests.values(), *tables))

    def file(self, path: str) -> LockedFile | None:
        return next((file for file in self.files if file.path == path), None)


def tree_digest(files: Iterable[tuple[str, int, Digest]]) -> Digest:
    """Return one digest for a set of files given as (path, size in bytes, SHA-256)."""
    rows = sorted((path.encode("utf-8", "surrogateescape"), size, digest.hex) for path, size, digest in files)
    return Digest("sha256", sha256(b"".join(b"%s\0%d\0%s\n" % (p, s, d.encode()) for p, s, d in rows)).hexdigest())
