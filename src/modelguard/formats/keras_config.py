"""Keras configurations: `config.json` of a `.keras` archive, or a model's JSON wherever it lies.

The archive itself is read by the zip format, its weights by HDF5; this reads the JSON that says what to build.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from modelguard.formats._json import parse_json
from modelguard.formats._keras_config import describes_an_object, keras_facts
from modelguard.formats.format import Clue, Format, Walk
from modelguard.terms.artifact import printable
from modelguard.terms.content import CHUNK, Content
from modelguard.terms.errors import ReadError
from modelguard.terms.facts import Fact, Header, Malformed, Noted

NAME = "keras-config"
LARGEST = 256 << 20
# The key as it is usually written, or letters written as escapes, which would hide it from a search.
_KEY = re.compile(rb'"class_name"|\\u00[5-7][0-9A-Fa-f]')


def _accepts(content: Content) -> bool:
    if content.head(256).lstrip(b"\xef\xbb\xbf \t\r\n")[:1] not in (b"{", b"[") or content.size > LARGEST:
        return False
    if not _mentions_the_key(content):
        return False
    try:
        value = parse_json(content.all(LARGEST)).value
    except ReadError:
        return b'"class_name"' in content.all(LARGEST)  # Keras may read what we cannot: say so while reading
    return _holds_an_object(value)


def _mentions_the_key(content: Content) -> bool:
    carry = b""
    for chunk in content.chunks(CHUNK):
        if _KEY.search(carry + chunk):
            return True
        carry = chunk[-16:]
    return False


def _holds_an_object(value: object) -> bool:
    pending = [value]
    while pending:
        item = pending.pop()
        if describes_an_object(item):
            return True
        if isinstance(item, dict):
            pending.extend(inner for inner in item.values() if isinstance(inner, dict | list))
        elif isinstance(item, list):
            pending.extend(inner for inner in item if isinstance(inner, dict | list))
    return False


def _read(content: Content, walk: Walk) -> Iterator[Fact]:
    parsed = parse_json(content.all(LARGEST))
    at = content.location
    for key in parsed.twice:
        detail = f"{printable(key[:200])!r} stands twice in one table: readers keep the first or the last"
        yield Malformed(location=at, format=NAME, rule="keras-duplicate-key", detail=detail)
    for constant in parsed.constants[:1]:
        yield Noted(location=at, format=NAME, rule="keras-number", detail=f"{constant} is not JSON")
    top = parsed.value if isinstance(parsed.value, dict) else {}
    shown = {key: printable(str(top[key])[:200]) for key in ("class_name", "keras_version", "backend") if key in top}
    yield Header(location=at, format=NAME, properties=shown)
    yield from keras_facts(parsed.value, at, walk)
    if parsed.lost:
        yield from keras_facts(list(parsed.lost), at, walk)


FORMAT = Format(
    name=NAME,
    title="Keras configuration",
    reads="every class, function and path that the configuration names, at any depth",
    looks_for="Lambda layers, classes outside Keras, names that fetch files or switch off safety, vocabulary paths",
    clue=Clue(first=b"\xef\xbb\xbf \t\r\n{["),
    accepts=_accepts,
    read=_read,
)
