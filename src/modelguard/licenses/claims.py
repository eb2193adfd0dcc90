"""What publishers say about the license: front matter of model cards, tags of the Hub, metadata of weight files.

All of it is a claim. It is read as the Hub means it: `gpl-3.0` leaves open whether later versions are allowed,
`bsl-1.0` is Boost, a list means that all of it applies, and `other` says to look elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from attrs import frozen

from modelguard.licenses.expression import NOASSERTION, conjunction
from modelguard.licenses.table import Row, table
from modelguard.terms.errors import LicenseError

_RELATIONS = ("adapter", "finetune", "merge", "quantized")
_REPOSITORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}/[A-Za-z0-9][A-Za-z0-9._-]{0,95}\Z")
_MOST_BASES = 64


@frozen(kw_only=True)
class Claim:
    """A license as somebody wrote it, and the expression it stands for; NOASSERTION when nobody can tell.

    `defers` tells that a text may decide instead (`other`, `unknown`, an id that nobody knows); it may not for a list
    of which one part is not known. `detail` says what was not understood.
    """

    written: str
    expression: str = NOASSERTION
    defers: bool = False
    detail: str = ""


@frozen(kw_only=True)
class Based:
    """A base model as somebody wrote it, and how the model was made from it."""

    name: str
    relation: str = "base"

    @property
    def is_repository(self) -> bool:
        return bool(_REPOSITORY.match(self.name))


def claim_of_card(card: Mapping[str, Any]) -> Claim | None:
    """Return what a model card says in `license`, `license_name` and `license_link`, or None when it says nothing."""
    written = card.get("license")
    name = card.get("license_name")
    ids = written if isinstance(written, list) else [written] if written is not None else []
    if not ids and name is None:
        return None
    claims = [_claim(one, name) for one in ids or ["other"]]
    return _together(claims)


def claim_of_tags(tags: Iterable[str]) -> Claim | None:
    """Return what the tags `license:…` of the Hub say. More than one is a list: all of them apply."""
    claims = [_claim(tag.removeprefix("license:"), None) for tag in tags if tag.startswith("license:")]
    return _together(claims) if claims else None


def _together(claims: list[Claim]) -> Claim:
    if len(claims) == 1:
        return claims[0]
    written = ", ".join(claim.written for claim in claims)
    unknown = next((claim for claim in claims if claim.expression == NOASSERTION), None)
    if unknown is not None:
        return Claim(written=written, detail=unknown.detail or f"{unknown.written!r} names no license")
    return Claim(written=written, expression=conjunction(claim.expression for claim in claims))


def _claim(value: Any, name: Any) -> Claim:
    if not isinstance(value, str) or not value.strip():
        return Claim(written=str(value)[:200], detail="this is no license id")
    written = value.strip()[:500]
    row = table().row(written.lower())
    if row is not None and row.id == "other":
        return _named(name) if name is not None else Claim(written=written, defers=True, detail="names no license")
    if row is not None and row.hub:
        detail = "" if row.expression != NOASSERTION else "the card itself says that it is not known"
        return Claim(written=written, expression=row.expression, defers=bool(detail), detail=detail)
    return _spdx(written) or (_row_claim(written, row) if row else _unknown(written))


def _named(name: Any) -> Claim:
    """Read `license_name`: a name of the table, an id of the Hub, or something that only a text can explain."""
    if not isinstance(name, str) or not name.strip():
        return Claim(written="other", defers=True, detail="license_name is empty")
    written = name.strip()[:200]
    row = table().row(re.sub(r"[\s_]+", "-", written.lower()))
    claim = _row_claim(written, row) if row and row.expression != NOASSERTION else _spdx(written)
    if claim is None:
        return Claim(written=f"other ({written})", defers=True, detail=f"nobody knows a license named {written!r}")
    return Claim(written=f"other ({written})", expression=claim.expression)


def _row_claim(written: str, row: Row) -> Claim:
    return Claim(written=written, expression=row.expression)


def _spdx(written: str) -> Claim | None:
    """Read an SPDX expression all of whose ids the table knows."""
    try:
        meaning = table().meaning_of(written)
    except LicenseError:
        return None
    symbols = {symbol for alternative in meaning.alternatives for symbol in alternative}
    if not symbols or len(meaning.terms) < len(symbols):
        return None
    return Claim(written=written, expression=meaning.expression)


def _unknown(written: str) -> Claim:
    detail = f"{written!r} is neither an id of the Hub nor an SPDX expression of known ids"
    return Claim(written=written, defers=True, detail=detail)


# --- base models -------------------------------------------------------------------------------------------------


def bases_of_card(card: Mapping[str, Any]) -> tuple[Based, ...]:
    """Return the base models that a card names in `base_model`, with `base_model_relation` where it is one of four."""
    value = card.get("base_model")
    relation = card.get("base_model_relation")
    relation = relation if relation in _RELATIONS else "base"
    names = value if isinstance(value, list) else [value]
    found = [Based(name=one.strip(), relation=relation) for one in names if isinstance(one, str) and one.strip()]
    return tuple(found[:_MOST_BASES])


def bases_of_tags(tags: Iterable[str]) -> tuple[Based, ...]:
    """Return the base models in tags of the Hub: `base_model:org/name` and `base_model:adapter:org/name`."""
    found: dict[str, Based] = {}
    for tag in tags:
        kind, _, rest = tag.partition(":")
        if kind != "base_model" or not rest:
            continue
        relation, _, name = rest.partition(":")
        if name and relation in _RELATIONS:
            found[name] = Based(name=name, relation=relation)
        else:
            found.setdefault(rest, Based(name=rest))
    return tuple(found.values())[:_MOST_BASES]


def merged(*sources: Iterable[Based]) -> tuple[Based, ...]:
    """Put the bases of several sources together; a relation that is told replaces one that is not."""
    found: dict[str, Based] = {}
    for source in sources:
        for base in source:
            known = found.get(base.name)
            if known is None or known.relation == "base":
                found[base.name] = base
    return tuple(found.values())[:_MOST_BASES]
