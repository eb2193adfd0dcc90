"""The functions that load or fetch models, as rows: what to look at in a call, and why the row is there."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from functools import lru_cache

from attrs import frozen

from modelguard.discovery.use import Kind


@frozen
class EntryPoint:
    """One function. `name` may start with a package and a star (`transformers.*.from_pretrained`).

    `position` and `keywords` say which argument names the model; `hub` tells that a name means a Hub repository, so
    that a revision is wanted; `only_if` is a keyword that must be True for the row to count; `shorthand` tells that
    only a text with this beginning (or a model file) names a model; `unless` is a keyword with which nothing is loaded.
    """

    name: str
    kind: Kind
    reason: str
    position: int = 0
    keywords: tuple[str, ...] = ()
    hub: bool = False
    only_if: str = ""
    shorthand: str = ""
    unless: str = ""


_ID = ("pretrained_model_name_or_path", "repo_id", "model_id", "model_name_or_path", "model_name")
_FILE = ("f", "file", "filename", "path", "filepath", "model_path")
_PICKLE = "unpickles: a file decides what is called"
_CODE = "builds objects or runs code from the file"
_DATA = "parses a file of foreign bytes"
_HUB = "fetches from a Hub whatever the name means today"

ENTRY_POINTS: tuple[EntryPoint, ...] = (
    EntryPoint("torch.load", "load", _PICKLE, keywords=_FILE),
    EntryPoint("torch.serialization.load", "load", _PICKLE, keywords=_FILE),
    EntryPoint("torch.jit.load", "load", _CODE, keywords=_FILE),
    EntryPoint("torch.package.PackageImporter", "load", _CODE, keywords=("file_or_buffer",)),
    EntryPoint("torch.export.load", "load", _CODE, keywords=_FILE),
    EntryPoint("torch.hub.load", "load", "runs hubconf.py of a GitHub repository", keywords=("repo_or_dir",)),
    EntryPoint("torch.hub.load_state_dict_from_url", "load", _PICKLE, keywords=("url",)),
    EntryPoint("torch.utils.model_zoo.load_url", "load", _PICKLE, keywords=("url",)),
    EntryPoint("lightning.*.load_from_checkpoint", "load", _PICKLE, keywords=("checkpoint_path",)),
    EntryPoint("pytorch_lightning.*.load_from_checkpoint", "load", _PICKLE, keywords=("checkpoint_path",)),
    EntryPoint("joblib.load", "load", _PICKLE, keywords=_FILE),
    EntryPoint("sklearn.externals.joblib.load", "load", _PICKLE, keywords=_FILE),
    EntryPoint("pandas.read_pickle", "load", _PICKLE, keywords=("filepath_or_buffer",)),
    EntryPoint("numpy.load", "load", _PICKLE, keywords=_FILE, only_if="allow_pickle"),
    EntryPoint("skops.io.load", "load", _CODE, keywords=_FILE),
    EntryPoint("pickle.load", "unpickle", _PICKLE, keywords=_FILE),
    EntryPoint("pickle.loads", "unpickle", _PICKLE),
    EntryPoint("pickle.Unpickler", "unpickle", _PICKLE),
    EntryPoint("_pickle.load", "unpickle", _PICKLE),
    EntryPoint("_pickle.loads", "unpickle", _PICKLE),
    EntryPoint("cPickle.load", "unpickle", _PICKLE),
    EntryPoint("cPickle.loads", "unpickle", _PICKLE),
    EntryPoint("dill.load", "unpickle", _PICKLE, keywords=_FILE),
    EntryPoint("dill.loads", "unpickle", _PICKLE),
    EntryPoint("cloudpickle.load", "unpickle", _PICKLE, keywords=_FILE),
    EntryPoint("cloudpickle.loads", "unpickle", _PICKLE),
    EntryPoint("shelve.open", "unpickle", _PICKLE, keywords=("filename",)),
    EntryPoint("transformers.*.pipeline", "load", _HUB, position=1, keywords=("model",), hub=True),
    EntryPoint("peft.*.from_pretrained", "load", _HUB, position=1, keywords=("model_id", *_ID), hub=True),
    EntryPoint("peft.AutoPeft*.from_pretrained", "load", _HUB, keywords=_ID, hub=True),
    EntryPoint("peft.PeftConfig.from_pretrained", "load", _HUB, keywords=_ID, hub=True),
    EntryPoint("*.from_pretrained", "load", _HUB, keywords=(*_ID, "identifier", "name"), hub=True),
    EntryPoint("*.from_single_file", "load", _PICKLE, keywords=("pretrained_model_link_or_path",), hub=True),
    EntryPoint("*.load_lora_weights", "load", _HUB, keywords=("pretrained_model_name_or_path_or_dict",), hub=True),
    EntryPoint("huggingface_hub.*.hf_hub_download", "fetch", _HUB, keywords=("repo_id",), hub=True),
    EntryPoint("huggingface_hub.*.snapshot_download", "fetch", _HUB, keywords=("repo_id",), hub=True),
    EntryPoint("huggingface_hub.*.cached_download", "fetch", _HUB, keywords=("url",), hub=True),
    EntryPoint("huggingface_hub.from_pretrained_keras", "load", _HUB, keywords=_ID, hub=True),
    EntryPoint("huggingface_hub.from_pretrained_fastai", "load", _PICKLE, keywords=("repo_id",), hub=True),
    EntryPoint("datasets.*.load_dataset", "dataset", _HUB, keywords=("path",), hub=True),
    EntryPoint("datasets.load_dataset_builder", "dataset", _HUB, keywords=("path",), hub=True),
    EntryPoint(
        "sentence_transformers.*SentenceTransformer",
        "load",
        _HUB,
        keywords=("model_name_or_path",),
        hub=True,
        unless="modules",
    ),
    EntryPoint("sentence_transformers.*CrossEncoder", "load", _HUB, keywords=("model_name", *_ID), hub=True),
    EntryPoint(
        "sentence_transformers.*SparseEncoder",
        "load",
        _HUB,
        keywords=("model_name_or_path",),
        hub=True,
        unless="modules",
    ),
    EntryPoint("*.HuggingFaceEmbeddings", "load", _HUB, position=9, keywords=("model_name", "model"), hub=True),
    EntryPoint("*.HuggingFaceEmbedding", "load", _HUB, keywords=("model_name",), hub=True),
    EntryPoint("*.HuggingFacePipeline.from_model_id", "load", _HUB, keywords=("model_id",), hub=True),
    EntryPoint("vllm.*LLM", "load", _HUB, keywords=("model",), hub=True),
    EntryPoint("vllm.*EngineArgs", "load", _HUB, keywords=("model",), hub=True),
    EntryPoint("faster_whisper.WhisperModel", "load", _HUB, keywords=("model_size_or_path",), hub=True),
    EntryPoint("mlx_lm.load", "load", _HUB, keywords=("path_or_hf_repo",), hub=True),
    EntryPoint("timm.create_model", "load", _HUB, keywords=("model_name",), hub=True, shorthand="hf"),
    EntryPoint("open_clip.create_model*", "load", _HUB, keywords=("model_name",), hub=True, shorthand="hf-hub:"),
    EntryPoint("fastembed.*TextEmbedding", "load", _HUB, keywords=("model_name",), hub=True),
    EntryPoint("fastembed.*ImageEmbedding", "load", _HUB, keywords=("model_name",), hub=True),
    EntryPoint("fastembed.*TextCrossEncoder", "load", _HUB, keywords=("model_name",), hub=True),
    EntryPoint("flair.embeddings.*Transformer*Embeddings", "load", _HUB, keywords=("model",), hub=True),
    EntryPoint("flair.embeddings.*FlairEmbeddings", "load", _PICKLE, keywords=("model",)),
    EntryPoint("flair.embeddings.*WordEmbeddings", "load", _PICKLE, keywords=("embeddings",)),
    EntryPoint("simpletransformers.*Model", "load", _HUB, position=1, keywords=("model_name",), hub=True),
    EntryPoint("keybert.KeyBERT", "load", _HUB, position=9, keywords=("model",)),
    EntryPoint("bertopic.BERTopic.load", "load", _PICKLE, keywords=("path",)),
    EntryPoint("speechbrain.*.from_hparams", "load", "runs the YAML that it fetches", keywords=("source",), hub=True),
    EntryPoint("nemo.*.restore_from", "load", _PICKLE, keywords=("restore_path",)),
    EntryPoint("sglang.Engine", "load", _HUB, position=9, keywords=("model_path",), hub=True),
    EntryPoint("lmdeploy.pipeline", "load", _HUB, keywords=("model_path",), hub=True),
    EntryPoint("ctranslate2.Generator", "load", _DATA, keywords=("model_path",)),
    EntryPoint("ctranslate2.Translator", "load", _DATA, keywords=("model_path",)),
    EntryPoint("paddle.load", "load", _PICKLE, keywords=("path",)),
    EntryPoint("spacy.load", "load", "runs code of the package that it names", keywords=("name",)),
    EntryPoint("whisper.load_model", "load", _PICKLE, keywords=("name",)),
    EntryPoint("ultralytics.*YOLO", "load", _PICKLE, keywords=("model",)),
    EntryPoint("fastai.*load_learner", "load", _PICKLE, keywords=("fname",)),
    EntryPoint("gensim.*.load", "load", _PICKLE, keywords=("name", "fname")),
    EntryPoint("flair.*.load", "load", _PICKLE, keywords=("model_path",)),
    EntryPoint("fasttext.load_model", "load", _DATA, keywords=_FILE),
    EntryPoint("mlflow.*.load_model", "load", _PICKLE, keywords=("model_uri",)),
    EntryPoint("stable_baselines3.*.load", "load", _PICKLE, keywords=_FILE),
    EntryPoint("keras.*.load_model", "load", _CODE, keywords=_FILE),
    EntryPoint("keras.*.load_weights", "load", _DATA, keywords=_FILE),
    EntryPoint("tensorflow.*.load_model", "load", _CODE, keywords=_FILE),
    EntryPoint("tensorflow.saved_model.load", "load", _CODE, keywords=("export_dir",)),
    EntryPoint("tensorflow_hub.load", "load", _CODE, keywords=("handle",)),
    EntryPoint("tensorflow_hub.KerasLayer", "load", _CODE, keywords=("handle",)),
    EntryPoint("tensorflow.lite.Interpreter", "load", _DATA, keywords=("model_path",)),
    EntryPoint("safetensors.*safe_open", "load", _DATA, keywords=("filename",)),
    EntryPoint("safetensors.*.load_file", "load", _DATA, keywords=_FILE),
    EntryPoint("safetensors.*.load_model", "load", _DATA, position=1, keywords=_FILE),
    EntryPoint("onnx.load", "load", _DATA, keywords=_FILE),
    EntryPoint("onnx.load_model", "load", _DATA, keywords=_FILE),
    EntryPoint("onnxruntime.InferenceSession", "load", _DATA, keywords=("path_or_bytes",)),
    EntryPoint("openvino.*.read_model", "load", _DATA, keywords=("model",)),
    EntryPoint("openvino.*.compile_model", "load", _DATA, keywords=("model",)),
    EntryPoint("llama_cpp.Llama", "load", _DATA, keywords=("model_path",)),
    EntryPoint("ctransformers.*.from_pretrained", "load", _HUB, keywords=("model_path_or_repo_id",), hub=True),
    EntryPoint("gguf.GGUFReader", "load", _DATA, keywords=("path",)),
    EntryPoint("xgboost.*.load_model", "load", _DATA, keywords=("fname",)),
    EntryPoint("xgboost.Booster", "load", _DATA, position=9, keywords=("model_file",)),
    EntryPoint("lightgbm.Booster", "load", _DATA, position=9, keywords=("model_file",)),
    EntryPoint("catboost.*.load_model", "load", _DATA, keywords=("fname",)),
    EntryPoint("coremltools.models.MLModel", "load", _DATA, keywords=("model",)),
)

NO_LOADS = ("torch.nn.Embedding*.from_pretrained", "torch.nn.*.Embedding*.from_pretrained")
"""Names that fit a row and load nothing: these take a tensor."""

GUARDS = tuple(
    f"{package}.{name}"
    for package in ("modelguard", "modelguard.guard")
    for name in ("guarded_load", "guarded_open", "verified_snapshot")
)
"""Calls that let only approved bytes through; their first argument names the model."""

WRAPPERS = ("modelguard.guarded", "modelguard.guard.guarded")
"""Calls that return a guarded function."""


def _by_last_word() -> dict[str, list[EntryPoint]]:
    table: dict[str, list[EntryPoint]] = {}
    for row in ENTRY_POINTS:
        table.setdefault("" if _is_loose(row.name) else row.name.rpartition(".")[2], []).append(row)
    return table


def _is_loose(pattern: str) -> bool:
    """Tell whether the last word of a pattern has a star, so that no table of last words finds it."""
    return "*" in pattern.rpartition(".")[2]


_TABLE = _by_last_word()
_WORDS = sorted(
    {re.escape(row.name.rpartition(".")[2]).replace(r"\*", r"\w*") for row in ENTRY_POINTS}
    | {"guarded", "guarded_load", "guarded_open", "verified_snapshot"}
)
LAST_WORDS = re.compile(rf"\b(?:{'|'.join(_WORDS)})\b".encode())
"""What a program must mention to load a model: the last word of some entry point, as a whole word."""


@lru_cache(maxsize=4096)
def is_last_word(word: str) -> bool:
    """Tell whether some entry point or guard ends in this word."""
    return LAST_WORDS.fullmatch(word.encode()) is not None


@lru_cache(maxsize=4096)
def entry_point(name: str) -> EntryPoint | None:
    """Return the row for a dotted name such as `torch.load`, or None. The first row that fits counts."""
    if any(_fits(pattern, name) for pattern in NO_LOADS):
        return None
    rows = [*_TABLE[""], *_TABLE.get(name.rpartition(".")[2], ())]
    return next((row for row in rows if _fits(row.name, name)), None)


def _fits(pattern: str, name: str) -> bool:
    return fnmatchcase(name, pattern) or (".*." in pattern and fnmatchcase(name, pattern.replace(".*.", ".", 1)))
