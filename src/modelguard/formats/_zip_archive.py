"""Lays all records of a ZIP archive side by side and tells where they disagree.

Readers of ZIP trust different records: Python's zipfile the last end record and the directory, miniz (in PyTorch) the
directory but neither CRC nor local names, streaming readers the local headers alone. A payload can hide wherever two
of them see different members. So every member that any record speaks of is returned, and each disagreement is a fault
(CVE-2025-1944, CVE-2025-1945, CVE-2025-10156).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from typing import Literal, TypeAlias

from attrs import evolve, field, frozen

from modelguard.formats import _zip_records as records
from modelguard.formats._names import twin_key
from modelguard.formats._zip_far import is_far, padded_end
from modelguard.formats._zip_faults import Fault, differences, is_unknown, record_faults
from modelguard.formats._zip_records import ENCRYPTED, STREAMED, End, Record
from modelguard.terms.content import CHUNK, Content
from modelguard.terms.errors import BudgetSpent, ReadError

Origin: TypeAlias = Literal["directory", "local header", "orphan"]
_PADDING = 1 << 16
_ORPHANS = 10_000
# Who owns bytes that are not a member's.
_END, _COMMENT, _DIRECTORY = "the end record", "the comment", "the directory"
_OWN = (_END, _COMMENT, _DIRECTORY)
_NAMES = 200_000
_METHODS = frozenset({*range(21), *range(93, 100)})


@frozen(kw_only=True)
class Entry:
    """One member as one record describes it: where its data begin, and how many bytes there are.

    The local header of a `far` member was not read, because that is a trip over a network: its data begin somewhat
    behind `start`. Only numbers that a checkpoint names are so.
    """

    name: str
    method: int
    crc: int
    start: int
    compressed: int
    expanded: int
    header: int
    origin: Origin = "directory"
    encrypted: bool = False
    far: bool = False

    @property
    def is_folder(self) -> bool:
        """A directory has no data; deflate writes nothing as two bytes."""
        return self.name.endswith("/") and self.expanded == 0 and self.compressed <= 2


@frozen(kw_only=True)
class Archive:
    """Every member that any record speaks of, the faults, the padding, and the bytes that belong to nobody."""

    entries: tuple[Entry, ...]
    faults: tuple[Fault, ...] = ()
    gaps: tuple[tuple[int, int], ...] = ()
    notes: tuple[Fault, ...] = ()


@frozen
class _Survey:
    """What is gathered while the records are compared. `spans` are the bytes that have an owner."""

    content: Content
    limit: int
    entries: list[Entry] = field(factory=list)
    faults: list[Fault] = field(factory=list)
    notes: list[Fault] = field(factory=list)
    spans: list[tuple[int, int, str]] = field(factory=list)
    gaps: list[tuple[int, int]] = field(factory=list)
    directories: set[tuple[int, int]] = field(factory=set)
    far: list[Entry] = field(factory=list)

    def fault(self, rule: str, detail: str) -> None:
        self.faults.append((rule, detail))


def looks_like_zip(content: Content) -> bool:
    """Tell cheaply whether some reader of ZIP would take these bytes: by their head, or by an end record."""
    return content.head(4) in {records.LOCAL, records.END, records.DESCRIPTOR} or bool(records.ends(content))


def member_names(content: Content) -> tuple[str, ...]:
    """Return the names in the directory of the last end record, for formats that know their archives by them.

    Nothing is compared. What only another record names makes no archive of a special kind: the zip format reads it.
    Where a directory is damaged, the names before the fault count; the zip format tells of the fault.
    """
    return content.once(_member_names)


def _member_names(content: Content) -> tuple[str, ...]:
    found = records.ends(content)
    if not found:
        return ()
    last = [end for end in found if end.at == found[0].at]
    starts = {start: end.directory_end for end in last for start in (end.directory_end - end.size, end.offset)}
    names: list[str] = []
    for start, limit in sorted(starts.items()):
        with suppress(ReadError):
            names.extend(record.name for record in islice(records.directory(content, start, limit), _NAMES))
    return tuple(names)


def open_archive(content: Content, limit: int) -> Archive:
    """Read and compare every record.

    Whatever is wrong with the records is a fault. Raises `BudgetSpent` when there are more than `limit` members, and
    `ReadError` when the bytes cannot be read.
    """
    archive = content.once(_Opening(limit))
    if len(archive.entries) > limit:
        raise BudgetSpent("more archive members than the budget allows")
    return archive


@frozen
class _Opening:
    """Reads and compares every record: the same question whatever the limit, as there are no more without an error."""

    limit: int = field(eq=False)

    def __call__(self, content: Content) -> Archive:
        survey = _Survey(content, self.limit)
        for step in (_survey_directories, _claim_far, _compare_names, _compare_spans, _sweep):
            step(survey)
        return Archive(
            entries=tuple(survey.entries),
            faults=tuple(survey.faults),
            gaps=tuple(survey.gaps),
            notes=tuple(survey.notes),
        )


def _survey_directories(survey: _Survey) -> None:
    """Follow every end record, the last in the file first, but those that are a member's own data."""
    followed: dict[tuple[int, ...], End] = {}
    for end in records.ends(survey.content):
        if _place(end) not in followed and not _is_inside_a_member(survey, end):
            followed[_place(end)] = end
            _follow(survey, end)
    found = list(followed.values())
    if not found:  # a torn archive: every member is an orphan
        survey.fault("zip-no-directory", "no end record leads to a directory: the archive is cut off or forged")
    if len(found) > 1:
        where = ", ".join(f"{end.how} at {end.at}" for end in found)
        survey.fault("zip-several-ends", f"several end records, of which readers take different ones: {where}")
    for end in found:
        _claim_comment(survey, end)


