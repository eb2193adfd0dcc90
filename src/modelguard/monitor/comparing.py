"""What `modelguard diff` and `modelguard update` tell programs: two revisions of a model, as plain lists and dicts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modelguard.lock import Entry, LockedFile
from modelguard.monitor.proposing import Difference, Proposal


def difference_object(before: Entry, after: Entry, difference: Difference) -> dict[str, Any]:
    """Return how two entries of one model differ; `text` holds lines as a unified diff has them."""
    old, new = {one.path: one for one in before.files}, {one.path: one for one in after.files}
    paths = sorted(old.keys() | new.keys())
    return {
        "model": after.id,
        "before": _side(before),
        "after": _side(after),
        "files": [_file(path, old, new) for path in paths if _digest(old, path) != _digest(new, path)],
        "asks": [row for path in paths for row in _asks(path, old, new)],
        "text": list(difference.text),
    }


def proposal_object(one: Proposal) -> dict[str, Any]:
    """Return a proposal: the difference, the commits between, newest first, and what was found in the new revision."""
    return {
        **difference_object(one.before, one.after, one.difference),
        "verdict": "allowed" if one.examination.allowed else "refused",
        "commits": [
            {"id": commit.id, "date": commit.date, "title": commit.title, "authors": list(commit.authors)}
            for commit in one.commits
        ],
        "findings": [
            {
                "check": finding.check,
                "severity": str(finding.severity),
                "place": str(finding.location),
                "message": finding.message,
                "remedy": finding.remedy,
            }
            for finding in one.examination.findings
        ],
        "publisher": one.publisher or None,
    }


def _side(entry: Entry) -> dict[str, str]:
    return {"revision": entry.revision, "license": entry.license.expression}


def _digest(files: Mapping[str, LockedFile], path: str) -> str:
    return files[path].digest.hex if path in files else ""


def _file(path: str, old: Mapping[str, LockedFile], new: Mapping[str, LockedFile]) -> dict[str, Any]:
    sides = {"before": old.get(path), "after": new.get(path)}
    return {
        "path": path,
        **{name: None if one is None else {"size": one.size, "sha256": one.digest.hex} for name, one in sides.items()},
    }


def _asks(path: str, old: Mapping[str, LockedFile], new: Mapping[str, LockedFile]) -> list[dict[str, str]]:
    before, after = (
        {*files[path].imports, *files[path].permissions} if path in files else set() for files in (old, new)
    )
    return [
        {"path": path, "name": name, "change": "added" if name in after else "removed"}
        for name in sorted(before ^ after)
    ]
