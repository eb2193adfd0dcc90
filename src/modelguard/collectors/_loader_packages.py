"""Which installed packages would have a part in loading a model: those that read files of these names.

A wrong loader is what makes a vulnerable package matter, so a package counts only for models that have files for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from modelguard.terms.artifact import file_type

_PICKLES = (".pkl", ".pickle", ".joblib", ".bin", ".pt", ".pth", ".ckpt", ".npy", ".npz")
_TORCH = (".pt", ".pth", ".bin", ".ckpt", ".pt2", ".ptl", ".nemo", ".mar")
_KERAS = (".keras", ".h5", ".hdf5", ".weights")
_HUB = ("config.json", "model_index.json", "tokenizer_config.json", "adapter_config.json", "modules.json")

# Package: the endings, or whole names, of the files that it reads.
LOADERS: dict[str, tuple[str, ...]] = {
    "accelerate": _TORCH,
    "catboost": (".cbm",),
    "datasets": ("dataset_infos.json",),
    "diffusers": ("model_index.json",),
    "flax": (".msgpack",),
    "gguf": (".gguf",),
    "h5py": _KERAS,
    "jinja2": ("tokenizer_config.json", "chat_template.jinja", ".jinja"),
    "joblib": (".joblib", ".pkl", ".lz4"),
    "keras": _KERAS,
    "lightgbm": (".txt", ".lgb", ".model"),
    "lightning": (".ckpt",),
    "llama-cpp-python": (".gguf",),
    "mlflow": ("mlmodel",),
    "nemo-toolkit": (".nemo",),
    "numpy": (".npy", ".npz", *_PICKLES),
    "onnx": (".onnx",),
    "onnxruntime": (".onnx", ".ort"),
    "paddlepaddle": (".pdparams", ".pdmodel"),
    "peft": ("adapter_config.json",),
    "protobuf": (".onnx", ".pb", ".tflite"),
    "pytorch-lightning": (".ckpt",),
    "pyyaml": (".yaml", ".yml"),
    "safetensors": (".safetensors",),
    "scikit-learn": (".joblib", ".pkl", ".skops"),
    "sentence-transformers": ("modules.json",),
    "sentencepiece": (".model", ".spm"),
    "skops": (".skops",),
    "tensorflow": (".pb", ".h5", ".keras", ".tflite"),
    "tf-keras": _KERAS,
    "timm": ("config.json",),
    "tokenizers": ("tokenizer.json",),
    "torch": _TORCH,
    "torchvision": _TORCH,
    "transformers": _HUB,
    "ultralytics": (".pt",),
    "vllm": (*_HUB, ".gguf"),
    "xgboost": (".ubj", ".bst", ".xgb", ".json"),
}


def installed_loaders(paths: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield (name, version) of the installed packages that read files of these paths."""
    from importlib.metadata import PackageNotFoundError, version  # 20 ms: only where there are feeds

    names = {path.rpartition("/")[2].lower() for path in paths}
    there = names | {file_type(name) for name in names}
    for package, files in LOADERS.items():
        if there.isdisjoint(files):
            continue
        try:
            yield package, version(package)
        except PackageNotFoundError:
            continue
