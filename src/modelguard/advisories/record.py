"""Reads one OSV record, strictly: a record that breaks a rule is refused as a whole, with the key path.

Source of the rules: https://ossf.github.io/osv-schema/ (version 1.7). OSV has no ecosystem of models. Records about
models therefore name a repository by a range of type GIT (`repo` is its address on the Hub, `versions` are commits)
and carry digests, owners and the kind of the finding in the `database_specific` objects, which OSV leaves free:

    "affected": [{"ranges": [{"type": "GIT", "repo": "https://huggingface.co/org/name", "events": [...]}],
                  "versions": ["<commit>"],
                  "database_specific": {"purl": "pkg:huggingface/org/name",
                                        "files": [{"path": "weights.pkl", "sha256": "..."}]}}],
    "database_specific": {"kind": "malicious",
                          "indicators": {"sha256": [...], "tree_digest": [...],
                                         "namespaces": [{"name": "org", "owner_id": "...", "since": "2026-01-31"}]}}
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, TypeAlias, get_args

from attrs import frozen

from modelguard.advisories.fields import Fields, RecordFault

RangeType: TypeAlias = Literal["SEMVER", "ECOSYSTEM", "GIT"]
EventKind: TypeAlias = Literal["introduced", "fixed", "last_affected", "limit"]

LIMIT = 4 << 20
"""Bytes that one record may have."""

_ID = re.compile(r"(?:x_)?[A-Za-z][A-Za-z0-9]*-[A-Za-z0-9.:_-]{1,128}\Z")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z\Z")
_SHA256 = re.compile(r"[0-9a-f]{64}\Z")
_COMMIT = re.compile(r"(?:0|[0-9a-f]{40}|[0-9a-f]{64})\Z")
_RANGES: tuple[RangeType, ...] = get_args(RangeType)
_EVENTS: tuple[EventKind, ...] = get_args(EventKind)


@frozen
class Event:
    """A point in the order of versions at which being affected begins or ends."""

    kind: EventKind
    version: str


@frozen(kw_only=True)
class Range:
    """A range of versions; `repo` is the address of the repository for ranges of commits."""

    type: RangeType
    events: tuple[Event, ...]
    repo: str = ""


@frozen(kw_only=True)
class Affected:
    """One package or repository that a record is about. `sha256` are the files that it names, as hex digits."""

    ecosystem: str = ""
    package: str = ""
    purl: str = ""
    ranges: tuple[Range, ...] = ()
    versions: tuple[str, ...] = ()
    sha256: tuple[str, ...] = ()
    severity: tuple[tuple[str, str], ...] = ()

    @property
    def fixed(self) -> tuple[str, ...]:
        return tuple(event.version for one in self.ranges for event in one.events if event.kind == "fixed")


@frozen(kw_only=True)
class Namespace:
    """An owner whose models are suspect: with the Hub's identity of it and a first day, if the record has them."""

    name: str
    owner_id: str = ""
    since: str = ""


