"""Damages files where it hurts: lengths, counts, fields, members and opcodes instead of bytes anywhere.

`mutated(random, seed, others)` is what the harness calls. Each row of `STRUCTURES` knows one way in which files are
built: it takes a file apart, changes one thing, and puts it together again with right checksums, so that a reader gets
past its first look. Every file is also damaged byte by byte and by numbers at the edge of what fits.
"""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import pickletools
import struct
import tarfile
import warnings
import zipfile
import zlib
from collections.abc import Callable
from random import Random
from typing import Any

EDGES = (0, 1, 2, 7, 8, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, 1 << 40, (1 << 63) - 1,
         1 << 63, (1 << 64) - 1)  # fmt: skip
WORDS = (b"\0", b"\n", b'"', b"{", b"[", b"<", b"PK\x03\x04", b"\x80\x04.", b"__class__", b"../", b"\xff\xfe",
         b"\\u0000", b"1e999", b"-1", b"{{", b"<!--", b"]]>", b"!!python/object", b"&a", b"*a")  # fmt: skip
MOST = 1 << 20

Mutation = Callable[[Random, bytes], bytes]


def mutated(random: Random, seed: bytes, others: list[bytes]) -> bytes:
    """Return `seed` changed in one to three places, mostly in the way in which it is built."""
    data = seed
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        ways = [change for recognises, change in STRUCTURES if recognises(data)]
        if ways and random.random() < 0.6:
            try:
                data = random.choice(ways)(random, data)
            except Exception:  # noqa: BLE001  # an earlier change took the structure away
                data = numbers(random, data)
        elif others and random.random() < 0.1:
            data = joined(random, data, random.choice(others))
        else:
            data = random.choice((numbers, numbers, bytewise, slices, sizes, words))(random, data)
        data = data[:MOST]
    return data


# --- any file ----------------------------------------------------------------------------------------------------


def bytewise(random: Random, data: bytes) -> bytes:
    changed = bytearray(data or b"\0")
    for _ in range(random.randrange(1, 8)):
        changed[random.randrange(len(changed))] = random.randrange(256)
    return bytes(changed)


def numbers(random: Random, data: bytes) -> bytes:
    """Put a number at the edge of its type somewhere, often where numbers stand: at a multiple of four."""
    width, order = random.choice((1, 2, 4, 4, 8, 8)), random.choice(("little", "little", "big"))
    at = random.randrange(max(len(data) - width, 1))
    at -= at % random.choice((1, 4))
    value = random.choice(EDGES) % (1 << 8 * width)
    return data[:at] + value.to_bytes(width, order) + data[at + width :]


def sizes(random: Random, data: bytes) -> bytes:
    """Change a number that looks like a length or an offset: one that is smaller than the file."""
    places = [
        at for at in range(min(len(data) - 4, 4096)) if 0 < int.from_bytes(data[at : at + 4], "little") <= len(data)
    ]
    if not places:
        return numbers(random, data)
    at = random.choice(places)
    value = int.from_bytes(data[at : at + 4], "little") + random.choice((-8, -1, 1, 8, len(data), 1 << 31))
    return data[:at] + (value & 0xFFFF_FFFF).to_bytes(4, "little") + data[at + 4 :]


def slices(random: Random, data: bytes) -> bytes:
    """Cut, leave out, double, or move a part."""
    start, end = sorted(random.randrange(len(data) + 1) for _ in range(2))
    match random.randrange(4):
        case 0:
            return data[:start]
        case 1:
            return data[:start] + data[end:]
        case 2:
            return data[:end] + data[start:end] * random.choice((1, 1, 2, 50)) + data[end:]
        case _:
            return data[start:end] + data[:start] + data[end:]


def words(random: Random, data: bytes) -> bytes:
    at = random.randrange(len(data) + 1)
    return data[:at] + random.choice(WORDS) * random.choice((1, 1, 1, 300)) + data[at:]


