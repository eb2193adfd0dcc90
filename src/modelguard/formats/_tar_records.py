"""The blocks of a tar archive: headers, and the extended headers that replace parts of the next one.

Layouts: POSIX ustar and pax (IEEE Std 1003.1), and GNU's long names. Nothing is extracted, no link is followed.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from attrs import define, field, frozen

from modelguard.formats import _tar_sparse
from modelguard.formats._tar_sparse import Sparse
from modelguard.formats.format import Clue
from modelguard.terms.content import Content
from modelguard.terms.errors import ReadError

BLOCK = 512
_EXTENDED_LIMIT = 1 << 20
_ZEROS = bytes(BLOCK)
REGULAR = frozenset({b"0", b"\0", b"7"})
LINKS = {b"1": "hard link", b"2": "symbolic link"}
SPECIAL = {b"3": "character device", b"4": "block device", b"6": "named pipe"}
FOLDER = b"5"
SPARSE = b"S"
_OCTAL_LIMIT = 8 << 30


@frozen(kw_only=True)
class TarMember:
    """A member: its name, where its data are, its type as written, its mode, the target of a link.

    `faults` are rules that its headers break, with what was found. `sparse` tells where its pieces belong when it is
    stored with holes, and `hollow` why that cannot be told.
    """

    name: str
    start: int
    size: int
    kind: bytes
    mode: int
    target: str
    at: int
    faults: tuple[tuple[str, str], ...] = ()
    sparse: Sparse | None = None
    hollow: str = ""

    @property
    def after(self) -> int:
        return self.start + (self.size + BLOCK - 1) // BLOCK * BLOCK


@define
class _Pending:
    """What extended headers say about the next member."""

    values: dict[str, str] = field(factory=dict)
    faults: list[tuple[str, str]] = field(factory=list)


CLUE = Clue(begins=rb".{148}[\x80\0 \t\n\r\x0b\x0c0-7]")
"""What a header has where its checksum stands: an octal number, or one to the base 256."""


def is_header(block: bytes) -> bool:
    """Tell whether a block is a tar header: its checksum is right (as signed or unsigned bytes) and it has a name."""
    if len(block) < BLOCK or not block[0]:
        return False
    try:
        stated = _number(block[148:156])
    except ReadError:
        return False
    unsigned = sum(block) - sum(block[148:156]) + 8 * 0x20
    signed = unsigned - 256 * sum(byte > 127 for byte in block[:148] + block[156:])
    return stated in (unsigned, signed)


def members(content: Content, at: int = 0) -> Iterator[TarMember]:
    """Yield the members from a block on, up to the first block of zeros or the end of the content.

    Raises `ReadError` at a block that is neither a header nor zeros, or at a header that cannot be understood.
    """
    pending = _Pending()
    while at + BLOCK <= content.size:
        block = content.read(at, BLOCK)
        if block == _ZEROS:
            return
        if not is_header(block):
            raise ReadError(f"no header at {at}, where one is due")
        member = _member(content, block, at, pending)
        if member is None:
            at = _extend(content, block, at, pending)
            continue
        pending = _Pending()
        yield member
        at = member.after
    if at < content.size:
        raise ReadError(f"ends within a block at {at}")


def _member(content: Content, block: bytes, at: int, pending: _Pending) -> TarMember | None:
    """Return the member of a header, None for a header that only says something about the next."""
    kind = block[156:157]
    if kind in b"xgLKX" and kind:
        return None
    name, faults = _name(block, pending)
    size, stated = _size(block, pending, faults)
    if kind in LINKS or kind in SPECIAL or kind == FOLDER:
        size = 0 if kind != FOLDER else size
    start, pairs = at + BLOCK, None
    if kind == SPARSE:
        pairs, start = _tar_sparse.continued(content, at, block)
    there = content.size - start
    if size > there:
        faults.append(("tar-cut-off", f"{name!r} should have {size} bytes, {there} are there"))
        size = there
    if size != stated and "size" in pending.values and stated and stated != size:
        faults.append(("tar-size-differs", f"{name!r} has {stated} bytes in its header, {size} in the extended one"))
    target = pending.values.get("linkpath", _text(block[157:257]))
    sparse, hollow = _holes(content, block, pending, pairs, start, size)
    return TarMember(
        name=name, start=start, size=size, kind=kind, mode=_number(block[100:108]), target=target, at=at,
        faults=tuple(faults), sparse=sparse, hollow=hollow,
    )  # fmt: skip


def _holes(
    content: Content, block: bytes, pending: _Pending, pairs: list[tuple[int, int]] | None, start: int, size: int
) -> tuple[Sparse | None, str]:
    """Return where the pieces of a sparse member belong, or why that cannot be told; neither for other members."""
    values, data = pending.values, start
    try:
        if pairs is not None:
            return _tar_sparse.placed(pairs, start, size, _tar_sparse.octal(block[483:495])), ""
        if not any(key.startswith("GNU.sparse") for key in values):
            return None, ""
        pairs = _tar_sparse.in_headers(values)
        if pairs is None:
            pairs, data = _tar_sparse.in_data(content, start, size)
        whole = _tar_sparse.number(values.get("GNU.sparse.realsize", values.get("GNU.sparse.size", "")))
        return _tar_sparse.placed(pairs, data, start + size - data, whole, values.get("GNU.sparse.name", "")), ""
    except ReadError as error:
        return None, str(error)


def _name(block: bytes, pending: _Pending) -> tuple[str, list[tuple[str, str]]]:
    faults = list(pending.faults)
    own = _text(block[:100])
    prefix = _text(block[345:500]) if block[257:263] == b"ustar\0" else ""
    own = f"{prefix}/{own}" if prefix else own
    name = pending.values.get("path", own)
    if name != own and len(name.encode("utf-8", "replace")) <= 100 and name.isascii():
        faults.append(("tar-name-differs", f"{own!r} is called {name!r} in its extended header"))
    if any(key.startswith("GNU.sparse") for key in pending.values):
        faults.append(("tar-sparse", f"{name!r} is stored with holes"))
    return name, faults


def _size(block: bytes, pending: _Pending, faults: list[tuple[str, str]]) -> tuple[int, int]:
    stated = _number(block[124:136])
    if "size" not in pending.values:
        return stated, stated
    text = pending.values["size"]
    if not (text.isascii() and text.isdigit()):
        raise ReadError(f"an extended header gives {text[:40]!r} as a size")
    size = int(text[:20])
    if size < _OCTAL_LIMIT and size != stated:
        faults.append(("tar-size-differs", f"the header says {stated} bytes, the extended header {size}"))
    return size, stated


def _extend(content: Content, block: bytes, at: int, pending: _Pending) -> int:
    """Take up an extended header, and return where the next header is."""
    kind, size = block[156:157], _number(block[124:136])
    if size > _EXTENDED_LIMIT:
        raise ReadError(f"an extended header of {size} bytes is longer than the {_EXTENDED_LIMIT} that are read")
    data = content.read(at + BLOCK, size)
    if kind in b"LK":
        pending.values["path" if kind == b"L" else "linkpath"] = _text(data)
    else:
        values = _joined(_pax(data))
        if kind == b"g" and values.keys() & {"path", "size", "linkpath"}:
            pending.faults.append(("tar-global-header", "a global header names paths or sizes for all members"))
        pending.values.update(values)
    return at + BLOCK + (size + BLOCK - 1) // BLOCK * BLOCK


def _joined(records: Iterator[tuple[str, str]]) -> dict[str, str]:
    """Return the records by key; the map of version 0.0 comes as one record for each number."""
    values: dict[str, str] = {}
    for key, value in records:
        if key in ("GNU.sparse.offset", "GNU.sparse.numbytes"):
            before = values.get("GNU.sparse.map")
            values["GNU.sparse.map"] = value if before is None else f"{before},{value}"
        else:
            values[key] = value
    return values


def _pax(data: bytes) -> Iterator[tuple[str, str]]:
    """Yield the records `length key=value\\n` of a pax header. Raises `ReadError` for any other bytes."""
    at = 0
    while at < len(data) and data[at]:
        digits, blank, _ = data[at : at + 20].partition(b" ")
        if not blank or not digits.isdigit():
            raise ReadError("an extended header holds something other than records")
        record = data[at : at + int(digits)]
        key, equals, value = record[len(digits) + 1 :].partition(b"=")
        if not equals or not value.endswith(b"\n") or len(record) != int(digits):
            raise ReadError("a record of an extended header does not have the length that it says")
        yield key.decode("utf-8", "backslashreplace"), value[:-1].decode("utf-8", "backslashreplace")
        at += len(record)


def _text(raw: bytes) -> str:
    return raw.partition(b"\0")[0].decode("utf-8", "backslashreplace")


def _number(raw: bytes) -> int:
    """Read an octal number, or GNU's base 256. Raises `ReadError` for anything else or a negative number."""
    if raw[0] == 0x80:
        return int.from_bytes(raw[1:], "big")
    text = raw.partition(b"\0")[0].strip()
    if text and (len(text) > 12 or not set(text) <= set(b"01234567")):
        raise ReadError(f"a header holds {raw!r} where a number belongs")
    return int(text or b"0", 8)


def names(content: Content, limit: int) -> list[str]:
    """Return the names of the first members, as far as they can be read."""
    found: list[str] = []
    try:
        for member in members(content):
            found.append(member.name)
            if len(found) >= limit:
                break
    except (ReadError, struct.error):
        pass
    return found
