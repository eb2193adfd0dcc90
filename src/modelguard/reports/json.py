"""The report for programs: one JSON object, of which docs/reference/report.schema.json is the schema.

Names are given exactly as they are in the model, so that programs can compare them; the document itself is ASCII, and
what does not print is escaped as JSON escapes it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from modelguard.reports._telling import Told, told
from modelguard.reports.report import Report, Setting
from modelguard.terms.artifact import Location
from modelguard.terms.facts import Asks, Fact, Import, Recognised
from modelguard.terms.finding import Finding
from modelguard.terms.verdict import Examination

SCHEMA = "modelguard/report/1"


def write(examinations: Sequence[Examination], _: Setting) -> str:
    """Return the document, with sorted keys and one final line feed."""
    document = {"schema": SCHEMA, "examinations": [as_object(one) for one in examinations]}
    return json.dumps(document, indent=2, sort_keys=True) + "\n"


def as_object(examination: Examination) -> dict[str, Any]:
    """Return one examination as plain lists and dicts."""
    return {
        "ref": str(examination.snapshot.ref),
        "revision": examination.snapshot.revision,
        "verdict": "allowed" if examination.allowed else "refused",
        "artifacts": _artifacts(examination),
        "imports": _imports(examination),
        "permissions": [_permission(fact) for fact in examination.dossier.all(Asks)],
        "findings": [_finding(one) for one in told(examination)],
    }


def _artifacts(examination: Examination) -> list[dict[str, Any]]:
    formats = {fact.location: list(fact.formats) for fact in examination.dossier.all(Recognised)}
    return [
        {
            "path": artifact.path,
            "size": artifact.size,
            "sha256": artifact.digest.hex,
            "formats": formats.get(Location(artifact.path), []),
        }
        for artifact in examination.snapshot.artifacts
    ]


def _imports(examination: Examination) -> list[dict[str, Any]]:
    return [
        {
            "artifact": fact.location.path,
            "global": fact.qualified,
            "grant": fact.profiles[0] if fact.profiles else None,
        }
        for fact in examination.dossier.all(Import)
    ]


def _permission(fact: Asks) -> dict[str, Any]:
    return {"permission": fact.permission, "name": fact.name, "detail": fact.detail, "location": _location(fact)}


def _finding(one: Told) -> dict[str, Any]:
    finding = one.finding
    return {
        "check": finding.check,
        "area": finding.area,
        "severity": str(finding.severity),
        "confidence": finding.confidence,
        "subject": finding.subject,
        "message": finding.message,
        "remedy": finding.remedy,
        "location": _location(finding),
        "decision": one.sort,
        "line": one.line,
    }


def _location(thing: Finding | Fact) -> dict[str, Any]:
    place = thing.location
    return {"path": place.path, "members": list(place.members), "offset": place.offset}


REPORT = Report(name="json", title="one JSON object, for programs", write=write)
