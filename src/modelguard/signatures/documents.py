"""JSON as a verifier must read it: no key twice, no NaN, no surprise in type or size.

Two readers that disagree about a document are how a signature comes to vouch for something that nobody signed.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import Mapping
from typing import Any, NoReturn

from modelguard.terms.artifact import printable
from modelguard.terms.errors import SignatureMalformed

LIMIT = 64 << 20
"""Bytes that a bundle may have. A manifest of 100,000 files is about 15 MB."""


def read_json(raw: bytes, what: str, *, limit: int = LIMIT) -> dict[str, Any]:
    """Read one JSON object.

    Raises `SignatureMalformed` for anything else, above `limit` bytes, and for documents with duplicate keys, NaN,
    infinities or half characters.
    """
    if len(raw) > limit:
        raise SignatureMalformed(f"{what}: {len(raw)} bytes are more than the {limit} that are read")
    try:
        value = json.loads(
            raw.decode("utf-8"),
            object_pairs_hook=_without_twins,
            parse_constant=_refuse_constant,
            parse_float=_finite,
        )
        if b"\\u" in raw:
            json.dumps(value, ensure_ascii=False).encode("utf-8")  # fails on half a surrogate pair, which is no text
    except (ValueError, RecursionError) as error:
        raise SignatureMalformed(f"{what}: not JSON: {printable(str(error))[:200]}") from None
    if not isinstance(value, dict):
        raise SignatureMalformed(f"{what}: expected an object, found {type(value).__name__}")
    return value


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise SignatureMalformed(f"JSON: the key {printable(name)[:100]!r} stands twice")
        found[name] = value
    return found


def _refuse_constant(text: str) -> NoReturn:
    raise SignatureMalformed(f"JSON: {text} is not a value")


def _finite(text: str) -> float:
    value = float(text)
    return value if math.isfinite(value) else _refuse_constant(text[:40])


def member(value: Mapping[str, Any], key: str, kind: type, where: str) -> Any:
    """Return `value[key]`, which must be of `kind`; `where` is the key path for the error."""
    if key not in value:
        raise SignatureMalformed(f"{where}: {key} is missing")
    found = value[key]
    if not isinstance(found, kind) or (kind is int and isinstance(found, bool)):
        raise SignatureMalformed(f"{where}.{key}: expected {_words(kind)}, found {_words(type(found))}")
    return found


def objects(value: Mapping[str, Any], key: str, where: str) -> list[dict[str, Any]]:
    """Return `value[key]`, which must be a list of objects."""
    found: list[dict[str, Any]] = member(value, key, list, where)
    for position, entry in enumerate(found):
        if not isinstance(entry, dict):
            raise SignatureMalformed(f"{where}.{key}[{position}]: expected an object, found {_words(type(entry))}")
    return found


def _words(kind: type) -> str:
    names = {dict: "an object", list: "a list", str: "text", int: "a whole number", bool: "a truth value"}
    return names.get(kind, "nothing" if kind is type(None) else kind.__name__)


def decode(value: Mapping[str, Any], key: str, where: str) -> bytes:
    """Return the bytes of a base64 member, standard alphabet only."""
    text: str = member(value, key, str, where)
    try:
        return base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, ValueError):
        raise SignatureMalformed(f"{where}.{key}: not base64") from None


def encode(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
