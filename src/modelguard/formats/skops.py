"""skops: scikit-learn models as a zip archive whose `schema.json` names every class and function to be looked up.

The schema is a program of look-ups like a pickle, so its names are written down as imports and judged by the same
tables. The zip format reads the archive; each array in it is read by the numpy format. A schema can say one thing
and have another called (CVE-2025-54412, CVE-2025-54413), which is why a method counts as class and method together.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from modelguard.formats._json import objects, read_json
from modelguard.formats._skops_methods import method_faults
from modelguard.formats._zip_archive import member_names
from modelguard.formats.format import SPACES, Clue, Format, Walk
from modelguard.picklevm.knowledge.lookup import grants_for, hazard_of, may_be_kept
from modelguard.terms.artifact import Location, printable
from modelguard.terms.content import CHUNK, Content
from modelguard.terms.facts import Asks, Fact, Header, Import, Malformed

NAME = "skops"
LARGEST = 256 << 20
_SCHEMA = re.compile(rb'"_skops_version"')

LOADERS = frozenset(
    {"BytearrayNode", "BytesNode", "CachedNode", "ConstructorFromReduceNode", "DTypeNode", "DefaultDictNode",
     "DictNode", "FunctionNode", "JsonNode", "ListNode", "LossNode", "MaskedArrayNode", "MethodNode", "NdArrayNode",
     "ObjectNode", "OperatorFuncNode", "PartialNode", "QuantileForestNode", "RandomGeneratorNode", "RandomStateNode",
     "SGDNode", "SetNode", "SliceNode", "SparseMatrixNode", "TreeNode", "TupleNode", "TypeNode",
     "_DictWithDeprecatedKeysNode"}
)  # fmt: skip
"""How skops 0.16 and its older protocols make objects."""

DATA_LOADERS = frozenset({"JsonNode", "CachedNode", "SliceNode", "DTypeNode"})
"""Loaders that look nothing up: they make plain values whatever class stands beside."""

GENERATORS: dict[tuple[str, str, str], tuple[str, ...]] = {
    ("RandomStateNode", "numpy.random.mtrand", "RandomState"): ("numpy",),
    ("RandomGeneratorNode", "numpy.random._generator", "Generator"): ("numpy",),
}
"""Classes that a pickle makes through a helper of NumPy, but skops by their own name; they only hold numbers."""


def _accepts(content: Content) -> bool:
    if content.head(2) == b"PK":
        return "schema.json" in member_names(content)
    return (
        content.size <= LARGEST
        and content.head(64).lstrip()[:1] == b"{"
        and any(_SCHEMA.search(chunk) for chunk in (content.head(CHUNK), content.tail(CHUNK)))
    )


def _read(content: Content, walk: Walk) -> Iterator[Fact]:
    if content.head(2) == b"PK":
        yield Header(location=content.location, format=NAME, properties={"schema": "schema.json"})
        return
    document = read_json(content, limit=LARGEST)
    yield from document.remarks(content, NAME)
    top = document.value if isinstance(document.value, dict) else {}
    shown = {key.strip("_"): printable(str(top.get(key, ""))[:100]) for key in ("_skops_version", "protocol")}
    yield Header(location=content.location, format=NAME, properties=shown)
    seen: set[tuple[str, str, str]] = set()
    for value in (document.value, *document.lost):
        for path, node in objects(value):
            walk.budget.spend_time()
            if "__loader__" in node or "__class__" in node:
                yield from _node(node, path, content.location, seen)
        for detail in method_faults(value):
            yield Malformed(location=content.location, format=NAME, rule="skops-method", detail=printable(detail))


def _node(node: dict[str, Any], path: str, at: Location, seen: set[tuple[str, str, str]]) -> Iterator[Fact]:
    loader, module, name = (node.get(key) for key in ("__loader__", "__module__", "__class__"))
    if not isinstance(loader, str) or loader not in LOADERS:
        detail = f"an object that no known loader of skops makes (at {path or 'the top'})"
        shown = f"skops-loader {loader}"[:200]
        yield Asks(location=at, permission="configuration", name=printable(shown), detail=detail)
    if loader == "OperatorFuncNode" and module != "operator":
        detail = f"a function of operator that claims to be of {module!r} (at {path}), as in CVE-2025-54412"
        yield Malformed(location=at, format=NAME, rule="skops-operator", detail=printable(detail))
        yield from _import("operator", str(name), at, seen)
    if isinstance(loader, str) and loader in DATA_LOADERS:
        return
    if not isinstance(module, str) or not isinstance(name, str):
        yield Malformed(location=at, format=NAME, rule="skops-node", detail=f"no module and class at {path}")
        return
    yield from _import(module, name, at, seen, GENERATORS.get((str(loader), module, name), ()))
    content = node.get("content")
    if loader == "MethodNode" and isinstance(content, dict):
        owner = content.get("obj")
        held = (owner.get("__module__"), owner.get("__class__")) if isinstance(owner, dict) else (module, name)
        for pair in {(module, name), (str(held[0]), str(held[1]))}:
            yield from _import(pair[0], f"{pair[1]}.{content.get('func')}", at, seen)


def _import(
    module: str, name: str, at: Location, seen: set[tuple[str, str, str]], granted: tuple[str, ...] = ()
) -> Iterator[Fact]:
    if (NAME, module, name) in seen:
        return
    seen.add((NAME, module, name))
    hazard = hazard_of(module, name)
    grants = grants_for(module, name) if may_be_kept(module, name) else ()  # the rule for its calls is for pickles
    yield Import(
        location=at, module=module, name=name, profiles=grants or granted,
        hazard=hazard.danger if hazard else "", why=hazard.why if hazard else "",
    )  # fmt: skip


FORMAT = Format(
    name=NAME,
    title="skops",
    reads="every object of the schema, at any depth; the zip and numpy formats read the rest",
    looks_for="classes and functions that no profile grants, methods, loaders that do not exist",
    clue=Clue(first=SPACES + b"P{"),
    accepts=_accepts,
    read=_read,
    endings=(".skops",),
)