def _place(end: End) -> tuple[int, ...]:
    return end.at, end.directory_end, end.size, end.offset, end.total


def _is_inside_a_member(survey: _Survey, end: End) -> bool:
    return any(start <= end.at < stop for start, stop, owner in survey.spans if owner not in _OWN)


def _follow(survey: _Survey, end: End) -> None:
    _check_end(survey, end)
    survey.spans.append((end.directory_end, end.at + 22, _END))
    for start, shift in _directory_starts(survey, end):
        if (start, shift) not in survey.directories:
            survey.directories.add((start, shift))
            _survey_directory(survey, end, start, shift)


def _check_end(survey: _Survey, end: End) -> None:
    size = survey.content.size
    if any(end.disks):
        survey.fault("zip-disk", f"the end record at {end.at} speaks of several disks")
    if end.here != end.total:
        survey.fault("zip-directory-count", f"the end record at {end.at} counts {end.here} and {end.total} members")
    if end.after > size:
        survey.fault("zip-comment", f"the comment of the end record at {end.at} is longer than the file")
    if end.directory_end not in (end.at, end.at - 76):
        survey.fault("zip64-end", f"{end.at - end.directory_end} bytes of zip64 records stand before {end.at}, not 76")
    if end.how == "zip64 beside":
        survey.fault("zip64-end-differs", f"the zip64 locator before {end.at} does not name the record beside it")
    if end.comment:
        survey.notes.append(("zip-comment", f"the archive has a comment of {len(end.comment)} bytes"))


def _claim_comment(survey: _Survey, end: End) -> None:
    """Count the comment as owned unless another end record stands in it."""
    after = min(end.after, survey.content.size)
    if not any(end.at < start < after for start, _, owner in survey.spans if owner == _END):
        survey.spans.append((end.at + 22, after, _COMMENT))


def _directory_starts(survey: _Survey, end: End) -> Iterator[tuple[int, int]]:
    """Yield where the directory may begin, with what is then added to the offsets in it.

    Python's zipfile reckons back from the end record, miniz takes the written offset.
    """
    beside = end.directory_end - end.size
    if end.total == 0 and end.size == 0:
        return
    if beside != end.offset:
        detail = f"the directory is at {beside}, the end record says {end.offset}: bytes were put in front or taken out"
        survey.fault("zip-shifted", detail)
        yield beside, beside - end.offset
    yield end.offset, 0


