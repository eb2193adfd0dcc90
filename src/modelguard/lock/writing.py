"""Writing a lock: a fixed order of keys, one file a line, and nothing that changes by itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from modelguard.lock.entry import (
    Accepted,
    BaseRecord,
    Decided,
    Entry,
    LicenseRecord,
    LineageRecord,
    LockedFile,
    ProvenanceRecord,
)

VERSION = "1.0"
END = "end-of-lock"
"""The last table of every lock. A lock without it was cut short."""


def write_document(entries: Mapping[str, Entry], created_by: str) -> str:
    """Return the text of a lock: models by id, files by the bytes of their path."""
    lines = [
        "# Written by modelguard: review it as a diff, change it with the modelguard command.",
        f"lock-version = {_string(VERSION)}",
        f"created-by = {_string(created_by)}",
    ]
    for key in sorted(entries):
        lines += ["", *_entry_lines(entries[key])]
    return "\n".join([*lines, "", f"[{END}]"]) + "\n"


def entry_mark(key: str) -> str:
    """Return the line that an entry has and no other line of a lock equals."""
    return f"id = {_string(key)}"


_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r", "\b": "\\b", "\f": "\\f"}


def _string(text: str) -> str:
    """Write a TOML basic string (https://toml.io/en/v1.0.0#string); what does not print is escaped."""
    return '"' + "".join(_ESCAPES.get(character) or _readable(character) for character in text) + '"'


def _readable(character: str) -> str:
    if character.isprintable():
        return character
    code = ord(character)
    return f"\\u{code:04X}" if code <= 0xFFFF else f"\\U{code:08X}"


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, tuple | list):
        return "[" + ", ".join(_value(item) for item in value) + "]"
    return _string(str(value))


def _inline(pairs: Iterable[tuple[str, object]]) -> str:
    return "{ " + ", ".join(f"{key} = {_value(value)}" for key, value in pairs if value not in ("", ())) + " }"


def _pairs(pairs: Iterable[tuple[str, object]], *, bare: frozenset[str] = frozenset()) -> Iterator[str]:
    """Write key-value lines, leaving out empty ones; the keys in `bare` hold dates, which TOML writes unquoted."""
    for key, value in pairs:
        if value not in ("", ()):
            yield f"{key} = {value}" if key in bare else f"{key} = {_value(value)}"


def _entry_lines(entry: Entry) -> Iterator[str]:
    dates = frozenset({"revision-date", "resolved-at"})
    head: list[tuple[str, Any]] = [
        ("id", entry.id),
        ("purl", entry.purl),
        ("host", entry.host),
        ("repo-id", entry.repo_id),
        ("owner-id", entry.owner_id),
        ("requested", entry.requested),
        ("revision", entry.revision),
        ("revision-date", entry.revision_date),
        ("resolved-at", entry.resolved_at),
        ("tree-digest", entry.tree_digest),
        ("remote-code", entry.remote_code),
        ("include", entry.include),
        ("exclude", entry.exclude),
    ]
    yield "[[model]]"
    yield from _pairs(head, bare=dates)
    yield "files = ["
    for file in sorted(entry.files, key=lambda file: file.path.encode("utf-8", "surrogateescape")):
        yield f"  {_file_line(file)},"
    yield "]"
    yield from _table("license", _license_pairs(entry.license))
    if entry.license.bases:
        yield from ("bases = [", *(f"  {_base_line(base)}," for base in entry.license.bases), "]")
    yield from _table("provenance", _provenance_pairs(entry.provenance))
    if entry.lineage != LineageRecord():
        yield from _table("lineage", _lineage_pairs(entry.lineage))
    for accepted in sorted(entry.accepted, key=lambda row: (row.check, row.path, row.subject)):
        yield from ("", "[[model.accepted]]", *_pairs(_accepted_pairs(accepted), bare=frozenset({"until"})))
    yield from _table("approval", _approval_pairs(entry.approval), bare=frozenset({"at", "until"}))


def _table(name: str, pairs: Iterable[tuple[str, object]], *, bare: frozenset[str] = frozenset()) -> Iterator[str]:
    yield ""
    yield f"[model.{name}]"
    yield from _pairs(pairs, bare=bare)


def _file_line(file: LockedFile) -> str:
    return _inline(
        [
            ("path", file.path),
            ("size", file.size),
            ("sha256", file.digest.hex),
            ("formats", file.formats),
            ("imports", file.imports),
            ("permissions", file.permissions),
            ("tensors", file.tensors.hex if file.tensors else ""),
            ("judged", file.judged),
        ]
    )


def _license_pairs(record: LicenseRecord) -> list[tuple[str, object]]:
    return [
        ("expression", record.expression),
        ("declared", record.declared),
        ("detected", record.detected),
        ("confidence", record.confidence),
        ("table", record.table),
        ("evidence", record.evidence),
    ]


def _base_line(base: BaseRecord) -> str:
    return _inline([("id", base.id), ("of", base.of), ("relation", base.relation), ("license", base.license)])


def _provenance_pairs(record: ProvenanceRecord) -> list[tuple[str, object]]:
    return [
        ("status", record.status),
        ("signer", record.signer),
        ("method", record.method),
        ("identity", record.identity),
        ("issuer", record.issuer),
        ("payload", record.payload),
        ("signed-at", record.signed_at),
        ("root", record.root),
    ]


def _lineage_pairs(record: LineageRecord) -> list[tuple[str, object]]:
    return [
        ("original", record.original),
        ("path", record.path),
        ("digest", record.digest),
        ("tensors", record.tensors),
        ("how", record.how),
    ]


def _accepted_pairs(accepted: Accepted) -> list[tuple[str, object]]:
    return [
        ("check", accepted.check),
        ("path", accepted.path),
        ("subject", accepted.subject),
        ("reason", accepted.reason),
        ("until", accepted.until),
    ]


def _approval_pairs(decided: Decided) -> list[tuple[str, object]]:
    return [
        ("state", decided.state),
        ("by", decided.by),
        ("at", decided.at),
        ("reason", decided.reason),
        ("until", decided.until),
    ]
