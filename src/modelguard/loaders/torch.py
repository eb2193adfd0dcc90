"""Loads torch files: weights by torch's own safe unpickler, whole modules by the restricted one, TorchScript by name.

The imports approved for the file decide between the two unpicklers; see `_torch_reading`. torch before 2.6 is refused:
its weights-only load could be led around the unpickler (CVE-2025-32434). Tensors whose metadata disagree with their
storage corrupt memory before 2.10 (CVE-2026-24747); the scanner looks at that metadata, so 2.10 is advice.
"""

from __future__ import annotations

import mmap
from typing import Any

from modelguard.loaders._entry import Forbidden, Formats, Package, is_false, loader, wrong_target
from modelguard.loaders._files import grant_for, one_of, the_file
from modelguard.loaders.loader import Handover
from modelguard.terms.errors import LoaderError

_TARGETS = ("", "jit")
_FORBIDDEN = (
    Forbidden(
        option="weights_only",
        reason="the imports approved for the file decide; without this torch would run whatever the file says",
        when=is_false,
    ),
    Forbidden(option="pickle_module", reason="the unpickler is the one restricted to the approved imports"),
    Forbidden(option="fix_imports", reason="imports are approved by their names after Python 2 names are mapped"),
)


def _load(handover: Handover) -> Any:
    if handover.target == "jit":
        return _load_program(handover)
    if handover.target not in ("", "load"):
        raise wrong_target("torch", handover.target, _TARGETS)
    from modelguard.loaders import _torch_reading  # imports torch

    file = the_file(handover, "torch")
    options = dict(handover.options)
    weights_only = bool(options.pop("weights_only", False))
    if options.get("mmap"):
        _refuse_shared_memory()
    if handover.args:
        options["map_location"], *more = handover.args
        if more:
            raise LoaderError("loader torch takes one positional argument, map_location")
    return _torch_reading.read(file, grant_for(handover, file), options, weights_only=weights_only)


def _load_program(handover: Handover) -> Any:
    import torch  # costs seconds: only a load needs it

    return torch.jit.load(str(the_file(handover, "torch")), *handover.args, **handover.options)


def _refuse_shared_memory() -> None:
    from torch import serialization  # costs seconds: only a load needs it

    shared = getattr(mmap, "MAP_SHARED", None)  # Windows has none
    if shared is not None and serialization.get_default_mmap_options() == shared:
        raise LoaderError(
            "loader torch: memory mapping is set to MAP_SHARED, so writing to a tensor would change the verified file",
            remedy="torch.serialization.set_default_mmap_options(mmap.MAP_PRIVATE)",
        )


def _offers(formats: Formats, file: str | None) -> tuple[str, ...]:
    names = formats.get(file, ()) if file else tuple(name for found in formats.values() for name in found)
    return ("jit",) if "torchscript" in names else ("",)


LOADER = loader(
    name="torch",
    package=Package(
        distribution="torch",
        module="torch",
        extra="torch",
        minimum="2.6",
        reason="before it, a weights-only load can run code (CVE-2025-32434)",
    ),
    load=_load,
    suits=one_of("torch"),
    offers=_offers,
    forbidden=_FORBIDDEN,
)