def _survey_directory(survey: _Survey, end: End, start: int, shift: int) -> None:
    count, after = 0, start
    try:
        for record in records.directory(survey.content, start, end.directory_end):
            count, after = count + 1, record.after
            _survey_record(survey, record, record.header + shift)
    except BudgetSpent:
        raise
    except ReadError as error:
        survey.fault("zip-directory-damaged", str(error))
    if count == 0:
        return
    survey.spans.append((start, after, _DIRECTORY))
    if count != end.total:
        detail = f"the end record at {end.at} counts {end.total} members, the directory holds {count}"
        survey.fault("zip-directory-count", detail)
    if after != end.directory_end or after - start != end.size:
        detail = f"the directory at {start} ends at {after}, the end record at {end.at} says {start + end.size}"
        survey.fault("zip-directory-size", detail)


def _survey_record(survey: _Survey, record: Record, at: int) -> None:
    content, name = survey.content, record.name
    if len(survey.entries) >= survey.limit:
        raise BudgetSpent("more archive members than the budget allows")
    survey.faults.extend(record_faults(record))
    if is_far(content, record, at):
        _survey_far(survey, record, at)
        return
    after = records.agreed_end(content, record, at)
    if after is not None and not record.flags & STREAMED:
        survey.entries.append(_fitted(survey, _entry(record, record, at, "directory", after)))
        survey.spans.append((at, min(after + record.compressed, content.size), repr(name)))
        return
    header = records.local(content, at)
    if header is None:
        survey.fault("zip-no-local-header", f"{name!r}: no local header at {at}")
        return
    survey.faults.extend(differences(record, header))
    entry = _entry(record, header, at, "directory", header.after)
    survey.entries.append(_fitted(survey, entry))
    for variant in _variants(entry, record, header):
        survey.entries.append(_fitted(survey, variant))
    survey.spans.append((at, _span_end(survey, record, header), repr(name)))


def _survey_far(survey: _Survey, record: Record, at: int) -> None:
    start = at + 30 + len(record.raw_name)
    entry = evolve(_entry(record, record, at, "directory", start), far=True)
    survey.entries.append(_fitted(survey, entry))
    survey.far.append(survey.entries[-1])


def _claim_far(survey: _Survey) -> None:
    """Let each far member own its bytes, and the padding and descriptor up to what follows it."""
    starts = sorted({start for start, _, _ in survey.spans} | {entry.header for entry in survey.far})
    for entry in survey.far:
        end = padded_end(entry.start + entry.compressed, starts)
        survey.spans.append((entry.header, end, repr(entry.name)))
    if survey.far:
        detail = f"{len(survey.far)} local headers far from both ends were not read over the network"
        survey.notes.append(("zip-far-headers", detail))


def _entry(record: Record, header: Record, at: int, origin: Origin, start: int) -> Entry:
    return Entry(
        name=record.name,
        method=record.method,
        crc=record.crc,
        start=start,
        compressed=record.compressed,
        expanded=record.expanded,
        header=at,
        origin=origin,
        encrypted=bool((record.flags | header.flags) & ENCRYPTED),
    )


def _variants(entry: Entry, record: Record, header: Record) -> Iterator[Entry]:
    """Yield the member as its local header describes it, if that is another name or other bytes."""
    local = _entry(header, header, entry.header, "local header", header.after)
    if header.flags & STREAMED and is_unknown(header):
        local = evolve(local, compressed=record.compressed, expanded=record.expanded, crc=record.crc)
    keys = [(each.name, each.method, each.compressed) for each in (entry, local)]
    if keys[0] != keys[1]:
        yield local


