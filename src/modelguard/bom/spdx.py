"""The bill as SPDX 3.0.1 JSON-LD, with the profiles for AI, datasets, licenses and security.

Rules of the format: https://spdx.github.io/spdx-spec/v3.0.1/. Fields whose value nobody gave are left out, but for
those that the profiles want, which say `noAssertion`.
"""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid5

from attrs import define, field

from modelguard import __version__
from modelguard.bom.material import Bill, Material
from modelguard.lock import Accepted, LockedFile

CONTEXT = "https://spdx.org/rdf/3.0.1/spdx-context.jsonld"
_PROFILES = ["core", "software", "ai", "dataset", "simpleLicensing", "security"]
_CREATION = "_:creation"

Element = dict[str, Any]


def write(bill: Bill) -> str:
    """Return the document, with sorted keys and one final line feed."""
    return json.dumps(as_object(bill), indent=2, sort_keys=True) + "\n"


def as_object(bill: Bill) -> Element:
    """Return the document as plain lists and dicts."""
    graph = _Graph(bill=bill)
    author = graph.add("Organization" if bill.author else "SoftwareAgent", "author", name=bill.author or "modelguard")
    tool = graph.add("Tool", "tool", name=f"modelguard {__version__}")
    models = [_model(graph, one) for one in bill.materials]
    inside = [one["spdxId"] for one in graph.elements]
    sbom = graph.add(
        "software_Sbom", "sbom", name=bill.name, software_sbomType=["analyzed"], rootElement=models, element=inside
    )
    graph.add(
        "SpdxDocument", "document", name=bill.name, profileConformance=_PROFILES, rootElement=[sbom],
        element=[*inside, sbom],
    )  # fmt: skip
    creation = {
        "type": "CreationInfo",
        "@id": _CREATION,
        "specVersion": "3.0.1",
        "created": bill.made,
        "createdBy": [author],
        "createdUsing": [tool],
    }
    elements = [{key: value for key, value in one.items() if value not in ("", [])} for one in graph.elements]
    return {"@context": CONTEXT, "@graph": [creation, *elements]}


@define
class _Graph:
    """The elements of a document, each under an address that follows from the bill and from its own name."""

    bill: Bill
    elements: list[Element] = field(factory=list)
    known: set[str] = field(factory=set)

    def add(self, kind: str, key: str, **values: Any) -> str:
        """Add an element unless one of this key is there, and return its address."""
        address = f"urn:uuid:{uuid5(self.bill.serial, key)}"
        if address not in self.known:
            self.known.add(address)
            self.elements.append({"type": kind, "spdxId": address, "creationInfo": _CREATION, **values})
        return address

    def relate(self, source: str, kind: str, *targets: str, **values: Any) -> None:
        """Add a relationship between elements, if there is anything to relate to."""
        if targets:
            key = f"{kind} {source} {' '.join(targets)}"
            values = {"from": source, "relationshipType": kind, "to": [*targets], "type": "Relationship", **values}
            self.add(values.pop("type"), key, **values)


def _model(graph: _Graph, material: Material) -> str:
    entry, card, hub = material.entry, material.card, material.hub
    metrics = [
        {"type": "DictionaryEntry", "key": f"{one.type} ({one.data})" if one.data else one.type, "value": one.value}
        for one in card.metrics
    ]
    approver = entry.approval.by or "unknown"
    owner = graph.add("Organization", f"owner {hub.org}", name=hub.org) if hub else ""
    model = graph.add(
        "ai_AIPackage",
        f"model {entry.id}",
        name=entry.id,
        software_packageVersion=entry.revision or str(entry.tree_digest),
        software_packageUrl=entry.purl,
        software_downloadLocation=f"{material.page}/tree/{entry.revision}" if hub else "",
        software_homePage=material.page,
        software_primaryPurpose="model",
        suppliedBy=owner,
        releaseTime=entry.revision_date,
        verifiedUsing=[_hash(entry.files[0])] if len(entry.files) == 1 else [],
        ai_autonomyType="noAssertion",
        ai_domain=[card.task] if card.task else [],
        ai_typeOfModel=[name for name in (card.family, card.architecture) if name],
        ai_metric=metrics,
        comment=f"modelguard tree digest {entry.tree_digest}; {entry.approval.state} by {approver}",
    )
    files = [_file(graph, material, file) for file in sorted(entry.files, key=lambda file: file.path)]
    graph.relate(model, "contains", *files)
    _licenses(graph, model, material)
    graph.relate(model, "descendantOf", *(_base(graph, name) for name in card.bases))
    graph.relate(model, "trainedOn", *(_dataset(graph, name) for name in card.datasets))
    for row in entry.accepted:
        _accepted(graph, model, entry.id, row)
    return model


def _file(graph: _Graph, material: Material, file: LockedFile) -> str:
    return graph.add(
        "software_File",
        f"file {material.entry.id} {file.path}",
        name=file.path,
        verifiedUsing=[_hash(file)],
        comment=", ".join(file.formats),
    )


def _hash(file: LockedFile) -> Element:
    return {"type": "Hash", "algorithm": "sha256", "hashValue": file.digest.hex}


def _licenses(graph: _Graph, model: str, material: Material) -> None:
    found = material.entry.license
    if found.expression in ("", "NOASSERTION"):
        graph.relate(model, "hasConcludedLicense", "expandedlicensing_NoAssertionLicense")
        return
    concluded = graph.add(
        "simplelicensing_LicenseExpression",
        f"license {found.expression}",
        simplelicensing_licenseExpression=found.expression,
    )
    graph.relate(model, "hasConcludedLicense", concluded)


def _base(graph: _Graph, name: str) -> str:
    org, _, _ = name.rpartition("/")
    purl = f"pkg:huggingface/{name}" if org else ""
    locked = next((one for one in graph.bill.materials if one.entry.id == name), None)
    if locked is not None:
        return f"urn:uuid:{uuid5(graph.bill.serial, f'model {name}')}"
    return graph.add(
        "ai_AIPackage", f"base {name}", name=name, software_packageUrl=purl, software_primaryPurpose="model"
    )


def _dataset(graph: _Graph, name: str) -> str:
    return graph.add(
        "dataset_DatasetPackage",
        f"dataset {name}",
        name=name,
        software_primaryPurpose="data",
        software_downloadLocation=f"https://huggingface.co/datasets/{name}",
        dataset_datasetType=["noAssertion"],
    )


def _accepted(graph: _Graph, model: str, name: str, row: Accepted) -> None:
    key = f"{row.check} {row.path} {row.subject}"
    vulnerability = graph.add(
        "security_Vulnerability", f"finding {name} {key}", name=f"modelguard:{row.check}", summary=row.subject
    )
    until = f" (until {row.until})" if row.until else ""
    graph.relate(
        vulnerability, "affects", model, type="security_VexAffectedVulnAssessmentRelationship",
        security_actionStatement=f"accepted: {row.reason}{until}",
    )  # fmt: skip
