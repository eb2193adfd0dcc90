"""A row of `format_samples` for each of the rarer formats: its name, a path, the bytes, why a beginning may pass."""

from __future__ import annotations

from test_array_stores import as_json, manifest, zarray
from test_peers import METAGRAPH, MOJO, WEIGHTS
from test_rarer_models import PROTOTXT, STUMP, array, arrays, caffe, cntk, ggml, layer, rknn, trees
from test_tfjs import model as tfjs
from test_torch7 import network

_FIELDS = "a message may end behind each of its fields"
_TENSORS = "nothing says how many tensors there are"

RARER: list[tuple[str, str, bytes, str] | tuple[str, str, bytes, str, tuple[str, ...]]] = [
    ("caffe", "m.caffemodel", caffe(layer("Convolution"), layer("ReLU")), _FIELDS),
    ("caffe-text", "deploy.prototxt", PROTOTXT.encode() * 2, "a description may end behind each of its fields"),
    ("cntk", "m.dnn", cntk(type="CompositeFunction", uid="x" * 100), _FIELDS),
    ("darknet", "m.weights", WEIGHTS, "nothing says how many numbers there are"),
    ("ggml-legacy", "ggml-model-f16.bin", ggml(), _TENSORS),
    ("h2o-mojo", "mojo.zip", MOJO, ""),
    ("mxnet-arrays", "m-0000.params", arrays(array()), ""),
    ("ocdbt", "manifest.ocdbt", manifest(b"d/x", compress=True), "", ("d/x",)),
    ("orbax", "_METADATA", as_json({"tree_metadata": {"('w',)": {"key_metadata": []}}, "use_ocdbt": True}), ""),
    ("rknn", "m.rknn", rknn(), ""),
    ("tensorflow-metagraph", "model.ckpt.meta", METAGRAPH, _FIELDS),
    ("tfjs", "model.json", tfjs("Conv2D", "Identity"), "", ("group1-shard1of1.bin",)),
    ("torch7", "m.t7", network(), ""),
    ("torch7", "text.t7", network(text=True).rstrip(), ""),
    ("xgboost-binary", "m.model", trees(*STUMP), ""),
    ("zarr", ".zarray", zarray(), ""),
]
