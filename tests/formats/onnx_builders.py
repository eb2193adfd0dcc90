"""Assembles ONNX models at wire level, so that the light suite needs no onnx package."""

from __future__ import annotations

from protobuf_builders import lump, number


def model(graph: bytes = b"", *rest: bytes) -> bytes:
    return number(1, 10) + lump(2, "tests") + lump(7, graph) + lump(8, number(2, 21)) + b"".join(rest)


def node(operator: str, domain: str = "", *attributes: bytes) -> bytes:
    body = lump(1, "x") + lump(2, "y") + lump(4, operator) + b"".join(lump(5, one) for one in attributes)
    return body + (lump(7, domain) if domain else b"")


def in_graph(node_body: bytes) -> bytes:
    return lump(1, node_body)


def subgraph(graph: bytes) -> bytes:
    return lump(1, "then_branch") + lump(6, graph) + number(20, 5)


def entry(key: str, value: str) -> bytes:
    return lump(1, key) + lump(2, value)


def tensor(*, name: str = "w", dims: tuple[int, ...] = (2,), kind: int = 1, raw: bytes | None = None) -> bytes:
    body = b"".join(number(1, size) for size in dims) + number(2, kind) + lump(8, name)
    return body if raw is None else body + lump(9, raw)


def external(*entries: tuple[str, str], place: int = 1, dims: tuple[int, ...] = (2,)) -> bytes:
    return tensor(dims=dims) + b"".join(lump(13, entry(*pair)) for pair in entries) + number(14, place)
