"""TensorFlow Lite: operators, tensors and buffers in a FlatBuffer, with or without a zip archive behind it.

The interpreter trusts indices and offsets, so all of them are checked. Built-in operators compute; custom ones are
code that the program must bring, and those that begin with `Flex` are operators of full TensorFlow, which may read
files. Source: https://github.com/tensorflow/tensorflow/blob/master/tensorflow/lite/schema/schema.fbs
"""

from __future__ import annotations

from collections.abc import Iterator

from modelguard.formats._carriers import carried
from modelguard.formats._flatbuffer import Flat, Table
from modelguard.formats._tensorflow_ops import COMPUTING, REACHING
from modelguard.formats.format import Clue, Format, Walk
from modelguard.terms.artifact import Location, printable
from modelguard.terms.content import Content
from modelguard.terms.facts import Asks, Fact, Header, Malformed, Noted, Permission, Tensor

NAME = "tflite"
MODEL = {"version": 0, "codes": 1, "graphs": 2, "description": 3, "buffers": 4, "metadata": 6}
CODE = {"old": 0, "custom": 1, "builtin": 3}
GRAPH = {"tensors": 0, "inputs": 1, "outputs": 2, "operators": 3}
OPERATOR = {"code": 0, "inputs": 1, "outputs": 2, "options": 4, "large_start": 9, "large_size": 10}
TENSOR = {"shape": 0, "type": 1, "buffer": 2, "name": 3, "sparsity": 6}
BUFFER = {"data": 0, "start": 1, "size": 2}
METADATA = {"name": 0, "buffer": 1}

CUSTOM = 32
NEWEST_BUILTIN = 209
# Operators that run other subgraphs: the fields of their options that name them.
RUNNING: dict[int, tuple[int, ...]] = {118: (0, 1), 119: (0, 1), 129: (0,)}
# Custom operators that the interpreter's default set brings itself.
OWN_CUSTOM = frozenset({"TFLite_Detection_PostProcess", "NumericVerify", "AudioSpectrogram", "Mfcc"})

BITS: dict[int, tuple[str, int]] = {
    0: ("FLOAT32", 32), 1: ("FLOAT16", 16), 2: ("INT32", 32), 3: ("UINT8", 8), 4: ("INT64", 64), 5: ("STRING", 0),
    6: ("BOOL", 8), 7: ("INT16", 16), 8: ("COMPLEX64", 64), 9: ("INT8", 8), 10: ("FLOAT64", 64),
    11: ("COMPLEX128", 128), 12: ("UINT64", 64), 13: ("RESOURCE", 0), 14: ("VARIANT", 0), 15: ("UINT32", 32),
    16: ("UINT16", 16), 17: ("INT4", 4), 18: ("BFLOAT16", 16), 19: ("INT2", 2), 20: ("UINT4", 4),
}  # fmt: skip


def _accepts(content: Content) -> bool:
    return content.size >= 8 and content.read(4, 4) == b"TFL3"


def _read(content: Content, walk: Walk) -> Iterator[Fact]:
    at = content.location
    model = Flat(content, walk.budget).root()
    buffers = [_buffer(table) for table in model.tables(MODEL["buffers"])]
    for number, (start, size) in enumerate(buffers):
        if start + size > content.size:
            yield _malformed(at, "buffer", f"buffer {number} ends after the end of the file")
    codes = [_code(table) for table in model.tables(MODEL["codes"])]
    graphs = list(model.tables(MODEL["graphs"]))
    description = printable(model.text(MODEL["description"])[:1000])
    properties = {"version": str(model.number(MODEL["version"], 4)), "description": description}
    yield Header(location=at, format=NAME, properties={**properties, "subgraphs": str(len(graphs))})
    yield from carried(model.text(MODEL["description"]), at, "description", walk)
    used: dict[int, int] = {}
    runs: dict[int, set[int]] = {}
    for number, graph in enumerate(graphs):
        _, count = graph.span(GRAPH["tensors"], 4)
        yield from _tensors(graph, number, buffers, at)
        yield from _operators(graph, number, codes, count, used, runs, content)
    yield from _subgraphs(runs, len(graphs), at)
    yield from _custom(codes, used, at)
    yield from _metadata(model, len(buffers), at)


def _buffer(table: Table) -> tuple[int, int]:
    start, count = table.span(BUFFER["data"], 1)
    if count:
        return start, count
    outer, size = table.number(BUFFER["start"], 8), table.number(BUFFER["size"], 8)
    # Offsets of zero and one mean that the bytes are not outside the FlatBuffer.
    return (outer, size) if outer > 1 else (0, 0)


def _code(table: Table) -> tuple[int, str]:
    old, new = table.number(CODE["old"], 1, signed=True), table.number(CODE["builtin"], 4, signed=True)
    return max(old, new), table.text(CODE["custom"])