def _fitted(survey: _Survey, entry: Entry) -> Entry:
    """Cut a member to the bytes that are there, so that they are read at all."""
    there = survey.content.size - entry.start
    if entry.compressed <= there:
        return entry
    survey.fault("zip-cut-off", f"{entry.name!r} should have {entry.compressed} bytes, {there} are there")
    return evolve(entry, compressed=there)


def _span_end(survey: _Survey, record: Record, header: Record) -> int:
    end = min(header.after + record.compressed, survey.content.size)
    if not header.flags & STREAMED:
        return end
    length = records.descriptor_length(survey.content, end, record)
    if length is None and (record.compressed or record.crc):
        survey.fault("zip-descriptor", f"{record.name!r}: no data descriptor that agrees with the directory")
    return end + (length or 0)


def _compare_names(survey: _Survey) -> None:
    names = Counter(entry.name for entry in survey.entries if entry.origin == "directory")
    first: dict[str, str] = {}
    for name, count in names.items():
        if count > 1:
            detail = f"{name!r} is there {count} times: some readers take the first, some the last"
            survey.fault("zip-duplicate", detail)
        other = first.setdefault(twin_key(name), name)
        if other != name:
            survey.fault("zip-twin", f"{name!r} and {other!r} are one file where case or form is ignored")


def _compare_spans(survey: _Survey) -> None:
    """Find bytes that two owners claim, and bytes that nobody does."""
    at, before = 0, "the beginning"
    for start, end, owner in sorted(survey.spans):
        if start < at:
            survey.fault("zip-overlap", f"{owner} at {start} overlaps {before}, which ends at {at}")
        elif start > at:
            _add_gap(survey, at, start)
        if end >= at:
            at, before = end, owner
    if at < survey.content.size:
        _add_gap(survey, at, survey.content.size)


def _add_gap(survey: _Survey, start: int, end: int) -> None:
    length = end - start
    if start == 0 and end == survey.content.size:
        survey.gaps.append((start, end))
        return
    if start == 0 and survey.content.head(8)[4:] == b"TFL3":
        # TensorFlow Lite keeps labels and descriptions in an archive behind the model, which its own format reads:
        # https://ai.google.dev/edge/litert/models/metadata
        survey.notes.append(("zip-behind-tflite", f"an archive of metadata stands behind {length} bytes of model"))
    elif start == 0:
        survey.fault("zip-prefix", f"{length} bytes stand before the archive")
    elif end == survey.content.size:
        survey.fault("zip-trailing", f"{length} bytes stand after the archive")
    elif length <= _PADDING and not survey.content.read(start, length).strip(b"\0"):
        survey.notes.append(("zip-padding", f"{length} zero bytes at {start} belong to no member"))
        return
    else:
        survey.fault("zip-gap", f"{length} bytes at {start} belong to no member")
    survey.gaps.append((start, end))


def _sweep(survey: _Survey) -> None:
    """Look for local headers in bytes that belong to nobody: members that only a streaming reader sees."""
    orphans = 0
    for start, end in survey.gaps:
        for at in _marks(survey.content, start, end):
            header = records.local(survey.content, at)
            if header is None or header.after > end or not header.raw_name or header.method not in _METHODS:
                continue
            orphans += 1
            if orphans > _ORPHANS:
                raise BudgetSpent(f"more than {_ORPHANS} local headers outside of the directory")
            survey.fault("zip-orphan", f"{header.name!r} at {at} is in no directory")
            unknown = bool(header.flags & STREAMED) and is_unknown(header)
            length = end - header.after if unknown else min(header.compressed, end - header.after)
            survey.entries.append(evolve(_entry(header, header, at, "orphan", header.after), compressed=length))


def _marks(content: Content, start: int, end: int) -> Iterator[int]:
    for chunk_at in range(start, end, CHUNK):
        data = content.read(chunk_at, min(CHUNK + len(records.LOCAL) - 1, end - chunk_at))
        at = data.find(records.LOCAL)
        while at >= 0:
            yield chunk_at + at
            at = data.find(records.LOCAL, at + 1)
