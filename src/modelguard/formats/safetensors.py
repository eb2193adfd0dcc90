"""safetensors: a JSON header with the place of each tensor, then nothing but numbers.

The format's own rules leave no room for anything else: the header fits the file, each tensor's bytes follow those of
the one before, and the last ends where the file ends. A file that breaks one of them is refused by the reference
reader or read differently by others. Source: https://github.com/huggingface/safetensors#format
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from attrs import frozen

from modelguard.formats._carriers import carried
from modelguard.formats._json import parse_json
from modelguard.formats.format import Clue, Format, Walk
from modelguard.terms.artifact import Location, printable
from modelguard.terms.content import Content
from modelguard.terms.errors import ReadError
from modelguard.terms.facts import Fact, Header, Malformed, Tensor

NAME = "safetensors"
LONGEST_HEADER = 100_000_000  # the reference reader's own limit, in bytes
LARGEST = (1 << 63) - 1
SHOWN = 1_000  # characters of a metadata value that are kept as a fact

# Bits of one element. Types below a byte are packed, so that only whole tensors fill whole bytes.
BITS: dict[str, int] = {
    "BOOL": 8, "U8": 8, "I8": 8, "U16": 16, "I16": 16, "U32": 32, "I32": 32, "U64": 64, "I64": 64,
    "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8, "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8,
    "F16": 16, "BF16": 16, "F32": 32, "F64": 64, "C64": 64,
}  # fmt: skip


@frozen
class _Span:
    """The bytes that a tensor claims, counted from the end of the header."""

    begin: int
    end: int
    name: str


def _accepts(content: Content) -> bool:
    head = content.head(4096)
    length = int.from_bytes(head[:8], "little")
    text = head[8:].lstrip(b" \t\r\n")
    if length < 2 or length >> 48 or not text.startswith(b"{"):
        return False
    return text[1:].lstrip(b" \t\r\n")[:1] in (b'"', b"}")


def _read(content: Content, walk: Walk) -> Iterator[Fact]:
    length = int.from_bytes(content.read(0, 8), "little")
    at = content.location
    if length > LONGEST_HEADER or length > content.size - 8:
        yield _malformed(at.at(0), "header-length", f"a header of {length} bytes in a file of {content.size}")
        raise ReadError("safetensors: the header does not fit into the file")
    text = content.read(8, length)
    parsed = parse_json(text)
    if not text.startswith(b"{") or text.rstrip(b" ")[-1:] != b"}":
        yield _malformed(at.at(8), "header-padding", "the header must begin with { and may only be padded with blanks")
    for key in parsed.twice:
        yield _malformed(at.at(8), "duplicate-key", f"{printable(key)!r} stands twice: readers keep the first or last")
    for constant in parsed.constants:
        yield _malformed(at.at(8), "number", f"{constant} is not JSON")
    table: dict[str, Any] = parsed.value if isinstance(parsed.value, dict) else {}
    yield from _metadata(table.pop("__metadata__", None), at, len(table), walk)
    yield from _tensors(table, content, 8 + length, walk)


def _metadata(value: object, at: Location, count: int, walk: Walk) -> Iterator[Fact]:
    pairs: dict[str, str] = {}
    if value is not None and not isinstance(value, dict):
        yield _malformed(at.at(8), "metadata", f"__metadata__ is a {type(value).__name__}, not a table of texts")
    elif value:
        for key, text in value.items():
            if isinstance(text, str):
                pairs[printable(key)] = printable(text[:SHOWN])
            else:
                yield _malformed(at.at(8), "metadata", f"{printable(key)!r} is a {type(text).__name__}, not a text")
    yield Header(location=at, format=NAME, properties={**pairs, "tensors": str(count)})
    if isinstance(value, dict):
        for key, text in value.items():
            if isinstance(text, str):
                yield from carried(text, at, f"__metadata__.{key}", walk)
            yield from carried(key, at, "__metadata__ key", walk)


def _tensors(table: dict[str, Any], content: Content, start: int, walk: Walk) -> Iterator[Fact]:
    at, size = content.location, content.size - start
    spans: list[_Span] = []
    for name, entry in table.items():
        walk.budget.spend_time()
        trouble = _trouble_with_name(name)
        if trouble:
            yield _malformed(at.at(8), "tensor-name", f"{printable(name[:200])!r} {trouble}")
        checked = _checked(entry, size)
        if isinstance(checked, str):
            yield _malformed(at.at(8), "tensor", f"{printable(name[:200])!r}: {checked}")
            continue
        dtype, shape, begin, end = checked
        spans.append(_Span(begin, end, name))
        yield Tensor(
            location=at, name=printable(name), dtype=dtype, shape=shape, start=start + begin, length=end - begin
        )
    yield from _layout(spans, content, start, walk)


def _checked(entry: object, size: int) -> tuple[str, tuple[int, ...], int, int] | str:
    """Return type, shape and bytes of one header entry, or what is wrong with it."""
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        return "an entry must hold exactly dtype, shape and data_offsets"
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in BITS:
        return f"unknown dtype {printable(str(dtype)[:50])!r}"
    if not _are_sizes(shape):
        return "the shape must be a list of integers of at least zero"
    if not _are_sizes(offsets) or len(offsets) != 2:
        return "data_offsets must be two integers of at least zero"
    begin, end = offsets
    if begin > end or end > size:
        return f"bytes {begin} to {end} do not lie within the {size} bytes of data"
    bits = BITS[dtype]
    for extent in shape:
        bits *= extent
        if bits > LARGEST * 8:
            return "the product of the shape overflows"
    if bits % 8 or bits // 8 != end - begin:
        return f"shape and dtype make {bits} bits, data_offsets {8 * (end - begin)}"
    return dtype, tuple(shape), begin, end


def _are_sizes(value: object) -> bool:
    # bool is an int to Python but not to other readers of JSON.
    return isinstance(value, list) and all(type(item) is int and 0 <= item <= LARGEST for item in value)


def _trouble_with_name(name: str) -> str:
    if name != printable(name):
        return "has characters that do not print"
    if ".." in name.replace("\\", "/").split("/") or name.startswith(("/", "\\")):
        return "is a path that leaves its directory"
    return ""


def _layout(spans: list[_Span], content: Content, start: int, walk: Walk) -> Iterator[Fact]:
    """Check that the tensors fill the data without overlap, gap or rest."""
    reached = 0
    for span in sorted(spans, key=lambda span: (span.begin, span.end)):
        if span.begin != reached:
            rule = "overlap" if span.begin < reached else "gap"
            yield _malformed(
                content.location.at(start + span.begin), rule,
                f"{printable(span.name[:200])!r} begins at {span.begin}, the one before ends at {reached}",
            )  # fmt: skip
        reached = max(reached, span.end)
    rest = content.size - start - reached
    if rest:
        place = content.location.at(start + reached)
        yield _malformed(place, "trailing-data", f"{rest} bytes after the last tensor belong to nothing")
        yield from walk.inside(content.part(start + reached, rest, "trailing-data"))


def _malformed(location: Location, rule: str, detail: str) -> Malformed:
    return Malformed(location=location, format=NAME, rule=f"{NAME}-{rule}", detail=detail)


FORMAT = Format(
    name=NAME,
    title="safetensors",
    reads="the whole header; the place, type and shape of every tensor",
    looks_for="wrong lengths, duplicate keys, overlaps, gaps, trailing bytes, and programs in metadata",
    clue=Clue(begins=rb".{6}\0\0[ \t\r\n]*\{"),
    accepts=_accepts,
    read=_read,
    endings=(".safetensors",),
)
