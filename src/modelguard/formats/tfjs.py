"""TensorFlow.js models: `model.json`, a graph or a Keras network, and the files with its numbers.

The numbers lie in files that the manifest names by path; the loader fetches each, from wherever the path leads.
Operators that are not the library's own have to be registered by whoever loads the model. The layers of a network are
read by the format of Keras configurations.
Source: https://www.tensorflow.org/js/guide/save_load
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from modelguard.formats._json import objects, read_json
from modelguard.formats._references import reference
from modelguard.formats._tensorflow_ops import COMPUTING, REACHING
from modelguard.formats.format import SPACES, Clue, Format, Walk
from modelguard.terms.artifact import Location, printable
from modelguard.terms.content import Content
from modelguard.terms.facts import Asks, Fact, Header, Malformed, Permission, Tensor

NAME = "tfjs"
LARGEST = 64 << 20
LARGEST_TENSOR = (1 << 63) - 1
_BEGINS = re.compile(rb"\s*\{\s*\"")
_KEYS = (b'"weightsManifest"', b'"modelTopology"')
_MARK = re.compile(rb'"format"\s*:\s*"(?:graph-model|layers-model)"')

# Operators into which the converter of TensorFlow.js joins others.
_JOINED = frozenset(
    {"_FusedConv2D", "_FusedMatMul", "FusedDepthwiseConv2dNative", "Prelu", "_FusedDepthwiseConv2dNative"}
)

# Element type -> bytes; with quantization, what is stored is of the other type.
_BYTES = {"float32": 4, "int32": 4, "bool": 1, "uint8": 1, "uint16": 2, "float16": 2, "complex64": 8, "string": 0}


def _accepts(content: Content) -> bool:
    if content.size > LARGEST or not _BEGINS.match(content.head(64)):
        return False
    found = content.head(1 << 16) + content.tail(1 << 16)
    return _KEYS[0] in found and (_KEYS[1] in found or _MARK.search(found) is not None)


def _read(content: Content, walk: Walk) -> Iterator[Fact]:
    document = read_json(content, limit=LARGEST)
    yield from document.remarks(content, NAME)
    value = document.value if isinstance(document.value, dict) else {}
    shown = {key: printable(str(value.get(key))[:200]) for key in ("format", "generatedBy", "convertedBy")}
    yield Header(location=content.location, format=NAME, properties=shown)
    for top in (value, *(lost for lost in document.lost if isinstance(lost, dict))):
        yield from _manifest(top.get("weightsManifest"), content.location, walk)
        for graph in (top.get("modelTopology"), top.get("modelInitializer")):
            if isinstance(graph, dict) and ("node" in graph or "library" in graph):
                yield from _operators(graph, content.location)


def _manifest(manifest: Any, at: Location, walk: Walk) -> Iterator[Fact]:
    for number, group in enumerate(manifest if isinstance(manifest, list) else ()):
        if not isinstance(group, dict):
            yield _malformed(at, "manifest", f"group {number} of the manifest is no object")
            continue
        paths, weights = group.get("paths"), group.get("weights")
        for path in paths if isinstance(paths, list) else ():
            if isinstance(path, str):
                yield from reference(path, at, walk, what=f"numbers of group {number}", raw=True)
            else:
                yield _malformed(at, "manifest", f"group {number} names a path that is no text")
        yield from _weights(weights, at)


def _weights(weights: Any, at: Location) -> Iterator[Fact]:
    start = 0
    for weight in weights if isinstance(weights, list) else ():
        shape = weight.get("shape") if isinstance(weight, dict) else None
        dtype = weight.get("dtype") if isinstance(weight, dict) else None
        quantized = weight.get("quantization") if isinstance(weight, dict) else None
        stored = quantized.get("dtype", dtype) if isinstance(quantized, dict) else dtype
        if not isinstance(shape, list) or not isinstance(stored, str) or stored not in _BYTES:
            yield _malformed(at, "weight", f"a weight without a shape or a known type: {printable(str(weight)[:200])}")
            return
        length = _BYTES[stored]
        for extent in shape:
            if type(extent) is not int or extent < 0:
                yield _malformed(at, "weight", f"a shape that is none: {printable(str(shape)[:200])}")
                return
            length *= extent
        if length > LARGEST_TENSOR:
            yield _malformed(at, "weight", f"a product that overflows: {printable(str(shape)[:200])}")
            return
        name = printable(str(weight.get("name"))[:1000])
        yield Tensor(location=at, name=name, dtype=stored, shape=tuple(shape), start=start, length=length)
        start += length


def _operators(graph: dict[str, Any], at: Location) -> Iterator[Fact]:
    operators: dict[str, int] = {}
    functions: set[str] = set()
    for _, value in objects(graph):
        operator, signature = value.get("op"), value.get("signature")
        if isinstance(operator, str):
            operators[operator] = operators.get(operator, 0) + 1
        if isinstance(signature, dict) and isinstance(signature.get("name"), str):
            functions.add(signature["name"])
    for name, count in sorted(operators.items()):
        if name in COMPUTING or name in _JOINED or (name in functions and name not in REACHING):
            continue
        own = ("custom-ops", "", "an operator that whoever loads the model has to register")
        permission, hazard, why = REACHING.get(name, own)
        kind: Permission = permission  # type: ignore[assignment]  # rows of the table hold permissions
        yield Asks(location=at, permission=kind, name=printable(name), detail=f"{why} ({count} nodes)", hazard=hazard)


def _malformed(at: Location, rule: str, detail: str) -> Malformed:
    return Malformed(location=at, format=NAME, rule=f"{NAME}-{rule}", detail=detail)


FORMAT = Format(
    name=NAME,
    title="TensorFlow.js",
    reads="the manifest of numbers and every operator of a graph",
    looks_for="files of numbers outside the model or at addresses, operators that need code or reach beyond numbers",
    clue=Clue(first=SPACES + b"{"),
    accepts=_accepts,
    read=_read,
)
