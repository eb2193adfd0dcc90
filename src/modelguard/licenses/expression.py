"""SPDX license expressions: parsing, writing them back, and what a user may choose from.

Rules: https://spdx.github.io/spdx-spec/v2.3/SPDX-license-expressions/. Operators are read in any case, as people write
them; precedence is `+`, WITH, AND, OR.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TypeAlias

from attrs import frozen

from modelguard.terms.artifact import printable
from modelguard.terms.errors import LicenseError

Alternatives: TypeAlias = "tuple[tuple[str, ...], ...]"
"""What a user may choose from: each alternative is the symbols that apply together, sorted."""

_TOKEN = re.compile(r"\s*(\(|\)|[A-Za-z0-9][A-Za-z0-9.:-]*\+?)")
_REFERENCE = re.compile(r"(?:DocumentRef-[A-Za-z0-9.-]+:)?LicenseRef-[A-Za-z0-9.-]+\Z")
_MOST = 64
NOASSERTION = "NOASSERTION"


@frozen
class Expression:
    """A parsed expression: its normal spelling and its alternatives."""

    text: str
    alternatives: Alternatives


def parse_expression(text: str) -> Expression:
    """Read an SPDX expression.

    Raises `LicenseError` that names what is wrong.
    """
    tokens = list(_tokens(text))
    reader = _Reader(tokens, text)
    parts = reader.either()
    if reader.at < len(tokens):
        raise reader.fault(f"{tokens[reader.at]!r} is out of place")
    alternatives = tuple(sorted({tuple(sorted(set(one))) for one in parts}))
    if len(alternatives) > _MOST:
        raise reader.fault("it offers more alternatives than anybody can mean")
    return Expression(text=" ".join(tokens).replace("( ", "(").replace(" )", ")"), alternatives=alternatives)


def symbols_of(text: str) -> frozenset[str]:
    """Return the license ids of an expression. Raises `LicenseError`."""
    return frozenset(symbol for one in parse_expression(text).alternatives for symbol in one)


def conjunction(expressions: Iterable[str]) -> str:
    """Join expressions that all apply; equal ones once, in the order given."""
    distinct = list(dict.fromkeys(expressions))
    if len(distinct) == 1:
        return distinct[0]
    return " AND ".join(f"({one})" if " OR " in one else one for one in distinct)


def _tokens(text: str) -> Iterator[str]:
    at, stripped = 0, text.rstrip()
    while at < len(stripped):
        match = _TOKEN.match(stripped, at)
        if match is None:
            raise LicenseError(f"license expression {printable(text[:200])!r}: character {at + 1} belongs to no id")
        yield match[1].upper() if match[1].upper() in {"AND", "OR", "WITH"} else match[1]
        at = match.end()


class _Reader:
    """Recursive descent over the tokens; every method returns alternatives."""

    def __init__(self, tokens: list[str], text: str) -> None:
        self.tokens, self.text, self.at, self.depth = tokens, text, 0, 0

    def fault(self, what: str) -> LicenseError:
        return LicenseError(f"license expression {printable(self.text[:200])!r}: {what}")

    def take(self, word: str) -> bool:
        found = self.at < len(self.tokens) and self.tokens[self.at] == word
        self.at += found
        return found

    def either(self) -> list[tuple[str, ...]]:
        found = self.both()
        while self.take("OR"):
            found = found + self.both()
        return found

    def both(self) -> list[tuple[str, ...]]:
        found = self.one()
        while self.take("AND"):
            right = self.one()
            if len(found) * len(right) > _MOST:
                raise self.fault("it offers more alternatives than anybody can mean")
            found = [(*a, *b) for a in found for b in right]
        return found

    def one(self) -> list[tuple[str, ...]]:
        if self.take("("):
            self.depth += 1
            if self.depth > 20:
                raise self.fault("its parentheses are nested too deep")
            found = self.either()
            if not self.take(")"):
                raise self.fault("a parenthesis is not closed")
            self.depth -= 1
            return found
        symbol = self.symbol()
        return [(f"{symbol} WITH {self.symbol()}",)] if self.take("WITH") else [(symbol,)]

    def symbol(self) -> str:
        if self.at >= len(self.tokens) or self.tokens[self.at] in {"AND", "OR", "WITH", "(", ")"}:
            raise self.fault("an id is missing")
        symbol = self.tokens[self.at]
        if "LicenseRef" in symbol and not _REFERENCE.match(symbol):
            raise self.fault(f"{symbol!r} is not a LicenseRef")
        if "LicenseRef" not in symbol and ":" in symbol:
            raise self.fault(f"{symbol!r} is not a license id")
        self.at += 1
        return symbol
