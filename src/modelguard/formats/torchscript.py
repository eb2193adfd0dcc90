"""Recognises TorchScript: a checkpoint that carries a program, which loading it makes ready and calling it runs.

`torch.load` hands an archive with a `constants.pkl` to `torch.jit.load`, before 2.6 even with `weights_only=True`
(CVE-2025-32434). The members are read by the torch-zip format.
"""

from __future__ import annotations

from collections.abc import Iterator

from modelguard.formats._questions import has_directory
from modelguard.formats._torch_records import is_program_name, is_torch_zip
from modelguard.formats._zip_archive import member_names
from modelguard.formats.format import Clue, Format, Walk
from modelguard.terms.content import Content
from modelguard.terms.facts import Asks, Fact


def accepts(content: Content) -> bool:
    """Tell whether a torch archive holds what only a TorchScript program has."""
    return is_torch_zip(content) and any(is_program_name(name) for name in member_names(content))


def read(content: Content, walk: Walk) -> Iterator[Fact]:
    """Yield that the archive asks for a program to be run."""
    del walk
    sources = [name for name in member_names(content) if name.endswith(".py")]
    yield Asks(
        location=content.location,
        permission="remote-code",
        name="torchscript",
        detail=f"a TorchScript program of {len(sources)} source files, which runs when the model is called",
        profiles=("torchscript",),
    )


TORCHSCRIPT = Format(
    name="torchscript",
    title="TorchScript program",
    reads="The source files under `code/` and the pickles `data.pkl` and `constants.pkl`, through torch-zip.",
    looks_for="That there is a program at all, operators that read or write files, and operators of plug-ins.",
    clue=Clue(when=has_directory),
    accepts=accepts,
    read=read,
    endings=(".jit", ".torchscript"),
)
