"""Recognises NumPy's archives: ZIP files whose members are all arrays. Their members are read through zip and npy."""

from __future__ import annotations

from collections.abc import Iterator

from modelguard.formats._questions import has_directory
from modelguard.formats._zip_archive import member_names
from modelguard.formats.format import Clue, Format, Walk
from modelguard.terms.content import Content
from modelguard.terms.facts import Fact, Header


def accepts(content: Content) -> bool:
    """Tell whether an archive has members and all of them are called `….npy`."""
    names = list(member_names(content))
    return bool(names) and all(name.endswith(".npy") for name in names)


def read(content: Content, walk: Walk) -> Iterator[Fact]:
    """Yield how many arrays there are."""
    del walk
    count = sum(1 for _ in member_names(content))
    yield Header(location=content.location, format="npz", properties={"arrays": str(count)})


NPZ = Format(
    name="npz",
    title="NumPy archive",
    reads="The names of the arrays; the arrays are read as ZIP members.",
    looks_for="Nothing beyond what zip and npy look for.",
    clue=Clue(when=has_directory),
    accepts=accepts,
    read=read,
    endings=(".npz",),
)
