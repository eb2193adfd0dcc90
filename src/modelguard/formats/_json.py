"""Reads JSON within bounds and remembers what two readers of it would understand differently.

Python's parser keeps the last of two equal keys, others keep the first; some accept NaN, some do not. Such
differences are not errors here: they are reported, and whoever reads the format decides what they mean.
"""

from __future__ import annotations

import json
import re
from typing import Any

from attrs import frozen

from modelguard.terms.errors import BudgetSpent, ReadError

MAXIMUM_DEPTH = 200
"""Nested arrays and objects. Python's own limit lies near 1,000, and configurations nest by tens."""

MAXIMUM_DIGITS = 400
"""Digits of one number: more than any double needs, less than what makes conversion slow."""

# A whole string (or an unclosed one to the end), or one bracket. Possessive, so that it never backtracks.
_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[{]|[\]}]', re.DOTALL)


@frozen(kw_only=True)
class Parsed:
    """A JSON value, the keys that some object has twice, and whether NaN or Infinity stands in it."""

    value: Any
    duplicates: tuple[str, ...] = ()
    unusual: tuple[str, ...] = ()


def parse_json(data: bytes, *, depth: int = MAXIMUM_DEPTH) -> Parsed:
    """Read one JSON text in UTF-8.

    Raises `ReadError` for bytes that are not JSON and `BudgetSpent` for more nesting than `depth` or longer numbers
    than any that mean something.
    """
    _check_depth(data, depth)
    duplicates: list[str] = []
    unusual: list[str] = []

    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        table = dict(found)
        if len(table) < len(found):
            seen: set[str] = set()
            duplicates.extend(key for key, _ in found if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        return table

    def constant(name: str) -> str:
        unusual.append(name)
        return name

    try:
        text = data.decode("utf-8")
        value = json.loads(
            text, object_pairs_hook=pairs, parse_constant=constant, parse_int=_integer, parse_float=_real
        )
    except UnicodeDecodeError as error:
        raise ReadError(f"not UTF-8 at byte {error.start}") from None
    except RecursionError:
        raise BudgetSpent("JSON nested deeper than the interpreter can follow") from None
    except json.JSONDecodeError as error:
        raise ReadError(f"not JSON: {error.msg} at character {error.pos}") from None
    return Parsed(value=value, duplicates=tuple(duplicates), unusual=tuple(unusual))


def _check_depth(data: bytes, limit: int) -> None:
    level = 0
    for match in _TOKEN.finditer(data):
        token = match[0]
        if token in (b"[", b"{"):
            level += 1
            if level > limit:
                raise BudgetSpent(f"JSON nested deeper than {limit} levels")
        elif token in (b"]", b"}"):
            level -= 1


def _integer(text: str) -> int:
    if len(text) > MAXIMUM_DIGITS:
        raise BudgetSpent(f"a JSON number of {len(text)} digits")
    return int(text)


def _real(text: str) -> float:
    if len(text) > MAXIMUM_DIGITS:
        raise BudgetSpent(f"a JSON number of {len(text)} characters")
    return float(text)