def joined(random: Random, data: bytes, other: bytes) -> bytes:
    return random.choice((data + other, other + data, data[: len(data) // 2] + other[len(other) // 2 :]))


# --- by structure ------------------------------------------------------------------------------------------------


def json_tree(random: Random, data: bytes) -> bytes:
    """Replace, remove, double or nest one value."""
    value = json.loads(data)
    places: list[tuple[Any, Any]] = []
    pending = [value]
    while pending and len(places) < 5000:
        here = pending.pop()
        keys = here if isinstance(here, dict) else range(len(here)) if isinstance(here, list) else ()
        places.extend((here, key) for key in keys)
        pending.extend(here[key] for key in keys)
    odd: Any = random.choice(
        (None, True, -1, 1 << 70, 1.5, "", "x" * 300, "\ud800", [], {}, [[]] * 9, "../../x", {"a": 1})
    )
    if places:
        here, key = random.choice(places)
        match random.randrange(4):
            case 0:
                here[key] = odd
            case 1:
                del here[key]
            case 2:
                here[key] = [here[key]] * random.choice((1, 2, 40))
            case _:
                inner = here[key]
                for _ in range(random.choice((3, 100, 900))):
                    inner = [inner]
                here[key] = inner
    text = json.dumps(value)
    if random.random() < 0.2:
        text = text.replace("{", '{"class_name": "x", ', 1) if random.random() < 0.5 else text.replace(": ", ":\t\n", 3)
    return text.encode("utf-8", "surrogatepass")


def _fields(data: bytes) -> list[tuple[int, int, bytes]] | None:
    """Take a protocol buffer apart into number, wire type and raw value; None for anything else."""
    at, found = 0, []
    while at < len(data):
        tag, at = _varint(data, at)
        wire, start = tag & 7, at
        if wire == 0:
            _, at = _varint(data, at)
        elif wire == 2:
            length, start = _varint(data, at)
            at = start + length
        elif wire in (1, 5):
            at += 8 if wire == 1 else 4
        else:
            return None
        if tag >> 3 == 0 or at > len(data):
            return None
        found.append((tag >> 3, wire, data[start:at]))
    return found


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(data) and shift < 70:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
    return value, len(data) + 1


def _encoded(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _is_protobuf(data: bytes) -> bool:
    return len(data) > 2 and bool(_fields(data))


def protobuf(random: Random, data: bytes, depth: int = 0) -> bytes:
    """Change one field of a message, or one within: its number, its value, how often it stands."""
    fields = _fields(data) or []
    if not fields:
        return bytewise(random, data)
    at = random.randrange(len(fields))
    number, wire, raw = fields[at]
    inner = wire == 2 and _is_protobuf(raw)
    way = random.randrange(8)
    if inner and way < 5 and depth < 20:
        fields[at] = (number, wire, protobuf(random, raw, depth + 1))
    elif way == 5:
        fields[at:at] = [fields[at]] * random.choice((1, 3, 200))
    elif way == 6:
        del fields[at]
    elif way == 7:
        fields[at] = (random.choice((1, 2, 3, 15, 100, 536870911)), wire, raw)
    elif wire == 0:
        fields[at] = (number, 0, _encoded(random.choice(EDGES)))
    elif random.random() < 0.1:
        for _ in range(random.choice((5, 60, 400))):
            raw = _encoded(number << 3 | 2) + _encoded(len(raw)) + raw
        fields[at] = (number, 2, raw)
    else:
        fields[at] = (number, wire, bytewise(random, raw) if raw else b"\0")
    lying = random.random() < 0.1
    out = b""
    for number, wire, raw in fields:
        out += _encoded(number << 3 | wire)
        out += _encoded(random.choice(EDGES) if lying and random.random() < 0.3 else len(raw)) if wire == 2 else b""
        out += raw
    return out


def zip_members(random: Random, data: bytes) -> bytes:
    """Change one member, and write the archive anew with right checksums and places."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = [(info.filename, archive.read(info), info.compress_type) for info in archive.infolist()]
    if not members:
        return numbers(random, data)
    at = random.randrange(len(members))
    name, inside, method = members[at]
    match random.randrange(6):
        case 0:
            members.append(members[at])
        case 1:
            del members[at]
        case 2:
            members[at] = (random.choice(("../x", "/x", name.upper(), name + "/x", "")) or "x", inside, method)
        case _:
            members[at] = (name, mutated(random, inside, []), random.choice((method, zipfile.ZIP_DEFLATED)))
    out = io.BytesIO()
    with warnings.catch_warnings(action="ignore"), zipfile.ZipFile(out, "w") as made:  # names may stand twice
        for name, inside, method in members:
            info = zipfile.ZipInfo(name)
            info.compress_type = method
            made.writestr(info, inside)
    return out.getvalue()


def zip_records(random: Random, data: bytes) -> bytes:
    """Put an edge into a field of one record of a ZIP archive."""
    marks = [b"PK\x01\x02", b"PK\x03\x04", b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07"]
    places = [at for mark in marks for at in _all(data, mark)]
    at = random.choice(places) + 4 + random.randrange(42)
    width = random.choice((2, 4))
    return data[:at] + (random.choice(EDGES) % (1 << 8 * width)).to_bytes(width, "little") + data[at + width :]


def _all(data: bytes, mark: bytes) -> list[int]:
    found, at = [], data.find(mark)
    while at >= 0 and len(found) < 1000:
        found.append(at)
        at = data.find(mark, at + 1)
    return found


def tar_headers(random: Random, data: bytes) -> bytes:
    """Change a field of one header, and make its checksum right again."""
    heads = [at for at in range(0, len(data) - 511, 512) if data[at + 257 : at + 262] == b"ustar"]
    at = random.choice(heads)
    block = bytearray(data[at : at + 512])
    start, length = random.choice(((0, 100), (100, 8), (124, 12), (156, 1), (157, 100), (345, 155), (124, 12)))
    values = (b"77777777777", b"\x80" + b"\xff" * 10, b"-1", b"00000000000", b"../x", b"L", b"x", b"2", b"S", b"g")
    block[start : start + length] = random.choice(values)[:length].ljust(length, b"\0")
    block[148:156] = b" " * 8
    block[148:156] = f"{sum(block):06o}\0 ".encode()
    return data[:at] + bytes(block) + data[at + 512 :]


def tar_members(random: Random, data: bytes) -> bytes:
    """Change what one member holds, and write the archive anew."""
    out = io.BytesIO()
    with tarfile.open(fileobj=io.BytesIO(data)) as archive, tarfile.open(fileobj=out, mode="w") as made:
        members = archive.getmembers()
        chosen = random.randrange(len(members))
        for at, info in enumerate(members):
            file = archive.extractfile(info) if info.isreg() else None
            inside = file.read() if file else b""
            if at == chosen:
                inside = mutated(random, inside or b"x", [])
            info.size = len(inside)
            made.addfile(info, io.BytesIO(inside))
    return out.getvalue()


def recompressed(expand: Callable[[bytes], bytes], compress: Callable[[bytes], bytes]) -> Mutation:
    """Return a mutation of what a compressed file holds."""
    return lambda random, data: compress(mutated(random, expand(data)[:MOST], []))


def pickle_opcodes(random: Random, data: bytes) -> bytes:
    """Insert, leave out or double an opcode, with arguments at the edge."""
    places = [at for _, _, at in pickletools.genops(data) if at is not None]
    at, end = random.choice(places), random.choice(places)
    code = random.choice([opcode.code for opcode in pickletools.opcodes]).encode("latin-1")
    argument = random.choice((b"", b"\x00", b"\xff", b"\x05\x00\x00\x00", b"\xff\xff\xff\x7f", b"os\nsystem\n", b"1\n"))
    match random.randrange(3):
        case 0:
            return data[:at] + code + argument + data[at:]
        case 1:
            return data[: min(at, end)] + data[max(at, end) :]
        case _:
            return data[: max(at, end)] + data[min(at, end) :]


def lines(random: Random, data: bytes) -> bytes:
    """Move, double, or cut a line; change what stands behind an equals sign or a colon."""
    found = data.split(b"\n")
    at, other = random.randrange(len(found)), random.randrange(len(found))
    match random.randrange(4):
        case 0:
            found[at], found[other] = found[other], found[at]
        case 1:
            found[at:at] = [found[other]] * random.choice((1, 500))
        case 2:
            del found[at]
        case _:
            for mark in (b"=", b":", b" "):
                key, there, _ = found[at].partition(mark)
                if there:
                    found[at] = key + there + random.choice((*WORDS, b"-9999999999999999999999", b"99999999"))
                    break
    return b"\n".join(found)


def _with(module: str, name: str, *arguments: object) -> Callable[[bytes], bytes]:
    """Return a function of a package that may be missing; it fails when called then, which counts as no structure."""

    def called(data: bytes) -> bytes:
        from importlib import import_module

        return bytes(getattr(import_module(module), name)(data, *arguments))

    return called


def _is_json(data: bytes) -> bool:
    if data[:64].lstrip()[:1] not in (b"{", b"["):
        return False
    try:
        json.loads(data)
    except (ValueError, RecursionError):
        return False
    return True


def _is_text(data: bytes) -> bool:
    return data.isascii() and b"\0" not in data


def _is_zip(data: bytes) -> bool:
    return zipfile.is_zipfile(io.BytesIO(data))


def _is_pickle(data: bytes) -> bool:
    return data[:1] == b"\x80" and data[-1:] == b"."


def _begins(*marks: bytes) -> Callable[[bytes], bool]:
    return lambda data: data.startswith(marks)


def _gzip(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)


def _safetensors(random: Random, data: bytes) -> bytes:
    """Change the header as JSON, and state its length rightly."""
    size = struct.unpack("<Q", data[:8])[0]
    header = json_tree(random, data[8 : 8 + size])
    return struct.pack("<Q", len(header)) + header + data[8 + size :]


# Whether a file is built in this way, and how it is changed.
STRUCTURES: tuple[tuple[Callable[[bytes], bool], Mutation], ...] = (
    (_is_json, json_tree),
    (_is_protobuf, protobuf),
    (_is_zip, zip_members),
    (lambda data: b"PK\x05\x06" in data, zip_records),
    (lambda data: data[257:262] == b"ustar", tar_headers),
    (lambda data: data[257:262] == b"ustar", tar_members),
    (_begins(b"\x1f\x8b"), recompressed(gzip.decompress, _gzip)),
    (_begins(b"BZh"), recompressed(bz2.decompress, bz2.compress)),
    (_begins(b"\xfd7zXZ"), recompressed(lzma.decompress, lzma.compress)),
    (_begins(b"\x78"), recompressed(zlib.decompress, zlib.compress)),
    (_begins(b"\x04\x22\x4d\x18"), recompressed(_with("lz4.frame", "decompress"), _with("lz4.frame", "compress"))),
    (_begins(b"\x28\xb5\x2f\xfd"), recompressed(_with("zstandard", "decompress"), _with("zstandard", "compress"))),
    (_is_pickle, pickle_opcodes),
    (_is_text, lines),
    (lambda data: data[8:9] == b"{", _safetensors),
)
