"""Git LFS pointers: a few lines of text that stand in for a file whose bytes were not downloaded."""

from __future__ import annotations

import re
from collections.abc import Iterable

from modelguard.formats.format import Clue, Format, Walk
from modelguard.terms.content import Content
from modelguard.terms.facts import Fact, Malformed

# https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md
_POINTER = re.compile(
    rb"version https?://(?:git-lfs\.github\.com/spec/v1|hawser\.github\.com/spec/v1)\n"
    rb"(?:ext-\d-[^\n]{1,200}\n)*oid (?P<oid>[a-z0-9]+:[0-9a-f]{32,128})\n(?:size (?P<size>\d{1,19})\n?)?\Z"
)
_MOST = 1024


def accepts(content: Content) -> bool:
    """Tell by the whole text: a pointer is smaller than 1,024 bytes."""
    return 0 < content.size < _MOST and bool(_POINTER.match(content.all(_MOST)))


def read(content: Content, _walk: Walk) -> Iterable[Fact]:
    """Say which file is missing."""
    match = _POINTER.match(content.all(_MOST))
    oid, size = (match["oid"].decode(), (match["size"] or b"?").decode()) if match else ("?", "?")
    yield Malformed(
        location=content.location,
        format="lfs-pointer",
        rule="lfs-pointer",
        detail=f"a pointer of Git LFS stands here instead of the file: {size} bytes, {oid}",
    )


FORMAT = Format(
    name="lfs-pointer",
    title="Git LFS pointer",
    reads="The whole pointer.",
    looks_for="A pointer in place of the bytes: what would be loaded is not here.",
    clue=Clue(first=b"v"),
    accepts=accepts,
    read=read,
)
