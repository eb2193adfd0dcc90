"""Reads torch.package archives, which bundle Python modules that run when the package is imported.

The modules ask for themselves, through the zip format. The pickles name objects of those modules, and their tensors by
persistent ids, whose numbers lie in `.data`.
"""

from __future__ import annotations

from collections.abc import Iterator

from modelguard.formats._questions import has_directory
from modelguard.formats._torch_packaged import package_members, package_roots
from modelguard.formats._torch_storages import Storage, Storages
from modelguard.formats._zip_archive import Entry, member_names, open_archive
from modelguard.formats.format import Clue, Format, Walk
from modelguard.formats.zip import check_crc, read_entry
from modelguard.picklevm.scanner import scan
from modelguard.terms.content import Content
from modelguard.terms.errors import ReadError
from modelguard.terms.facts import Asks, Fact, Malformed, Member, Noted, Recognised, Tensor, Unread

NAME = "torch-package"


def accepts(content: Content) -> bool:
    """Tell whether an archive has a record that only torch.package writes."""
    return bool(package_roots(content))


def read(content: Content, walk: Walk) -> Iterator[Fact]:
    """Yield that the archive asks for its own modules to be run, then the facts of its pickles and their numbers."""
    modules = sum(name.endswith(".py") for name in member_names(content))
    yield Asks(
        location=content.location,
        permission="remote-code",
        name="torch.package",
        detail=f"{modules} Python modules in the archive run when torch.package imports it",
    )
    pickles, numbers = package_members(content, open_archive(content, walk.budget.members).entries)
    storages = Storages()
    for entry in pickles:
        yield from _read_pickle(content, entry, storages, walk)
    for key, entry in sorted(numbers.items()):
        yield from _read_storage(content, entry, storages.accepted.get(key), walk)
    for key in sorted(storages.accepted.keys() - numbers.keys()):
        if storages.accepted[key].size:
            detail = f"a pickle names storage {key!r}, which is not there"
            yield Malformed(location=content.location, format=NAME, rule="torch-storage-missing", detail=detail)


def _read_pickle(content: Content, entry: Entry, storages: Storages, walk: Walk) -> Iterator[Fact]:
    walk.budget.spend_member()
    part = content.part(entry.start, entry.compressed, entry.name)
    yield Member(location=part.location, size=entry.expanded)
    yield Recognised(location=part.location, formats=("pickle",))
    try:
        yield from scan(part, walk.budget, persistent=storages)
    except ReadError as error:
        yield Unread(location=part.location, format=NAME, reason=str(error))
    yield from check_crc(part, entry)


def _read_storage(content: Content, entry: Entry, storage: Storage | None, walk: Walk) -> Iterator[Fact]:
    location = content.location.inside(entry.name)
    if storage is not None and storage.size == entry.compressed == entry.expanded:
        walk.budget.spend_member()
        yield Member(location=location, size=entry.expanded)
        yield Tensor(
            location=location, name=entry.name, dtype=storage.type, shape=(storage.size // storage.item,),
            start=entry.start, length=storage.size,
        )  # fmt: skip
        return
    if storage is None:
        detail = "no tensor of a pickle lies in this record"
        yield Noted(location=location, format=NAME, rule="torch-storage-unused", detail=detail)
    else:
        detail = f"a pickle says {storage.size} bytes, the record has {entry.expanded}"
        yield Malformed(location=location, format=NAME, rule="torch-storage-size", detail=detail)
    yield from read_entry(content, entry, walk)


TORCH_PACKAGE = Format(
    name=NAME,
    title="torch.package archive",
    reads="Its pickles with torch's persistent ids, and the sizes of all storages; other members are read through zip.",
    looks_for="That it brings Python modules, which run when it is imported; storages that are missing, unused or of "
    "another size than a pickle says.",
    clue=Clue(when=has_directory),
    accepts=accepts,
    read=read,
)
