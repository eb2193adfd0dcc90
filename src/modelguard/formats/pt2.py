"""Recognises programs of torch.export (`.pt2`), and machine code that AOTInductor has put into them.

Weights are compared with the list that the program has of them; all other members are read through zip.
"""

from __future__ import annotations

from collections.abc import Iterator

from modelguard.formats._questions import has_directory
from modelguard.formats._torch_packaged import Weight, is_exported, is_number_member, weights
from modelguard.formats._zip_archive import Entry, member_names, open_archive
from modelguard.formats.format import Clue, Format, Walk
from modelguard.formats.zip import read_entry
from modelguard.terms.content import Content
from modelguard.terms.facts import Asks, Fact, Malformed, Member, Tensor

_MACHINE_CODE = (".so", ".o", ".cubin", ".hsaco", ".spv", ".dll", ".dylib", ".cpp", ".cu")


def read(content: Content, walk: Walk) -> Iterator[Fact]:
    """Yield that the archive asks for a program to be run, each member that is machine code, and the weights."""
    yield Asks(
        location=content.location,
        permission="remote-code",
        name="torch.export",
        detail="a program that torch.export.load makes ready to be called",
    )
    for name in member_names(content):
        if name.lower().endswith(_MACHINE_CODE):
            yield Asks(
                location=content.location.inside(name),
                permission="native-code",
                name=name,
                detail="AOTInductor loads it into the process",
            )
    listed = weights(content)
    entries = [entry for entry in open_archive(content, walk.budget.members).entries if entry.name in listed]
    for entry in entries:
        if is_number_member(entry):
            yield from _numbers(content, entry, listed[entry.name], walk)
    for name in sorted(listed.keys() - {entry.name for entry in entries}):
        yield _malformed(content, "pt2-weight-missing", f"the program lists {name!r}, which is not there")


def _numbers(content: Content, entry: Entry, listed: tuple[Weight, ...], walk: Walk) -> Iterator[Fact]:
    """Yield the tensors of a member; one that is too short for them is read by every format as well."""
    short = [weight for weight in listed if weight.reach > entry.compressed]
    if short or entry.compressed != entry.expanded:
        detail = f"{entry.name!r} has {entry.compressed} bytes, and {short[0].name if short else 'its record'!r} more"
        yield _malformed(content, "pt2-weight-size", detail)
        yield from read_entry(content, entry, walk)
        return
    walk.budget.spend_member()
    location = content.location.inside(entry.name)
    yield Member(location=location, size=entry.expanded)
    for weight in listed:
        yield Tensor(
            location=location, name=weight.name, dtype=weight.dtype, shape=weight.shape, start=entry.start,
            length=weight.reach,
        )  # fmt: skip


def _malformed(content: Content, rule: str, detail: str) -> Malformed:
    return Malformed(location=content.location, format="pt2", rule=rule, detail=detail)


PT2 = Format(
    name="pt2",
    title="torch.export program",
    reads="The list of its weights, and whether their numbers are there; other members are read through zip.",
    looks_for="That it is a program, members with machine code, weights that are missing or too short.",
    clue=Clue(when=has_directory),
    accepts=is_exported,
    read=read,
    endings=(".pt2",),
)
