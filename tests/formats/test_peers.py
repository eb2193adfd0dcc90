"""Every format that another scanner of models reads is read here: one row for each, with a file that shows it.

The rows are those formats that the published scanners picklescan 1.0.5, fickling 0.1.12, modelscan 0.8.8, modelaudit
0.2.54, hayward 1.4.1, safeloadai 0.9.0, aisbom 1.7.0 and purser 0.3.0 name in their code or documents. Formats without
a sample have tests of their own; for them it is compared that there is a reader.
"""

from __future__ import annotations

from struct import pack

import pytest
import r_builders as r
import zstandard
from container_builders import Piece, formats_at, walk_all, zip_of
from protobuf_builders import lump
from tensorflow_builders import graph, node
from test_rarer_models import PROTOTXT, STUMP, array, arrays, caffe, cntk, ggml, layer, rknn, trees
from test_torch7 import network

from modelguard._registry import parts
from modelguard.formats.format import Format
from modelguard.terms.facts import Header, Malformed, Opaque

METAGRAPH = lump(1, lump(2, lump(1, lump(1, "Relu"))) + lump(5, "1.15.0")) + lump(2, graph(node("x", "Relu")))
EVIL_METAGRAPH = lump(1, lump(2, lump(1, lump(1, "x")))) + lump(2, graph(node("x", "PyFunc")))
WEIGHTS = pack("<iiiQ", 0, 2, 0, 32) + bytes(40)
MOJO = zip_of(
    Piece(name=b"model.ini", data=b"[info]\nalgorithm = Gradient Boosting Machine\nn_trees = 1\n"),
    Piece(name=b"domains/d000.txt", data=b"a\nb\n"),
    Piece(name=b"trees/t00_000.bin", data=b"\0\1\xff\xfe\x80\x99"),
)

# What a peer calls it -> our readers.
COVERED: dict[str, tuple[str, ...]] = {
    "pickle, dill, cloudpickle": ("pickle",),
    "PyTorch zip": ("torch-zip",),
    "PyTorch legacy": ("torch-legacy",),
    "PyTorch tar": ("torch-tar",),
    "TorchScript": ("torchscript",),
    "torch.package": ("torch-package",),
    "torch.export .pt2": ("pt2",),
    "ExecuTorch": ("executorch",),
    "TorchServe .mar": ("mar",),
    "joblib": ("joblib",),
    "NumPy .npy and .npz": ("npy", "npz"),
    "compressed streams": ("gzip", "bzip2", "xz", "zlib", "lz4", "zstd"),
    "zip and tar": ("zip", "tar"),
    "7z and RAR": ("sealed",),
    "NeMo": ("tar", "yaml"),
    "Keras v3": ("keras", "keras-config"),
    "Keras H5": ("hdf5",),
    "TensorFlow SavedModel": ("savedmodel",),
    "TensorFlow MetaGraph": ("tensorflow-metagraph",),
    "TensorFlow graph": ("tensorflow-graph", "tensorflow-text"),
    "TensorFlow.js": ("tfjs",),
    "TFLite": ("tflite",),
    "ONNX": ("onnx",),
    "GGUF": ("gguf",),
    "GGML before GGUF": ("ggml-legacy",),
    "safetensors": ("safetensors",),
    "Hugging Face configurations": ("json",),
    "Jinja templates": ("jinja",),
    "Python source": ("python",),
    "skops": ("skops",),
    "PMML": ("pmml",),
    "CoreML": ("coreml", "coreml-weights"),
    "OpenVINO": ("openvino",),
    "PaddlePaddle": ("paddle-program", "paddle-pir", "paddle-parameters"),
    "Flax msgpack": ("msgpack",),
    "JAX and Orbax": ("orbax", "ocdbt", "zarr"),
    "XGBoost": ("xgboost", "xgboost-binary"),
    "LightGBM": ("lightgbm",),
    "CatBoost": ("catboost",),
    "TensorRT": ("tensorrt",),
    "R": ("r-data",),
    "Torch7": ("torch7",),
    "CNTK": ("cntk",),
    "MXNet": ("mxnet", "mxnet-arrays"),
    "RKNN": ("rknn",),
    "Caffe": ("caffe", "caffe-text"),
    "Darknet": ("darknet",),
    "H2O MOJO": ("h2o-mojo",),
    "llamafile": ("native", "zip"),
    "OCI layers": ("json", "tar"),
    "MLflow": ("yaml",),
    "Git LFS pointers": ("lfs-pointer",),
    "SentencePiece": ("sentencepiece",),
    "fastText": ("fasttext",),
}

