"""Recognises model archives of TorchServe (`.mar`), whose handler is Python code. The members are read through zip."""

from __future__ import annotations

from collections.abc import Iterator

from modelguard.formats._questions import has_directory
from modelguard.formats._zip_archive import member_names
from modelguard.formats.format import Clue, Format, Walk
from modelguard.terms.content import Content
from modelguard.terms.facts import Asks, Fact

# https://github.com/pytorch/serve/blob/master/model-archiver/README.md
_MARK = "mar-inf/manifest.json"


def accepts(content: Content) -> bool:
    """Tell whether an archive has TorchServe's manifest."""
    return any(name.lower() == _MARK for name in member_names(content))


def read(content: Content, walk: Walk) -> Iterator[Fact]:
    """Yield that the archive asks for its handler to be run, and its requirements to be installed."""
    del walk
    names = list(member_names(content))
    yield Asks(
        location=content.location,
        permission="remote-code",
        name="torchserve",
        detail="TorchServe runs the handler that the manifest names: " + ", ".join(_modules(names)),
    )
    if "requirements.txt" in names:
        yield Asks(
            location=content.location,
            permission="install",
            name="requirements.txt",
            detail="TorchServe installs these packages when it loads the archive, if it is set up so",
        )


def _modules(names: list[str]) -> list[str]:
    return [name for name in names if name.endswith(".py")][:10] or ["a built-in one"]


MAR = Format(
    name="mar",
    title="TorchServe archive",
    reads="The names of its members; the members are read through zip.",
    looks_for="That it brings a handler, and packages to install.",
    clue=Clue(when=has_directory),
    accepts=accepts,
    read=read,
    endings=(".mar",),
)
