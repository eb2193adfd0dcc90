"""What `modelguard license --json` tells of one model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from modelguard.terms.licensing import BaseModel, LicenseMeaning
    from modelguard.terms.verdict import Examination


def license_object(examination: Examination, *, refused: bool) -> dict[str, Any]:
    """Return the license, the places that speak of it, the base models, and what the policy found."""
    from modelguard.terms.licensing import BaseModel, Licensed, LicenseEvidence  # only once the command runs

    dossier, licensed = examination.dossier, examination.dossier.first(Licensed)
    return {
        "ref": str(examination.snapshot.ref),
        "verdict": "refused" if refused else "allowed",
        "license": None if licensed is None else _meaning(licensed.meaning),
        "confidence": "none" if licensed is None else licensed.confidence,
        "unclear": [] if licensed is None else list(licensed.trouble),
        "evidence": [
            {
                "source": one.source,
                "place": str(one.location),
                "written": one.written,
                "result": one.result,
                "detail": one.detail,
            }
            for one in dossier.all(LicenseEvidence)
        ],
        "bases": [_base(one) for one in dossier.all(BaseModel)],
        "findings": [
            {"check": one.check, "severity": str(one.severity), "message": one.message, "remedy": one.remedy}
            for one in examination.findings
            if one.area == "license"
        ],
    }


def _base(base: BaseModel) -> dict[str, Any]:
    return {
        "name": base.name,
        "path": list(base.path),
        "relation": base.relation,
        "license": None if base.unknown else _meaning(base.meaning),
        "unknown": base.unknown or None,
    }


def _meaning(meaning: LicenseMeaning) -> dict[str, Any]:
    """Return an expression and what each id of it asks for; ids of one row of the table once."""
    rows = {one.row: one for one in meaning.terms}.values()
    return {
        "expression": meaning.expression,
        "terms": [
            {
                "id": one.symbol,
                "category": one.category,
                "commercial": one.commercial,
                "obligations": list(one.obligations),
                "users": one.users or None,
                "revenue": one.revenue or None,
                "excludes": list(one.excludes),
            }
            for one in rows
        ],
    }
