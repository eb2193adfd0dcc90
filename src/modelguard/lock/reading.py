"""Reading a lock: every value is checked, and every error names its key path."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from functools import lru_cache

from modelguard.lock.entry import (
    STATES,
    Accepted,
    BaseRecord,
    Decided,
    Entry,
    LicenseRecord,
    LineageRecord,
    LockedFile,
    ProvenanceRecord,
)
from modelguard.lock.writing import END, VERSION
from modelguard.terms.artifact import Digest, HubRef, is_commit, parse_key, printable
from modelguard.terms.errors import LockError, RefError
from modelguard.terms.section import Section

_REMEDY = "restore it from version control, or delete it and lock each model anew: modelguard lock ORG/NAME"


def read_entries(data: bytes, name: str) -> tuple[str, dict[str, Entry]]:
    """Return who wrote a lock, and its entries by id. Raises `LockError` with the key path."""
    created_by, entries = _parsed(data, name)
    return created_by, {**entries}


@lru_cache(maxsize=4)
def _parsed(data: bytes, name: str) -> tuple[str, dict[str, Entry]]:
    """Parse a lock; the same bytes are parsed once, because every load reads the lock."""
    try:
        document = tomllib.loads(data.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise LockError(f"{name}: {printable(str(error))}", remedy=_REMEDY) from error
    if not data.endswith(b"\n") or END not in document:
        raise LockError(f"{name}: the end is missing: the lock is cut short", remedy=_REMEDY)
    return _read_lock(Section(document, "", LockError, _REMEDY))


def _read_lock(top: Section) -> tuple[str, dict[str, Entry]]:
    version = top.text("lock-version")
    if version != VERSION:
        raise top.fail("lock-version", f"this modelguard reads {VERSION}, found {printable(version)!r}")
    created_by = top.text("created-by")
    entries: dict[str, Entry] = {}
    for section in top.sections("model"):
        entry = _read_entry(section)
        if entry.id in entries:
            raise section.fail("id", f"{entry.id} has an entry already")
        entries[entry.id] = entry
    top.section(END).finish()
    top.finish()
    return created_by, entries


def _read_entry(section: Section) -> Entry:
    entry = Entry(
        id=_read_id(section),
        host=section.text("host", ""),
        repo_id=section.text("repo-id", ""),
        owner_id=section.text("owner-id", ""),
        requested=section.text("requested", ""),
        revision=section.text("revision", ""),
        revision_date=section.moment("revision-date", ""),
        resolved_at=section.moment("resolved-at", ""),
        remote_code=section.flag("remote-code", default=False),
        include=section.texts("include"),
        exclude=section.texts("exclude"),
        files=tuple(_read_files(section)),
        license=_read_license(section.section("license")),
        provenance=_read_provenance(section.section("provenance")),
        lineage=_read_lineage(section.section("lineage")),
        accepted=tuple(_read_accepted(part) for part in section.sections("accepted")),
        approval=_read_approval(section.section("approval")),
    )
    if isinstance(parse_key(entry.id), HubRef) and not is_commit(entry.revision):
        raise section.fail("revision", f"expected a commit of 40 hex digits, found {printable(entry.revision)!r}")
    for key, expected in (("purl", entry.purl), ("tree-digest", str(entry.tree_digest))):
        if section.text(key) != expected:
            raise section.fail(key, f"does not fit the entry, which gives {expected}")
    section.finish()
    return entry


def _read_id(section: Section) -> str:
    text = section.text("id")
    try:
        parse_key(text)
    except RefError as error:
        raise section.fail("id", error.message) from error
    return text


def _read_files(section: Section) -> Iterator[LockedFile]:
    seen: set[str] = set()
    for part in section.sections("files"):
        path = part.text("path")
        if path in seen:
            raise part.fail("path", f"{printable(path)!r} is listed twice")
        seen.add(path)
        yield LockedFile(
            path=path,
            size=part.integer("size"),
            digest=_read_sha256(part, "sha256"),
            formats=part.texts("formats"),
            imports=part.texts("imports"),
            permissions=part.texts("permissions"),
            tensors=_read_sha256(part, "tensors") if "tensors" in part else None,
            judged=part.choice("judged", ("", "by-ranges"), ""),
        )
        part.finish()


def _read_sha256(section: Section, key: str) -> Digest:
    digits = section.text(key)
    if not re.fullmatch(r"[0-9a-f]{64}", digits):
        raise section.fail(key, f"expected 64 lower-case hex digits, found {len(digits)} characters")
    return Digest("sha256", digits)


def _read_license(section: Section) -> LicenseRecord:
    record = LicenseRecord(
        expression=section.text("expression", "NOASSERTION"),
        declared=section.text("declared", ""),
        detected=section.text("detected", ""),
        confidence=section.text("confidence", ""),
        table=section.text("table", ""),
        evidence=section.texts("evidence"),
        bases=tuple(_read_base(part) for part in section.sections("bases")),
    )
    section.finish()
    return record


def _read_base(section: Section) -> BaseRecord:
    record = BaseRecord(
        id=section.text("id"),
        of=section.text("of"),
        relation=section.text("relation", "base"),
        license=section.text("license", "NOASSERTION"),
    )
    section.finish()
    return record


def _read_provenance(section: Section) -> ProvenanceRecord:
    record = ProvenanceRecord(
        status=section.choice("status", ("verified", "unsigned"), "unsigned"),
        signer=section.text("signer", ""),
        method=section.text("method", ""),
        identity=section.text("identity", ""),
        issuer=section.text("issuer", ""),
        payload=section.text("payload", ""),
        signed_at=section.text("signed-at", ""),
        root=section.text("root", ""),
    )
    section.finish()
    return record


def _read_lineage(section: Section) -> LineageRecord:
    record = LineageRecord(
        original=section.text("original", ""),
        path=section.text("path", ""),
        digest=section.text("digest", ""),
        tensors=section.text("tensors", ""),
        how=section.choice("how", ("", "converted"), ""),
    )
    section.finish()
    return record


def _read_accepted(section: Section) -> Accepted:
    accepted = Accepted(
        check=section.text("check"),
        path=section.text("path", ""),
        subject=section.text("subject", ""),
        reason=section.text("reason"),
        until=section.day("until", ""),
    )
    section.finish()
    return accepted


def _read_approval(section: Section) -> Decided:
    decided = Decided(
        state=section.choice("state", STATES),
        by=section.text("by", ""),
        at=section.moment("at", ""),
        reason=section.text("reason", ""),
        until=section.day("until", ""),
    )
    section.finish()
    return decided
