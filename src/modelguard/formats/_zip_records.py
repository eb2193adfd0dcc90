"""The records of a ZIP archive as they stand in the file: end records, directory records, local headers.

Field names follow APPNOTE.TXT 6.3.10 (https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT). Nothing here
decides which record is right: two records that disagree are both returned.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from itertools import islice

from attrs import Factory, field, frozen

from modelguard.formats._questions import ZIP_END, zip_tail
from modelguard.formats._zip_in_tar import belong_to_members
from modelguard.terms.content import Content
from modelguard.terms.errors import BudgetSpent, ReadError

LOCAL = b"PK\x03\x04"
DIRECTORY = b"PK\x01\x02"
END = ZIP_END
END64 = b"PK\x06\x06"
LOCATOR64 = b"PK\x06\x07"
DESCRIPTOR = b"PK\x07\x08"

STORED, DEFLATED = 0, 8
ENCRYPTED, STREAMED, UTF8 = 0x1, 0x8, 0x800

_END = struct.Struct("<4s4H2LH")
_END64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR64 = struct.Struct("<4sLQL")
_DIRECTORY = struct.Struct("<4s6H3L5H2L")
_LOCAL = struct.Struct("<4s5H3L2H")

_DIRECTORY_LIMIT = 1 << 26
_ENDS = 64
_EXTRA = 68  # bytes of extra fields that are read with a local header: torch aligns to 64
_KEPT = 10_000  # records of a directory that are kept in memory
_ZIP64, _UNICODE_PATH = b"\x01\x00", b"\x75\x70"  # kinds of extra fields
_WIDE = b"\xff\xff\xff\xff"  # a size that stands in the zip64 extra field instead
_FULL16, _FULL32 = 0xFFFF, 0xFFFFFFFF


@frozen(kw_only=True)
class End:
    """One reading of an end record: where the directory is, how long, and how many records it has.

    `at` is where the record stands, `after` where its comment ends, `directory_end` where the directory has to end
    (before the zip64 records, if there are any). `how` is "zip", "zip64" or "zip64 beside".
    """

    how: str
    at: int
    after: int
    directory_end: int
    disks: tuple[int, ...]
    here: int
    total: int
    size: int
    offset: int
    comment: bytes


def _name_of(record: Record) -> str:
    raw = record.raw_name
    if raw.isascii():
        return raw.decode("ascii")
    return raw.decode("utf-8" if record.flags & UTF8 else "cp437", "backslashreplace")


@frozen(kw_only=True, slots=False)  # one with slots takes twice as long to make
class Record:
    """What a directory record or a local header says about a member; sizes in bytes after the zip64 extra field.

    `at` and `after` are where the record begins and ends in the file. `header` is the offset of the local header as
    written in a directory record. `extra_differs` tells that the zip64 extra field contradicts the record.
    """

    at: int
    after: int
    flags: int
    method: int
    crc: int
    compressed: int
    expanded: int
    raw_name: bytes
    header: int = 0
    disk: int = 0
    mode: int = 0
    extra_differs: bool = False
    unicode_name: str = ""
    name: str = field(init=False, default=Factory(_name_of, takes_self=True))
    """The name as Python's zipfile decodes it; bytes that are not valid are shown escaped."""

    shared: bytes = b""
    """What a directory record and its local header both hold, from the flags to the length of the name."""


def ends(content: Content) -> list[End]:
    """Return every reading of every plausible end record near the end of the file, the last record first.

    There is none for a tar whose members alone they belong to. Raises `BudgetSpent` when there are more than 64.
    """
    return content.once(_own_ends)


def _own_ends(content: Content) -> list[End]:
    found = _ends(content)
    return [] if found and belong_to_members(content, list(found)) else found


def _ends(content: Content) -> list[End]:
    tail = content.once(zip_tail)
    start = content.size - len(tail)
    found: list[End] = []
    at = tail.rfind(END)
    while at >= 0:
        if len(found) > _ENDS:
            raise BudgetSpent(f"more than {_ENDS} end records")
        readings = list(_readings(content, start + at))
        if any(_is_plausible(content, end) for end in readings):
            found.extend(readings)
        at = tail.rfind(END, 0, at + 3)
    return found


