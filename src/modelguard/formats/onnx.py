"""ONNX: a graph of operators in protocol buffers, with its numbers inside or in files beside it.

What can leave the graph: external data whose location climbs out of the model's directory (CVE-2022-25882,
CVE-2024-27318, CVE-2026-27489 and siblings) or names an address in memory, operators of a domain that only a plug-in
implements, operators that call Python, and compiled contexts. All of it may stand in any subgraph, function, sparse
tensor, attribute or training graph, so every message is visited.
"""

from __future__ import annotations

from collections.abc import Iterator

from attrs import define, field

from modelguard.formats import _onnx_schema as schema
from modelguard.formats._carriers import carried
from modelguard.formats._protobuf import Message, Wire, first_bytes, has_shape
from modelguard.formats._references import reference, target_of
from modelguard.formats.format import Clue, Format, Walk
from modelguard.terms.artifact import Location, printable
from modelguard.terms.content import Content
from modelguard.terms.facts import Asks, Fact, Header, Malformed, Noted, Permission, Tensor
from modelguard.terms.words import counted

NAME = "onnx"
LARGEST = (1 << 63) - 1
NEWEST_IR = 14
EXTERNAL_KEYS = frozenset({"location", "offset", "length", "checksum", "basepath"})
# onnxruntime reads tensors at this "location" from the process's own memory, at the address given as offset.
MEMORY_LOCATION = "*/_ORT_MEM_ADDR_/*"
# A model may carry options for its own session; onnxruntime obeys when an environment variable is set.
SESSION_KEYS = frozenset({"ort_config"})


@define
class _Seen:
    """What has been met on the way through the messages of one file."""

    operators: dict[tuple[str, str], tuple[int, int]] = field(factory=dict)
    functions: set[tuple[str, str]] = field(factory=set)
    opsets: dict[str, int] = field(factory=dict)
    locations: set[str] = field(factory=set)
    nodes: int = 0


def _accepts(content: Content) -> bool:
    return content.head(1) != b"" and (
        has_shape(content, schema.MODEL_SHAPE, frozenset({1, 7}))
        or has_shape(content, schema.MODEL_SHAPE, frozenset({7, 8}))
    )


def _read(content: Content, walk: Walk) -> Iterator[Fact]:
    seen = _Seen()
    wire = Wire(content, walk.budget)
    entries: list[tuple[str, str]] = []
    tensor: Message | None = None
    for message in wire.messages(schema.SCHEMA, "model"):
        if tensor is not None and message.above[-1:] != ("tensor",):
            yield from _tensor(tensor, entries, content.location, seen, walk)
            tensor, entries = None, []
        match message.kind:
            case "model":
                yield from _model(message, content.location)
            case "tensor":
                tensor = message
            case "external":
                entries.extend(_entries(message))
            case "metadata":
                yield from _metadata(message, content.location, walk)
            case "node":
                yield from _node(message, content.location, seen)
            case "function":
                yield from _function(message, content.location, seen)
            case "opset":
                seen.opsets[message.text(schema.OPSET["domain"])] = message.number(schema.OPSET["version"])
            case "attribute":
                yield from _attribute(message, content.location, walk)
    if tensor is not None:
        yield from _tensor(tensor, entries, content.location, seen, walk)
    yield from _operators(seen, content.location)
    opsets = ", ".join(f"{printable(domain) or 'ai.onnx'} {version}" for domain, version in sorted(seen.opsets.items()))
    properties = {"operator-sets": opsets, "nodes": str(seen.nodes)}
    yield Header(location=content.location, format=NAME, properties=properties)


def _model(message: Message, at: Location) -> Iterator[Fact]:
    version = message.number(schema.MODEL["ir"])
    properties = {"ir-version": str(version)}
    for key in ("producer", "producer_version", "domain"):
        properties[key.replace("_", "-")] = printable(message.text(schema.MODEL[key])[:1000])
    yield Header(location=at, format=NAME, properties=properties)
    if version > NEWEST_IR:
        detail = f"intermediate representation {version}; {NEWEST_IR} is the newest known"
        yield Noted(location=at, format=NAME, rule="onnx-newer-version", detail=detail)


def _entries(message: Message) -> list[tuple[str, str]]:
    """Return the key-value pairs that readers may see in one entry: every key with every value, if any is doubled."""
    keys = message.texts(schema.ENTRY["key"]) or ("",)
    values = message.texts(schema.ENTRY["value"]) or ("",)
    return [(key, value) for key in keys for value in values]


def _metadata(message: Message, at: Location, walk: Walk) -> Iterator[Fact]:
    for key, value in _entries(message):
        if message.above == ("model",):
            properties = {printable(key[:200]): printable(value[:1000])}
            yield Header(location=at, format=NAME, properties=properties)
        if key in SESSION_KEYS:
            detail = "options for the session that runs the model, read when ORT_LOAD_CONFIG_FROM_MODEL is set"
            yield Asks(location=at.at(message.start), permission="configuration", name=key, detail=detail)
        yield from carried(value, at, f"metadata.{key}", walk)


def _node(message: Message, at: Location, seen: _Seen) -> Iterator[Fact]:
    seen.nodes += 1
    operators, domains = message.texts(schema.NODE["operator"]), message.texts(schema.NODE["domain"])
    if len(operators) != 1 or len(domains) > 1:
        detail = (
            f"a node with {len(operators)} operators and {len(domains)} domains: readers take the first or the last"
        )
        yield _malformed(at.at(message.start), "node", detail)
    for operator in operators:
        for domain in domains or ("",):
            count, first = seen.operators.get((domain, operator), (0, message.start))
            seen.operators[domain, operator] = (count + 1, first)


