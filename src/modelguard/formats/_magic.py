"""Recognises files that a model repository merely carries: one row per kind, by the bytes they begin with.

A row that knows where its kind ends tells so; bytes behind the end are handed on, so that nothing hides behind a
picture. What such files show is of no concern to a loader.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from attrs import frozen

from modelguard.formats.format import Walk
from modelguard.terms.content import Content
from modelguard.terms.errors import ReadError
from modelguard.terms.facts import Fact, Header, Noted

HEAD = 64
_PADDING = b"\0 \t\r\n"


def _anything(_content: Content) -> bool:
    return True


@frozen(kw_only=True)
class Kind:
    """One kind of file: its name, how it begins, a closer look, and where it ends when that can be told."""

    name: str
    begins: re.Pattern[bytes]
    fits: Callable[[Content], bool] = _anything
    end: Callable[[Content], int] | None = None


def kind_of(content: Content, kinds: tuple[Kind, ...]) -> Kind | None:
    """Return the first kind whose beginning and closer look fit."""
    head = content.head(HEAD)
    for kind in kinds:
        if kind.begins.match(head) and kind.fits(content):
            return kind
    return None


def read_kind(content: Content, walk: Walk, format_name: str, kinds: tuple[Kind, ...]) -> Iterator[Fact]:
    """Yield the kind, and hand on what lies behind its end."""
    kind = kind_of(content, kinds)
    if kind is None:
        raise ReadError("begins like none of the kinds of this format")
    yield Header(location=content.location, format=format_name, properties={"kind": kind.name})
    if kind.end is None:
        return
    end = kind.end(content)
    left = content.size - end
    if left <= 0:
        return
    yield Noted(
        location=content.location,
        format=format_name,
        rule="bytes-after-the-end",
        detail=f"{left} bytes lie behind the end of the {kind.name}",
    )
    if left > len(_PADDING) or content.read(end, left).strip(_PADDING):
        yield from walk.inside(content.part(end, left, "after the end"))


def size_field(content: Content, offset: int, length: int, *, plus: int = 0) -> int:
    """Return the end that a little-endian size field states.

    Raises `ReadError` when the content ends before.
    """
    end = int.from_bytes(content.read(offset, length), "little") + plus
    if end > content.size:
        raise ReadError(f"states {end} bytes but has {content.size}")
    return end
