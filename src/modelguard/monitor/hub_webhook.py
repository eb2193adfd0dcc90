"""Reads the payload of a Hub webhook: a hint where to look, never evidence.

Anyone who knows the address can post one (the Hub sends a shared secret but no signature over the body), so that only
names and identities are read from it, and the Hub itself is asked. https://huggingface.co/docs/hub/webhooks
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from modelguard.lock import Entry
from modelguard.terms.errors import SourceError

LARGEST = 1 << 20
"""Bytes of a payload that are read."""


def concerned(payload: bytes, entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """Return the entries that a payload is about: by name, by identity, or by the identity of the owner.

    Raises `SourceError` when it is no payload of a Hub webhook.
    """
    try:
        data = json.loads(payload[:LARGEST])
    except (ValueError, RecursionError) as error:
        raise SourceError(f"the webhook's payload is not JSON: {error}") from error
    repo = data.get("repo") if isinstance(data, dict) else None
    if not isinstance(repo, dict):
        raise SourceError("the webhook's payload names no repository", remedy="hand over the body that the Hub sent")
    if repo.get("type") not in {None, "model"}:
        return ()
    names = {_text(repo.get("name")), _text(_object(data.get("movedTo")).get("name"))} - {""}
    identity, owner = _text(repo.get("id")), _text(_object(repo.get("owner")).get("id"))
    return tuple(
        entry
        for entry in entries
        if entry.id in names or (identity and entry.repo_id == identity) or (owner and entry.owner_id == owner)
    )


def read_payload(path: Path) -> bytes:
    """Return the first bytes of a payload file. Raises `SourceError`."""
    try:
        with path.open("rb") as file:
            return file.read(LARGEST + 1)
    except OSError as error:
        raise SourceError(f"{path}: {error.strerror}") from error


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
