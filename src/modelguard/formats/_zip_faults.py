"""What is wrong with one member of a ZIP archive, by its directory record alone and against its local header."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from modelguard.formats._names import is_ordinary, name_faults
from modelguard.formats._zip_records import DEFLATED, ENCRYPTED, STORED, STREAMED, UTF8, Record

Fault: TypeAlias = tuple[str, str]
"""A rule and what was found; the reader makes a `Malformed` of it."""

# The flag bits that say nothing about how to read: two hints of deflate, the descriptor, the encoding of names.
_PLAIN_FLAGS = 0x2 | 0x4 | STREAMED | UTF8
# Some Java tools set every bit for directories: that is no kind of file, and no reader takes it for one.
_ALL_BITS = 0xFFFF
_LINK, _REGULAR, _FOLDER, _KIND = 0xA000, 0x8000, 0x4000, 0xF000


def record_faults(record: Record) -> Iterator[Fault]:
    """Yield what is wrong with a directory record on its own."""
    name = record.name
    if _is_plain(record) and is_ordinary(name):
        return
    for fault in name_faults(name):
        yield "zip-name", f"{name!r} {fault}"
    if record.unicode_name and record.raw_name.isascii() and record.unicode_name != name:
        yield "zip-name-differs", f"{name!r} is called {record.unicode_name!r} in its Unicode Path field"
    if record.flags & UTF8 and not _is_utf8(record.raw_name):
        yield "zip-name", f"{name!r} is not the UTF-8 that its flags promise"
    if record.flags & ENCRYPTED:
        yield "zip-encrypted", f"{name!r} says that it is encrypted"
    if record.flags & ~(_PLAIN_FLAGS | ENCRYPTED):
        yield "zip-flags", f"{name!r} has the flags 0x{record.flags:04x}, which readers treat differently"
    if record.method not in (STORED, DEFLATED):
        yield "zip-method", f"{name!r} has compression method {record.method}, which not every reader knows"
    if record.method == STORED and record.compressed != record.expanded:
        yield "zip-sizes", f"{name!r} is stored, but has sizes {record.compressed} and {record.expanded}"
    if record.extra_differs:
        yield "zip64-extra-differs", f"{name!r}: the zip64 extra field contradicts the directory record"
    if record.disk not in (0, 0xFFFF):
        yield "zip-disk", f"{name!r} is said to be on disk {record.disk}"
    if name.endswith("/") and (record.compressed or record.expanded) and record.expanded:
        yield "zip-folder-data", f"{name!r} is a directory with {record.expanded} bytes of data"
    yield from _mode_faults(name, record.mode)


def _is_plain(record: Record) -> bool:
    """Tell at once that a record breaks no rule but those about names: stored bytes of a regular file, as torch's."""
    return (
        record.flags == 0
        and record.method == STORED
        and record.compressed == record.expanded
        and record.disk == 0
        and not record.extra_differs
        and not record.unicode_name
        and record.mode & _KIND in (0, _REGULAR)
        and not record.mode & 0o6000
        and record.raw_name[-1:] != b"/"
    )


def _mode_faults(name: str, mode: int) -> Iterator[Fault]:
    """Yield what is wrong with the mode of a file that Unix tools write."""
    if mode == _ALL_BITS:
        return
    kind = mode & _KIND
    if kind not in (0, _REGULAR, _FOLDER):
        yield "zip-link" if kind == _LINK else "zip-special", f"{name!r} has the file mode 0o{mode:o}"
    if mode & 0o6000:
        yield "zip-mode", f"{name!r} asks to run with its owner's rights (mode 0o{mode:o})"


def differences(record: Record, header: Record) -> Iterator[Fault]:
    """Yield where a local header says something else than the directory."""
    name, streamed = record.name, bool(header.flags & STREAMED)
    if header.raw_name != record.raw_name:
        yield "zip-name-differs", f"{name!r} is called {header.name!r} in its local header"
    if header.flags != record.flags:
        detail = f"{name!r} has the flags 0x{record.flags:04x}, in its local header 0x{header.flags:04x}"
        yield "zip-flags-differ", detail
    if header.method != record.method:
        yield "zip-method-differs", f"{name!r} has method {record.method}, in its local header {header.method}"
    if header.extra_differs:
        yield "zip64-extra-differs", f"{name!r}: the zip64 extra field contradicts the local header"
    here, there = (header.compressed, header.expanded), (record.compressed, record.expanded)
    if here != there and not (streamed and is_unknown(header)):
        yield "zip-sizes-differ", f"{name!r} has sizes {there}, in its local header {here}"
    if header.crc != record.crc and not (streamed and header.crc == 0):
        yield "zip-crc-differs", f"{name!r} has CRC {record.crc:08x}, in its local header {header.crc:08x}"


def is_unknown(header: Record) -> bool:
    """Tell whether a local header leaves the sizes to the descriptor: as zero, or as a full 32-bit field."""
    return {header.compressed, header.expanded} <= {0, 0xFFFFFFFF}


def _is_utf8(raw: bytes) -> bool:
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
