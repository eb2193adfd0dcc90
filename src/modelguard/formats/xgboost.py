"""XGBoost models as JSON or UBJSON: trees as parallel arrays, in which one index leads to the next.

The library reads the arrays without comparing their lengths everywhere, so that lengths and indices are checked.
The older binary form has a reader of its own. Source: https://xgboost.readthedocs.io/en/stable/tutorials/saving_model.html
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterator
from typing import Any

from modelguard.formats._json import objects, read_json
from modelguard.formats._ubjson import read_ubjson
from modelguard.formats.format import SPACES, Clue, Format, Walk
from modelguard.terms.artifact import Location, printable
from modelguard.terms.content import Content
from modelguard.terms.facts import Fact, Header, Malformed

NAME = "xgboost"
LARGEST = 1 << 30
_JSON = re.compile(rb'\s*\{\s*"(?:learner|Config|version)"\s*:\s*[\[{]')
_BINARY = re.compile(rb"\{[iUIlL].{1,8}(?:learner|Config|version)[\[{]", re.DOTALL)

# Arrays of a tree with one item per node.
NODES = ("left_children", "right_children", "parents", "split_indices", "split_conditions", "default_left")
NO_NODE = (-1, 2_147_483_647)  # a leaf has no child, the root has no parent


def _accepts(content: Content) -> bool:
    head = content.head(256)
    if _BINARY.match(head):
        return True
    return _JSON.match(head) is not None and b'"learner"' in content.head(1 << 16) + content.tail(1 << 16)


def _read(content: Content, walk: Walk) -> Iterator[Fact]:
    at = content.location
    if _BINARY.match(content.head(256)):
        value, end = read_ubjson(content, walk.budget)
        if end < content.size:
            detail = f"{content.size - end} bytes after the model"
            yield _malformed(at.at(end), "trailing-data", detail)
            yield from walk.inside(content.part(end, content.size - end, "trailing-data"))
    else:
        document = read_json(content, limit=LARGEST)
        yield from document.remarks(content, NAME)
        value = [document.value, *document.lost] if document.lost else document.value
    yield _header(value, at)
    for number, tree in enumerate(tree for _, tree in objects(value) if "left_children" in tree):
        walk.budget.spend_time()
        yield from _tree(tree, number, at)


def _header(value: Any, at: Location) -> Header:
    top = value if isinstance(value, dict) else {}
    learner = top.get("learner") if isinstance(top.get("learner"), dict) else {}
    objective = learner.get("objective") if isinstance(learner, dict) else {}
    version = top.get("version")
    shown = ".".join(str(part) for part in version) if isinstance(version, list | array) else ""
    name = objective.get("name") if isinstance(objective, dict) else ""
    properties = {"version": printable(shown[:50]), "objective": printable(str(name)[:100])}
    return Header(location=at, format=NAME, properties=properties)


def _tree(tree: dict[str, Any], number: int, at: Location) -> Iterator[Fact]:
    arrays = {key: tree[key] for key in NODES if key in tree}
    if any(not isinstance(value, list | array) for value in arrays.values()):
        yield _malformed(at, "tree", f"tree {number}: {', '.join(arrays)} are not all lists")
        return
    lengths = {len(value) for value in arrays.values()}
    parameters = tree.get("tree_param")
    declared = parameters.get("num_nodes") if isinstance(parameters, dict) else None
    if declared is not None and str(declared).isdigit():
        lengths.add(int(str(declared)[:18]))
    if len(lengths) != 1:
        yield _malformed(at, "tree", f"tree {number}: arrays of different lengths, {sorted(lengths)[:8]}")
        return
    size = lengths.pop()
    for key in ("left_children", "right_children", "parents"):
        wrong = [str(index) for index in arrays.get(key, ()) if not _leads_within(index, size)]
        if wrong:
            detail = f"tree {number}: {key} leads to {printable(wrong[0][:50])} of {size} nodes"
            yield _malformed(at, "tree", detail)
    features = [str(index) for index in arrays.get("split_indices", ()) if type(index) is not int or index < 0]
    if features:
        yield _malformed(at, "tree", f"tree {number}: splits at feature {printable(features[0][:50])}")


def _leads_within(index: object, size: int) -> bool:
    return type(index) is int and (0 <= index < size or index in NO_NODE)


def _malformed(location: Location, rule: str, detail: str) -> Malformed:
    return Malformed(location=location, format=NAME, rule=f"{NAME}-{rule}", detail=detail)


FORMAT = Format(
    name=NAME,
    title="XGBoost",
    reads="the whole model, as JSON or UBJSON; every array of every tree",
    looks_for="trees whose arrays do not fit together or lead outside, keys that stand twice",
    clue=Clue(first=SPACES + b"{"),
    accepts=_accepts,
    read=_read,
    endings=(".ubj", ".xgb"),
)
