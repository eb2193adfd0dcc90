"""Opens GGUF files with gguf's reader: metadata and tensors, mapped read-only."""

from __future__ import annotations

from typing import Any

from modelguard.loaders._entry import Forbidden, Formats, Package, loader, wrong_target
from modelguard.loaders._files import one_of, the_file
from modelguard.loaders.loader import Handover
from modelguard.terms.errors import LoaderError

_TARGETS = ("", "GGUFReader")
_FORBIDDEN = (
    Forbidden(
        option="mode",
        reason="a writable map changes the file",
        when=lambda value: value not in ("r", "c"),
    ),
)


def _load(handover: Handover) -> Any:
    import gguf  # imports numpy

    if handover.target not in _TARGETS:
        raise wrong_target("gguf", handover.target, _TARGETS)
    if handover.args:
        raise LoaderError("loader gguf takes no positional arguments", remedy='write mode="r" or mode="c"')
    return gguf.GGUFReader(the_file(handover, "gguf"), **handover.options)


def _offers(_formats: Formats, _file: str | None) -> tuple[str, ...]:
    return ("",)


LOADER = loader(
    name="gguf",
    package=Package(distribution="gguf", module="gguf", extra="gguf"),
    load=_load,
    suits=one_of("gguf"),
    offers=_offers,
    runs_nothing=True,
    forbidden=_FORBIDDEN,
)