def _function(message: Message, at: Location, seen: _Seen) -> Iterator[Fact]:
    for domain in message.texts(schema.FUNCTION["domain"]) or ("",):
        for name in message.texts(schema.FUNCTION["name"]):
            seen.functions.add((domain, name))
            if domain in schema.STANDARD_DOMAINS:
                detail = f"the model defines {printable(name)!r} of the standard's own domain anew"
                yield _malformed(at.at(message.start), "function-shadows-operator", detail)


def _attribute(message: Message, at: Location, walk: Walk) -> Iterator[Fact]:
    """Look into a context's attribute for the path of a compiled program. Its node asks for permission anyway."""
    if message.above[-1] != "node" or message.text(schema.ATTRIBUTE["name"]) != "ep_cache_context":
        return
    for text in message.texts(schema.ATTRIBUTE["text"], limit=1 << 31):
        if len(text) <= 4096 and text.isprintable():  # embedded programs are long and not text
            yield from reference(text, at.at(message.start), walk, what="the program of an EPContext node")


def _operators(seen: _Seen, at: Location) -> Iterator[Fact]:
    for (domain, operator), (count, first) in sorted(seen.operators.items()):
        place, name = at.at(first), printable(f"{domain}.{operator}" if domain else operator)
        times = counted(count, "node")
        if (domain, operator) in schema.REACHING_OPERATORS:
            permission, hazard, why = schema.REACHING_OPERATORS[domain, operator]
            yield _asks(place, permission, name, f"{why} ({times})", hazard)
        elif (domain, operator) in seen.functions:
            continue  # its body was visited
        elif operator.startswith(schema.PYTHON_OPERATORS):
            yield _asks(place, "custom-ops", name, f"calls Python ({times})", "code-execution")
        elif domain not in schema.KNOWN_DOMAINS:
            yield _asks(place, "custom-ops", name, f"only a plug-in implements this domain ({times})")


def _tensor(message: Message, entries: list[tuple[str, str]], at: Location, seen: _Seen, walk: Walk) -> Iterator[Fact]:
    place = at.at(message.start)
    name = printable(message.text(schema.TENSOR["name"])[:1000])
    dims = message.numbers(schema.TENSOR["dims"])
    dtype, bits = schema.BITS.get(message.number(schema.TENSOR["type"]), ("", 0))
    for extent in dims:
        bits *= extent
    if any(extent > LARGEST for extent in dims) or bits > LARGEST * 8:
        yield _malformed(place, "tensor-shape", f"{name!r}: a negative size, or a product that overflows")
        return
    length = -(-bits // 8)
    if entries or message.number(schema.TENSOR["place"]) == schema.EXTERNAL_PLACE:
        yield from _external(entries, name, length if dtype else -1, place, seen, walk)
    raw = message.fields.get(schema.TENSOR["raw"], [])
    for piece in raw:
        if dtype and piece.length != length:
            detail = f"{name!r}: shape and type make {length} bytes, {piece.length} are there"
            yield _malformed(place, "tensor-size", detail)
    if dtype and len(raw) == 1 and message.above == ("model", "graph"):
        yield Tensor(location=at, name=name, dtype=dtype, shape=dims, start=raw[0].start, length=raw[0].length)


def _external(
    entries: list[tuple[str, str]], name: str, expected: int, at: Location, seen: _Seen, walk: Walk
) -> Iterator[Fact]:
    keys = [key for key, _ in entries]
    if keys.count("location") != 1 or len(set(keys)) < len(keys):
        yield _malformed(at, "external-data", f"{name!r}: expected one location and no key twice, found {keys[:10]}")
    for key, value in entries:
        if key == "location" and value == MEMORY_LOCATION:
            yield _asks(at, "external-files", value, f"{name!r} is read from the memory of the process", "memory-read")
        elif key == "location":
            if value not in seen.locations:
                seen.locations.add(value)
                yield from reference(value, at, walk, what=f"external data of {name!r}", raw=True)
            if not at.members and target_of(at, value) == at.path:
                yield _malformed(at, "external-data", f"{name!r} lies in the model's own file")
        elif key in ("offset", "length"):
            yield from _external_number(key, value, expected, name, at)
        elif key == "basepath" and value:
            yield from reference(value, at, walk, what=f"base directory of {name!r}")
        elif key not in EXTERNAL_KEYS:
            yield Noted(
                location=at, format=NAME, rule="onnx-external-key", detail=f"{name!r}: {printable(key[:100])!r}"
            )


def _external_number(key: str, value: str, expected: int, name: str, at: Location) -> Iterator[Fact]:
    if not (value.isascii() and value.isdigit() and len(value) < 20 and int(value) <= LARGEST):
        yield _malformed(at, "external-data", f"{name!r}: {key} is {printable(value[:100])!r}, not a number of bytes")
    elif key == "length" and expected >= 0 and int(value) != expected:
        detail = f"{name!r}: shape and type make {expected} bytes, the length is {value}"
        yield _malformed(at, "external-data", detail)


def _asks(location: Location, permission: str, name: str, detail: str, hazard: str = "") -> Asks:
    kind: Permission = permission  # type: ignore[assignment]  # rows of the table hold permissions
    return Asks(location=location, permission=kind, name=name, detail=detail, hazard=hazard)


def _malformed(location: Location, rule: str, detail: str) -> Malformed:
    return Malformed(location=location, format=NAME, rule=f"{NAME}-{rule}", detail=detail)


FORMAT = Format(
    name=NAME,
    title="ONNX",
    reads="every message: graphs, subgraphs, functions, training graphs, tensors, metadata",
    looks_for="external data outside the model, operators of plug-ins, Python operators, compiled contexts",
    clue=Clue(first=first_bytes(schema.MODEL_SHAPE)),
    accepts=_accepts,
    read=_read,
    endings=(".onnx",),
)
