"""Holds licenses against the policy: one function for all checks that ask whether a license is allowed.

An objection is something that stands against a license id; a model is fine when one of the alternatives that its
expression offers meets none. What its bases impose counts as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal, TypeAlias

from attrs import frozen

from modelguard.terms.facts import Dossier
from modelguard.terms.finding import Area, Finding, Severity
from modelguard.terms.licensing import (
    OBLIGATIONS,
    ON_REDISTRIBUTION,
    BaseModel,
    Condition,
    Licensed,
    LicenseMeaning,
    LicenseRuled,
    LicenseRules,
    LicenseTerms,
)

Kind: TypeAlias = Literal["denied", "not-allowed", "conditions"]


@frozen(kw_only=True)
class Objection:
    """What stands against a license id: `path` leads from the model to whoever imposes it."""

    kind: Kind
    symbol: str
    text: str
    path: tuple[str, ...] = ()


def objections(dossier: Dossier) -> Iterator[Objection]:
    """Yield what stands against the licenses of a model and of its bases; nothing without a policy about licenses."""
    ruled = dossier.first(LicenseRuled)
    if ruled is None:
        return
    for licensed in dossier.all(Licensed):
        yield from _least(licensed.meaning, ruled, ())
    for base in dossier.all(BaseModel):
        if not base.unknown:
            yield from _least(base.meaning, ruled, base.path)


def objecting(
    dossier: Dossier, kind: Kind, check: str, area: Area, severity: Severity, remedy: str
) -> Iterator[Finding]:
    """Yield a finding for each objection of one kind, each once."""
    licensed, ruled = dossier.first(Licensed), dossier.first(LicenseRuled)
    ended = f"; {', '.join(ruled.ended)}" if ruled and ruled.ended else ""
    for one in dict.fromkeys(objections(dossier)):
        if one.kind == kind and licensed is not None:
            through = f" (imposed through {' → '.join(one.path)})" if one.path else ""
            yield Finding(
                check=check,
                area=area,
                severity=severity,
                location=licensed.location,
                subject=one.symbol,
                message=f"{one.symbol} {one.text}{through}",
                remedy=f"{remedy}{ended}",
            )


def _least(meaning: LicenseMeaning, ruled: LicenseRuled, path: tuple[str, ...]) -> tuple[Objection, ...]:
    """Return the objections to the alternative that meets fewest."""
    found = [
        tuple(one for symbol in alternative for one in _against(symbol, meaning, ruled, path))
        for alternative in meaning.alternatives
    ]
    return min(found, key=len, default=())


def _against(symbol: str, meaning: LicenseMeaning, ruled: LicenseRuled, path: tuple[str, ...]) -> Iterator[Objection]:
    terms = next((one for one in meaning.terms if one.symbol == symbol), None)
    category = f"category:{terms.category}" if terms else ""
    if {symbol, category} & set(ruled.excepted):
        return
    rules = ruled.rules
    denied = [*_denied(symbol, category, rules), *(_misused(terms, rules) if terms else ())]
    for text in denied:
        yield Objection(kind="denied", symbol=symbol, text=text, path=path)
    if denied or {symbol, category} & set(rules.allow) or (path and not _is_passed_on(terms)):
        return
    condition = next((one for one in rules.conditional if one.license == symbol), None)
    if condition is None and rules.allow:
        yield Objection(kind="not-allowed", symbol=symbol, text="is not in licenses.allow", path=path)
    elif terms is not None:
        yield from _unaccepted(terms, condition, rules, path)


def _denied(symbol: str, category: str, rules: LicenseRules) -> Iterator[str]:
    for name in (symbol, category):
        if name in rules.deny:
            yield f"is denied by licenses.deny, as {name}"


# What a policy says about its use, and whether the terms of a license stand against it.
_USES: tuple[Callable[[LicenseTerms, LicenseRules], str], ...] = (
    lambda terms, rules: "allows no commercial use" if rules.use.commercial and terms.commercial == "no" else "",
    lambda terms, rules: (
        f"ends at {terms.users:,} users, licenses.use names {rules.use.users:,}"
        if terms.users and (rules.use.users or 0) > terms.users
        else ""
    ),
    lambda terms, rules: (
        f"ends at a revenue of {terms.revenue:,} US dollars a year, licenses.use names {rules.use.revenue:,}"
        if terms.revenue and (rules.use.revenue or 0) > terms.revenue
        else ""
    ),
    lambda terms, rules: (
        f"grants nothing in {', '.join(sorted(_shared(terms, rules)))}" if _shared(terms, rules) else ""
    ),
)


def _misused(terms: LicenseTerms, rules: LicenseRules) -> Iterator[str]:
    yield from filter(None, (use(terms, rules) for use in _USES))


def _shared(terms: LicenseTerms, rules: LicenseRules) -> set[str]:
    """Return the regions of use that a license leaves out; a member of the EU is in it."""
    excluded = set(terms.excludes)
    return {region for region in rules.use.regions if region in excluded or (region in _EU and "EU" in excluded)}


# https://european-union.europa.eu/principles-countries-history/eu-countries_en, by ISO 3166 code
_EU = frozenset({
    "AT", "BE", "BG", "HR", "CY", "CZ", "DK", "EE", "FI", "FR", "DE", "GR", "HU", "IE", "IT", "LV", "LT", "LU", "MT",
    "NL", "PL", "PT", "RO", "SK", "SI", "ES", "SE",
})  # fmt: skip


def _is_passed_on(terms: LicenseTerms | None) -> bool:
    """Tell whether a base's license binds a model made from it by more than naming the authors."""
    return terms is None or terms.commercial != "yes" or bool(set(terms.obligations) - {"attribution", "notice-file"})


def _unaccepted(
    terms: LicenseTerms, condition: Condition | None, rules: LicenseRules, path: tuple[str, ...]
) -> Iterator[Objection]:
    accepted = set(condition.accept) if condition else set()
    if "*" in accepted:
        return
    missing = [one for one in terms.obligations if one not in accepted and not _is_met(one, rules)]
    if condition is None and set(missing) <= {"attribution", "notice-file"}:
        return
    if missing:
        asked = "; ".join(f"{one} ({OBLIGATIONS[one]})" for one in missing)
        yield Objection(
            kind="conditions", symbol=terms.symbol, text=f"asks for what nobody accepted: {asked}", path=path
        )


def _is_met(obligation: str, rules: LicenseRules) -> bool:
    """Tell whether the use that the policy names already answers an obligation; `denied` speaks of those it breaks."""
    use = rules.use
    return (
        (obligation == "user-limit" and use.users is not None)
        or (obligation == "revenue-limit" and use.revenue is not None)
        or (obligation == "territory-exclusion" and bool(use.regions))
        or (obligation in ON_REDISTRIBUTION and use.redistribution is False)
    )
