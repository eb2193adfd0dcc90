"""JSON read within limits: nesting is measured before parsing, keys that occur twice are reported.

Two parsers may disagree about a key that occurs twice (the first or the last value wins), about `NaN`, and about a
byte-order mark. What they could disagree about is kept beside the value, so that a reader of a format can report it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import accumulate, islice
from typing import Any

from attrs import frozen

from modelguard.terms.content import Content
from modelguard.terms.errors import ReadError
from modelguard.terms.facts import Malformed, Noted

LIMIT = 64 << 20
"""Bytes of one JSON document. The largest `tokenizer.json` of well-known models is about 35 MB."""

DEPTH = 200
"""Brackets inside brackets. Configurations of real models stay below 30; the parser's own recursion ends near 1000."""

_NAMED = 8
"""How many keys are named in a fact before `…`."""

_NOT_BRACKETS = bytes(set(range(256)) - set(b'"[]{}'))
_QUOTED = re.compile(rb'"[^"]*"')
_NESTS = (dict, list)
_STEP = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1, ord('"'): 0}


@frozen(kw_only=True)
class Document:
    """A parsed JSON text.

    `twice` lists keys that occur more than once within one object, `constants` the non-JSON words `NaN`, `Infinity`
    and `-Infinity` that were found, `marked` tells of a byte-order mark. The last of equal keys is in `value`, as
    Python's parser has it; `lost` are the values that gave way to it.
    """

    value: Any
    twice: tuple[str, ...] = ()
    lost: tuple[Any, ...] = ()
    constants: tuple[str, ...] = ()
    marked: bool = False

    def remarks(self, content: Content, format: str) -> Iterator[Malformed | Noted]:  # noqa: A002  # as in the facts
        """Yield the facts about what two parsers could understand differently."""
        if self.twice:
            yield Malformed(
                location=content.location,
                format=format,
                rule="json-duplicate-key",
                detail=f"occurs more than once: {_listed(self.twice)}",
            )
        if self.marked:
            yield Noted(
                location=content.location,
                format=format,
                rule="json-byte-order-mark",
                detail="begins with a byte-order mark, which RFC 8259 section 8.1 forbids",
            )
        if self.constants:
            yield Noted(
                location=content.location,
                format=format,
                rule="json-constant",
                detail=f"holds {_listed(self.constants)}, which is not JSON (RFC 8259 section 6)",
            )


def parse_json(data: bytes, *, depth: int = DEPTH) -> Document:
    """Parse UTF-8 JSON text.

    Raises `ReadError` for anything that Python's parser does not read, for more than `depth` brackets inside
    brackets, and for numbers of more digits than Python converts.
    """
    marked = data.startswith(b"\xef\xbb\xbf")
    if marked:
        data = data[3:]
    deepest = nesting(data)
    if deepest > depth:
        raise ReadError(f"JSON is nested {deepest} brackets deep; {depth} are read")
    twice: dict[str, None] = {}
    constants: dict[str, None] = {}
    lost: list[Any] = []

    def together(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        whole = dict(pairs)
        if len(whole) != len(pairs):
            found: dict[str, Any] = {}
            for key, value in pairs:
                if key in found:
                    twice[key] = None
                    lost.append(found[key])
                found[key] = value
        return whole

    def constant(name: str) -> float:
        constants[name] = None
        return float(name)

    try:
        value = json.loads(data.decode("utf-8"), object_pairs_hook=together, parse_constant=constant)
    except UnicodeDecodeError as error:
        raise ReadError(f"JSON is not UTF-8 at byte {error.start}") from error
    except json.JSONDecodeError as error:
        raise ReadError(f"JSON cannot be parsed: {error.msg} at character {error.pos}") from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise ReadError(f"JSON cannot be parsed: {type(error).__name__}: {error}") from error
    return Document(value=value, twice=tuple(twice), lost=tuple(lost), constants=tuple(constants), marked=marked)


def read_json(content: Content, *, limit: int = LIMIT, depth: int = DEPTH) -> Document:
    """Parse a whole content as JSON.

    Raises `BudgetSpent` for more than `limit` bytes, else as `parse_json`.
    """
    return parse_json(content.all(limit), depth=depth)


def nesting(data: bytes) -> int:
    """Return how many brackets are open at most at the same time, strings left out.

    Works on bytes that are no JSON at all; then the answer means little, but it takes linear time all the same.
    """
    # Escaped backslashes go first: what remains of a run of backslashes before a quote tells whether it is escaped.
    outline = data.replace(b"\\\\", b"").replace(b'\\"', b"").translate(None, _NOT_BRACKETS)
    brackets = _QUOTED.sub(b"", outline)
    return max(accumulate(map(_STEP.__getitem__, brackets)), default=0)


def objects(value: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every object within `value` with the path of keys that leads to it, outermost first, without recursion.

    An object that is reached in several ways (YAML aliases) is yielded once.
    """
    waiting: list[tuple[str, Any]] = [("", value)]
    seen: set[int] = set()
    while waiting:
        path, here = waiting.pop()
        if id(here) in seen:
            continue
        seen.add(id(here))
        if isinstance(here, dict):
            yield path, here
            inner = [(f"{path}.{key[:80]}" if path else key[:80], part) for key, part in here.items() if _holds(part)]
        elif isinstance(here, list):
            inner = [(f"{path}[{index}]", part) for index, part in enumerate(here) if _holds(part)]
        else:
            continue
        waiting.extend(reversed(inner))


def _holds(value: Any) -> bool:
    """Tell whether an object may be within: lists of numbers and pairs of words, by the million, are passed over."""
    return isinstance(value, dict) or (isinstance(value, list) and any(isinstance(part, _NESTS) for part in value))


def _listed(names: tuple[str, ...]) -> str:
    shown = ", ".join(repr(name[:80]) for name in islice(names, _NAMED))
    return f"{shown}, …" if len(names) > _NAMED else shown
