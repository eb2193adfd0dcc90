"""The entry points of frameworks that are wrapped: one row each, with the loader that stands in for it.

`loader` rows are answered by a loader of modelguard, which holds pickles to the approved imports. `path` rows are given
a verified path and otherwise left as they are: the framework runs no program from such files, or has no loader here.
`open` reads single tensors. `download` rows return a verified place instead of asking the Hub. `refuse` rows run Python
code that comes with the model, by design: there is nothing to verify, so they are refused.

docs/why/interception.md has the same table; a test compares them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeAlias

from attrs import frozen

Way: TypeAlias = Literal["loader", "path", "download", "open", "refuse"]


def _always(_args: tuple[Any, ...], _options: Mapping[str, Any]) -> bool:
    return True


def _unpickles(args: tuple[Any, ...], options: Mapping[str, Any]) -> bool:
    """Tell whether numpy may unpickle: the third argument of `load` is its `allow_pickle`."""
    return bool(args[2] if len(args) > 2 else options.get("allow_pickle"))


def _names_file(args: tuple[Any, ...], options: Mapping[str, Any]) -> bool:
    return (args[3] if len(args) > 3 else options.get("model_file")) is not None


def _is_place(args: tuple[Any, ...], options: Mapping[str, Any]) -> bool:
    """Tell whether a path is asked for: what is installed as a package is not a file of somebody's."""
    target = args[0] if args else options.get("name")
    return isinstance(target, str | os.PathLike) and os.path.exists(target)  # noqa: PTH110  # text is welcome


def _is_model(_args: tuple[Any, ...], options: Mapping[str, Any]) -> bool:
    return options.get("repo_type") in (None, "model")


@frozen(kw_only=True)
class EntryPoint:
    """One function of a framework.

    `module` is where it is defined, `attribute` its name there (`Class.method` for a method). `argument` names the
    argument that says what to load, `index` its place after `self` or `cls`. `loader` is what `guarded_load` is asked
    for (`*` stands for the name of the class). `dropped` are options that have no meaning for a verified model.
    """

    module: str
    attribute: str
    argument: str
    way: Way
    index: int = 0
    loader: str = ""
    dropped: tuple[str, ...] = ()
    concerns: Callable[[tuple[Any, ...], Mapping[str, Any]], bool] = _always

    @property
    def name(self) -> str:
        return f"{self.module}.{self.attribute}"

    @property
    def is_method(self) -> bool:
        return "." in self.attribute

    def target(self, args: tuple[Any, ...], options: Mapping[str, Any]) -> Any:
        """Return what the call is asked to load, None when it does not say."""
        position = self.position
        return args[position] if len(args) > position else options.get(self.argument)

    def rest(self, args: tuple[Any, ...], options: Mapping[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return the positional arguments after the target, and the options that a guarded load is given."""
        left = {name: value for name, value in options.items() if name != self.argument and name not in self.dropped}
        return args[self.position + 1 :], left

    @property
    def position(self) -> int:
        return int(self.is_method) + self.index


HUB = (
    "revision", "cache_dir", "local_files_only", "token", "use_auth_token", "force_download", "resume_download",
    "proxies", "use_safetensors", "weights_only",
)  # fmt: skip


def _loader(module: str, attribute: str, argument: str, loader: str, *dropped: str, **more: Any) -> EntryPoint:
    return EntryPoint(
        module=module, attribute=attribute, argument=argument, way="loader", loader=loader, dropped=dropped, **more
    )


def _path(module: str, attribute: str, argument: str, *dropped: str, **more: Any) -> EntryPoint:
    return EntryPoint(module=module, attribute=attribute, argument=argument, way="path", dropped=dropped, **more)


def _refuse(module: str, attribute: str, argument: str) -> EntryPoint:
    return EntryPoint(module=module, attribute=attribute, argument=argument, way="refuse")


ENTRY_POINTS: tuple[EntryPoint, ...] = (
    # pickle_module and weights_only are dropped: the unpickler is the one restricted to the approved imports
    _loader("torch.serialization", "load", "f", "torch", "weights_only", "pickle_module"),
    _loader("torch.jit._serialization", "load", "f", "torch.jit"),
    _refuse("torch.hub", "load", "repo_or_dir"),
    _refuse("torch.package.package_importer", "PackageImporter.__init__", "file_or_buffer"),
    _loader("joblib.numpy_pickle", "load", "filename", "joblib", "mmap_mode"),
    _loader("numpy.lib._npyio_impl", "load", "file", "numpy", "allow_pickle", concerns=_unpickles),
    _loader("numpy.lib.npyio", "load", "file", "numpy", "allow_pickle", concerns=_unpickles),
    _loader("pandas.io.pickle", "read_pickle", "filepath_or_buffer", "pickle", "compression", "storage_options"),
    _loader("safetensors.numpy", "load_file", "filename", "safetensors.numpy"),
    _loader("safetensors.torch", "load_file", "filename", "safetensors.torch"),
    EntryPoint(module="safetensors", attribute="safe_open", argument="filename", way="open"),
    _loader("keras.src.saving.saving_api", "load_model", "filepath", "keras"),
    _loader("skops.io._persist", "load", "file", "skops", "trusted"),
    _loader("skops.io._persist", "loads", "data", "skops", "trusted"),
    _loader("transformers.models.auto.auto_factory", "_BaseAutoModelClass.from_pretrained",
            "pretrained_model_name_or_path", "transformers.*", *HUB),
    _loader("transformers.modeling_utils", "PreTrainedModel.from_pretrained",
            "pretrained_model_name_or_path", "transformers.*", *HUB),
    _loader("transformers.models.auto.tokenization_auto", "AutoTokenizer.from_pretrained",
            "pretrained_model_name_or_path", "transformers.*", *HUB),
    _loader("transformers.tokenization_utils_base", "PreTrainedTokenizerBase.from_pretrained",
            "pretrained_model_name_or_path", "transformers.*", *HUB),
    _path("sentence_transformers.SentenceTransformer", "SentenceTransformer.__init__", "model_name_or_path", *HUB),
    _path("sentence_transformers.sentence_transformer.model", "SentenceTransformer.__init__", "model_name_or_path",
          *HUB),
    _path("onnxruntime.capi.onnxruntime_inference_collection", "InferenceSession.__init__", "path_or_bytes"),
    _path("gguf.gguf_reader", "GGUFReader.__init__", "path"),
    _path("xgboost.core", "Booster.load_model", "fname"),
    _path("lightgbm.basic", "Booster.__init__", "model_file", index=2, concerns=_names_file),
    _path("catboost.core", "CatBoost.load_model", "fname"),
    _path("spacy.util", "load_model", "name", concerns=_is_place),
    _path("diffusers.pipelines.pipeline_utils", "DiffusionPipeline.from_pretrained", "pretrained_model_name_or_path",
          *HUB),
    _path("diffusers.models.modeling_utils", "ModelMixin.from_pretrained", "pretrained_model_name_or_path", *HUB),
    EntryPoint(module="huggingface_hub._snapshot_download", attribute="snapshot_download", argument="repo_id",
               way="download", concerns=_is_model),
    EntryPoint(module="huggingface_hub.file_download", attribute="hf_hub_download", argument="repo_id",
               way="download", concerns=_is_model),
)  # fmt: skip


def is_path(target: Any) -> bool:
    """Tell whether a target is a name: of a file, a directory or a repository."""
    return isinstance(target, str | os.PathLike)
