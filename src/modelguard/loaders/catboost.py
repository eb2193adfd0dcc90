"""Loads CatBoost models in its binary format. Pickled models are pickles: the loader is `pickle` or `joblib`."""

from __future__ import annotations

from typing import Any

from modelguard.loaders._entry import Formats, Package, loader, wrong_target
from modelguard.loaders._files import one_of, the_file
from modelguard.loaders.loader import Handover

_TARGETS = ("CatBoost", "CatBoostClassifier", "CatBoostRegressor", "CatBoostRanker")


def _load(handover: Handover) -> Any:
    import catboost  # native library

    target = handover.target or _TARGETS[0]
    if target not in _TARGETS:
        raise wrong_target("catboost", target, _TARGETS)
    model = getattr(catboost, target)(*handover.args, **handover.options)
    return model.load_model(blob=the_file(handover, "catboost").read_bytes())


def _offers(_formats: Formats, _file: str | None) -> tuple[str, ...]:
    return ("",)


LOADER = loader(
    name="catboost",
    package=Package(distribution="catboost", module="catboost"),
    load=_load,
    suits=one_of("catboost"),
    offers=_offers,
)
