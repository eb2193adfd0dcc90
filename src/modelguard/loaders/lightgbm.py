"""Loads LightGBM models in its text format. Pickled models are pickles: the loader is `pickle` or `joblib`."""

from __future__ import annotations

from typing import Any

from modelguard.loaders._entry import Forbidden, Formats, Package, loader, wrong_target
from modelguard.loaders._files import one_of, the_file
from modelguard.loaders.loader import Handover

_TARGETS = ("", "Booster")
_FORBIDDEN = (
    Forbidden(option="model_file", reason="the model is the verified one"),
    Forbidden(option="model_str", reason="the model is the verified one"),
)


def _load(handover: Handover) -> Any:
    import lightgbm  # native library

    if handover.target not in _TARGETS:
        raise wrong_target("lightgbm", handover.target, _TARGETS)
    return lightgbm.Booster(*handover.args, model_file=the_file(handover, "lightgbm"), **handover.options)


def _offers(_formats: Formats, _file: str | None) -> tuple[str, ...]:
    return ("",)


LOADER = loader(
    name="lightgbm",
    package=Package(distribution="lightgbm", module="lightgbm"),
    load=_load,
    suits=one_of("lightgbm"),
    offers=_offers,
    forbidden=_FORBIDDEN,
)
