"""What modelguard attests about each model, as the claims, attestations and requirements of CycloneDX."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import frozen

from modelguard.bom.material import Bill, Material
from modelguard.terms.words import counted


@frozen(kw_only=True)
class Requirement:
    """One thing that can be attested; `reason` gives the words for it, or an empty string when it does not hold."""

    name: str
    text: str
    reason: Callable[[Material], str]


def _pinned(material: Material) -> str:
    entry = material.entry
    return (
        f"{counted(len(entry.files), 'file')} pinned by SHA-256; all of them as {entry.tree_digest}"
        if entry.files
        else ""
    )


def _approved(material: Material) -> str:
    approval = material.entry.approval
    if approval.state != "approved":
        return ""
    return " ".join(
        filter(None, ("approved", approval.by and f"by {approval.by}", approval.at and f"at {approval.at}"))
    )


def _examined(material: Material) -> str:
    entry = material.entry
    if entry.approval.state != "approved" or not entry.files or not all(file.formats for file in entry.files):
        return ""
    accepted = f"; {counted(len(entry.accepted), 'finding')} accepted with a reason" if entry.accepted else ""
    return f"the content of every file was read as what its bytes are before the model was locked{accepted}"


def _signed(material: Material) -> str:
    found = material.entry.provenance
    return f"verified signature of {found.identity or found.signer}" if found.status == "verified" else ""


def _licensed(material: Material) -> str:
    found = material.entry.license
    return f"the license is {found.expression}" if found.expression not in ("", "NOASSERTION") else ""


REQUIREMENTS = (
    Requirement(name="pinned", text="Every file of the model is pinned by its SHA-256.", reason=_pinned),
    Requirement(name="approved", text="Somebody approved the model at this revision.", reason=_approved),
    Requirement(
        name="examined", text="The content of every file was examined and the policy allows it.", reason=_examined
    ),
    Requirement(name="signed", text="A signature by somebody whom the policy names was verified.", reason=_signed),
    Requirement(name="licensed", text="The license of the model is known.", reason=_licensed),
)


def standards() -> list[dict[str, Any]]:
    """Return the requirements as a standard of CycloneDX, so that attestations can name them."""
    rows = [{"bom-ref": f"requirement:{one.name}", "identifier": one.name, "text": one.text} for one in REQUIREMENTS]
    return [{"bom-ref": "standard:modelguard", "name": "modelguard lock", "version": "1", "requirements": rows}]


def declarations(bill: Bill) -> dict[str, Any]:
    """Return claims about each model, and one attestation that maps each requirement to the claims that meet it."""
    found = {
        (one.name, material.entry.id): reason
        for one in REQUIREMENTS
        for material in bill.materials
        if (reason := one.reason(material))
    }
    claims = [
        {
            "bom-ref": f"claim:{name}:{model}",
            "target": f"model:{model}",
            "predicate": name,
            "reasoning": reason,
        }
        for (name, model), reason in found.items()
    ]
    rows = [
        {
            "requirement": f"requirement:{one.name}",
            "claims": [f"claim:{name}:{model}" for name, model in found if name == one.name],
            "conformance": _conformance(sum(name == one.name for name, _ in found), len(bill.materials)),
        }
        for one in REQUIREMENTS
    ]
    assessor = {"bom-ref": "assessor", "thirdParty": False}
    return {
        "assessors": [assessor | ({"organization": {"name": bill.author}} if bill.author else {})],
        "attestations": [{"summary": "What the lock records about its models.", "assessor": "assessor", "map": rows}],
        "claims": claims,
    }


def _conformance(count: int, of: int) -> dict[str, Any]:
    return {"score": round(count / of, 4) if of else 0, "rationale": f"{count} of {of} models"}
