"""Writes a record for a finding of one's own, so that every project that reads the feed is warned.

The id begins with `x_MG-`: OSV leaves ids with `x_` to whoever needs one that is in no public database.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from attrs import frozen

from modelguard.advisories.record import Record, read_record

SCHEMA_VERSION = "1.7.4"
_OWN_ID = re.compile(r"x_MG-(\d{4})-(\d{4,})\Z")


@frozen(kw_only=True)
class Draft:
    """What somebody found: `repository` is `org/name`, with the commits that are affected and that mend it.

    Without `commits`, every commit from the first on is affected up to those in `fixed`. `files` are (path, SHA-256).
    """

    summary: str
    kind: str
    details: str = ""
    host: str = "huggingface.co"
    repository: str = ""
    commits: tuple[str, ...] = ()
    fixed: tuple[str, ...] = ()
    files: tuple[tuple[str, str], ...] = ()
    namespace: str = ""
    owner_id: str = ""
    aliases: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    severity: str = ""


def next_id(taken: Mapping[str, object] | frozenset[str] | set[str], year: int) -> str:
    """Return the first id of a year above all that are taken."""
    numbers = [int(match[2]) for name in taken if (match := _OWN_ID.match(name)) and int(match[1]) == year]
    return f"x_MG-{year}-{max(numbers, default=0) + 1:04d}"


def write_record(draft: Draft, identifier: str, moment: datetime) -> tuple[str, Record]:
    """Return the record as a JSON document, and as it is read back.

    Raises `RecordFault` when the draft cannot be a valid record.
    """
    stamp = moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    document: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "id": identifier,
        "modified": stamp,
        "published": stamp,
        "summary": draft.summary,
    }
    if draft.details:
        document["details"] = draft.details
    if draft.aliases:
        document["aliases"] = list(draft.aliases)
    if draft.repository:
        document["affected"] = [_affected(draft)]
    if draft.references:
        document["references"] = [{"type": "WEB", "url": url} for url in draft.references]
    document["database_specific"] = _specific(draft)
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n", read_record(document)


def _affected(draft: Draft) -> dict[str, Any]:
    events = [{"introduced": "0"}, *({"fixed": commit} for commit in draft.fixed)]
    affected: dict[str, Any] = {
        "versions": list(draft.commits),
        "database_specific": {"purl": f"pkg:huggingface/{draft.repository}"},
    }
    if not draft.commits or draft.fixed:
        repository = f"https://{draft.host}/{draft.repository}"
        affected = {"ranges": [{"type": "GIT", "repo": repository, "events": events}], **affected}
    if draft.files:
        affected["database_specific"]["files"] = [{"path": path, "sha256": digest} for path, digest in draft.files]
    return affected


def _specific(draft: Draft) -> dict[str, Any]:
    indicators: dict[str, Any] = {}
    if draft.files:
        indicators["sha256"] = sorted({digest for _, digest in draft.files})
    if draft.namespace:
        owner = {"owner_id": draft.owner_id} if draft.owner_id else {}
        indicators["namespaces"] = [{"name": draft.namespace, **owner}]
    specific: dict[str, Any] = {"kind": draft.kind, "origin": "manual"}
    if draft.severity:
        specific["severity"] = draft.severity.upper()
    return {**specific, "indicators": indicators} if indicators else specific
