"""What each format can hide, row by row: every case is read by the whole walk and refused by the default policy.

K is Keras, T TensorFlow, S safetensors, U GGUF, X ONNX; each number is one way to attack a loader of the format.
"""

from __future__ import annotations

import json
import struct
from typing import Any

import pytest
from container_builders import Piece, zip_of
from format_samples import LONE, samples
from gguf_builders import array, gguf, number, string, tensor, text
from hdf5_builders import File, attribute
from onnx_builders import external, in_graph, model, node, subgraph
from protobuf_builders import lump
from tensorflow_builders import asset, constant, function, graph, saved_model
from tensorflow_builders import node as tf_node
from test_every_format import outcome
from test_keras_config import LAMBDA, part
from test_keras_config import model as keras
from test_tensorflow import note


def js(value: Any) -> bytes:
    return json.dumps(value).encode()


def archive(config: Any, *more: Piece) -> bytes:
    return zip_of(
        Piece(name=b"metadata.json", data=b'{"keras_version": "3.9.0"}'),
        Piece(name=b"config.json", data=js(config)),
        *more,
    )


def header(value: Any, data: bytes = bytes(8), *, raw: bytes | None = None, size: int | None = None) -> bytes:
    found = js(value) if raw is None else raw
    return struct.pack("<Q", len(found) if size is None else size) + found + data


def one(**changes: Any) -> dict[str, Any]:
    return {"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8], **changes}}


EVIL = "{{ ''.__class__.__mro__[1].__subclasses__() }}"
FUNCTIONS = graph(tf_node("x", "Placeholder"), functions=(function("f", tf_node("n", "PyFunc")),))

ROWS: dict[str, tuple[str, bytes]] = {
    "K-01": ("m.keras", archive(keras(LAMBDA))),
    "K-02": ("m.keras", archive(keras({"module": "os", "class_name": "system", "config": {}}))),
    "K-03": ("m.keras", archive(keras(part("get_file", "keras.utils", origin="https://x.example")))),
    "K-04": ("m.keras", archive(keras(part("Dense", units=1, activation=LAMBDA)))),
    "K-05": ("m.keras", archive(keras(part("StringLookup", vocabulary="/etc/passwd")))),
    "K-06": ("m.keras", archive(keras(part("Dense", units=1)), Piece(name=b"assets/../../x", data=b"x"))),
    "K-07": ("m.keras", archive(keras(part("Dense", units=1)), Piece(name=b"model.weights.h5", data=LONE))),
    "K-08": ("m.keras", archive(keras(part("Dense", units=1, name="../../x")))),
    "K-09": ("config.json", b'{"class_name": "Dense", "class_name": "Lambda", "config": {}, "module": "keras.layers"}'),
    "K-10": ("m.h5", File().finish(attribute("model_config", js(keras(LAMBDA))))),
    "T-01": ("saved_model.pb", saved_model(graph(tf_node("n", "WriteFile")))),
    "T-02": ("saved_model.pb", saved_model(FUNCTIONS)),
    "T-03": ("saved_model.pbtxt", b'saved_model_schema_version: 1 meta_graphs { graph_def { node { op: "PyFunc" }}}'),
    "T-04": ("saved_model.pb", saved_model(graph(constant("asset", "../x")), asset("../../etc/passwd"))),
    "T-05": ("assets.extra/ops.so", b"\x7fELF\x02\x01\x01" + bytes(57)),
    "T-06": ("keras_metadata.pb", note({"class_name": "Lambda", "config": {"name": "l"}})),
    "T-07": ("fingerprint.pb", b"not a fingerprint"),
    "S-01": ("m.safetensors", header(one(), size=1 << 60)),
    "S-02": ("m.safetensors", header(None, raw=b"  " + js(one()))),
    "S-03": ("m.safetensors", header(None, raw=b'{"w": 1, ' + js(one())[1:])),
    "S-04": ("m.safetensors", header(one(), bytes(16))),
    "S-05": ("m.safetensors", header(one(shape=[4194305, 4194305, 211106198978564]))),
    "S-06": ("m.safetensors", header(one(dtype="OBJECT"))),
    "S-07": ("m.safetensors", header({"__metadata__": {"a": {"b": "c"}}, **one()})),
    "S-08": ("m.safetensors", header({"../../x": one()["w"]})),
    "S-09": ("m.safetensors", header(one(shape=[-2]))),
    "U-01": ("m.gguf", gguf(version=99)),
    "U-02": ("m.gguf", gguf([array("a", 8, [text("x")], count=1 << 60)])),
    "U-03": ("m.gguf", gguf([], [tensor("w", (1 << 40, 1 << 40))], bytes(32))),
    "U-04": ("m.gguf", gguf([number("general.alignment", 3)], [tensor("w")], bytes(32))),
    "U-05": ("m.gguf", gguf([string("a", "x"), string("a", "y")])),
    "U-06": ("m.gguf", gguf([string("tokenizer.chat_template.tool_use", EVIL)])),
    "U-07": ("m.gguf", gguf([string("tokenizer.ggml.tokens", "no list")])),
    "U-08": ("m.gguf", gguf([], [tensor("w", (8,)), tensor("w", (8,), 0, 32)], bytes(64))),
    "U-09": ("m.llamafile", b"MZqFpD='\n" + bytes(60) + zip_of(Piece(name=b"m.gguf", data=gguf()))),
    "X-01": ("m.onnx", model(lump(5, external(("location", "../../etc/passwd"))))),
    "X-02": ("m.onnx", model(lump(5, external(("location", "m.onnx"), ("offset", "-1"))))),
    "X-03": ("m.onnx", model(in_graph(node("PyOp", "ai.onnx.contrib")))),
    "X-04": ("m.onnx", model(in_graph(node("Relu", "evil.domain")))),
    "X-05": ("m.onnx", model(in_graph(node("If", "", subgraph(lump(5, external(("location", "/etc/passwd")))))))),
    "X-06": ("m.onnx", samples()["onnx"][0].data + b"\x3a\xff\xff\xff\xff\x0f"),
    "X-08": ("m.onnxjson", js({"irVersion": "10", "opsetImport": [{"version": "21"}], "graph": {"initializer": [
        {"externalData": [{"key": "location", "value": "/etc/passwd"}]}]}})),
}  # fmt: skip

# The sound twin of every format is a sample that passes: `test_what_a_library_wrote_passes` and the samples themselves.
SOUND: tuple[str, ...] = ("keras", "savedmodel", "safetensors", "gguf", "onnx", "hdf5")


@pytest.mark.parametrize("row", ROWS)
def test_a_row_is_refused(row: str) -> None:
    name, data = ROWS[row]
    found = outcome(data, name)
    assert not found.allowed
    assert not found.faults


@pytest.mark.parametrize("form", SOUND)
def test_the_sound_twin_passes(form: str) -> None:
    sample = samples()[form][0]
    assert outcome(sample.data, sample.path, sample.others).allowed