def _readings(content: Content, at: int) -> Iterator[End]:
    if at + _END.size > content.size:
        return
    _, disk, start_disk, here, total, size, offset, length = _END.unpack(content.read(at, _END.size))
    comment = content.read(at + _END.size, min(length, content.size - at - _END.size))
    after = at + _END.size + length
    wide = list(_wide_readings(content, at, after, comment))
    full = _FULL16 in (here, total) or _FULL32 in (size, offset)
    if not (wide and full):
        plain_end = wide[0].directory_end if wide else at
        yield End(
            how="zip", at=at, after=after, directory_end=plain_end, disks=(disk, start_disk), here=here, total=total,
            size=size, offset=offset, comment=comment,
        )  # fmt: skip
    yield from wide


def _wide_readings(content: Content, at: int, after: int, comment: bytes) -> Iterator[End]:
    """Yield the zip64 end record that the locator names, and the one that stands beside it if that is another."""
    if at < _LOCATOR64.size:
        return
    mark, disk, named, _ = _LOCATOR64.unpack(content.read(at - _LOCATOR64.size, _LOCATOR64.size))
    if mark != LOCATOR64:
        return
    beside = at - _LOCATOR64.size - _END64.size
    for how, where in (("zip64", named), ("zip64 beside", beside)):
        if where < 0 or where + _END64.size > at or (how != "zip64" and where == named):
            continue
        fields = _END64.unpack(content.read(where, _END64.size))
        if fields[0] != END64:
            continue
        yield End(
            how=how, at=at, after=after, directory_end=where, disks=(disk, fields[4], fields[5]), here=fields[6],
            total=fields[7], size=fields[8], offset=fields[9], comment=comment,
        )  # fmt: skip


def _is_plausible(content: Content, end: End) -> bool:
    if end.total == 0 and end.size == 0:
        return end.after == content.size
    return any(_has_mark(content, start, DIRECTORY) for start in (end.directory_end - end.size, end.offset))


def _has_mark(content: Content, at: int, mark: bytes) -> bool:
    return 0 <= at <= content.size - len(mark) and content.read(at, len(mark)) == mark


def directory(content: Content, start: int, limit: int) -> Iterator[Record]:
    """Yield the records of the directory at `start`, as long as one follows another, up to `limit`.

    Raises `BudgetSpent` for a directory of more than 64 MiB, `ReadError` for a record that does not fit.
    """
    return iter(content.once(_Listing(start, limit)) or _directory(content, start, limit))


@frozen
class _Listing:
    """Lists the records of a directory that has no fault and not very many: it is asked for several times."""

    start: int
    limit: int

    def __call__(self, content: Content) -> tuple[Record, ...]:
        try:
            found = tuple(islice(_directory(content, self.start, self.limit), _KEPT + 1))
        except ReadError:
            return ()
        return found if len(found) <= _KEPT else ()


def _directory(content: Content, start: int, limit: int) -> Iterator[Record]:
    if not 0 <= start <= limit <= content.size:
        return
    if limit - start > _DIRECTORY_LIMIT:
        raise BudgetSpent(f"a directory of {limit - start} bytes is longer than the {_DIRECTORY_LIMIT} that are read")
    data = content.read(start, limit - start)
    at = 0
    while data[at : at + 4] == DIRECTORY:
        record = _directory_record(data, at, start)
        yield record
        at = record.after - start


def _directory_record(data: bytes, at: int, start: int) -> Record:
    if at + _DIRECTORY.size > len(data):
        raise ReadError("the directory ends within a record")
    fields = _DIRECTORY.unpack_from(data, at)
    (_, _, _, flags, method, _, _, crc, compressed, expanded, names, extras, comments, disk, _, attributes, header) = (
        fields
    )
    name_at = at + _DIRECTORY.size
    after = name_at + names + extras + comments
    if after > len(data):
        raise ReadError("the directory ends within a record")
    raw_name = data[name_at : name_at + names]
    extra = data[name_at + names : name_at + names + extras]
    sizes, differs, unicode_name = _extended([expanded, compressed, header], extra)
    return Record(
        at=start + at, after=start + after, flags=flags, method=method, crc=crc, compressed=sizes[1],
        expanded=sizes[0], raw_name=raw_name, header=sizes[2], disk=disk, mode=attributes >> 16,
        extra_differs=differs, unicode_name=unicode_name, shared=data[at + 8 : at + 30],
    )  # fmt: skip