@frozen(kw_only=True)
class Record:
    """One advisory. `word` is the severity in the database's own word, such as `MODERATE`; dates as written."""

    id: str
    modified: str
    published: str = ""
    withdrawn: str = ""
    aliases: tuple[str, ...] = ()
    summary: str = ""
    severity: tuple[tuple[str, str], ...] = ()
    word: str = ""
    kind: str = ""
    affected: tuple[Affected, ...] = ()
    sha256: tuple[str, ...] = ()
    trees: tuple[str, ...] = ()
    namespaces: tuple[Namespace, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        return (self.id, *self.aliases)


def parse_record(data: bytes) -> Record:
    """Read the bytes of one record. Raises `RecordFault` that names the key and the rule."""
    if len(data) > LIMIT:
        raise RecordFault(f"more than {LIMIT} bytes")
    try:
        document = json.loads(data.decode("utf-8"), object_pairs_hook=_no_twins, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise RecordFault(f"not JSON: {str(error)[:120]}") from None
    if not isinstance(document, dict):
        raise RecordFault("expected an object")
    return read_record(document)


def read_record(document: Mapping[str, Any]) -> Record:
    """Turn a parsed record into nouns. Raises `RecordFault`."""
    top = Fields(document)
    free = top.object("database_specific")
    indicators = free.object("indicators")
    record = Record(
        id=top.matching("id", _ID, "an id with the prefix of its database, such as x_MG-2026-0001"),
        modified=_moment(top, "modified"),
        published=_moment(top, "published", required=False),
        withdrawn=_moment(top, "withdrawn", required=False),
        aliases=top.texts("aliases"),
        summary=top.text("summary", ""),
        severity=_severities(top),
        word=free.text_if_any("severity").upper(),
        kind=free.text_if_any("kind") or _kind_of(document.get("id")),
        affected=tuple(_affected(part) for part in top.objects("affected")),
        sha256=_digests(indicators, "sha256"),
        trees=_digests(indicators, "tree_digest"),
        namespaces=tuple(_namespace(part) for part in indicators.objects("namespaces")),
    )
    version = top.text("schema_version", "1.0.0")
    if not version.startswith("1."):
        raise RecordFault(f"schema_version: this reads version 1, found {version[:20]!r}")
    return record


def _kind_of(identifier: object) -> str:
    # The OpenSSF's database of malicious packages has no word for the kind: each of its records is of one.
    return "malicious" if str(identifier).startswith("MAL-") else ""


def _moment(fields: Fields, key: str, *, required: bool = True) -> str:
    if not required and not fields.has(key):
        return ""
    text = fields.matching(key, _MOMENT, "a time in UTC, as 2026-11-22T00:00:00Z")
    try:
        datetime.fromisoformat(text)
    except ValueError:
        raise fields.fault(key, f"no such time: {text}") from None
    return text


def _severities(fields: Fields) -> tuple[tuple[str, str], ...]:
    return tuple((part.text("type"), part.text("score")) for part in fields.objects("severity"))


def _affected(part: Fields) -> Affected:
    package, free = part.object("package"), part.object("database_specific")
    named = part.has("package")
    ranges = tuple(_range(inner) for inner in part.objects("ranges"))
    if not named and not any(one.type == "GIT" for one in ranges) and not part.has("database_specific"):
        raise part.fault("package", "is missing, and no range of type GIT names a repository")
    return Affected(
        ecosystem=package.text("ecosystem") if named else "",
        package=package.text("name") if named else "",
        purl=package.text("purl", "") or free.text_if_any("purl"),
        ranges=ranges,
        versions=part.texts("versions"),
        sha256=tuple(digest for file in free.objects_if_any("files") for digest in _file_digest(file)),
        severity=_severities(part),
    )


def _file_digest(file: Fields) -> tuple[str, ...]:
    return (file.matching("sha256", _SHA256, "64 lower-case hex digits"),) if file.has("sha256") else ()


def _range(part: Fields) -> Range:
    kind = part.choice("type", _RANGES)
    events = tuple(_event(inner, kind) for inner in part.objects("events"))
    kinds = {event.kind for event in events}
    if "introduced" not in kinds:
        raise part.fault("events", "has no event that introduces it")
    if {"fixed", "last_affected"} <= kinds:
        raise part.fault("events", "has both fixed and last_affected")
    return Range(type=kind, events=events, repo=part.text("repo") if kind == "GIT" else part.text("repo", ""))


def _event(part: Fields, kind: RangeType) -> Event:
    keys = part.keys()
    if len(keys) != 1 or keys[0] not in _EVENTS:
        raise part.fault("", f"an event has exactly one of {', '.join(_EVENTS)}")
    name = next(one for one in _EVENTS if one == keys[0])
    version = part.text(name)
    if not version:
        raise part.fault(name, "is empty")
    if kind == "GIT" and not _COMMIT.match(version) and not (name == "limit" and version == "*"):
        raise part.fault(name, f"expected a full commit id, found {version[:60]!r}")
    return Event(name, version)


def _digests(fields: Fields, key: str) -> tuple[str, ...]:
    found = fields.texts(key)
    for index, digest in enumerate(found):
        if not _SHA256.match(digest):
            raise fields.fault(f"{key}[{index}]", "expected 64 lower-case hex digits")
    return found


def _namespace(part: Fields) -> Namespace:
    return Namespace(name=part.text("name"), owner_id=part.text("owner_id", ""), since=part.text("since", ""))


def _no_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return found


def _no_constant(text: str) -> Any:
    raise ValueError(f"{text} is no JSON")
