"""Reads tar archives, among them NeMo checkpoints: every member, by all formats, wherever a reader might find one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from modelguard.formats import _tar_records as records
from modelguard.formats._names import name_faults, twin_key
from modelguard.formats._tar_records import BLOCK, TarMember
from modelguard.formats._tar_sparse import Sparse, whole
from modelguard.formats.format import Format, Walk
from modelguard.terms.content import CHUNK, Content
from modelguard.terms.errors import ReadError
from modelguard.terms.facts import Fact, Malformed, Member, Unread

_EMPTY = 1 << 10
"""Bytes that a sparse member counts for at least when its size on a disk is compared with what is stored."""


def accepts(content: Content) -> bool:
    """Tell whether the first block is a header with a right checksum."""
    return content.size >= BLOCK and records.is_header(content.head(BLOCK))


def read(content: Content, walk: Walk) -> Iterator[Fact]:
    """Yield the facts of every member, also of those behind the end of the archive.

    Raises `ReadError` at a block that is no header; what stands from there on is read as it is.
    """
    names: Counter[str] = Counter()
    at = 0
    while at < content.size:
        last = at
        try:
            for member in records.members(content, at):
                last = member.after
                names[member.name] += 1
                yield from _read_member(content, member, walk)
        except ReadError:
            yield from _rest(content, last, walk)
            raise
        if last == at:  # the block is neither zeros nor a member
            yield from _rest(content, at, walk)
            break
        at = _next_block(content, last)
        if last + 2 * BLOCK > content.size:
            yield _malformed(content, last, "tar-no-end", "the archive does not end with two blocks of zeros")
        if at < content.size:
            detail = f"bytes follow the end of the archive at {last}, which some readers take for further members"
            yield _malformed(content, at, "tar-trailing", detail)
            if not records.is_header(content.read(at, min(BLOCK, content.size - at))):
                yield from _rest(content, at, walk)
                break
    yield from _compare(content, names)


def _next_block(content: Content, at: int) -> int:
    """Return the first block from `at` on that is not all zeros, or the end."""
    for start in range(at, content.size, CHUNK):
        data = content.read(start, min(CHUNK, content.size - start))
        stripped = data.lstrip(b"\0")
        if stripped:
            return start + (len(data) - len(stripped)) // BLOCK * BLOCK
    return content.size


def _rest(content: Content, at: int, walk: Walk) -> Iterator[Fact]:
    if at < content.size:
        yield from walk.inside(content.part(at, content.size - at, f"(bytes from {at})"))


def _read_member(content: Content, member: TarMember, walk: Walk) -> Iterator[Fact]:
    walk.budget.spend_member()
    yield Member(location=content.location.inside(member.name), size=member.size)
    for rule, detail in (*member.faults, *_faults(member)):
        yield _malformed(content, member.at, rule, detail)
    if member.hollow:
        yield Unread(location=content.location.inside(member.name), format="tar", reason=member.hollow)
    if member.sparse is not None:
        yield from _read_sparse(content, member, member.sparse, walk)
    if not member.size:
        return
    part = content.part(member.start, member.size, member.name)
    try:
        yield from walk.inside(part)
    except ReadError as error:
        yield Unread(location=part.location, format="tar", reason=str(error))


def _read_sparse(content: Content, member: TarMember, sparse: Sparse, walk: Walk) -> Iterator[Fact]:
    """Yield the facts of a member as it lies on the disk after unpacking, with zeros in its holes."""
    location = content.location.inside(sparse.name or f"{member.name} (unpacked)")
    for fault in name_faults(sparse.name) if sparse.name else ():
        yield _malformed(content, member.at, "tar-name", f"{sparse.name!r} {fault}")
    if sparse.size > max(member.size, _EMPTY) * walk.budget.ratio:
        reason = f"{member.size} stored bytes would be {sparse.size} on a disk"
        yield Unread(location=location, format="tar", reason=reason)
        return
    walk.budget.spend_bytes(sparse.size)
    yield Member(location=location, size=sparse.size, method="sparse")
    if sparse.size:
        yield from walk.inside(whole(content, sparse, location))


def _faults(member: TarMember) -> Iterator[tuple[str, str]]:
    name, kind = member.name, member.kind
    for fault in name_faults(name):
        yield "tar-name", f"{name!r} {fault}"
    if kind in records.LINKS:
        yield "tar-link", f"{name!r} is a {records.LINKS[kind]} to {member.target!r}"
    elif kind in records.SPECIAL:
        yield "tar-special", f"{name!r} is a {records.SPECIAL[kind]}"
    elif kind == records.SPARSE:
        yield "tar-sparse", f"{name!r} is stored with holes"
    elif kind not in records.REGULAR and kind != records.FOLDER:
        yield "tar-type", f"{name!r} is of type {kind!r}, which readers treat differently"
    if kind == records.FOLDER and member.size:
        yield "tar-folder-data", f"{name!r} is a directory with {member.size} bytes of data"
    if member.mode & 0o6000:
        yield "tar-mode", f"{name!r} asks to run with its owner's rights (mode 0o{member.mode:o})"


def _compare(content: Content, names: Counter[str]) -> Iterator[Fact]:
    first: dict[str, str] = {}
    for name, count in names.items():
        if count > 1 and not name.endswith("/"):
            yield _malformed(content, 0, "tar-duplicate", f"{name!r} is there {count} times")
        other = first.setdefault(twin_key(name), name)
        if other != name:
            yield _malformed(content, 0, "tar-twin", f"{name!r} and {other!r} are one file where case is ignored")


def _malformed(content: Content, at: int, rule: str, detail: str) -> Malformed:
    return Malformed(location=content.location.at(at), format="tar", rule=rule, detail=detail)


TAR = Format(
    name="tar",
    title="tar archive",
    reads="Every member, also behind the end of the archive and with its holes filled, by all formats.",
    looks_for="Links, devices, holes, paths that lead out, contradicting headers, duplicates, hidden bytes.",
    clue=records.CLUE,
    accepts=accepts,
    read=read,
    endings=(".tar", ".nemo"),
)
