"""GGUF: the weights, tokenizer and chat template of llama.cpp and what is built on it.

Every count, length and offset in it has been the way into a reader's memory at least once (CVE-2024-21802 and its
siblings, CVE-2025-49847, CVE-2025-53630, CVE-2026-27940, CVE-2026-33298), and the chat template is a program that
some hosts render outside a sandbox (CVE-2024-34359). The rules are those of the reference reader, which refuses what
breaks them. Source: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from modelguard.formats._carriers import carried, template
from modelguard.formats._cursor import Cursor
from modelguard.formats._gguf_values import Items, Value, read_text, read_value
from modelguard.formats.format import Clue, Format, Walk
from modelguard.terms.artifact import Location, printable
from modelguard.terms.content import Content
from modelguard.terms.errors import ReadError
from modelguard.terms.facts import Fact, Header, Malformed, Noted, Tensor

NAME = "gguf"
LARGEST = (1 << 63) - 1
LARGEST_ALIGNMENT = 1 << 16
LONGEST_NAME = 63  # bytes of a tensor's name: the reader's buffer holds 64 with the end mark
LONGEST_TOKEN = 1 << 16
LONGEST_KEY = 65_535
SHOWN = 1_000
PAIR_BYTES, TENSOR_BYTES = 13, 24  # the least that a key-value pair and a tensor's description take

# Element types: name, elements of a block, bytes of a block. Numbers that are missing were withdrawn.
TYPES: dict[int, tuple[str, int, int]] = {
    0: ("F32", 1, 4), 1: ("F16", 1, 2), 2: ("Q4_0", 32, 18), 3: ("Q4_1", 32, 20), 6: ("Q5_0", 32, 22),
    7: ("Q5_1", 32, 24), 8: ("Q8_0", 32, 34), 9: ("Q8_1", 32, 40), 10: ("Q2_K", 256, 84), 11: ("Q3_K", 256, 110),
    12: ("Q4_K", 256, 144), 13: ("Q5_K", 256, 176), 14: ("Q6_K", 256, 210), 15: ("Q8_K", 256, 292),
    16: ("IQ2_XXS", 256, 66), 17: ("IQ2_XS", 256, 74), 18: ("IQ3_XXS", 256, 98), 19: ("IQ1_S", 256, 50),
    20: ("IQ4_NL", 32, 18), 21: ("IQ3_S", 256, 110), 22: ("IQ2_S", 256, 82), 23: ("IQ4_XS", 256, 136),
    24: ("I8", 1, 1), 25: ("I16", 1, 2), 26: ("I32", 1, 4), 27: ("I64", 1, 8), 28: ("F64", 1, 8),
    29: ("IQ1_M", 256, 56), 30: ("BF16", 1, 2), 34: ("TQ1_0", 256, 54), 35: ("TQ2_0", 256, 66),
    39: ("MXFP4", 32, 17), 40: ("NVFP4", 64, 36), 41: ("Q1_0", 128, 18),
}  # fmt: skip

# Tables that run in step with `tokenizer.ggml.tokens`, and the type that the reader assumes without looking.
TOKEN_TABLES: dict[str, str] = {"tokenizer.ggml.scores": "f32", "tokenizer.ggml.token_type": "i32"}


def _accepts(content: Content) -> bool:
    return content.head(4) == b"GGUF"


def _read(content: Content, walk: Walk) -> Iterator[Fact]:
    at = content.location
    version = int.from_bytes(content.read(4, 4), "little")
    order: Literal["little", "big"] = "little" if version & 0xFFFF else "big"
    cursor = Cursor(content, at=4, order=order)
    version = cursor.unsigned(4)
    if version not in (2, 3):
        raise ReadError(f"gguf: version {version}; versions 2 and 3 are read")
    tensors, pairs = cursor.unsigned(8), cursor.unsigned(8)
    if tensors > cursor.left // TENSOR_BYTES or pairs > cursor.left // PAIR_BYTES:
        yield _malformed(at.at(8), "count", f"{tensors} tensors and {pairs} pairs in {cursor.left} bytes")
        raise ReadError("gguf: more tensors or pairs than the file has room for")
    table: dict[str, Value] = {}
    for _ in range(pairs):
        yield from _pair(cursor, table, at, walk)
    yield _header(table, at, version, order, tensors)
    yield from _tokenizer(table, at)
    yield from _templates(table, at, walk)
    yield from _tensors(cursor, tensors, table, walk)


def _pair(cursor: Cursor, table: dict[str, Value], at: Location, walk: Walk) -> Iterator[Fact]:
    walk.budget.spend_time()
    start = cursor.at
    key = read_text(cursor)
    if not key or key != printable(key) or len(key) > LONGEST_KEY:
        yield _malformed(at.at(start), "key", f"the key {printable(key[:100])!r} is empty, too long or does not print")
    if key in table:
        yield _malformed(at.at(start), "duplicate-key", f"{printable(key)!r} stands twice")
    table[key] = read_value(cursor, cursor.unsigned(4), walk.budget)


def _header(table: dict[str, Value], at: Location, version: int, order: str, tensors: int) -> Header:
    properties = {"version": str(version), "byte-order": order, "tensors": str(tensors)}
    for key, value in table.items():
        shown = f"{value.count} x {value.kind}" if isinstance(value, Items) else str(value)
        if isinstance(value, Items) and value.kind == "string" and key.startswith(("general.", "split.")):
            shown = ", ".join(value.texts)  # licenses, tags, languages and base models are lists of texts
        properties[printable(key)] = printable(shown[:SHOWN])
    return Header(location=at, format=NAME, properties=properties)


def _tokenizer(table: dict[str, Value], at: Location) -> Iterator[Fact]:
    tokens = table.get("tokenizer.ggml.tokens")
    if tokens is None:
        return
    if not isinstance(tokens, Items) or tokens.kind != "string":
        yield _malformed(at, "tokenizer", "tokenizer.ggml.tokens is not an array of strings")
        return
    if tokens.longest > LONGEST_TOKEN:
        yield _malformed(at, "token-length", f"a token of {tokens.longest} bytes")
    for key, kind in TOKEN_TABLES.items():
        value = table.get(key)
        if value is None:
            continue
        if not isinstance(value, Items) or value.kind != kind:
            yield _malformed(at, "tokenizer", f"{key} is not an array of {kind}")
        elif value.count < tokens.count:
            yield _malformed(at, "tokenizer", f"{key} has {value.count} items for {tokens.count} tokens")
        elif value.count > tokens.count:
            detail = f"{key} has {value.count} items for {tokens.count} tokens"
            yield Noted(location=at, format=NAME, rule="gguf-tokenizer-table", detail=detail)


def _templates(table: dict[str, Value], at: Location, walk: Walk) -> Iterator[Fact]:
    for key, value in table.items():
        texts = (value,) if isinstance(value, str) else value.texts if isinstance(value, Items) else ()
        is_template = key.startswith("tokenizer.chat_template") and key != "tokenizer.chat_templates"
        for number, text in enumerate(texts):
            name = key if isinstance(value, str) else f"{key}.{number}"
            if is_template:
                yield from template(text, at, name, walk)
            elif not key.startswith("tokenizer.ggml."):  # tokens are fragments of text, braces among them
                yield from carried(text, at, name, walk)


def _tensors(cursor: Cursor, count: int, table: dict[str, Value], walk: Walk) -> Iterator[Fact]:
    at = cursor.content.location
    alignment = table.get("general.alignment", 32)
    if type(alignment) is not int or not 0 < alignment <= LARGEST_ALIGNMENT or alignment & (alignment - 1):
        yield _malformed(at, "alignment", f"general.alignment is {alignment!r}, not a power of two up to 65536")
        raise ReadError("gguf: without an alignment nobody can tell where the tensors are")
    found: list[tuple[str, str, tuple[int, ...], int, int]] = []
    names: set[str] = set()
    reached = 0
    for _ in range(count):
        walk.budget.spend_time()
        start = cursor.at
        name, dtype, shape, offset, length = _tensor(cursor)
        if not name or name != printable(name) or len(name.encode("utf-8", "surrogatepass")) > LONGEST_NAME:
            yield _malformed(at.at(start), "tensor-name", f"{printable(name[:100])!r} is empty, too long or not text")
        if name in names:
            yield _malformed(at.at(start), "duplicate-tensor", f"{printable(name)!r} stands twice")
        if offset != reached:
            yield _malformed(
                at.at(start), "tensor-offset",
                f"{printable(name)!r} is at {offset}; after the tensor before it must be at {reached}",
            )  # fmt: skip
        names.add(name)
        found.append((name, dtype, shape, offset, length))
        reached = _padded(max(reached, offset + length), alignment)
    begin = _padded(cursor.at, alignment) if found else cursor.at
    for name, dtype, shape, offset, length in found:
        if begin + offset + length > cursor.content.size:
            yield _malformed(at, "tensor-range", f"{printable(name)!r} ends after the end of the file")
        yield Tensor(location=at, name=printable(name), dtype=dtype, shape=shape, start=begin + offset, length=length)
    yield from _rest(cursor.content, begin + reached, alignment, walk)


def _tensor(cursor: Cursor) -> tuple[str, str, tuple[int, ...], int, int]:
    name = read_text(cursor)
    dimensions = cursor.unsigned(4)
    if dimensions > 4:
        raise ReadError(f"gguf: {printable(name[:100])!r} has {dimensions} dimensions, the limit is 4")
    shape = tuple(cursor.unsigned(8) for _ in range(dimensions))
    kind, offset = cursor.unsigned(4), cursor.unsigned(8)
    if kind not in TYPES:
        raise ReadError(f"gguf: {printable(name[:100])!r} has the unknown type {kind}")
    dtype, elements, width = TYPES[kind]
    count = 1
    for extent in shape:
        count *= extent
        if count > LARGEST:
            raise ReadError(f"gguf: the shape of {printable(name[:100])!r} overflows")
    if shape and shape[0] % elements:
        raise ReadError(f"gguf: rows of {printable(name[:100])!r} do not fill blocks of {elements}")
    length = count // elements * width
    if length > LARGEST or offset > LARGEST - length:
        raise ReadError(f"gguf: the place of {printable(name[:100])!r} overflows")
    return name, dtype, shape, offset, length


def _rest(content: Content, end: int, alignment: int, walk: Walk) -> Iterator[Fact]:
    """Report bytes after the last tensor: zeros up to the next boundary are padding, others belong to nothing."""
    if end >= content.size:
        return
    if content.size - end < alignment and not content.read(end, content.size - end).strip(b"\0"):
        return
    rest = content.size - end
    yield _malformed(content.location.at(end), "trailing-data", f"{rest} bytes after the last tensor")
    yield from walk.inside(content.part(end, rest, "trailing-data"))


def _padded(offset: int, alignment: int) -> int:
    return -(-offset // alignment) * alignment


def _malformed(location: Location, rule: str, detail: str) -> Malformed:
    return Malformed(location=location, format=NAME, rule=f"{NAME}-{rule}", detail=detail)


FORMAT = Format(
    name=NAME,
    title="GGUF",
    reads="all keys and values; the place, type and shape of every tensor; chat templates",
    looks_for="counts, lengths and offsets that do not fit, trailing programs, and templates that reach out",
    clue=Clue(first=b"G"),
    accepts=_accepts,
    read=_read,
    endings=(".gguf",),
)
