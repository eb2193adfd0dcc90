"""Reads the Hub's JSON about repositories and accounts into nouns; what is absent or of another shape is None.

The shapes are those of https://huggingface.co/docs/hub/api. They have changed before, so that nothing is taken for
granted: a field of an unexpected type is not known.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modelguard.terms.upstream import Account, Committed, Observation, Scan, Sibling, Tip

_TIPS = (("branches", "branch"), ("tags", "tag"), ("converts", "convert"))


def observation(about: Mapping[str, Any], *, repo: str, host: str, at: str) -> Observation:
    """Read what `/api/models/…?blobs=true&securityStatus=true` says."""
    card = about.get("cardData")
    card = card if isinstance(card, dict) else {}
    return Observation(
        repo=repo,
        host=host,
        at=at,
        name=text(about.get("id")) or text(about.get("modelId")),
        id=text(about.get("_id")),
        sha=text(about.get("sha")),
        created_at=text(about.get("createdAt")),
        last_modified=text(about.get("lastModified")),
        private=flag(about.get("private")),
        gated=_gated(about.get("gated")),
        disabled=flag(about.get("disabled")),
        license=_license(card, about),
        license_name=text(card.get("license_name")),
        license_link=text(card.get("license_link")),
        base_models=texts(card.get("base_model")) if card else None,
        new_version=text(card.get("new_version")),
        library_name=text(about.get("library_name")),
        tags=texts(about.get("tags")),
        downloads=number(about.get("downloads")),
        likes=number(about.get("likes")),
        siblings=siblings(about.get("siblings")),
        scan=_scan(about.get("securityRepoStatus")),
    )


def siblings(listed: Any) -> tuple[Sibling, ...] | None:
    """Read a list of files, sorted by path."""
    if not isinstance(listed, list):
        return None
    found = [_sibling(one) for one in rows(listed) if isinstance(one.get("rfilename"), str)]
    return tuple(sorted(found, key=lambda one: one.path))


def tips(answer: Mapping[str, Any]) -> tuple[Tip, ...]:
    """Read what `/refs` says: branches, tags and conversions, sorted; pull requests are not looked at."""
    found = [
        Tip(kind=kind, name=str(one.get("name", "")), commit=str(one["targetCommit"]))  # type: ignore[arg-type]
        for group, kind in _TIPS
        for one in rows(answer.get(group))
        if one.get("targetCommit")
    ]
    return tuple(sorted(found, key=lambda tip: (tip.kind, tip.name)))


def committed(one: Mapping[str, Any]) -> Committed:
    """Read one row of `/commits`."""
    authors = [text(author.get("user")) for author in rows(one.get("authors"))]
    return Committed(
        id=str(one.get("id", "")),
        title=text(one.get("title")) or "",
        date=text(one.get("date")),
        authors=tuple(author for author in authors if author),
    )


def account(name: str, kind: str, about: Mapping[str, Any], members: list[Any] | None) -> Account:
    """Read an overview of an organization (`org`) or user, and the list of members where there is one."""
    names = None if members is None else [text(one.get("user")) for one in rows(members)]
    return Account(
        name=name,
        kind=kind,
        id=text(about.get("_id")),
        verified=flag(about.get("isVerified")),
        created_at=text(about.get("createdAt")),
        users=number(about.get("numUsers")),
        followers=number(about.get("numFollowers")),
        members=None if names is None else tuple(sorted({one for one in names if one})),
    )


# --- values ----------------------------------------------------------------------------------------------------


def text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def flag(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def number(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def rows(value: Any) -> list[dict[str, Any]]:
    """Return the objects of a list; nothing for what is no list."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def texts(value: Any) -> tuple[str, ...] | None:
    """Return a text or a list of texts as a sorted tuple."""
    if isinstance(value, str):
        return (value,)
    return tuple(sorted({one for one in value if isinstance(one, str)})) if isinstance(value, list) else None


def _gated(value: Any) -> str | None:
    """Return no, auto, manual or whatever else the Hub may say."""
    return "no" if value is False else "yes" if value is True else text(value)


def _license(card: Mapping[str, Any], about: Mapping[str, Any]) -> tuple[str, ...] | None:
    """Return the declared ids; an empty tuple when the card names none; None when the Hub did not show the card."""
    declared = texts(card.get("license"))
    if declared is None:
        tagged = [tag.removeprefix("license:") for tag in texts(about.get("tags")) or () if tag.startswith("license:")]
        declared = tuple(sorted(tagged)) or None
    if declared is None and ("cardData" in about or "tags" in about):
        return ()
    return declared


def _sibling(one: Mapping[str, Any]) -> Sibling:
    large = one.get("lfs")
    large = large if isinstance(large, dict) else {}
    return Sibling(
        path=one["rfilename"],
        size=number(one.get("size")),
        oid=text(one.get("blobId")),
        sha256=text(large.get("sha256")),
    )


def _scan(status: Any) -> Scan | None:
    if not isinstance(status, dict):
        return None
    issues = [(str(one.get("path", "")), str(one.get("level", ""))) for one in rows(status.get("filesWithIssues"))]
    return Scan(done=flag(status.get("scansDone")), issues=tuple(sorted(issues)))
