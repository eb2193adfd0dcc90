"""The bill as CycloneDX JSON, 1.6 or 1.7, with a machine-learning component for each model.

Rules of the format: https://cyclonedx.org/docs/1.6/json/ and https://cyclonedx.org/capabilities/mlbom/. What a card
says is the publisher's word and goes into `modelCard`; what was verified goes into hashes, declarations and properties.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Literal, TypeAlias
from urllib.parse import quote

from modelguard import __version__
from modelguard.bom._declarations import declarations, standards
from modelguard.bom.material import Bill, Material
from modelguard.lock import Accepted, LockedFile

Version: TypeAlias = Literal["1.6", "1.7"]
Part: TypeAlias = dict[str, Any]

# The Hub's `library_name` where it is not the name on PyPI; what is not here and not equal is no package at all.
LIBRARIES = {
    "transformers": "transformers", "sentence-transformers": "sentence-transformers", "diffusers": "diffusers",
    "peft": "peft", "timm": "timm", "keras": "keras", "sklearn": "scikit-learn", "adapter-transformers": "adapters",
    "spacy": "spacy", "flair": "flair", "fastai": "fastai", "setfit": "setfit", "gliner": "gliner",
    "nemo": "nemo-toolkit",
    "speechbrain": "speechbrain", "open_clip": "open-clip-torch", "xgboost": "xgboost", "ultralytics": "ultralytics",
    "mlx": "mlx", "onnx": "onnx",
}  # fmt: skip


def write(bill: Bill, version: Version = "1.6") -> str:
    """Return the document, with sorted keys and one final line feed."""
    return json.dumps(as_object(bill, version), indent=2, sort_keys=True) + "\n"


def as_object(bill: Bill, version: Version = "1.6") -> Part:
    """Return the document as plain lists and dicts."""
    locked = {one.entry.id for one in bill.materials}
    datasets = sorted({name for one in bill.materials for name in one.card.datasets})
    libraries = sorted({LIBRARIES[one.card.library] for one in bill.materials if one.card.library in LIBRARIES})
    references = [model_ref(one) for one in bill.materials]
    document: Part = {
        "$schema": f"http://cyclonedx.org/schema/bom-{version}.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": version,
        "serialNumber": f"urn:uuid:{bill.serial}",
        "version": 1,
        "metadata": _metadata(bill),
        "components": [
            *(_model(one) for one in bill.materials),
            *(_dataset(name) for name in datasets),
            *(_library(name) for name in libraries),
        ],
        "dependencies": [
            {"ref": "bill", "dependsOn": references},
            *({"ref": model_ref(one), "dependsOn": sorted(_needs(one, locked))} for one in bill.materials),
            *({"ref": f"dataset:{name}"} for name in datasets),
            *({"ref": f"library:{name}"} for name in libraries),
        ],
        "declarations": declarations(bill),
        "definitions": {"standards": standards()},
    }
    vulnerabilities = [_vulnerability(one, row) for one in bill.materials for row in one.entry.accepted]
    if vulnerabilities:
        document["vulnerabilities"] = vulnerabilities
    return document


def model_ref(material: Material) -> str:
    """Return the name by which the parts of a bill call a model."""
    return f"model:{material.entry.id}"


def _metadata(bill: Bill) -> Part:
    tool = {"type": "application", "name": "modelguard", "version": __version__}
    metadata: Part = {
        "timestamp": bill.made,
        "lifecycles": [{"phase": "post-build"}],
        "tools": {"components": [tool]},
        "component": {"type": "application", "bom-ref": "bill", "name": bill.name},
    }
    if bill.author:
        metadata["authors"] = [{"name": bill.author}]
    return metadata


def _model(material: Material) -> Part:
    entry, card, hub = material.entry, material.card, material.hub
    component: Part = {
        "type": "machine-learning-model",
        "bom-ref": model_ref(material),
        "name": material.name,
        "version": entry.revision or str(entry.tree_digest),
        "purl": entry.purl,
        "components": [_file(material, file) for file in sorted(entry.files, key=lambda file: file.path)],
        "properties": [*_properties(_facts(material))],
    }
    if hub is not None:
        component |= {"group": hub.org, "supplier": {"name": hub.org}, "publisher": hub.org}
        component["externalReferences"] = [*_references(material)]
    if len(entry.files) == 1:
        component["hashes"] = [_hash(entry.files[0])]
    if entry.license.expression not in ("", "NOASSERTION"):
        component["licenses"] = [{"expression": entry.license.expression, "acknowledgement": "concluded"}]
    if entry.license.declared:
        component["evidence"] = {"licenses": [{"license": {"name": entry.license.declared}}]}
    pedigree = _pedigree(material)
    if pedigree:
        component["pedigree"] = pedigree
    if model_card := _model_card(material):
        component["modelCard"] = {"bom-ref": f"card:{entry.id}", **model_card}
    if card.languages:
        component["tags"] = sorted(set(card.languages))
    return component


def _facts(material: Material) -> Iterator[tuple[str, str]]:
    """Yield what readers without a place for model cards should still see: Dependency-Track keeps properties."""
    entry, card = material.entry, material.card
    yield "tree-digest", str(entry.tree_digest)
    yield "approval:state", entry.approval.state
    yield "approval:by", entry.approval.by
    yield "approval:at", entry.approval.at
    yield "approval:until", entry.approval.until
    yield "approval:reason", entry.approval.reason
    yield "license:expression", entry.license.expression
    yield "license:declared", entry.license.declared
    yield "license:detected", entry.license.detected
    yield "license:confidence", entry.license.confidence
    yield "provenance:status", entry.provenance.status
    yield "provenance:identity", entry.provenance.identity
    yield "provenance:payload", entry.provenance.payload
    yield "remote-code", str(entry.remote_code).lower()
    yield "revision-date", entry.revision_date
    yield "task", card.task
    yield "library", card.library
    yield "co2-emissions", card.emissions
    yield from (("base-model", name) for name in card.bases)
    yield from (("dataset", name) for name in card.datasets)
    yield from (("not-read", reason) for reason in card.unread)


def _file(material: Material, file: LockedFile) -> Part:
    rows = [
        ("size", str(file.size)),
        *(("format", name) for name in file.formats),
        *(("import", name) for name in file.imports),
        *(("permission", name) for name in file.permissions),
    ]
    return {
        "type": "file",
        "bom-ref": f"file:{material.entry.id}#{file.path}",
        "name": file.path,
        "hashes": [_hash(file)],
        "properties": [*_properties(rows)],
    }


def _hash(file: LockedFile) -> Part:
    return {"alg": "SHA-256", "content": file.digest.hex}


def _references(material: Material) -> Iterator[Part]:
    entry, page = material.entry, material.page
    yield {"type": "distribution", "url": f"{page}/tree/{entry.revision}"}
    yield {"type": "vcs", "url": page}
    if material.card.has_card:
        yield {"type": "model-card", "url": f"{page}/blob/{entry.revision}/README.md"}
    signature = entry.file("model.sig")
    if entry.provenance.status == "verified" and signature is not None:
        yield {
            "type": "attestation",
            "url": f"{page}/resolve/{entry.revision}/model.sig",
            "hashes": [_hash(signature)],
            "comment": f"signed by {entry.provenance.identity or entry.provenance.signer}",
        }


def _pedigree(material: Material) -> Part:
    pedigree: Part = {}
    if material.card.bases:
        pedigree["ancestors"] = [_base(name) for name in material.card.bases]
    if material.hub is not None:
        page = material.page
        pedigree["commits"] = [{"uid": material.entry.revision, "url": f"{page}/commit/{material.entry.revision}"}]
    if material.card.relation:
        pedigree["notes"] = f"relation to the base model, by its publisher: {material.card.relation}"
    return pedigree


def _base(name: str) -> Part:
    """Name a base model. Cards name no revision, so that neither version nor hash is known."""
    org, _, short = name.rpartition("/")
    component: Part = {"type": "machine-learning-model", "name": short}
    if org:
        component |= {"group": org, "purl": f"pkg:huggingface/{quote(org)}/{quote(short)}"}
    return component


def _model_card(material: Material) -> Part:
    card = material.card
    parameters: Part = {
        "task": card.task,
        "architectureFamily": card.family,
        "modelArchitecture": card.architecture,
        "datasets": [{"ref": f"dataset:{name}"} for name in card.datasets],
    }
    parameters = {key: value for key, value in parameters.items() if value}
    metrics = [
        {"type": one.type, "value": one.value, **({"slice": one.data} if one.data else {})} for one in card.metrics
    ]
    found: Part = {}
    if parameters:
        found["modelParameters"] = parameters
    if metrics:
        found["quantitativeAnalysis"] = {"performanceMetrics": metrics}
    return found


def _dataset(name: str) -> Part:
    org, _, short = name.rpartition("/")
    data = {"type": "dataset", "name": name, "contents": {"url": f"https://huggingface.co/datasets/{quote(name)}"}}
    return {"type": "data", "bom-ref": f"dataset:{name}", "group": org, "name": short, "data": [data]}


def _library(name: str) -> Part:
    return {"type": "library", "bom-ref": f"library:{name}", "name": name, "purl": f"pkg:pypi/{name}"}


def _needs(material: Material, locked: set[str]) -> set[str]:
    card = material.card
    needs = {f"dataset:{name}" for name in card.datasets}
    needs |= {f"model:{name}" for name in card.bases if name in locked and name != material.entry.id}
    if card.library in LIBRARIES:
        needs.add(f"library:{LIBRARIES[card.library]}")
    return needs


def _vulnerability(material: Material, row: Accepted) -> Part:
    """Say what was accepted. It stays true and the risk is taken, so that it is not called `not_affected`."""
    entry = material.entry
    target = f"file:{entry.id}#{row.path}" if entry.file(row.path) else model_ref(material)
    place = ":".join(part for part in (row.check, row.path, row.subject) if part)
    ends = f" (until {row.until})" if row.until else ""
    return {
        "bom-ref": f"finding:{entry.id}:{place}",
        "id": f"modelguard:{row.check}",
        "source": {"name": "modelguard"},
        "description": f"modelguard found {row.check}{f': {row.subject}' if row.subject else ''}",
        "analysis": {"state": "exploitable", "response": ["will_not_fix"], "detail": f"accepted: {row.reason}{ends}"},
        "affects": [{"ref": target}],
    }


def _properties(rows: Iterator[tuple[str, str]] | list[tuple[str, str]]) -> Iterator[Part]:
    return ({"name": f"modelguard:{name}", "value": value} for name, value in rows if value)
