"""How much of the G7's minimum elements a bill tells: each of the 50 elements, filled in or unknown, for each model.

The elements are those of "Software Bill of Materials (SBOM) for Artificial Intelligence - Minimum Elements", G7
Cybersecurity Working Group, published by the BSI on 2026-05-12
(https://www.bsi.bund.de/SharedDocs/Downloads/EN/BSI/KI/SBOM-for-AI_minimum-elements.pdf), by their names in the
vocabulary https://w3id.org/sbom/req/g7ai/. They bind nobody, and a count of them says nothing about whether a model is
fit for use.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from textwrap import fill
from typing import Any

from attrs import asdict, frozen

from modelguard.bom.cyclonedx import Part, as_object, model_ref
from modelguard.bom.material import Bill
from modelguard.terms.artifact import printable

SCHEMA = "modelguard/coverage/1"

# cluster, element, where a bill has it: a path from the document (/), from the model's component (.), or from a dataset
# of the model (#). An empty path is what neither a lock nor a card can tell; people have to.
ELEMENTS: tuple[tuple[str, str, str], ...] = (
    ("metadata", "SBOM author", "/metadata/authors"),
    ("metadata", "SBOM version", "/version"),
    ("metadata", "SBOM data format name", "/bomFormat"),
    ("metadata", "SBOM data format version", "/specVersion"),
    ("metadata", "SBOM author signature", "/signature"),
    ("metadata", "SBOM tool name", "/metadata/tools/components"),
    ("metadata", "SBOM tool version", "/metadata/tools/components"),
    ("metadata", "SBOM generation context", "/metadata/lifecycles"),
    ("metadata", "SBOM timestamp", "/metadata/timestamp"),
    ("metadata", "SBOM dependency relationship", "/dependencies"),
    ("system", "system name", "/metadata/component/name"),
    ("system", "system components", "/components"),
    ("system", "system producer", ""),
    ("system", "system version", ""),
    ("system", "system timestamp", ""),
    ("system", "system data flow", ""),
    ("system", "system data usage", ""),
    ("system", "system input/output properties", ""),
    ("system", "intended application area", ""),
    ("models", "model name", ".name"),
    ("models", "model identifier", ".purl"),
    ("models", "model version", ".version"),
    ("models", "model timestamp", ".properties/modelguard:revision-date"),
    ("models", "model producer", ".supplier"),
    ("models", "model description", ""),
    ("models", "model hash value", ".components"),
    ("models", "model hash algorithm", ".components"),
    ("models", "model properties", ".modelCard/modelParameters"),
    ("models", "model input/output properties", ".modelCard/modelParameters/task"),
    ("models", "model training properties", ""),
    ("models", "model license", ".licenses"),
    ("models", "model external references", ".externalReferences"),
    ("datasets", "dataset name", "#name"),
    ("datasets", "dataset description", ""),
    ("datasets", "dataset content", ""),
    ("datasets", "dataset identifier", "#data"),
    ("datasets", "dataset hash", ""),
    ("datasets", "dataset provenance", ""),
    ("datasets", "dataset statistical properties", ""),
    ("datasets", "dataset sensitivity", ""),
    ("datasets", "dataset dependency relationship", "#bom-ref"),
    ("datasets", "dataset license", ""),
    ("infrastructure", "infrastructure software", ""),
    ("infrastructure", "infrastructure hardware", ""),
    ("security", "security controls", ""),
    ("security", "security compliance", ""),
    ("security", "cybersecurity policy information", ""),
    ("security", "vulnerability referencing", "/vulnerabilities"),
    ("performance", "security metrics", ""),
    ("performance", "operational performance KPIs", ".modelCard/quantitativeAnalysis/performanceMetrics"),
)


@frozen(kw_only=True)
class Covered:
    """Whether a bill tells an element about a model."""

    model: str
    cluster: str
    element: str
    known: bool


def coverage(bill: Bill) -> list[Covered]:
    """Return one row for each model and element, in the order of the document."""
    document = as_object(bill)
    by_ref = {one["bom-ref"]: one for one in document["components"]}
    found = []
    for material in bill.materials:
        component = by_ref[model_ref(material)]
        datasets = [by_ref[f"dataset:{name}"] for name in material.card.datasets]
        for cluster, element, path in ELEMENTS:
            known = _is_told(path, document, component, datasets)
            found.append(Covered(model=material.entry.id, cluster=cluster, element=element, known=known))
    return found


def _is_told(path: str, document: Part, component: Part, datasets: list[Part]) -> bool:
    root, steps = path[:1], path[1:].split("/")
    if root == "#":
        return bool(datasets) and all(_at(one, steps) for one in datasets)
    return bool(root) and bool(_at(document if root == "/" else component, steps))


def _at(part: Any, steps: list[str]) -> Any:
    for step in steps:
        if isinstance(part, list):
            part = {row["name"]: row["value"] for row in part}
        part = part.get(step) if isinstance(part, dict) else None
    return part


def as_json(rows: list[Covered]) -> str:
    return json.dumps({"schema": SCHEMA, "elements": [asdict(row) for row in rows]}, indent=2, sort_keys=True) + "\n"


def as_text(rows: list[Covered]) -> str:
    """Return a count for each model and cluster, and what is unknown."""
    return "\n".join(_lines(rows)) + "\n"


def _lines(rows: list[Covered]) -> Iterator[str]:
    clusters = list(dict.fromkeys(cluster for cluster, _, _ in ELEMENTS))
    for model in dict.fromkeys(row.model for row in rows):
        mine = [row for row in rows if row.model == model]
        yield f"{printable(model)}: {sum(row.known for row in mine)} of {len(mine)} elements are known"
        for cluster in clusters:
            here = [row for row in mine if row.cluster == cluster]
            missing = ", ".join(row.element for row in here if not row.known)
            yield f"  {cluster:14} {sum(row.known for row in here):2} of {len(here):2}"
            if missing:
                yield fill(f"unknown: {missing}", 80, initial_indent=" " * 6, subsequent_indent=" " * 15)
        yield ""
    yield "Minimum elements of the G7 for AI (BSI, 2026-05-12); they bind nobody. People have to tell what is unknown."
