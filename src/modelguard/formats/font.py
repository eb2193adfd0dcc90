"""Fonts: TrueType, OpenType, collections and WOFF. Recognised by their first bytes; nothing is drawn."""

from __future__ import annotations

import re
from collections.abc import Iterable

from modelguard.formats._magic import Kind, kind_of, read_kind
from modelguard.formats.format import Clue, Format, Walk
from modelguard.terms.content import Content
from modelguard.terms.facts import Fact

KINDS = (
    # The number of tables, then the first table's tag in printable characters.
    Kind(name="TrueType", begins=re.compile(rb"(?:\x00\x01\x00\x00|true)\x00[\x04-\x40].{6}[ -~]{4}", re.S)),
    Kind(name="OpenType", begins=re.compile(rb"OTTO\x00[\x04-\x40].{6}[ -~]{4}", re.S)),
    Kind(name="font collection", begins=re.compile(rb"ttcf\x00[\x01\x02]\x00\x00", re.S)),
    Kind(name="WOFF", begins=re.compile(rb"wOF[F2](?:\x00\x01\x00\x00|OTTO|true)", re.S)),
)


def accepts(content: Content) -> bool:
    return kind_of(content, KINDS) is not None


def read(content: Content, walk: Walk) -> Iterable[Fact]:
    return read_kind(content, walk, "font", KINDS)


FORMAT = Format(
    name="font",
    title="Font",
    reads="The first bytes of TrueType, OpenType, collections and WOFF.",
    looks_for="Nothing: a font is recognised so that it is not unknown.",
    clue=Clue(first=b"\0tOw"),
    accepts=accepts,
    read=read,
    endings=(".ttf", ".otf", ".ttc", ".woff", ".woff2"),
)
