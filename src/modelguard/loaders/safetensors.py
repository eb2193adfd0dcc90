"""Loads safetensors files: tensors and nothing else, as numpy arrays or torch tensors."""

from __future__ import annotations

from typing import Any

from modelguard.loaders._entry import Formats, Package, loader, require, wrong_target
from modelguard.loaders._files import one_of, the_file
from modelguard.loaders.loader import Handover

_TARGETS = {
    "numpy": Package(distribution="numpy", module="numpy"),
    "torch": Package(distribution="torch", module="torch", extra="torch"),
}
"""What the tensors are made of, each with the package that makes them."""


def _load(handover: Handover) -> Any:
    file = str(the_file(handover, "safetensors"))
    if handover.target in _TARGETS:
        require(f"safetensors.{handover.target}", _TARGETS[handover.target])
    if handover.target == "numpy":
        import safetensors.numpy  # imports numpy

        return safetensors.numpy.load_file(file, *handover.args, **handover.options)
    if handover.target == "torch":
        import safetensors.torch  # imports torch

        return safetensors.torch.load_file(file, *handover.args, **handover.options)
    raise wrong_target("safetensors", handover.target, tuple(_TARGETS))


def _offers(_formats: Formats, _file: str | None) -> tuple[str, ...]:
    return tuple(_TARGETS)


LOADER = loader(
    name="safetensors",
    package=Package(distribution="safetensors", module="safetensors"),
    load=_load,
    suits=one_of("safetensors"),
    offers=_offers,
    runs_nothing=True,
)
