"""The report for code scanning: SARIF 2.1.0, with each finding at the line of the lock where its model is approved.

Rules of the format: https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html; what GitHub reads of it:
https://docs.github.com/code-security/code-scanning/integrating-with-code-scanning/sarif-support-for-code-scanning
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from modelguard import __version__
from modelguard.reports._telling import Told, fingerprint, named, placed, told
from modelguard.reports.report import Report, Setting
from modelguard.terms.artifact import LocalRef, printable
from modelguard.terms.finding import Severity
from modelguard.terms.verdict import Examination

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
# What GitHub sorts alerts by: https://docs.github.com/code-security/code-scanning, security-severity, 0.0 to 10.0.
_SCORES = {
    Severity.INFO: "0.0",
    Severity.LOW: "3.0",
    Severity.MEDIUM: "5.5",
    Severity.HIGH: "8.0",
    Severity.CRITICAL: "9.5",
}


def write(examinations: Sequence[Examination], setting: Setting) -> str:
    """Return the log, with sorted keys and one final line feed; informational findings are left out."""
    found = [(one, examination) for examination in examinations for one in told(examination, info=False)]
    rules = sorted({one.finding.check for one, _ in found})
    run = {
        "tool": {
            "driver": {
                "name": "modelguard",
                "version": __version__,
                "semanticVersion": __version__,
                "rules": [_rule(name, found, setting) for name in rules],
            }
        },
        "columnKind": "unicodeCodePoints",
        "results": [_result(one, examination, rules, setting) for one, examination in found],
    }
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2, sort_keys=True) + "\n"


def _rule(name: str, found: Sequence[tuple[Told, Examination]], setting: Setting) -> dict[str, Any]:
    of_this = [one.finding for one, _ in found if one.finding.check == name]
    page = dict(setting.pages).get(name, "").strip()
    first = page.splitlines()[0] if page else f"The check {name}."
    worst = max(finding.severity for finding in of_this)
    return {
        "id": name,
        "name": name,
        "shortDescription": {"text": first},
        "fullDescription": {"text": first},
        "help": {"text": page or f"modelguard explain {name}", "markdown": f"```text\n{page or name}\n```"},
        "properties": {
            "security-severity": _SCORES[worst],
            "tags": ["security", "machine-learning", of_this[0].area],
        },
    }


def _result(one: Told, examination: Examination, rules: list[str], setting: Setting) -> dict[str, Any]:
    finding = one.finding
    result: dict[str, Any] = {
        "ruleId": finding.check,
        "ruleIndex": rules.index(finding.check),
        "level": _level(one),
        "message": {"text": _literal(_message(one, examination))},
        "locations": [_location(one, examination, setting)],
        "partialFingerprints": {"modelguard/1": fingerprint(examination, finding)},
        "properties": {
            "severity": str(finding.severity),
            "confidence": finding.confidence,
            "decision": one.sort,
            "line": printable(one.line),
            "subject": printable(finding.subject),
        },
    }
    if one.sort == "excused":
        result["suppressions"] = [{"kind": "external", "status": "accepted", "justification": printable(one.line)}]
    return result


def _level(one: Told) -> str:
    if one.sort == "refused":
        return "error"
    return "warning" if one.finding.severity >= Severity.MEDIUM else "note"


def _message(one: Told, examination: Examination) -> str:
    finding = one.finding
    remedy = f" → {finding.remedy}" if finding.remedy else ""
    return printable(f"{placed(examination.snapshot, finding)}: {finding.message}{remedy} (decided by {one.line})")


def _literal(text: str) -> str:
    """Keep words from being read as placeholders or embedded links (SARIF 2.1.0, 3.11.5 and 3.11.6)."""
    return text.replace("{", "{{").replace("}", "}}").replace("](", "] (")


def _location(one: Told, examination: Examination, setting: Setting) -> dict[str, Any]:
    ref, place = examination.snapshot.ref, one.finding.location
    line = dict(setting.lock_lines).get(ref.key)
    if line is None and isinstance(ref, LocalRef):
        names = (ref.path, place.path) if place.path not in ("", ref.key) else (ref.path,)
        single = len(examination.snapshot.artifacts) == 1 and ref.path.endswith(place.path)
        uri = ref.path if single else "/".join(names)
    else:
        uri = setting.lock_path or "modelguard.lock"
    inner = [named(examination.snapshot), *map(printable, (place.path, *place.members))]
    logical = {"fullyQualifiedName": " » ".join(inner), "name": inner[-1], "kind": "member"}
    return {
        "physicalLocation": {"artifactLocation": {"uri": _uri(uri)}, "region": {"startLine": line or 1}},
        "logicalLocations": [logical],
    }


def _uri(path: str) -> str:
    return quote(path.encode("utf-8", "surrogateescape"), safe="/~._-+@")


REPORT = Report(name="sarif", title="SARIF 2.1.0, for code scanning", write=write)
