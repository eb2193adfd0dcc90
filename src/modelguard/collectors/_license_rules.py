"""The policy's table `[licenses]` with every id spelt as the table of licenses spells it.

An id in `deny` that nobody knows would deny nothing: it is an error, except for a `LicenseRef-…` of one's own.
"""

from __future__ import annotations

from difflib import get_close_matches
from fnmatch import fnmatchcase

from attrs import evolve

from modelguard.collectors.collector import Case
from modelguard.licenses.table import table
from modelguard.policy.licenses import read_licenses
from modelguard.terms.artifact import Location
from modelguard.terms.errors import PolicyError
from modelguard.terms.licensing import Condition, LicenseException, LicenseRuled


def ruled(case: Case, key: str) -> LicenseRuled | None:
    """Return the policy's word about licenses for one model, or None when it says nothing.

    Raises `PolicyError` for an id that nobody knows.
    """
    rules = read_licenses(case.policy)
    if rules is None:
        return None
    spelt = evolve(
        rules,
        allow=_symbols(rules.allow, "licenses.allow"),
        deny=_symbols(rules.deny, "licenses.deny"),
        conditional=tuple(
            Condition(license=symbol, accept=one.accept, line=one.line)
            for one in rules.conditional
            for symbol in _symbols((one.license,), one.line)
        ),
    )
    mine = [one for one in rules.exceptions if fnmatchcase(key, one.model)]
    return LicenseRuled(
        location=Location(key),
        rules=spelt,
        excepted=tuple(symbol for one in mine if _holds(one, case) for symbol in _symbols(one.allow, one.line)),
        ended=tuple(f"{one.line} ended on {one.until}" for one in mine if not _holds(one, case)),
    )


def _holds(exception: LicenseException, case: Case) -> bool:
    return exception.until is None or exception.until >= case.today


def _symbols(names: tuple[str, ...], line: str) -> tuple[str, ...]:
    """Return the SPDX ids that ids of the Hub, names of the table and SPDX ids stand for; categories stay."""
    found: list[str] = []
    for name in names:
        row = table().row(name.lower())
        known = table().by_symbol.get(name.lower())
        if name.startswith("category:") or (name.startswith("LicenseRef-") and known is None):
            found.append(name)
        elif known is not None:
            found.append(known[1].symbol)
        elif row is not None and row.meaning.alternatives:
            found.extend(row.meaning.alternatives[0])
        else:
            raise PolicyError(f"{line}: there is no license {name!r}{_nearest(name)}")
    return tuple(dict.fromkeys(found))


def _nearest(name: str) -> str:
    options = [*table().by_id, *(terms.symbol for _, terms in table().by_symbol.values())]
    close = get_close_matches(name, options, n=1)
    return f"; did you mean {close[0]!r}?" if close else ""
