"""Finds programs that a text value carries: templates, pickles, and archives or pickles behind base64 or hex.

Metadata strings are free text, so they are not read by every format. What these rules pick out is handed to the
walk, which then reads it by every format that accepts it.
"""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error, unhexlify
from collections.abc import Iterator

from modelguard.formats.format import Walk
from modelguard.terms.artifact import Location, printable
from modelguard.terms.content import Content
from modelguard.terms.facts import Fact, Nested

LONGEST = 1 << 24
"""Bytes of one text that are looked through."""

# A statement, or an expression that does more than name a value: doubled braces also occur in prompts and tags.
_TEMPLATE = re.compile(r"\{%|\{\{[^{}]*[\[(_.|~]")
# Protocol 0 and 1 pickles are text: a GLOBAL or INST opcode with its two lines, then a call or the end.
_TEXT_PICKLE = re.compile(r"[ci][A-Za-z_][\w.]*\r?\n[A-Za-z_][\w.]*\r?\n(?s:.*)[Rbo\x81.]")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{16,}={0,2}")
_HEX = re.compile(r"(?:[0-9a-fA-F]{2}){16,}")
# First bytes that tell a program or an archive from chance, with what they begin.
_HEADS: tuple[tuple[bytes, str], ...] = (
    (b"\x80\x02", "pickle"),
    (b"\x80\x03", "pickle"),
    (b"\x80\x04", "pickle"),
    (b"\x80\x05", "pickle"),
    (b"PK\x03\x04", "zip"),
    (b"\x1f\x8b\x08", "gzip"),
    (b"\x7fELF", "executable"),
    (b"\xe3\x00\x00\x00", "marshal"),
)
_HEAD_BYTES = tuple(head for head, _ in _HEADS)


def carried(text: str, location: Location, name: str, walk: Walk) -> Iterator[Fact]:
    """Yield the facts of what `text`, the value called `name` at `location`, carries besides being text."""
    if len(text) > LONGEST:
        text = text[:LONGEST]
    if _TEMPLATE.search(text):
        yield from template(text, location, name, walk)
    if _TEXT_PICKLE.search(text):
        yield from _inside(text.encode("utf-8", "surrogatepass"), "pickle", f"{name} as text", location, walk)
    if text.startswith("\x80") and text.isascii() is False:
        data = text.encode("latin-1", "replace")
        yield from _inside(data, "pickle", f"{name} as latin-1", location, walk)
    compact = "".join(text.split())
    for pattern, decode, how in ((_BASE64, _from_base64, "base64"), (_HEX, unhexlify, "hex")):
        match = pattern.fullmatch(compact)
        data = _decoded(decode, match[0]) if match else b""
        for head, kind in _HEADS:
            if data.startswith(head):
                yield from _inside(data, kind, f"{name} as {how}", location, walk)


def program(data: bytes, location: Location, name: str, walk: Walk) -> Iterator[Fact]:
    """Yield the facts of bytes called `name` if they begin as a pickle, an archive or an executable does."""
    for head, kind in _HEADS:
        if data.startswith(head):
            yield from _inside(data, kind, name, location, walk)


def begins_as_program(head: bytes) -> bool:
    """Tell whether bytes begin as a pickle, an archive or an executable does."""
    return head.startswith(_HEAD_BYTES)


def template(text: str, location: Location, name: str, walk: Walk) -> Iterator[Fact]:
    """Yield the facts of a text that a loader renders as a Jinja template; its place ends in `.jinja`."""
    below = location.inside(f"{name}.jinja")
    yield from walk.inside(Content.of(text.encode("utf-8", "surrogatepass"), below))


def _inside(data: bytes, kind: str, name: str, location: Location, walk: Walk) -> Iterator[Fact]:
    below = location.inside(printable(name))
    yield Nested(location=below, format=kind, carrier=printable(name))
    yield from walk.inside(Content.of(data, below))


def _from_base64(text: str) -> bytes:
    return b64decode(text.replace("-", "+").replace("_", "/") + "=" * (-len(text) % 4))


def _decoded(decode, text: str) -> bytes:  # type: ignore[no-untyped-def]  # two functions of the standard library
    try:
        result: bytes = decode(text)
    except (Error, ValueError):
        return b""
    return result
