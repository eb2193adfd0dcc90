"""Puts the pieces of a sparse tar member back into their places, with zeros in the holes between them.

Four spellings exist: GNU's own header with blocks that continue it, and three in extended headers (0.0, 0.1 and 1.0).
Source: GNU tar manual, "Storing Sparse Files" (https://www.gnu.org/software/tar/manual/html_node/Sparse-Formats.html).
"""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen

from modelguard.terms.artifact import Location
from modelguard.terms.content import Content
from modelguard.terms.errors import BudgetSpent, ReadError

BLOCK = 512
MOST_PIECES = 100_000
LARGEST = (1 << 63) - 1
_FIRST, _FURTHER = 4, 21  # pieces in the header itself, and in each block that continues it
_PIECE = 24
_LONGEST_NUMBER = 20


@frozen
class Sparse:
    """A member with holes: its size when whole, and pieces as (place in the whole, place in the archive, length).

    `name` is what extended headers call it, when they do. `head` counts bytes of the map that stand before the data.
    """

    size: int
    pieces: tuple[tuple[int, int, int], ...]
    name: str = ""


def octal(raw: bytes) -> int:
    """Return a number of a header. Raises `ReadError` for anything else."""
    if raw[:1] == b"\x80":
        return int.from_bytes(raw[1:], "big")
    text = raw.partition(b"\0")[0].strip()
    if text and not set(text) <= set(b"01234567"):
        raise ReadError(f"tar: {raw!r} where a number of a sparse member belongs")
    return int(text or b"0", 8)


def continued(content: Content, at: int, block: bytes) -> tuple[list[tuple[int, int]], int]:
    """Return the map of GNU's header at `at`, and where the data begin: behind the blocks that continue the map.

    Raises `ReadError` when these end early.
    """
    found = list(_pairs(block[386 : 386 + _FIRST * _PIECE]))
    more, start = block[482], at + BLOCK
    while more:
        block = content.read(start, BLOCK)
        found.extend(_pairs(block[: _FURTHER * _PIECE]))
        more, start = block[504], start + BLOCK
        if len(found) > MOST_PIECES:
            raise BudgetSpent(f"tar: a sparse member of more than {MOST_PIECES} pieces")
    return found, start


def _pairs(raw: bytes) -> list[tuple[int, int]]:
    pieces = [raw[at : at + _PIECE] for at in range(0, len(raw), _PIECE)]
    return [(octal(piece[:12]), octal(piece[12:])) for piece in pieces if piece.strip(b"\0 ")]


def in_headers(values: Mapping[str, str]) -> list[tuple[int, int]] | None:
    """Return the map that extended headers of version 0.0 or 0.1 hold, None when they hold none."""
    text = values.get("GNU.sparse.map")
    if text is None:
        return None
    numbers = [number(word) for word in text.split(",")] if text else []
    if len(numbers) % 2 or len(numbers) > 2 * MOST_PIECES:
        raise ReadError("tar: the map of a sparse member is no list of pairs")
    return list(zip(numbers[::2], numbers[1::2], strict=True))


def in_data(content: Content, start: int, size: int) -> tuple[list[tuple[int, int]], int]:
    """Return the map of version 1.0, which stands in front of the data, and where the data begin."""
    end, at = start + size, start
    found: list[int] = []
    wanted, text = 1, b""
    while len(found) < wanted:
        if at >= end or len(text) > BLOCK * MOST_PIECES:
            raise ReadError("tar: the map of a sparse member ends early")
        text += content.read(at, min(BLOCK, end - at))
        at += BLOCK
        *lines, text = text.split(b"\n")
        for line in lines:
            if len(found) == wanted and len(found) > 1:
                break
            found.append(number(line.decode("ascii", "replace")))
            if len(found) == 1:
                wanted = 1 + 2 * found[0]
                if found[0] > MOST_PIECES:
                    raise BudgetSpent(f"tar: a sparse member of {found[0]} pieces")
    return list(zip(found[1:wanted:2], found[2:wanted:2], strict=True)), min(at, end)


def number(text: str) -> int:
    """Return a decimal number of an extended header. Raises `ReadError` for anything else."""
    if not (text.isascii() and text.isdigit()) or len(text) > _LONGEST_NUMBER:
        raise ReadError(f"tar: {text[:40]!r} where a number of a sparse member belongs")
    return int(text)


def placed(pairs: list[tuple[int, int]], start: int, stored: int, size: int, name: str = "") -> Sparse:
    """Return where each piece lies. Raises `ReadError` for pieces that overlap, leave the member or are not stored."""
    pieces, at, last = [], start, 0
    for offset, length in pairs:
        if not length:
            continue
        if offset < last or offset + length > size or at + length > start + stored or size > LARGEST:
            raise ReadError(f"tar: a piece of {length} bytes at {offset} of a sparse member of {size}")
        pieces.append((offset, at, length))
        at, last = at + length, offset + length
    return Sparse(size, tuple(pieces), name)


def whole(content: Content, sparse: Sparse, location: Location) -> Content:
    """Return the member as it would lie on a disk. Holes are made when they are read and cost no memory before."""

    def fetch(offset: int, length: int) -> bytes:
        made = bytearray(max(0, min(length, sparse.size - offset)))
        for place, at, size in sparse.pieces:
            first, end = max(place, offset), min(place + size, offset + len(made))
            if first < end:
                made[first - offset : end - offset] = content.read(at + first - place, end - first)
        return bytes(made)

    return Content(location=location, size=sparse.size, fetch=fetch)