def _tensors(graph: Table, number: int, buffers: list[tuple[int, int]], at: Location) -> Iterator[Fact]:
    for table in graph.tables(GRAPH["tensors"]):
        name, index = printable(table.text(TENSOR["name"])[:1000]), table.number(TENSOR["buffer"], 4)
        shape = table.numbers(TENSOR["shape"], 4, most=64)
        kind = table.number(TENSOR["type"], 1)
        dtype, bits = BITS.get(kind, (f"type-{kind}", 0))
        if index >= len(buffers):
            yield _malformed(at, "buffer", f"tensor {name!r} is in buffer {index} of {len(buffers)}")
            continue
        start, size = buffers[index]
        for extent in shape:
            bits *= extent
        is_plain = bits and size and not table.table(TENSOR["sparsity"])
        if any(extent < 0 for extent in shape) or (is_plain and size != -(-bits // 8)):
            yield _malformed(at, "tensor", f"{name!r}: shape and type make {bits} bits, its buffer has {size} bytes")
        elif size and not number:
            yield Tensor(location=at, name=name, dtype=dtype, shape=shape, start=start, length=size)


def _operators(
    graph: Table, number: int, codes: list[tuple[int, str]], tensors: int, used: dict[int, int],
    runs: dict[int, set[int]], content: Content,
) -> Iterator[Fact]:  # fmt: skip
    at = content.location
    for operator in graph.tables(GRAPH["operators"]):
        code = operator.number(OPERATOR["code"], 4)
        if code >= len(codes):
            yield _malformed(at.at(operator.at), "operator", f"operator code {code} of {len(codes)}")
            continue
        used[code] = used.get(code, 0) + 1
        for index in (*operator.numbers(OPERATOR["inputs"], 4), *operator.numbers(OPERATOR["outputs"], 4)):
            if not -1 <= index < tensors:
                yield _malformed(at.at(operator.at), "operator", f"an operator names tensor {index} of {tensors}")
                break
        start, size = operator.number(OPERATOR["large_start"], 8), operator.number(OPERATOR["large_size"], 8)
        if start > 1 and start + size > content.size:
            yield _malformed(at.at(operator.at), "operator", "options that end after the end of the file")
        options = operator.table(OPERATOR["options"]) if codes[code][0] in RUNNING else None
        if options:
            fields = RUNNING[codes[code][0]]
            runs.setdefault(number, set()).update(options.number(one, 4, signed=True) for one in fields)


def _subgraphs(runs: dict[int, set[int]], count: int, at: Location) -> Iterator[Fact]:
    """Check that subgraphs which run others form no circle: the interpreter would never end."""
    for number, others in runs.items():
        if any(not 0 <= other < count for other in others):
            yield _malformed(at, "subgraph", f"subgraph {number} runs one of {sorted(others)}, there are {count}")
            return
    done, ready = 0, [number for number in range(count) if not runs.get(number)]
    waiting = {number: len(others) for number, others in runs.items()}
    users: dict[int, list[int]] = {}
    for number, others in runs.items():
        for other in others:
            users.setdefault(other, []).append(number)
    while ready:
        done += 1
        for user in users.get(ready.pop(), ()):
            waiting[user] -= 1
            if not waiting[user]:
                ready.append(user)
    if done < count:
        yield _malformed(at, "subgraph", f"{count - done} of {count} subgraphs run each other in a circle")


def _custom(codes: list[tuple[int, str]], used: dict[int, int], at: Location) -> Iterator[Fact]:
    for number, (builtin, custom) in enumerate(codes):
        times = f"{used.get(number, 0)} operators"
        if builtin > NEWEST_BUILTIN or builtin < 0:
            yield Noted(location=at, format=NAME, rule="tflite-newer-operator", detail=f"built-in operator {builtin}")
        if builtin != CUSTOM or custom in OWN_CUSTOM:
            continue
        permission, hazard, why = "custom-ops", "", "an operator that the program must bring"
        profiles: tuple[str, ...] = ()
        flex = custom.removeprefix("Flex") if custom.startswith("Flex") else ""
        if flex in REACHING:
            permission, hazard, why = REACHING[flex]
            why = f"{why}, through TensorFlow's Flex delegate"
        elif flex in COMPUTING:
            why, profiles = "an operator of full TensorFlow, through its Flex delegate", ("tflite-flex",)
        kind: Permission = permission  # type: ignore[assignment]  # rows of the table hold permissions
        name = printable(custom) or "CUSTOM"
        yield Asks(location=at, permission=kind, name=name, detail=f"{why} ({times})", hazard=hazard, profiles=profiles)


def _metadata(model: Table, buffers: int, at: Location) -> Iterator[Fact]:
    names = []
    for table in model.tables(MODEL["metadata"]):
        names.append(printable(table.text(METADATA["name"])[:200]))
        if table.number(METADATA["buffer"], 4) >= buffers:
            yield _malformed(at, "buffer", f"metadata {names[-1]!r} is in a buffer that is not there")
    if names:
        yield Header(location=at, format=NAME, properties={"metadata": ", ".join(names[:50])})


def _malformed(location: Location, rule: str, detail: str) -> Malformed:
    return Malformed(location=location, format=NAME, rule=f"{NAME}-{rule}", detail=detail)


FORMAT = Format(
    name=NAME,
    title="TensorFlow Lite",
    reads="every operator, tensor, buffer and subgraph",
    looks_for="indices and offsets that do not fit, custom operators, TensorFlow operators that reach out",
    clue=Clue(begins=rb".{4}TFL3"),
    accepts=_accepts,
    read=_read,
    endings=(".tflite", ".lite"),
)
