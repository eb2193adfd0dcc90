"""The table of licenses that models carry: every id of the Hub, and the names that arrive as `license: other`.

The rows are in `data/licenses.csv`. `hub` tells which are ids of the Hub
(https://huggingface.co/docs/hub/repositories-licenses); the others are values of `license_name`. What a row says about
obligations is a short account of a long text and no legal advice.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import get_args

from attrs import frozen

from modelguard.licenses.expression import NOASSERTION, parse_expression
from modelguard.terms.licensing import CATEGORIES, OBLIGATIONS, Category, Commercial, LicenseMeaning, LicenseTerms

VERSION = "2026-11-22"
"""Recorded in the lock beside every license; it moves with each change of a row."""

_COMMERCIAL: tuple[Commercial, ...] = get_args(Commercial)


@frozen(kw_only=True)
class Row:
    """One license: its ids (the first is its name here), its SPDX expression, and what it means."""

    ids: tuple[str, ...]
    hub: bool
    name: str
    meaning: LicenseMeaning
    notes: str = ""

    @property
    def id(self) -> str:
        return self.ids[0]

    @property
    def expression(self) -> str:
        return self.meaning.expression


@frozen(kw_only=True)
class Table:
    """All rows, by id and by symbol of SPDX expressions in lower case."""

    rows: tuple[Row, ...]
    by_id: Mapping[str, Row]
    by_symbol: Mapping[str, tuple[Row, LicenseTerms]]

    def row(self, id_: str) -> Row | None:
        return self.by_id.get(id_)

    def meaning_of(self, expression: str) -> LicenseMeaning:
        """Return what an SPDX expression means. Raises `LicenseError`. Ids that no row has get no terms."""
        if expression == NOASSERTION:
            return LicenseMeaning()
        parsed = parse_expression(expression)
        alternatives = tuple(tuple(self._spelt(symbol) for symbol in one) for one in parsed.alternatives)
        symbols = dict.fromkeys(symbol for one in alternatives for symbol in one)
        return LicenseMeaning(
            expression=parsed.text,
            alternatives=_with_ambiguities(alternatives),
            terms=tuple(self.by_symbol[one.lower()][1] for one in symbols if one.lower() in self.by_symbol),
        )

    def _spelt(self, symbol: str) -> str:
        found = self.by_symbol.get(symbol.lower())
        return found[1].symbol if found else symbol


@cache
def table() -> Table:
    """Return the table, read once."""
    rows = tuple(_rows())
    by_symbol = {terms.symbol.lower(): (row, terms) for row in rows for terms in row.meaning.terms}
    return Table(rows=rows, by_id={id_: row for row in rows for id_ in row.ids}, by_symbol=by_symbol)


@cache
def _ambiguities() -> tuple[frozenset[str], ...]:
    return tuple(frozenset(row.meaning.alternatives[0]) for row in table().rows if " OR " in row.expression)


def _with_ambiguities(alternatives: tuple[tuple[str, ...], ...]) -> tuple[tuple[str, ...], ...]:
    """Put both readings of an ambiguity into each alternative that has one: `gpl-3.0` offers no choice between them."""
    offered = {symbol for one in alternatives for symbol in one}
    for readings in _ambiguities():
        if readings <= offered:
            alternatives = tuple(
                tuple(sorted({*one, *readings})) if readings & set(one) else one for one in alternatives
            )
    return tuple(dict.fromkeys(alternatives))


def _rows() -> Iterator[Row]:
    text = files("modelguard.licenses").joinpath("data/licenses.csv").read_text("utf-8")
    for line in csv.DictReader(text.splitlines()):
        yield Row(
            ids=tuple(line["ids"].split()),
            hub=line["hub"] == "yes",
            name=line["full_name"],
            meaning=_meaning(line),
            notes=line["notes"],
        )


def _meaning(line: dict[str, str]) -> LicenseMeaning:
    expression = line["expression"]
    if expression == NOASSERTION:
        return LicenseMeaning()
    # Rows with OR are the Hub's ambiguities (only, or later?), not choices: the symbols stand together.
    symbols = tuple(expression.split(" OR "))
    return LicenseMeaning(
        expression=expression, alternatives=(symbols,), terms=tuple(_terms(symbol, line) for symbol in symbols)
    )


def _terms(symbol: str, line: dict[str, str]) -> LicenseTerms:
    conditions = dict(part.split("=", 1) for part in line["conditions"].split(";") if part)
    obligations = tuple(line["obligations"].split())
    unknown = [one for one in obligations if one not in OBLIGATIONS]
    if unknown:
        raise ValueError(f"license table: {line['ids']}: a word that nobody defines: {unknown}")
    return LicenseTerms(
        symbol=symbol,
        row=line["ids"].split()[0],
        category=_category(line["category"]),
        commercial=_commercial(line["commercial"]),
        obligations=obligations,
        users=int(conditions.get("users", 0)),
        revenue=int(conditions.get("revenue", 0)),
        excludes=tuple(conditions.get("excludes", "").split()),
        prefix=conditions.get("prefix", ""),
        notice=conditions.get("notice", ""),
    )


def _category(text: str) -> Category:
    return next(one for one in CATEGORIES if one == text)


def _commercial(text: str) -> Commercial:
    return next(one for one in _COMMERCIAL if one == text)
