"""Assembles GGUF files piece by piece, sound or not."""

from __future__ import annotations

from collections.abc import Sequence
from struct import pack

U8, I8, U16, I16, U32, I32, F32, BOOL, STRING, ARRAY, U64, I64, F64 = range(13)


def text(value: str | bytes) -> bytes:
    data = value.encode() if isinstance(value, str) else value
    return pack("<Q", len(data)) + data


def pair(key: str, kind: int, value: bytes) -> bytes:
    return text(key) + pack("<I", kind) + value


def string(key: str, value: str) -> bytes:
    return pair(key, STRING, text(value))


def number(key: str, value: int) -> bytes:
    return pair(key, U32, pack("<I", value))


def array(key: str, kind: int, items: list[bytes], *, count: int | None = None) -> bytes:
    return pair(key, ARRAY, pack("<IQ", kind, len(items) if count is None else count) + b"".join(items))


def tensor(name: str, shape: tuple[int, ...] = (8,), kind: int = 0, offset: int = 0) -> bytes:
    return (
        text(name) + pack("<I", len(shape)) + b"".join(pack("<Q", size) for size in shape) + pack("<IQ", kind, offset)
    )


def gguf(
    pairs: Sequence[bytes] = (), tensors: Sequence[bytes] = (), data: bytes = b"", *, version: int = 3,
    counts: tuple[int, int] | None = None, alignment: int = 32,
) -> bytes:  # fmt: skip
    tensor_count, pair_count = counts or (len(tensors), len(pairs))
    head = b"GGUF" + pack("<IQQ", version, tensor_count, pair_count) + b"".join(pairs) + b"".join(tensors)
    return head + bytes(-len(head) % alignment) * bool(data) + data
