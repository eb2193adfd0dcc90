"""From evidence to one answer: which license a model has, how sure that is, and what stands against it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from attrs import define, field

from modelguard.collectors.collector import Case
from modelguard.licenses.claims import Based, Claim
from modelguard.licenses.expression import NOASSERTION, conjunction
from modelguard.licenses.matching import Match, references
from modelguard.licenses.table import VERSION, table
from modelguard.terms.artifact import Location, Snapshot, printable
from modelguard.terms.errors import LicenseError, PolicyError
from modelguard.terms.licensing import (
    Clarification,
    Confidence,
    Licensed,
    LicenseEvidence,
    LicenseMeaning,
    LicenseMismatch,
)

# Ids that leave open which member of a family is meant, and how the ids of the members begin.
FAMILIES: dict[str, tuple[str, ...]] = {
    "bsd": ("bsd-2-", "bsd-3-"),
    "cc": ("cc-", "cc0-"),
    "gpl": ("gpl-",),
    "lgpl": ("lgpl-2", "lgpl-3"),
    "openrail": ("bigscience-", "bigcode-openrail", "creativeml-openrail", "openrail++"),
}


@define
class Seen:
    """What was found in one snapshot, in the order of evidence: claims by source, texts by path, bases, hints."""

    claims: list[tuple[str, Claim]] = field(factory=list)
    texts: list[tuple[str, Match]] = field(factory=list)
    bases: tuple[Based, ...] = ()
    hints: list[tuple[str, str]] = field(factory=list)
    trouble: list[str] = field(factory=list)
    card: str = ""


def settle(
    case: Case, key: str, seen: Seen, clarification: Clarification | None
) -> tuple[*tuple[LicenseMismatch | LicenseEvidence, ...], Licensed]:
    """Return the license of the model as the last fact, and before it what does not fit together.

    Raises `PolicyError` for a clarification whose expression cannot be read.
    """
    declared, trouble = _declared(seen)
    detected = [_row_expression(match) for _, match in seen.texts if match.kind in {"exact", "match"}]
    detected = list(dict.fromkeys(detected))
    earlier = case.entry.license.expression if case.entry is not None and case.entry.license.table else ""
    rest = {
        "location": Location(key),
        "declared": ", ".join(dict.fromkeys(claim.written for _, claim in seen.claims[:1])),
        "detected": conjunction(detected) if detected else ", ".join(str(match) for _, match in seen.texts),
        "table": VERSION,
        "earlier": earlier,
    }
    if clarification is not None:
        stale = _stale(clarification, case.snapshot, [path for path, _ in seen.texts])
        if not stale:
            fact, meaning = _clarified(clarification, key)
            return fact, Licensed(meaning=meaning, confidence="clarified", **rest)  # type: ignore[arg-type]
        trouble.append(f"{clarification.line} no longer fits: {stale}")
    rows = {terms.row for expression in declared for terms in table().meaning_of(expression).terms}
    trouble += [*seen.trouble, *_doubts(seen, rows)]
    mismatch = _mismatch(key, declared, detected, rows)
    expressions = _expressions(declared, detected, rows)
    meaning = _joined(expressions)
    if not meaning.known and not trouble:
        trouble.append("; ".join(claim.detail for _, claim in seen.claims if claim.detail) or "nothing says which")
    licensed = Licensed(
        meaning=meaning,
        confidence=_confidence(declared, seen, detected),
        trouble=tuple(printable(one) for one in dict.fromkeys(trouble)),
        **rest,  # type: ignore[arg-type]  # as above
    )
    return (*mismatch, licensed)


def _declared(seen: Seen) -> tuple[list[str], list[str]]:
    """Return the expressions that are claimed, each once, and what is wrong with the claims."""
    found: dict[str, tuple[str, str]] = {}
    trouble = []
    for source, claim in seen.claims:
        if claim.expression != NOASSERTION:
            found.setdefault(claim.expression, (source, claim.written))
        elif not claim.defers:
            trouble.append(f"{source}: {claim.detail}")
    if len(found) > 1:
        said = "; ".join(f"{source}: {written}" for source, written in found.values())
        trouble.append(f"the declarations contradict each other: {said}")
    return list(found), trouble


def _doubts(seen: Seen, rows: set[str]) -> Iterator[str]:
    """Yield what is wrong with texts that are no known license as they stand."""
    for path, match in seen.texts:
        named = set(match.ids) & rows
        comparable = bool(rows & references()) or not rows
        if match.kind == "ambiguous" and not named:
            yield f"{path} can be several licenses: {', '.join(match.ids)}"
        elif match.kind == "modified" and not (named and not named & references()):
            yield f"{path} is not the text of {match.ids[0]}, but near to it: {match.detail}"
        elif match.kind == "unknown" and comparable:
            yield f"{path} holds a text that is no known license"


def _mismatch(key: str, declared: list[str], detected: list[str], rows: set[str]) -> tuple[LicenseMismatch, ...]:
    if not declared or not detected or _families(rows) & _rows(detected):
        return ()
    return (LicenseMismatch(location=Location(key), declared=conjunction(declared), detected=conjunction(detected)),)


def _expressions(declared: list[str], detected: list[str], rows: set[str]) -> list[str]:
    """Return everything that applies: what is declared (a family becomes its member), and what else the texts say."""
    found = list(declared)
    if detected and rows & FAMILIES.keys():
        members = _families(rows) & _rows(detected)
        found = [one for one in declared if not (members and _rows([one]) & FAMILIES.keys())]
    known = _rows(found)
    return [*found, *(one for one in detected if not _rows([one]) & known)]


def _families(rows: set[str]) -> set[str]:
    """Return the ids with those of the members of the families among them."""
    begins = tuple(begin for row in rows for begin in FAMILIES.get(row, ()))
    return rows | {row.id for row in table().rows if begins and row.id.startswith(begins)}


def _rows(expressions: list[str]) -> set[str]:
    return {terms.row for one in expressions for terms in table().meaning_of(one).terms}


def _row_expression(match: Match) -> str:
    row = table().row(match.ids[0])
    return row.expression if row else NOASSERTION


def _joined(expressions: list[str]) -> LicenseMeaning:
    """Return what several expressions mean that all apply; an ambiguity in one of them stays one."""
    meanings = [table().meaning_of(one) for one in expressions if one != NOASSERTION]
    if len(meanings) <= 1:
        return meanings[0] if meanings else LicenseMeaning()
    alternatives: list[tuple[str, ...]] = [()]
    for meaning in meanings:
        alternatives = [(*one, *more) for one in alternatives for more in meaning.alternatives][:64]
    return LicenseMeaning(
        expression=conjunction(meaning.expression for meaning in meanings),
        alternatives=tuple(tuple(dict.fromkeys(one)) for one in alternatives),
        terms=tuple(dict.fromkeys(terms for meaning in meanings for terms in meaning.terms)),
    )


def _confidence(declared: list[str], seen: Seen, detected: list[str]) -> Confidence:
    if detected:
        return "exact" if all(match.kind == "exact" for _, match in seen.texts) else "text"
    return "declared" if declared else "none"


def _stale(clarification: Clarification, snapshot: Snapshot, texts: Iterable[str]) -> str:
    """Say which license file is not one that was read, or nothing when all of them are."""
    for path, digest in clarification.files:
        artifact = snapshot.artifact(path)
        if artifact is None:
            return f"there is no {path}"
        if artifact.digest != digest:
            return f"{path} has changed"
    read = {path for path, _ in clarification.files}
    return next((f"nobody has read {path}" for path in texts if path not in read), "")


def _clarified(clarification: Clarification, key: str) -> tuple[LicenseEvidence, LicenseMeaning]:
    try:
        meaning = table().meaning_of(clarification.expression)
    except LicenseError as error:
        raise PolicyError(f"{clarification.line}.expression: {error.message}") from error
    fact = LicenseEvidence(
        location=Location(key),
        source="clarify",
        written=clarification.expression,
        result=meaning.expression,
        detail=clarification.reason,
    )
    return fact, meaning
