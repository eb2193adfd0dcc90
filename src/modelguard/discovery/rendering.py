"""Writes what was discovered as text, JSON, SARIF or GitHub annotations: pure functions from frozen data to text."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import groupby
from typing import Any
from urllib.parse import quote

from modelguard.discovery.rules import RULES, Remark
from modelguard.discovery.use import Discovered
from modelguard.terms.artifact import printable
from modelguard.terms.finding import Severity
from modelguard.terms.words import counted

SCHEMA = "modelguard/discovery/1"
_LEVELS = {Severity.LOW: "note", Severity.MEDIUM: "warning", Severity.HIGH: "error", Severity.CRITICAL: "error"}


def text(found: Discovered, remarks: Sequence[Remark], locked: Collection[str], width: int = 0) -> str:
    """Return the report for people: each place, what is held against it, and a summary.

    `width` is that of the terminal in columns; 0 breaks no line.
    """
    lines: list[str] = []
    excused = sum(bool(one.excuse) for one in remarks)
    remarks = [one for one in remarks if not one.excuse]
    for (path, line), group in groupby(sorted(remarks, key=_place), key=lambda one: (one.path, one.line)):
        here = list(group)
        lines.append(f"{printable(path)}:{line}  {here[0].subject}")
        for one in dict.fromkeys((one.severity, one.rule.name, one.message, one.remedy) for one in here):
            lines += [*_broken(f"  {one[0]}[{one[1]}] {one[2]}", width), *_broken(f"     → {one[3]}", width)]
    lines += ["", *_caches(found)] if found.cached else [""] if lines else []
    lines.append(_summary(found, remarks, locked) + (f" · {excused} excused" if excused else ""))
    return "\n".join(lines) + "\n"


def _broken(line: str, width: int) -> list[str]:
    """Return a line in pieces that fit, between words; what is one word, as a command is, stays whole."""
    from textwrap import wrap  # beside its only use

    if not 0 < width < len(line):
        return [line]
    return wrap(line, width, subsequent_indent=" " * 7, break_long_words=False, break_on_hyphens=False)


def _place(remark: Remark) -> tuple[str, int, int, str]:
    return remark.path, remark.line, remark.column, remark.rule.name


def _caches(found: Discovered) -> Iterator[str]:
    yield "In caches of this machine:"
    for one in found.cached:
        commits = ", ".join(commit[:12] for commit in one.revisions)
        yield f"  {one.tool:22} {printable(one.model)}  {one.size / 1e6:.1f} MB  {commits}".rstrip()
    yield ""


def _summary(found: Discovered, remarks: Sequence[Remark], locked: Collection[str]) -> str:
    models = {str(use.ref.key) for use in found.uses if use.ref is not None}
    guarded = sum(use.guarded for use in found.uses)
    return (
        f"{counted(found.files, 'file')} · {counted(len(found.uses), 'use')} of {counted(len(models), 'model')} · "
        f"{guarded} guarded · {len(models & set(locked))} locked · {counted(len(remarks), 'finding')}"
    )


def as_json(found: Discovered, remarks: Sequence[Remark], locked: Collection[str]) -> str:
    """Return one object: `uses`, `findings`, `unread` and `cached`."""
    document = {
        "schema": SCHEMA,
        "files": found.files,
        "uses": [
            {
                "path": use.path,
                "line": use.line,
                "column": use.column,
                "call": use.call,
                "kind": use.kind,
                "model": use.model,
                "revision": use.revision,
                "pinning": use.pinning,
                "guarded": use.guarded,
                "locked": use.ref is not None and use.ref.key in locked,
            }
            for use in found.uses
        ],
        "findings": [
            {
                "rule": one.rule.name,
                "severity": str(one.severity),
                "path": one.path,
                "line": one.line,
                "column": one.column,
                "message": one.message,
                "remedy": one.remedy,
                "excuse": one.excuse or None,
            }
            for one in remarks
        ],
        "unread": [{"path": one.path, "reason": one.reason} for one in found.unreadable],
        "cached": [
            {"tool": one.tool, "model": one.model, "path": one.path, "size": one.size, "revisions": [*one.revisions]}
            for one in found.cached
        ],
    }
    return json.dumps(document, indent=2) + "\n"


def sarif(_found: Discovered, remarks: Sequence[Remark], _locked: Collection[str]) -> str:
    """Return SARIF 2.1.0 (https://docs.oasis-open.org/sarif/sarif/v2.1.0/), each result at its file and line."""
    from modelguard import __version__  # beside its only use

    rules: list[dict[str, Any]] = [
        {"id": rule.name, "shortDescription": {"text": rule.title}, "help": {"text": rule.help}} for rule in RULES
    ]
    results: list[dict[str, Any]] = [
        {
            "ruleId": one.rule.name,
            "ruleIndex": RULES.index(one.rule),
            "level": _LEVELS.get(one.severity, "note"),
            "message": {"text": f"{one.message}. {one.remedy}"},
            "locations": [
                {
                    "physicalLocation": {
                        "artifactLocation": {"uri": quote(one.path)},
                        "region": {"startLine": one.line, "startColumn": one.column},
                    }
                }
            ],
            "partialFingerprints": {"modelguard/v1": f"{one.rule.name}:{one.path}:{one.subject}"},
            **({"suppressions": [{"kind": "external", "justification": one.excuse}]} if one.excuse else {}),
        }
        for one in remarks
    ]
    driver = {"name": "modelguard discover", "version": __version__, "rules": rules}
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    document = {"$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0", "runs": [run]}
    return json.dumps(document, indent=2) + "\n"


def github(_found: Discovered, remarks: Sequence[Remark], _locked: Collection[str]) -> str:
    """Return workflow commands, one line a finding; what they contain cannot start another command."""
    levels = {"note": "notice", "warning": "warning", "error": "error"}
    return "".join(
        f"::{levels[_LEVELS.get(one.severity, 'note')]} file={_escaped(one.path, ',:')},line={one.line},"
        f"col={one.column},title={one.rule.name}::{_escaped(one.message)}\n"
        for one in remarks
        if not one.excuse
    )


def _escaped(value: str, more: str = "") -> str:
    for character in "%\r\n" + more:
        value = value.replace(character, f"%{ord(character):02X}")
    return value


WRITERS: dict[str, Callable[[Discovered, Sequence[Remark], Collection[str]], str]] = {
    "text": text,
    "json": as_json,
    "sarif": sarif,
    "github": github,
}
