"""Loads directories with sentence-transformers: embedding models, cross encoders and sparse encoders."""

from __future__ import annotations

from typing import Any

from modelguard.loaders._entry import Forbidden, Formats, Package, loader, wrong_target
from modelguard.loaders._hub_files import (
    FORBIDDEN,
    empty_cache,
    refuse_foreign_modules,
    refuse_other_models,
    weakens,
)
from modelguard.loaders.loader import Handover

_TARGETS = ("SentenceTransformer", "CrossEncoder", "SparseEncoder")
_NESTED = ("model_kwargs", "processor_kwargs", "tokenizer_kwargs", "config_kwargs")
_FORBIDDEN = (
    *FORBIDDEN,
    Forbidden(option="model_name_or_path", reason="the model is the verified one"),
    *(Forbidden(option=name, reason="it leads away from the verified files", when=weakens) for name in _NESTED),
)


def _load(handover: Handover) -> Any:
    import sentence_transformers  # costs seconds: only a load needs it

    target = handover.target or _TARGETS[0]
    kind = getattr(sentence_transformers, target, None) if target in _TARGETS else None
    if kind is None:
        raise wrong_target("sentence_transformers", target, _TARGETS)
    refuse_other_models(handover)
    refuse_foreign_modules(handover)
    options = dict(handover.options)
    if any(path.endswith(".safetensors") for path in handover.formats):
        options["model_kwargs"] = {**(options.get("model_kwargs") or {}), "use_safetensors": True}
    with empty_cache() as cache:
        options |= {"local_files_only": True, "trust_remote_code": handover.remote_code, "cache_folder": cache}
        return kind(str(handover.root), *handover.args, **options)


def _suits(formats: Formats, file: str | None) -> bool:
    return file is None and "modules.json" in formats


def _offers(_formats: Formats, _file: str | None) -> tuple[str, ...]:
    return ("",)


LOADER = loader(
    name="sentence_transformers",
    package=Package(distribution="sentence-transformers", module="sentence_transformers"),
    load=_load,
    suits=_suits,
    offers=_offers,
    forbidden=_FORBIDDEN,
)
