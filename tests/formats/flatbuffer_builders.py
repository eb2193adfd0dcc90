"""Assembles FlatBuffers: tables as dicts from field number to a value."""

from __future__ import annotations

from struct import pack
from typing import Any

from attrs import frozen


@frozen
class Number:
    """A number field of some width."""

    value: int
    width: int = 4


@frozen
class Numbers:
    """A vector of numbers of some width."""

    values: tuple[int, ...]
    width: int = 4


def flatbuffer(root: dict[int, Any], identifier: bytes = b"") -> bytes:
    out = bytearray(4) + identifier
    _table(out, root, 0)
    return bytes(out)


def _link(out: bytearray, place: int) -> None:
    out[place : place + 4] = pack("<I", len(out) - place)


def _align(out: bytearray) -> None:
    out += bytes(-len(out) % 8)


def _table(out: bytearray, fields: dict[int, Any], link: int) -> None:
    _align(out)
    count = max(fields, default=-1) + 1
    places = len(out)
    out += pack("<HH", 4 + 2 * count, 4 + 8 * count) + bytes(2 * count)
    _align(out)
    _link(out, link)
    table = len(out)
    out += pack("<i", table - places) + bytes(8 * count)
    children = []
    for number, value in fields.items():
        place = table + 4 + 8 * number
        out[places + 4 + 2 * number : places + 6 + 2 * number] = pack("<H", place - table)
        if isinstance(value, Number):
            out[place : place + value.width] = (value.value % (1 << 8 * value.width)).to_bytes(value.width, "little")
        else:
            children.append((place, value))
    for place, value in children:
        _child(out, value, place)


def _child(out: bytearray, value: Any, link: int) -> None:
    if isinstance(value, dict):
        _table(out, value, link)
        return
    _align(out)
    _link(out, link)
    if isinstance(value, str):
        value = value.encode()
    if isinstance(value, bytes):
        out += pack("<I", len(value)) + value + b"\0"
    elif isinstance(value, Numbers):
        out += pack("<I", len(value.values))
        for one in value.values:
            out += (one % (1 << 8 * value.width)).to_bytes(value.width, "little")
    else:
        start = len(out) + 4
        out += pack("<I", len(value)) + bytes(4 * len(value))
        for index, one in enumerate(value):
            _child(out, one, start + 4 * index)
