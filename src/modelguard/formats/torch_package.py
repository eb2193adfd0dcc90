"""Recognises torch.package archives, which bundle Python modules that run when the package is imported.

The members are read through zip: the modules ask for themselves, and their pickles name objects of those modules.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from modelguard.formats._zip_archive import member_names
from modelguard.formats._zip_records import has_directory
from modelguard.formats.format import Clue, Format, Walk
from modelguard.terms.content import Content
from modelguard.terms.facts import Asks, Fact

# torch/package/package_exporter.py, _finalize_zip.
_MARKS = re.compile(r"[^/]+/\.data/(?:extern_modules|python_version)\Z")


def accepts(content: Content) -> bool:
    """Tell whether an archive has a record that only torch.package writes."""
    return any(_MARKS.match(name) for name in member_names(content))


def read(content: Content, walk: Walk) -> Iterator[Fact]:
    """Yield that the archive asks for its own modules to be run."""
    del walk
    modules = sum(name.endswith(".py") for name in member_names(content))
    yield Asks(
        location=content.location,
        permission="remote-code",
        name="torch.package",
        detail=f"{modules} Python modules in the archive run when torch.package imports it",
    )


TORCH_PACKAGE = Format(
    name="torch-package",
    title="torch.package archive",
    reads="The names of its members; the members are read through zip.",
    looks_for="That it brings Python modules, which run when it is imported.",
    clue=Clue(when=has_directory),
    accepts=accepts,
    read=read,
)