def agreed_end(content: Content, record: Record, at: int) -> int | None:
    """Return where the local header at an offset ends when it says, bit by bit, what the record of the directory says.

    None tells nothing but that a closer look is needed.
    """
    names = _LOCAL.size + len(record.raw_name)
    data = content.read(at, min(names + _EXTRA, content.size - at)) if 0 <= at < content.size else b""
    if data[:4] != LOCAL or data[6:28] != record.shared or data[_LOCAL.size : names] != record.raw_name:
        return None
    if _WIDE in (record.shared[12:16], record.shared[16:20]):
        return None
    after = names + (data[28] | data[29] << 8)
    extra = data[names:after]
    if after > len(data) or _ZIP64 in extra or _UNICODE_PATH in extra:
        return None
    return at + after


def local(content: Content, at: int) -> Record | None:
    """Return the local header at an offset, None when there is none or it does not fit."""
    if not 0 <= at <= content.size - _LOCAL.size:
        return None
    fields = _LOCAL.unpack(content.read(at, _LOCAL.size))
    mark, _, flags, method, _, _, crc, compressed, expanded, names, extras = fields
    after = at + _LOCAL.size + names + extras
    if mark != LOCAL or after > content.size:
        return None
    text = content.read(at + _LOCAL.size, names + extras)
    sizes, differs, unicode_name = _extended([expanded, compressed], text[names:])
    return Record(
        at=at, after=after, flags=flags, method=method, crc=crc, compressed=sizes[1], expanded=sizes[0],
        raw_name=text[:names], extra_differs=differs, unicode_name=unicode_name,
    )  # fmt: skip


def _extra_fields(extra: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<HH", extra, at)
        yield kind, extra[at + 4 : at + 4 + length]
        at += 4 + length


def _extended(sizes: list[int], extra: bytes) -> tuple[list[int], bool, str]:
    """Return the sizes, whether the extra field contradicts them, and the name in it."""
    if _ZIP64 not in extra and _UNICODE_PATH not in extra:
        return sizes, False, ""
    return *_widened(sizes, extra), _unicode_name(extra)


def _widened(sizes: list[int], extra: bytes) -> tuple[list[int], bool]:
    """Put the numbers of the zip64 extra field in place of full 32-bit fields; tell whether the others contradict.

    The field holds only the numbers whose 32-bit field is full, in order. Some writers (miniz, as in PyTorch) put
    all of them: that is no contradiction as long as they are equal.
    """
    for kind, body in _extra_fields(extra):
        if kind != 0x0001:
            continue
        numbers = [number for (number,) in struct.iter_unpack("<Q", body[: len(body) // 8 * 8])]
        return _placed(sizes, numbers)
    return sizes, False


def _placed(sizes: list[int], numbers: list[int]) -> tuple[list[int], bool]:
    full = [index for index, size in enumerate(sizes) if size == _FULL32]
    widened = list(sizes)
    if len(numbers) == len(full):
        for index, number in zip(full, numbers, strict=True):
            widened[index] = number
        return widened, False
    for index, number in enumerate(numbers[: len(sizes)]):
        if index in full:
            widened[index] = number
    by_place = any(number != widened[index] for index, number in enumerate(numbers[: len(sizes)]))
    by_order = any(number != widened[index] for index, number in zip(full, numbers, strict=False))
    return widened, by_place or by_order or len(numbers) < len(full)


def _unicode_name(extra: bytes) -> str:
    """Return the name of Info-ZIP's Unicode Path field (0x7075): version, CRC of the other name, UTF-8 text."""
    for kind, body in _extra_fields(extra):
        if kind == 0x7075 and len(body) > 5:
            return body[5:].decode("utf-8", "backslashreplace")
    return ""


def descriptor_length(content: Content, at: int, record: Record) -> int | None:
    """Return the length of the data descriptor after a member's data, None when none agrees with the record."""
    tail = content.read(at, min(24, content.size - at))
    for mark in (DESCRIPTOR, b""):
        for layout in ("<LQQ", "<LLL"):
            length = len(mark) + struct.calcsize(layout)
            if len(tail) < length or not tail.startswith(mark):
                continue
            if struct.unpack_from(layout, tail, len(mark)) == (record.crc, record.compressed, record.expanded):
                return length
    return None
