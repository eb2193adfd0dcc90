"""Recognises programs of torch.export (`.pt2`), and machine code that AOTInductor has put into them.

The members are read through zip; raw weights in it stay unknown bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from modelguard.formats._zip_archive import member_names
from modelguard.formats._zip_records import has_directory
from modelguard.formats.format import Clue, Format, Walk
from modelguard.terms.content import Content
from modelguard.terms.facts import Asks, Fact

# torch/export/pt2_archive/constants.py; before torch 2.8 the program stood at the top of the archive.
_MARKS = re.compile(r"(?:[^/]+/archive_format|(?:[^/]+/)?serialized_exported_program\.json)\Z")
_MACHINE_CODE = (".so", ".o", ".cubin", ".hsaco", ".spv", ".dll", ".dylib", ".cpp", ".cu")


def accepts(content: Content) -> bool:
    """Tell whether an archive has a record that only torch.export writes."""
    return any(_MARKS.match(name) for name in member_names(content))


def read(content: Content, walk: Walk) -> Iterator[Fact]:
    """Yield that the archive asks for a program to be run, and for each member that is machine code."""
    del walk
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


PT2 = Format(
    name="pt2",
    title="torch.export program",
    reads="The names of its members; the members are read through zip.",
    looks_for="That it is a program, and members with machine code.",
    clue=Clue(when=has_directory),
    accepts=accepts,
    read=read,
    endings=(".pt2",),
)
