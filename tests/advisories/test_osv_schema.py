"""Records that modelguard writes, held against OSV's JSON Schema.

The official schema is `validation/schema.json` of github.com/ossf/osv-schema; it is not in this repository. On
2026-11-23 all records of this file, those that are valid and those that have to be refused, were held against a
transcript of it as of the main branch after tag v1.7.5 (as vendored by github.com/eclipse-csi/advisoryhub at commit
36a6866, without the prefix `ECL` that is added there): it agreed with `osv_1_7.json` on each of them. `osv_1_7.json`
puts the same rules down anew; it asks for more in one place, `schema_version`, which modelguard always writes. To hold
the records against an official file:

    MODELGUARD_OSV_SCHEMA=…/osv-schema/validation/schema.json pytest tests/advisories/test_osv_schema.py
"""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from modelguard.advisories.index import keys_of
from modelguard.advisories.record import parse_record
from modelguard.advisories.writing import Draft, write_record

jsonschema = pytest.importorskip("jsonschema", reason="the schemas are applied where jsonschema is installed")

OWN = Path(__file__).with_name("osv_1_7.json")
OFFICIAL = os.environ.get("MODELGUARD_OSV_SCHEMA", "")
NOW = datetime(2026, 11, 22, tzinfo=UTC)
COMMIT, OTHER = "a" * 40, "b" * 40
PACKAGE = {"ecosystem": "PyPI", "name": "torch"}


@pytest.fixture(params=["own", "official"] if OFFICIAL else ["own"])
def schema(request: pytest.FixtureRequest) -> Any:
    path = OWN if request.param == "own" else Path(OFFICIAL)
    document = json.loads(path.read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(document)
    return jsonschema.Draft202012Validator(document, format_checker=jsonschema.FormatChecker())


DRAFTS = [
    Draft(summary="Reverse shell", kind="malicious", files=(("bad.pkl", "0" * 64),), severity="critical"),
    Draft(summary="Whole model", kind="removed", repository="acme/tiny"),
    Draft(summary="One commit", kind="vulnerable-file", repository="acme/tiny", commits=(COMMIT,), fixed=(OTHER,)),
    Draft(summary="Two mended", kind="vulnerable-file", repository="acme/tiny", fixed=(COMMIT, OTHER)),
    Draft(
        summary="Taken over", kind="namespace-hijack", namespace="acme", owner_id="5dd96eb1", aliases=("CVE-2026-1",)
    ),
    Draft(
        summary="Seen", kind="malicious", repository="a/b", references=("https://example.org/report",), details="*x*"
    ),
    Draft(summary="All of it é", kind="malicious", repository="a/b", files=(("a/b.bin", "1" * 64),), namespace="a"),
]


@pytest.mark.parametrize("draft", DRAFTS, ids=lambda draft: draft.summary)
def test_a_record_that_is_written_is_valid_osv(draft: Draft, schema: Any) -> None:
    text, record = write_record(draft, "x_MG-2026-0001", NOW)
    schema.validate(json.loads(text))
    assert parse_record(text.encode()) == record
    assert record.kind == draft.kind
    assert list(keys_of(record))


def document(**more: Any) -> dict[str, Any]:
    return {"schema_version": "1.7.4", "id": "x_MG-2026-0001", "modified": "2026-11-01T00:00:00Z", **more}


def ranged(*events: dict[str, str], kind: str = "ECOSYSTEM", **more: Any) -> dict[str, Any]:
    return document(affected=[{"package": PACKAGE, "ranges": [{"type": kind, "events": list(events), **more}]}])


REFUSED: dict[str, dict[str, Any]] = {
    "id of no known database": document(id="MG-2026-0001"),
    "modified without zone": document(modified="2026-11-01T00:00:00"),
    "aliases as text": document(aliases="CVE-2026-1"),
    "package without ecosystem": document(affected=[{"package": {"name": "x"}}]),
    "an ecosystem of models": document(affected=[{"package": {"ecosystem": "Hugging Face", "name": "a/b"}}]),
    "range without introduced": ranged({"fixed": "1"}),
    "two kinds in one event": ranged({"introduced": "0", "fixed": "1"}),
    "fixed and last_affected": ranged({"introduced": "0"}, {"fixed": "2"}, {"last_affected": "1"}),
    "GIT without repo": ranged({"introduced": "0"}, kind="GIT"),
    "short commit": ranged({"introduced": "abc123"}, kind="GIT", repo="https://x.example/a/b"),
    "severity in two places": document(
        severity=[{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}],
        affected=[{"package": PACKAGE, "severity": []}],
    ),
    "a key of no version": document(ecosystem="PyPI"),
}


@pytest.mark.parametrize("record", REFUSED.values(), ids=REFUSED)
def test_the_schema_refuses_what_osv_forbids(record: dict[str, Any], schema: Any) -> None:
    assert not schema.is_valid(record)


def test_what_is_refused_is_one_change_away_from_what_is_valid(schema: Any) -> None:
    schema.validate(document(affected=[{"package": PACKAGE, "severity": None}], aliases=["CVE-2026-1"]))
    schema.validate(ranged({"introduced": "0"}, {"fixed": "2"}))
    schema.validate(ranged({"introduced": COMMIT}, kind="GIT", repo="https://x.example/a/b"))
