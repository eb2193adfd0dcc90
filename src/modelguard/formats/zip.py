"""Reads ZIP archives: every member that any record speaks of, and every disagreement between the records."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from attrs import define

from modelguard.formats._expansion import STEP, expanded
from modelguard.formats._questions import has_directory
from modelguard.formats._torch_packaged import packaged_members
from modelguard.formats._torch_records import torch_members
from modelguard.formats._zip_archive import Archive, Entry, looks_like_zip, open_archive
from modelguard.formats._zip_records import DEFLATED, STORED
from modelguard.formats.format import Clue, Format, Walk
from modelguard.terms.content import Content
from modelguard.terms.errors import ReadError
from modelguard.terms.facts import Fact, Malformed, Member, Noted, Unread

_SAMPLES = 20
"""Faults of one rule that are told one by one; the rest is counted."""


def read_zip(content: Content, walk: Walk) -> Iterator[Fact]:
    """Yield what is wrong with the archive, then the facts of every member but those that torch's formats read."""
    archive = open_archive(content, walk.budget.members)
    yield from _faults(content, archive)
    elsewhere = torch_members(content, walk.budget.members) | packaged_members(content, archive.entries)
    overlapping = any(rule == "zip-overlap" for rule, _ in archive.faults)
    for entry in archive.entries:
        if id(entry) in elsewhere:
            continue
        if overlapping:  # one stored megabyte could otherwise be read as thousands of members
            walk.budget.spend_bytes(entry.compressed)
        yield from read_entry(content, entry, walk)
    for start, end in archive.gaps:
        if start > 0:  # what stands in front is read by the formats that accept the file from its beginning
            yield from walk.inside(content.part(start, end - start, f"(bytes from {start} to {end})"))


def _faults(content: Content, archive: Archive) -> Iterator[Fact]:
    told: Counter[str] = Counter()
    for rule, detail in archive.faults:
        told[rule] += 1
        if told[rule] <= _SAMPLES:
            yield Malformed(location=content.location, format="zip", rule=rule, detail=detail)
    for rule, count in told.items():
        if count > _SAMPLES:
            detail = f"and {count - _SAMPLES} more of this rule"
            yield Malformed(location=content.location, format="zip", rule=rule, detail=detail)
    for rule, detail in archive.notes[:_SAMPLES]:
        yield Noted(location=content.location, format="zip", rule=rule, detail=detail)


def read_entry(content: Content, entry: Entry, walk: Walk) -> Iterator[Fact]:
    """Yield the facts of one member; what cannot be expanded is `Unread`, and its raw bytes are read as they are.

    Raises `BudgetSpent` when there are too many members.
    """
    walk.budget.spend_member()
    location = content.location.inside(entry.name)
    method = {STORED: "stored", DEFLATED: "deflated"}.get(entry.method, f"method {entry.method}")
    yield Member(location=location, size=entry.expanded, method=method)
    if entry.is_folder:
        return
    if entry.far:
        yield Unread(location=location, format="zip", reason="over a network it is not read: fetch the file")
        return
    try:
        if entry.encrypted:
            yield Unread(location=location, format="zip", reason="the member says that it is encrypted")
        yield from _read_data(content, entry, walk)
    except ReadError as error:
        yield Unread(location=location, format="zip", reason=str(error))


def _read_data(content: Content, entry: Entry, walk: Walk) -> Iterator[Fact]:
    if entry.method not in (STORED, DEFLATED):
        reason = f"compression method {entry.method} is not read"
        yield Unread(location=content.location.inside(entry.name), format="zip", reason=reason)
        yield from walk.inside(content.part(entry.start, entry.compressed, entry.name))
        return
    with expanded_entry(content, entry, walk) as (part, faults):
        yield from walk.inside(part)
        yield from faults()


@contextmanager
def expanded_entry(
    content: Content, entry: Entry, walk: Walk
) -> Iterator[tuple[Content, Callable[[], Iterator[Fact]]]]:
    """Bring a stored or deflated member into a content, with a function that compares it with its record.

    The `ReadError` at which inflating stopped is raised at the end of the `with` block.
    """
    part = content.part(entry.start, entry.compressed, entry.name)
    if entry.method == STORED:
        yield part, lambda: check_crc(part, entry)
        return
    inflation = Inflation(part)
    with expanded(inflation.chunks(), part.location, part.size, walk.budget) as inflated:
        yield inflated, lambda: _compared(part, entry, inflation)


def check_crc(part: Content, entry: Entry) -> Iterator[Fact]:
    """Compare the bytes of a stored member with the CRC of its record (CVE-2025-10156)."""
    crc = 0
    for chunk in part.chunks():
        crc = zlib.crc32(chunk, crc)
    if crc != entry.crc:
        detail = f"the bytes have CRC {crc:08x}, the record says {entry.crc:08x}"
        yield Malformed(location=part.location, format="zip", rule="zip-crc", detail=detail)


def _compared(part: Content, entry: Entry, inflation: Inflation) -> Iterator[Fact]:
    """Compare what came out of a member with what its record says."""
    if entry.origin == "orphan" and entry.expanded == 0:
        return  # sizes and CRC stand behind the data
    if inflation.crc != entry.crc:
        detail = f"the bytes have CRC {inflation.crc:08x}, the record says {entry.crc:08x}"
        yield Malformed(location=part.location, format="zip", rule="zip-crc", detail=detail)
    if inflation.size != entry.expanded:
        detail = f"{inflation.size} bytes come out, the record says {entry.expanded}"
        yield Malformed(location=part.location, format="zip", rule="zip-sizes", detail=detail)
    if inflation.left:
        detail = f"{inflation.left} bytes stand after the end of the compressed data"
        yield Malformed(location=part.location, format="zip", rule="zip-slack", detail=detail)


@define
class Inflation:
    """Raw deflate data being expanded; `crc`, `size` and `left` (bytes unused) hold when `chunks` is at its end."""

    part: Content
    crc: int = 0
    size: int = 0
    left: int = 0

    def chunks(self) -> Iterator[bytes]:
        """Yield the expanded bytes. Raises `ReadError` for data that are not deflate or end early."""
        machine = zlib.decompressobj(-zlib.MAX_WBITS)
        read = 0
        for raw in self.part.chunks(STEP):
            read += len(raw)
            yield from self._expand(machine, raw)
            if machine.eof:
                self.left = self.part.size - read + len(machine.unused_data)
                return
        raise ReadError("the compressed data end early")

    def _expand(self, machine: zlib._Decompress, raw: bytes) -> Iterator[bytes]:
        """Yield what comes out of some raw bytes, also what the machine holds back when its output is full."""
        while not machine.eof:
            try:
                data = machine.decompress(raw, STEP)
            except zlib.error as error:
                raise ReadError(f"not deflate data: {error}") from None
            raw = machine.unconsumed_tail
            if not data and not raw:
                return
            self.crc, self.size = zlib.crc32(data, self.crc), self.size + len(data)
            yield data


ZIP = Format(
    name="zip",
    title="ZIP archive",
    reads="Every member of every directory and of every local header, stored or deflated, by all formats.",
    looks_for=(
        "Disagreement between directory, local headers and end records, hidden or overlapping bytes, duplicates, "
        "links, encryption, unknown methods, wrong checksums and bombs."
    ),
    clue=Clue(first=b"P", when=has_directory),
    accepts=looks_like_zip,
    read=read_zip,
    endings=(".zip", ".npz", ".pt", ".pth", ".ckpt", ".pt2", ".ptl", ".mar", ".keras", ".skops", ".jit"),
)
