"""Reads the text arguments of protocol 0 as CPython's unpicklers read them.

Numbers are given back with whether they are written as a pickler writes them: the C and the Python unpickler do not
accept the same other spellings, and no other reader agrees with both.
"""

from __future__ import annotations

import re

_INTEGER = re.compile(rb"-?(?:0|[1-9][0-9]*)\Z")
_INDEX = re.compile(rb"(?:0|[1-9][0-9]*)\Z")
_FLOAT = re.compile(rb"-?(?:[0-9]+(?:\.[0-9]*)?(?:e[+-]?[0-9]+)?|inf|nan)\Z")
_ESCAPE = re.compile(rb"\\(?:([0-7]{1,3})|x([0-9A-Fa-f]{2})|([\n\\'\"abfnrtv])|(x)|(\Z))", re.DOTALL)
_SIMPLE = {
    b"\n": b"", b"\\": b"\\", b"'": b"'", b'"': b'"', b"a": b"\a", b"b": b"\b", b"f": b"\f", b"n": b"\n",
    b"r": b"\r", b"t": b"\t", b"v": b"\v",
}  # fmt: skip

DIGITS = 64
"""Digits of an integer that is converted; a longer one is only measured, as conversion is quadratic."""


def integer(line: bytes) -> tuple[int | None, bool]:
    """Return the value of the line of INT or LONG in base 0, and whether it is written as a pickler writes it.

    The value is None when it is too long to convert or no integer at all.
    """
    usual = bool(_INTEGER.match(line))
    if usual and len(line) > DIGITS:
        return None, True
    try:
        # A C string ends at its first zero byte; the Python unpickler rejects it. `usual` is False then.
        number = line.split(b"\0")[0].decode("latin-1")
        return int(number.lstrip("0") or "0") if number.lstrip("0").isdigit() else int(number[:4096], 0), usual
    except ValueError:
        return None, False


def index(line: bytes) -> tuple[int | None, bool]:
    """Return the memo index of the line of GET or PUT, and whether it is written as a pickler writes it."""
    if len(line) > DIGITS:
        return None, False
    try:
        return int(line.split(b"\0")[0]), bool(_INDEX.match(line))
    except ValueError:
        return None, False


def is_usual_float(line: bytes) -> bool:
    """Tell whether the line of FLOAT is written as a pickler writes it."""
    return bool(_FLOAT.match(line))


def quoted(line: bytes) -> bytes | None:
    """Return the bytes that the line of STRING stands for, or None when it is not quoted or an escape is broken."""
    if len(line) < 2 or line[0] != line[-1] or line[0] not in b"'\"":
        return None
    body = line[1:-1]
    if b"\\" not in body:
        return body
    broken = False

    def replace(match: re.Match[bytes]) -> bytes:
        nonlocal broken
        octal, hexadecimal, simple, bad, end = match.groups()
        broken = broken or bad is not None or end is not None
        if octal is not None:
            return bytes([int(octal, 8) & 0xFF])
        if hexadecimal is not None:
            return bytes([int(hexadecimal, 16)])
        return _SIMPLE.get(simple, b"")

    # An unknown escape stays as it is, its backslash with it.
    text = _ESCAPE.sub(replace, body)
    return None if broken else text


def raw_unicode(line: bytes) -> bytes | None:
    r"""Return the text of the line of UNICODE as UTF-8, or None when a `\u` escape is broken."""
    try:
        return line.decode("raw-unicode-escape").encode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return None
