"""Assembles TensorFlow graphs and SavedModels at wire level, so that no test needs TensorFlow."""

from __future__ import annotations

from protobuf_builders import lump, number


def node(name: str, operator: str, *inputs: str, calls: str = "", text: str = "", attribute: str = "value") -> bytes:
    body = lump(1, name) + lump(2, operator) + b"".join(lump(3, one) for one in inputs)
    if calls:
        body += lump(5, lump(1, "f") + lump(2, lump(10, lump(1, calls))))
    if text:
        body += lump(5, lump(1, attribute) + lump(2, lump(2, text)))
    return body


def constant(name: str, text: str) -> bytes:
    tensor = number(1, 7) + lump(8, text)
    return lump(1, name) + lump(2, "Const") + lump(5, lump(1, "value") + lump(2, lump(8, tensor)))


def function(name: str, *nodes: bytes) -> bytes:
    return lump(1, lump(1, name)) + b"".join(lump(3, one) for one in nodes)


def graph(*nodes: bytes, functions: tuple[bytes, ...] = ()) -> bytes:
    library = lump(2, b"".join(lump(1, one) for one in functions)) if functions else b""
    return b"".join(lump(1, one) for one in nodes) + library


def signature(key: str, *tensors: str) -> bytes:
    outputs = b"".join(lump(2, lump(1, "out") + lump(2, lump(1, one))) for one in tensors)
    return lump(5, lump(1, key) + lump(2, outputs))


def asset(path: str, tensor: str = "asset:0") -> bytes:
    return lump(6, lump(1, lump(1, tensor)) + lump(2, path))


def saved_model(graph_body: bytes, *rest: bytes) -> bytes:
    info = lump(1, lump(4, "serve") + lump(5, "2.15.0"))
    return number(1, 1) + lump(2, info + lump(2, graph_body) + b"".join(rest))


def saver(*save_nodes: bytes, prefix: str = "saver_filename") -> tuple[bytes, tuple[bytes, ...]]:
    """What TensorFlow 2 writes for saving: the calls in the graph, and the function that saves."""
    save = function(
        "__inference__traced_save_1",
        constant("Const", ".part"),
        constant("Const_1", "_temp/part"),
        node("Select", "Select", "StaticRegexFullMatch:output:0", "Const:output:0", "Const_1:output:0"),
        node("StringJoin", "StringJoin", "file_prefix", "Select:output:0"),
        node("ShardedFilename", "ShardedFilename", "StringJoin:output:0", "shard:output:0", "num:output:0"),
        node("SaveV2", "SaveV2", "ShardedFilename:filename:0", "names:output:0"),
        node("Merge", "MergeV2Checkpoints", "ShardedFilename:filename:0", "file_prefix"),
        *save_nodes,
    )
    calls = graph(
        node("saver_filename", "Placeholder"),
        node("StatefulPartitionedCall_1", "StatefulPartitionedCall", prefix, calls="__inference__traced_save_1"),
        functions=(save,),
    )
    return calls, (save,)