# A file, its name, the reader that has to take it.
SAMPLES = [
    (METAGRAPH, "model.ckpt.meta", "tensorflow-metagraph"),
    (WEIGHTS, "yolo.weights", "darknet"),
    (MOJO, "model.zip", "h2o-mojo"),
    (arrays(array()), "m-0000.params", "mxnet-arrays"),
    (ggml(), "ggml-model.bin", "ggml-legacy"),
    (trees(*STUMP), "m.model", "xgboost-binary"),
    (cntk(type="CompositeFunction", uid="x"), "m.dnn", "cntk"),
    (caffe(layer("Convolution")), "m.caffemodel", "caffe"),
    (PROTOTXT.encode(), "deploy.prototxt", "caffe-text"),
    (rknn(), "m.rknn", "rknn"),
    (network(), "m.t7", "torch7"),
    (r.rds(r.reals(1)), "m.rds", "r-data"),
    (zstandard.compress(r.rds(r.reals(1))), "m.rds.zst", "zstd"),
]


@pytest.mark.parametrize("row", COVERED)
def test_a_format_that_a_peer_reads_has_a_reader(row: str) -> None:
    names = {one.name for one in parts("modelguard.formats", Format)}
    assert set(COVERED[row]) <= names


@pytest.mark.parametrize(("data", "name", "wanted"), SAMPLES)
def test_a_file_of_it_is_taken_by_that_reader_and_by_no_other(data: bytes, name: str, wanted: str) -> None:
    facts = walk_all(data, name)
    assert set(formats_at(facts)) - {"text", "zip"} == {wanted}
    assert not [fact for fact in facts if isinstance(fact, Malformed)]


def test_a_meta_graph_asks_for_what_its_operators_reach() -> None:
    from container_builders import asked

    assert not asked(walk_all(METAGRAPH, "m.meta"))
    assert [name for _, name in asked(walk_all(EVIL_METAGRAPH, "m.meta"))] == ["PyFunc"]


@pytest.mark.parametrize("data", [WEIGHTS[:-1], WEIGHTS[:14]])
def test_weights_of_darknet_that_are_cut_off_are_malformed(data: bytes) -> None:
    assert [fact.rule for fact in walk_all(data, "y.weights") if isinstance(fact, Malformed)] == ["darknet-size"]


@pytest.mark.parametrize(("data", "name"), [(WEIGHTS, "y.bin"), (bytes(40), "y.weights"), (b"\x80\x04N.", "y.weights")])
def test_other_files_are_no_weights_of_darknet(data: bytes, name: str) -> None:
    assert "darknet" not in str(walk_all(data, name))


def test_the_trees_of_a_mojo_stay_unknown_bytes() -> None:
    facts = walk_all(MOJO, "model.zip")
    assert [fact.location.members for fact in facts if isinstance(fact, Opaque)] == [("trees/t00_000.bin",)]
    assert "Gradient Boosting Machine" in str([fact for fact in facts if isinstance(fact, Header)])


def test_a_mojo_whose_description_is_none_is_malformed() -> None:
    data = zip_of(Piece(name=b"model.ini", data=b"x"), Piece(name=b"domains/d.txt", data=b"a"))
    assert "mojo-description" in [fact.rule for fact in walk_all(data, "m.zip") if isinstance(fact, Malformed)]
