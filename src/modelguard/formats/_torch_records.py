"""Which members of a ZIP archive make it a PyTorch checkpoint."""

from __future__ import annotations

from collections.abc import Iterable

from modelguard.formats._zip_archive import Entry


def torch_members(entries: Iterable[Entry]) -> frozenset[Entry]:
    """Return the members that the torch format reads, so that the zip format leaves them to it."""
    return frozenset()
