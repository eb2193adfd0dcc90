"""Tells which constants may hold a pickle in another form, and takes that form off: encodings and compressions.

Most texts of real files are names, identifiers and digests, many of which are well-formed base64 or hex. So a text only
counts when its first letters stand for the first bytes of a pickle, of a compressed stream or of an archive.
"""

from __future__ import annotations

import binascii
import bz2
import lzma
import re
import zlib
from collections.abc import Callable, Iterator

from modelguard.picklevm import text

SEARCHED = 1 << 12
"""Bytes at the start of a constant by which it is told whether it may carry something."""

EXPANDED = 1 << 20
"""Bytes that come out of a compressed or encoded constant before the rest is left out."""

# PROTO and what picklers write behind it: a frame, or the first opcode of a value.
PROTO = re.compile(
    rb"\x80(?:[\x04\x05]\x95.{5}\x00\x00\x00|[\x00-\x05][c(}\])NKMJGXUTBCVSIFLq\x80\x88-\x8f])", re.DOTALL
)
# The opcodes GLOBAL and INST with the lines of a module and of a name.
IDIOM = re.compile(rb"[ci][A-Za-z_][\w.]{0,200}\r?\n[A-Za-z_][\w.]{0,200}\n")
# The second of those lines: it is rarer, so that whole texts can be searched for it.
NAME_LINE = re.compile(rb"\n[A-Za-z_][\w.]{0,200}(?=\n)")
_ESCAPED = re.compile(rb"\\(?:x80|u0080|200|n|u000a|012|x0a)")
_ZLIB = (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda", b"\x1f\x8b")
_XZ = (b"\xfd7zXZ", b"\x5d\x00\x00")
_COMPRESSED = (*_ZLIB, b"BZh", *_XZ)
ARCHIVES = (b"PK\x03\x04", b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a\x07", b"\x28\xb5\x2f\xfd", b"\x04\x22\x4d\x18")
"""First bytes of archives and streams that formats read: ZIP, 7z, RAR, Zstandard, LZ4."""

# What the first letters of base64 say about the bytes: PROTO, zlib, gzip, bzip2, xz, lzma, ZIP, 7z, Zstandard,
# RAR, and in protocol 0 GLOBAL or MARK, in protocol 1 a list; the last three are looked at once more when decoded.
_BASE64 = re.compile(
    rb"(?:gA[A-X]|eA[E-H]|eF[4-7]|eJ[w-z]|eN[o-r]|H4sI|Qlpo|/Td6|XQAA|UEsD|N3q8|KLUv|UmFy|Y[0-3]|K[C-H]|X[SVWX])"
    rb"[A-Za-z0-9+/_-]{13}"
)
# The same for hex.
_HEX = re.compile(
    rb"(?:800[0-5]|78(?:01|5[eE]|9[cC]|[dD][aA])|1[fF]8[bB]|425[aA]68|[fF][dD]377[aA]|5[dD]0000|504[bB]0304"
    rb"|(?:28|5[dD]|7[dD])7100|(?:28|29|5[dD]|6[349cC]|7[dD])(?:[2-7][0-9A-Fa-f]|0[9aAdD]){7})[0-9A-Fa-f]{8}"
)
# The first bytes of a pickle of protocol 0 or 1: an opcode and printable text, or a container and its memo entry.
_TEXTUAL = re.compile(rb"[(\])}cdil][\t\n\r -~]{7}|[(\])}]q\x00")
_BEGINNINGS = (b"\x80", *_COMPRESSED, *ARCHIVES)


def may_carry_text(head: bytes) -> bool:
    """Tell whether a str may carry a pickle; the compiled loop passes over the texts for which this cannot be true."""
    if b"\n" in head and NAME_LINE.search(head) and IDIOM.search(head):
        return True
    if b"\xc2\x80" in head or (b"\\" in head and _ESCAPED.search(head)):
        return True
    return _is_base64(head) or bool(_HEX.match(head))


def may_carry(head: bytes) -> bool:
    """Tell whether bytes may carry a pickle or an archive."""
    if PROTO.search(head) or head.startswith((*_COMPRESSED, *ARCHIVES)):
        return True
    # The long raw bytes of an array are no text: the slower searches are for constants that could be one.
    return (len(head) < SEARCHED or is_text(head)) and may_carry_text(head)


def is_text(head: bytes) -> bool:
    """Tell whether a constant begins as a text does."""
    start = head[:64]
    return start.isascii() and b"\0" not in start


def _is_base64(head: bytes) -> bool:
    if not _BASE64.match(head):
        return False
    start = _unbase64(head[:16])
    return start.startswith(_BEGINNINGS) or bool(_TEXTUAL.match(start))


def _unzlib(data: bytes) -> bytes:
    return zlib.decompressobj(47).decompress(data, EXPANDED)


def _unbz2(data: bytes) -> bytes:
    return bz2.BZ2Decompressor().decompress(data, EXPANDED)


def _unxz(data: bytes) -> bytes:
    return lzma.LZMADecompressor(memlimit=1 << 26).decompress(data, EXPANDED)


def _unbase64(data: bytes) -> bytes:
    letters = bytes(data.translate(bytes.maketrans(b"-_", b"+/"), b" \t\r\n="))
    rest = letters[len(letters) // 4 * 4 :]
    tail = rest + b"=" * (4 - len(rest)) if len(rest) > 1 else b""
    return binascii.a2b_base64(letters[: len(letters) // 4 * 4] + tail)


def _unlatin(data: bytes) -> bytes:
    return data.decode("utf-8").encode("latin-1")


def _unescape(data: bytes) -> bytes:
    if b"\\u" in data:
        return data.decode("raw-unicode-escape").encode("latin-1")
    plain = text.quoted(b'"' + data + b'"')
    if plain is None:
        raise ValueError("a broken escape")
    return plain


def _unhex(data: bytes) -> bytes:
    return bytes.fromhex(data.decode("ascii"))


def undisguised(kind: str, data: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield what `data`, the first `EXPANDED` bytes of a constant, may stand for, each with the name of its form."""
    head = data[:SEARCHED]
    textual = kind == "str" or is_text(head)
    ways: list[tuple[str, bool, Callable[[bytes], bytes]]] = [
        ("latin-1", textual and b"\xc2\x80" in head, _unlatin),
        ("escapes", textual and b"\\" in head, _unescape),
        ("hex", bool(_HEX.match(head)), _unhex),
        ("base64", _is_base64(head), _unbase64),
    ]
    for name, fits, decode in ways:
        if fits and (decoded := _tried(decode, data)) is not None:
            yield name, decoded
            for inner, plain in _expanded(decoded):
                yield f"{name}+{inner}", plain
    yield from _expanded(data)


def _expanded(data: bytes) -> Iterator[tuple[str, bytes]]:
    for name, marks, expand in (("zlib", _ZLIB, _unzlib), ("bz2", (b"BZh",), _unbz2), ("xz", _XZ, _unxz)):
        if data.startswith(marks) and (plain := _tried(expand, data)) is not None:
            yield name, plain


def _tried(decode: Callable[[bytes], bytes], data: bytes) -> bytes | None:
    try:
        return decode(data)
    except (ValueError, zlib.error, lzma.LZMAError, OSError, EOFError):
        return None
