"""Where licenses on one line of descent do not go together: one function for each rule, all pure.

Rules L1 to L4 compare a model with each of its bases; L5 looks for duties that can be seen to be unmet. What else is
asked of a lineage (a base that is not known, a text that is not the declared one, a license that changed, a region that
is left out, a base that is not declared) are facts of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from modelguard.terms.artifact import Location
from modelguard.terms.licensing import BaseModel, LicenseConflict, LicenseDuty, LicenseMeaning, LicenseTerms

_PASSED_ON = ("flow-down", "share-alike", "network-copyleft", "use-policy", "user-limit", "no-train-other-models")
"""Obligations that a derived model keeps."""

_DERIVED = {"finetune", "merge", "quantized", "adapter"}
"""Relations by which a changed version is passed on. An adapter holds no weights of its base, but is made from it."""

# Pairs that no single set of terms can satisfy: a copyleft that allows no further restriction, and a restriction.
_NO_FURTHER_RESTRICTION = ("GPL-", "AGPL-", "CC-BY-SA-", "LicenseRef-hf-gpl-family")
_RESTRICTING = {"use-restricted", "proprietary-community", "non-commercial", "research-only", "no-derivatives"}


def conflicts(model: LicenseMeaning, bases: Iterable[BaseModel]) -> Iterator[LicenseConflict]:
    """Yield what the license of a model drops or contradicts of its bases' licenses."""
    for base in bases:
        if base.unknown:
            continue
        for terms in base.meaning.terms:
            for name, rule in _RULES:
                detail = rule(model, base, terms)
                if detail:
                    yield LicenseConflict(
                        location=Location(base.path[0]),
                        rule=name,
                        path=base.path,
                        imposed=terms.symbol,
                        detail=detail,
                    )


def _drops_restriction(model: LicenseMeaning, base: BaseModel, terms: LicenseTerms) -> str:
    """L1: the model's license asks for less than what a base passes on."""
    if _keeps(model, terms):
        return ""
    kept = {duty for one in model.terms for duty in one.obligations}
    dropped = [duty for duty in _PASSED_ON if duty in terms.obligations and duty not in kept]
    if model.terms and dropped and not _claims_commerce(model, base, terms):
        return f"{base.name} is under {terms.symbol}, which passes on: {', '.join(dropped)}"
    return ""


def _claims_commerce(model: LicenseMeaning, base: BaseModel, terms: LicenseTerms) -> str:
    """L2: the base allows no commercial use, the model's license does."""
    if terms.commercial == "no" and any(one.commercial in {"yes", "conditional"} for one in model.terms):
        return f"{base.name} is under {terms.symbol}, which allows no commercial use"
    return ""


def _changes_what_may_not_change(model: LicenseMeaning, base: BaseModel, terms: LicenseTerms) -> str:  # noqa: ARG001
    """L3: the base must not be passed on in a changed version."""
    if "no-derivatives" in terms.obligations and base.relation in _DERIVED:
        return f"{base.name} is under {terms.symbol}, which allows no changed versions; this is one: {base.relation}"
    return ""


def _cannot_be_joined(model: LicenseMeaning, base: BaseModel, terms: LicenseTerms) -> str:
    """L4: one side is a copyleft without room for restrictions, the other one restricts."""
    for one in model.terms:
        if _is_closed(one) and terms.category in _RESTRICTING:
            return f"{one.symbol} allows no further restriction, {terms.symbol} of {base.name} asks for some"
        if _is_closed(terms) and one.category in _RESTRICTING:
            return f"{terms.symbol} of {base.name} allows no further restriction, {one.symbol} asks for some"
    return ""


def joined_bases(bases: Iterable[BaseModel]) -> Iterator[LicenseConflict]:
    """Yield pairs of direct bases whose licenses cannot be joined in one model (L4): merges."""
    direct = [base for base in bases if len(base.path) == 2 and not base.unknown]
    for number, first in enumerate(direct):
        for second in direct[number + 1 :]:
            for terms in second.meaning.terms:
                detail = _cannot_be_joined(first.meaning, second, terms)
                if detail:
                    yield LicenseConflict(
                        location=Location(first.path[0]),
                        rule="licenses-cannot-be-joined",
                        path=second.path,
                        imposed=terms.symbol,
                        detail=f"merged with {first.name}: {detail}",
                    )


def duties(name: str, card: str, terms: Iterable[LicenseTerms], *, derived: bool) -> Iterator[LicenseDuty]:
    """Yield duties about names and notices that a derived model does not meet (L5). `card` is the card's text."""
    if not derived:
        return
    own = name.rpartition("/")[2].lower().replace("-", " ").replace("_", " ")
    plain = " ".join(card.lower().split())
    for one in terms:
        if one.prefix and not own.startswith(one.prefix.lower()):
            yield LicenseDuty(
                location=Location(name),
                duty="name-prefix",
                imposed=one.symbol,
                detail=f"the name of a derived model has to begin with {one.prefix!r}",
            )
        if one.notice and one.notice.lower() not in plain:
            yield LicenseDuty(
                location=Location(name),
                duty="named-notice",
                imposed=one.symbol,
                detail=f"the card does not say {one.notice!r}",
            )


def _keeps(model: LicenseMeaning, terms: LicenseTerms) -> bool:
    return bool(model.alternatives) and all(terms.symbol in alternative for alternative in model.alternatives)


def _is_closed(terms: LicenseTerms) -> bool:
    return terms.category == "copyleft-strong" and terms.symbol.startswith(_NO_FURTHER_RESTRICTION)


_RULES: tuple[tuple[str, Callable[[LicenseMeaning, BaseModel, LicenseTerms], str]], ...] = (
    ("restriction-dropped", _drops_restriction),
    ("commercial-use-claimed", _claims_commerce),
    ("no-derivatives", _changes_what_may_not_change),
    ("licenses-cannot-be-joined", _cannot_be_joined),
)
