"""Loads directories with transformers: `AutoModel…`, any other class with `from_pretrained`, and `pipeline`.

transformers is given the verified directory, an empty cache, and the settings that keep it there. Weights in pickles
are read by its own `torch.load(weights_only=True)`; where safetensors are present, pickles are not read at all.
"""

from __future__ import annotations

from typing import Any

from modelguard.loaders._entry import Forbidden, Formats, Package, is_true, loader, wrong_target
from modelguard.loaders._files import has_tokenizer, has_transformers_model
from modelguard.loaders._hub_files import FORBIDDEN, empty_cache, is_name, refuse_other_models, weakens
from modelguard.loaders.loader import Handover
from modelguard.terms.errors import LoaderError

_MODELS = ("AutoModel", "AutoModelForCausalLM", "AutoModelForSequenceClassification", "AutoModelForMaskedLM")
_FORBIDDEN = (
    *FORBIDDEN,
    Forbidden(option="model", reason="the model is the verified one"),
    Forbidden(
        option="config",
        reason="a name would be looked up elsewhere; pass the configuration itself",
        when=is_name,
    ),
    *(
        Forbidden(option=name, reason="it leads away from the verified files", when=weakens)
        for name in ("model_kwargs", "adapter_kwargs")
    ),
    Forbidden(
        option="pipeline_class", reason="the lock does not approve code of this model", when=is_true,
        unless_remote_code=True,
    ),
)  # fmt: skip


def _load(handover: Handover) -> Any:
    import transformers  # costs seconds: only a load needs it

    refuse_other_models(handover)
    with empty_cache() as cache:
        if handover.target == "pipeline":
            return _pipeline(transformers, handover, cache)
        kind = getattr(transformers, handover.target, None) if handover.target else None
        if not isinstance(kind, type) or not hasattr(kind, "from_pretrained"):
            raise wrong_target("transformers", handover.target, (*_MODELS, "AutoTokenizer", "pipeline"))
        options = _local(handover, cache)
        if _is_model(transformers, kind):
            options |= _weights(handover)
        return kind.from_pretrained(_place(handover), *handover.args, **{**handover.options, **options})


def _place(handover: Handover) -> str:
    """Return what transformers is given: the directory, or the directory of the file that was asked for."""
    return str(handover.root if handover.file is None else handover.file.parent)


def _local(handover: Handover, cache: str) -> dict[str, Any]:
    return {"local_files_only": True, "trust_remote_code": handover.remote_code, "cache_dir": cache}


def _weights(handover: Handover) -> dict[str, Any]:
    options: dict[str, Any] = {"weights_only": True}
    if any(path.endswith(".safetensors") for path in handover.formats):
        options["use_safetensors"] = True
    return options


def _is_model(transformers: Any, kind: type) -> bool:
    if kind.__name__.startswith(("AutoModel", "AutoBackbone")):
        return True
    return issubclass(kind, transformers.PreTrainedModel)


def _pipeline(transformers: Any, handover: Handover, cache: str) -> Any:
    options = dict(handover.options)
    if not handover.args and "task" not in options:
        raise LoaderError(
            "transformers.pipeline needs a task: without one it asks the Hub", remedy='pass task="text-classification"'
        )
    for name, value in options.items():
        if name in _PARTS and is_name(value):
            raise LoaderError(
                f"transformers.pipeline: {name}={value!r} would be loaded from elsewhere",
                remedy=f"leave {name} out, or load it by itself and pass the object",
            )
    model_options = {**options.pop("model_kwargs", {}), "cache_dir": cache, **_weights(handover)}
    model_options.pop("weights_only")  # the default, and parts other than the model do not know it
    options |= {"local_files_only": True, "trust_remote_code": handover.remote_code, "model_kwargs": model_options}
    return transformers.pipeline(*handover.args, model=_place(handover), **options)


_PARTS = frozenset({"tokenizer", "feature_extractor", "image_processor", "video_processor", "processor"})


def _suits(formats: Formats, file: str | None) -> bool:
    if file is not None or "modules.json" in formats:
        return False
    return has_transformers_model(formats) or has_tokenizer(formats)


def _offers(formats: Formats, _file: str | None) -> tuple[str, ...]:
    if not has_transformers_model(formats):
        return ("AutoTokenizer",)
    if not has_tokenizer(formats):
        return ("AutoModel",)
    return (*_MODELS, "AutoTokenizer", "pipeline")


LOADER = loader(
    name="transformers",
    package=Package(distribution="transformers", module="transformers", extra="transformers"),
    load=_load,
    suits=_suits,
    offers=_offers,
    forbidden=_FORBIDDEN,
)
