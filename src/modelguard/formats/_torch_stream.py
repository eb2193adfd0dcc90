"""Tells PyTorch's legacy stream by its first pickle, and reads the list of storage keys in it.

`torch.save` wrote five pickles before 1.6: a magic number, a protocol version, facts about the system, the object, and
the keys of the storages, whose raw bytes follow (torch/serialization.py, _legacy_save).
"""

from __future__ import annotations

import re
import struct

from modelguard.terms.content import Content
from modelguard.terms.errors import ReadError

_NUMBER = re.escape((0x1950A86A20F9469CFC6C).to_bytes(10, "little"))
_MAGIC = re.compile(rb"\x80[\x02-\x05](?:\x95.{8})?\x8a\x0a" + _NUMBER + rb"\.", re.DOTALL)
_PROTOCOL = re.compile(rb"\x80[\x02-\x05](?:\x95.{8})?M\xe9\x03\.", re.DOTALL)
_HEAD = 32
_KEYS_LIMIT = 1 << 26
# Opcodes of texts, with the bytes before the text. Python 2 wrote the last two.
_TEXTS = {b"X": 5, b"\x8c": 2, b"U": 2, b"T": 5}


def is_torch_stream(content: Content) -> bool:
    """Tell whether the first pickle is torch's magic number, written as an integer."""
    return bool(_MAGIC.match(content.head(_HEAD)))


def is_protocol_1001(data: bytes) -> bool:
    """Tell whether a pickle is the only version that the legacy stream ever had."""
    return bool(_PROTOCOL.fullmatch(data))


def storage_keys(content: Content, start: int, end: int) -> list[str]:
    """Read the pickle of storage keys: a list of texts and nothing else.

    Raises `ReadError` for anything that `torch.save` does not write.
    """
    if end - start > _KEYS_LIMIT:
        raise ReadError(f"the list of storage keys has {end - start} bytes, more than the {_KEYS_LIMIT} that are read")
    data = content.read(start, end - start)
    at, keys = 0, []
    while at < len(data):
        opcode = data[at : at + 1]
        if at + 5 > len(data) and opcode in _TEXTS:
            raise ReadError("the list of storage keys ends within a text")
        if opcode in _TEXTS:
            width = _TEXTS[opcode]
            size = struct.unpack_from("<L", data, at + 1)[0] if width == 5 else data[at + 1]
            keys.append(data[at + width : at + width + size].decode("ascii", "backslashreplace"))
            at += width + size
        elif opcode in _OTHER:
            at += _OTHER[opcode]
        else:
            raise ReadError(f"the list of storage keys holds opcode {opcode!r}, which torch does not write")
    return keys


# Opcodes in a list of texts that put nothing on the stack but the list, with their lengths: PROTO, FRAME, EMPTY_LIST,
# BINPUT, LONG_BINPUT, MEMOIZE, MARK, APPEND, APPENDS, STOP.
_OTHER: dict[bytes, int] = {
    b"\x80": 2, b"\x95": 9, b"]": 1, b"q": 2, b"r": 5, b"\x94": 1, b"(": 1, b"a": 1, b"e": 1, b".": 1,
}  # fmt: skip
