"""Tells end records of ZIP that belong to a member of a tar from those that make the tar itself a ZIP archive.

A NeMo checkpoint is a tar whose last member is often an archive of PyTorch, and the end record of that archive lies
where readers of ZIP look in any file. What such a reader would find is the member, which the tar format hands to every
format as what it is. Only a record that could lead elsewhere makes the tar an archive of its own: one outside of a
member's data, one whose directory is not where it says within the member, one with a directory where it says within the
whole file.
"""

from __future__ import annotations

from typing import Protocol

from modelguard.formats import _tar_records
from modelguard.formats._tar_records import BLOCK, REGULAR, TarMember
from modelguard.terms.content import Content
from modelguard.terms.errors import ReadError

_DIRECTORY = b"PK\x01\x02"


class Ending(Protocol):
    """What is asked of an end record: where it stands and ends, and where it says the directory is, in bytes."""

    @property
    def at(self) -> int: ...
    @property
    def after(self) -> int: ...
    @property
    def directory_end(self) -> int: ...
    @property
    def size(self) -> int: ...
    @property
    def offset(self) -> int: ...


def belong_to_members(content: Content, ends: list[Ending]) -> bool:
    """Tell whether a content is a tar and each of these end records leads nowhere but into one member of it."""
    if content.remote or content.size < BLOCK or not _tar_records.is_header(content.head(BLOCK)):
        return False
    left = list(ends)
    try:
        for member in _tar_records.members(content):
            left = [end for end in left if not _leads_into(content, end, member)]
            if not left:
                return True
    except ReadError:  # no tar that a reader would follow to its end
        return False
    return False


def _leads_into(content: Content, end: Ending, member: TarMember) -> bool:
    stop = member.start + member.size
    if member.kind not in REGULAR or member.sparse is not None or not member.start <= end.at < end.after <= stop:
        return False
    beside = end.directory_end - end.size
    if beside - end.offset != member.start:
        return False
    at = end.offset
    return at + 4 > content.size or content.read(at, 4) != _DIRECTORY
