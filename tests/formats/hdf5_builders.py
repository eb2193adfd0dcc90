"""Assembles HDF5 files of version 2 object by object, so that the light suite needs no h5py."""

from __future__ import annotations

from struct import pack

UNDEFINED = (1 << 64) - 1
FLOAT32 = bytes([0x11, 0x20, 31, 0]) + pack("<I", 4) + bytes(12)
BYTE = bytes([0x10, 0, 0, 0]) + pack("<I", 1) + pack("<HH", 0, 8)


def opaque(size: int) -> bytes:
    return bytes([0x15, 0, 0, 0]) + pack("<I", size)


def fixed_text(size: int) -> bytes:
    return bytes([0x13, 0, 0, 0]) + pack("<I", size)


def space(*shape: int) -> bytes:
    return bytes([2, len(shape), 0, 1 if shape else 0]) + b"".join(pack("<Q", size) for size in shape)


def contiguous(address: int, length: int) -> bytes:
    return bytes([3, 1]) + pack("<QQ", address, length)


def attribute(name: str, value: bytes) -> tuple[int, bytes]:
    kind = fixed_text(len(value))
    text = name.encode() + b"\0"
    return 12, bytes([3, 0]) + pack("<HHH", len(text), len(kind), 4) + b"\0" + text + kind + space() + value


def link(name: str, kind: int, data: bytes) -> tuple[int, bytes]:
    return 6, bytes([1, 0x08, kind, len(name)]) + name.encode() + data


def hard(name: str, address: int) -> tuple[int, bytes]:
    return link(name, 0, pack("<Q", address))


def soft(name: str, target: bytes) -> tuple[int, bytes]:
    return link(name, 1, pack("<H", len(target)) + target)


def external(name: str, file: bytes, path: bytes) -> tuple[int, bytes]:
    data = b"\0" + file + b"\0" + path + b"\0"
    return link(name, 64, pack("<H", len(data)) + data)


def filtered(number: int, name: bytes = b"") -> tuple[int, bytes]:
    named = pack("<H", len(name)) if number >= 256 else b""
    return 11, bytes([2, 1]) + pack("<H", number) + named + pack("<HH", 0, 0) + (name if number >= 256 else b"")


def header(*messages: tuple[int, bytes]) -> bytes:
    body = b"".join(bytes([kind]) + pack("<H", len(data)) + b"\0" + data for kind, data in messages)
    return b"OHDR" + bytes([2, 2]) + pack("<I", len(body)) + body + bytes(4)


class File:
    """Bytes that grow by objects; the last header added with `finish` is the root group."""

    def __init__(self, *, version: int = 2, extension: int = UNDEFINED) -> None:
        self.version, self.extension = version, extension
        self.data = bytearray(48)

    def add(self, block: bytes) -> int:
        """Append a block and return its address."""
        address = len(self.data)
        self.data += block
        return address

    def dataset(self, kind: bytes, shape: tuple[int, ...], *more: tuple[int, bytes], layout: bytes = b"") -> int:
        layout = layout or contiguous(UNDEFINED, 0)
        return self.add(header((3, kind), (1, space(*shape)), (8, layout), *more))

    def finish(self, *messages: tuple[int, bytes]) -> bytes:
        root = self.add(header(*messages))
        head = b"\x89HDF\r\n\x1a\n" + bytes([self.version, 8, 8, 0])
        self.data[:48] = head + pack("<QQQQ", 0, self.extension, len(self.data), root) + bytes(4)
        return bytes(self.data)
