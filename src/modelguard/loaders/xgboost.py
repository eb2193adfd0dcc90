"""Loads XGBoost models in its JSON and UBJSON formats. Pickled boosters are pickles: the loader is `pickle`."""

from __future__ import annotations

from typing import Any

from modelguard.loaders._entry import Forbidden, Formats, Package, loader, wrong_target
from modelguard.loaders._files import one_of, the_file
from modelguard.loaders.loader import Handover
from modelguard.terms.errors import LoaderError

_TARGETS = (
    "Booster", "XGBModel", "XGBClassifier", "XGBRegressor", "XGBRanker", "XGBRFClassifier", "XGBRFRegressor",
)  # fmt: skip


_FORBIDDEN = (Forbidden(option="model_file", reason="the model is the verified one"),)


def _load(handover: Handover) -> Any:
    import xgboost  # native library

    target = handover.target or _TARGETS[0]
    if target not in _TARGETS:
        raise wrong_target("xgboost", target, _TARGETS)
    if len(handover.args) > 2:
        raise LoaderError("loader xgboost takes params and cache by position, and nothing more")
    model = getattr(xgboost, target)(*handover.args, **handover.options)
    # The bytes, not the path: by path the ending would choose the reader, here the content does.
    model.load_model(bytearray(the_file(handover, "xgboost").read_bytes()))
    return model


def _offers(_formats: Formats, _file: str | None) -> tuple[str, ...]:
    return ("",)


LOADER = loader(
    name="xgboost",
    package=Package(distribution="xgboost", module="xgboost", alternatives=("xgboost-cpu",)),
    load=_load,
    suits=one_of("xgboost"),
    offers=_offers,
    forbidden=_FORBIDDEN,
)
