"""Keras configurations: Keras's own parts pass, everything else is asked for, however deep it lies."""

from __future__ import annotations

import base64
import json
import marshal
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from hypothesis import given
from hypothesis import strategies as st
from walk_builders import SmallWalk, asked, content_of, fuzz, only, read, refused, rules, unread

from modelguard.formats import _keras_names as names
from modelguard.formats.keras import FORMAT as ARCHIVE
from modelguard.formats.keras_config import FORMAT
from modelguard.terms.facts import Asks, Fact, Header, Noted


def part(name: str, module: str | None = "keras.layers", /, registered: Any = None, **config: Any) -> dict[str, Any]:
    return {"module": module, "class_name": name, "config": config, "registered_name": registered}


def function(name: str, module: str | None = "builtins", registered: str = "function") -> dict[str, Any]:
    return {"module": module, "class_name": "function", "config": name, "registered_name": registered}


def model(*layers: Any, **more: Any) -> dict[str, Any]:
    return {**part("Sequential", "keras", name="m", layers=list(layers)), **more}


def facts_of(value: object, walk: SmallWalk | None = None) -> list[Fact]:
    return read(FORMAT, json.dumps(value).encode(), "config.json", walk=walk)


CODE = base64.b64encode(marshal.dumps(compile("import os; os.system('echo pwned')", "x", "exec"))).decode()
LAMBDA = part("Lambda", function={"class_name": "__lambda__", "config": {"code": CODE, "defaults": None}})


def test_a_model_of_keras_own_parts_passes() -> None:
    dense = part("Dense", units=3, activation="relu", kernel_initializer=part("GlorotUniform", "keras.initializers"))
    facts = facts_of(model(part("InputLayer"), part("TimeDistributed", layer=dense), dense, build_config={}))
    assert not refused(facts)
    assert only(facts, Header)[0].properties == {"class_name": "Sequential"}


@pytest.mark.parametrize(
    "value",
    [
        model(part("Add", "keras.src.ops.numpy", registered="Add")),
        {"class_name": "Model", "config": {"layers": [{"class_name": "Conv2D", "config": {}}]}, "backend": "jax"},
        model(part("Adam", "keras.src.backend.torch.optimizers.torch_adam", registered="Adam")),
        model(part("Dense", "tensorflow.python.keras.layers.core")),
        model(part("Dense", "tf_keras.layers")),
        model(part("Activation", activation=function("gelu"))),
        model(part("Dense", activation=function("relu", "keras.activations"))),
        model(part("StringLookup", vocabulary=["a", "b"])),
        model(part("TextVectorization", vocabulary=None, standardize="lower_and_strip_punctuation")),
        model(part("TFOpLambda", None, function="math.multiply")),
        model(part("TFOpLambda", None, function="reshape")),
        model({"class_name": "__typespec__", "spec_name": "TensorSpec", "config": [],
               "module": "tensorflow.python.framework.tensor_spec", "registered_name": None}),
        model(part("Dense", name="block/dense..1")),
        {"class_name": "TensorShape", "items": [1, 2]},
        model(part("Dense", note="module Lambda get_file")),
        model({"class_name": "Lambda"}),
    ],
)  # fmt: skip
def test_the_near_misses_pass(value: object) -> None:
    assert not refused(facts_of(value))


@pytest.mark.parametrize(
    "value",
    [
        model(LAMBDA),
        model(model(model(LAMBDA))),
        model(part("TimeDistributed", layer=LAMBDA)),
        model(part("Bidirectional", layer=part("RNN", cell=LAMBDA))),
        model(part("Dense", activation=LAMBDA)),
        model(part("Dense", kernel_initializer=LAMBDA)),
        model(part("Dense", kernel_regularizer={"any": [[LAMBDA]]})),
        model(compile_config={"loss": LAMBDA}),
        model(compile_config={"metrics": [["accuracy", LAMBDA]]}),
        model(build_config={"x": LAMBDA}),
        model(training_config={"optimizer_config": LAMBDA}),
        [LAMBDA],
        {"dead": {"inbound_nodes": [{"args": [LAMBDA]}]}},
        model({"class_name": "Lambda", "config": {"function": "x"}}),
        model({"class_name": "LAMBDA", "config": {}}),
        model({"class_name": " Lambda", "config": {}}),
        model(part("Lambda", "keras.src.layers.core.lambda_layer", registered="Lambda")),
        model(part("Dense", registered="Lambda")),
        model(part("Dense", registered="pkg>Lambda")),
    ],
)
def test_a_lambda_is_found_wherever_it_lies(value: object) -> None:
    hazards = {fact.hazard for fact in only(facts_of(value), Asks) if fact.permission == "remote-code"}
    assert hazards == {"code-execution"}


def test_the_names_in_its_bytecode_are_told() -> None:
    details = " ".join(fact.detail for fact in only(facts_of(model(LAMBDA)), Asks))
    assert "echo" in details


@pytest.mark.parametrize(
    ("value", "permission", "name", "hazard"),
    [
        (part("system", "os"), "configuration", "os.system", "code-execution"),
        (part("Popen", "subprocess"), "configuration", "subprocess.Popen", "code-execution"),
        (part("Dense", "kerasx.layers"), "configuration", "kerasx.layers.Dense", "code-execution"),
        (part("Dense", "keras.layers."), "configuration", "keras.layers..Dense", "code-execution"),
        (part("Dense", "keras .layers"), "configuration", "keras .layers.Dense", "code-execution"),
        (part("Dense", 7), "configuration", "7.Dense", "code-execution"),
        (part("get_file", "keras.utils"), "network", "keras.utils.get_file", "file-write"),
        (part("GET_FILE", "keras.utils"), "network", "keras.utils.GET_FILE", "file-write"),
        (function("get_file", "keras.utils"), "network", "keras.utils.get_file", "file-write"),
        (part("enable_unsafe_deserialization", "keras.config"), "remote-code",
         "keras.config.enable_unsafe_deserialization", "code-execution"),
        (part("load_data", "keras.datasets.mnist"), "network", "keras.datasets.mnist.load_data", "file-write"),
        (part("save_img", "keras.utils"), "external-files", "keras.utils.save_img", "file-write"),
        (part("TorchModuleWrapper"), "remote-code", "keras.layers.TorchModuleWrapper", "code-execution"),
        (part("JaxLayer"), "remote-code", "keras.layers.JaxLayer", "code-execution"),
        (part("clear_session", "keras.backend"), "configuration", "keras.backend.clear_session", "code-execution"),
        (part("Mystery"), "configuration", "keras.layers.Mystery", ""),
        (part("Mystery", None), "configuration", "Mystery", ""),
        (part("Mystery", None, registered="pkg>Mystery"), "configuration", "pkg>Mystery", ""),
        (part("Dense", registered="pkg>Other"), "configuration", "pkg>Other", ""),
        (function("system", "os"), "configuration", "os.system", "code-execution"),
        (function("my_loss"), "configuration", "builtins.my_loss", ""),
        (function("exec"), "configuration", "builtins.exec", ""),
        (function("save", "keras.ops"), "configuration", "keras.ops.save", "code-execution"),
        (part("TFOpLambda", None, function="io.write_file"), "ops", "tf.io.write_file", ""),
        (part("TFOpLambda", None, function="py_function"), "ops", "tf.py_function", ""),
        (part("TFOpLambda", None), "ops", "tf.", "code-execution"),
        (part("TensorFlowOpLayer", None, node_def='name: "a"\nop: "PyFunc"'), "ops", "tf.raw_ops.PyFunc", ""),
        (part("ClassMethod", None, cls_symbol="io.gfile", fn_name="x"), "ops", "tf.io.gfile", ""),
        (part("StringLookup", vocabulary="/etc/passwd"), "external-files", "/etc/passwd", "file-read"),
        (part("IntegerLookup", vocabulary="vocab.txt"), "external-files", "vocab.txt", "file-read"),
        (part("StringLookup", vocabulary="http://10.0.0.1/x"), "network", "http://10.0.0.1/x", "network"),
        (part("TFSMLayer", filepath="/tmp/model"), "external-files", "/tmp/model", "file-read"),
        ({"class_name": "__typespec__", "spec_name": "X", "module": "os", "config": []}, "configuration", "os.X",
         "code-execution"),
    ],
)  # fmt: skip
def test_what_is_not_keras_own_is_asked_for(value: object, permission: str, name: str, hazard: str) -> None:
    found = {(fact.permission, fact.name, fact.hazard) for fact in only(facts_of(model(value)), Asks)}
    assert (permission, name, hazard) in found


def test_a_class_of_a_keras_extension_names_its_profile() -> None:
    (ask,) = only(facts_of(model(part("GemmaBackbone", "keras_hub.src.models.gemma"))), Asks)
    assert ask.profiles == ("keras-hub",)


def test_one_name_is_asked_for_once() -> None:
    assert len(asked(facts_of(model(*[part("Mystery")] * 50)))) == 1


@pytest.mark.parametrize("name", ["../../x", "/etc/x", "a/../../b", "..\\x", "x\0"])
def test_a_layer_name_that_leaves_its_directory_is_malformed(name: str) -> None:
    assert rules(facts_of(model(part("Dense", name=name)))) == ["keras-layer-name"]
    assert rules(facts_of(model({**part("Dense"), "name": name}))) == ["keras-layer-name"]


def test_a_key_that_stands_twice_is_malformed() -> None:
    text = b'{"class_name": "Lambda", "config": {}, "class_name": "Dense"}'
    assert rules(read(FORMAT, text)) == ["keras-duplicate-key"]


def test_a_key_written_with_escapes_is_found() -> None:
    text = json.dumps(model(LAMBDA)).replace("class_name", "\\u0063lass_nam\\u0065").encode()
    assert ("remote-code", "keras.layers.Lambda") in asked(read(FORMAT, text))


def test_a_key_after_much_padding_is_found() -> None:
    text = b'{"a": "' + b"x" * 3_000_000 + b'", "b": ' + json.dumps(LAMBDA).encode() + b"}"
    assert ("remote-code", "keras.layers.Lambda") in asked(read(FORMAT, text))


def test_infinity_is_noted() -> None:
    facts = read(FORMAT, b'{"class_name": "ReLU", "config": {"max_value": Infinity}}')
    assert not refused(facts)
    assert only(facts, Noted)


def test_a_pickle_in_a_configuration_is_handed_to_the_walk() -> None:
    walk = SmallWalk()
    payload = base64.b64encode(b"\x80\x04" + b"\x8c\x02os\x8c\x06system\x93\x8c\x0becho pwned1\x85R.").decode()
    facts_of(model(part("TorchModuleWrapper", module=payload)), walk)
    assert [content.head(2) for content in walk.handed] == [b"\x80\x04"]


@pytest.mark.parametrize("text", [b'{"class_name": "Dense", "config": {', b'{"class_name": ' + b"[" * 5000])
def test_a_configuration_that_cannot_be_read_is_unread(text: bytes) -> None:
    assert unread(read(FORMAT, text))


@pytest.mark.parametrize(
    "value",
    [{"architectures": ["Bert"]}, {"_class_name": "UNet", "config": 1}, {"class_name": 3, "config": 1}, ["class_name"]],
)
def test_other_json_is_not_accepted(value: object) -> None:
    assert not FORMAT.accepts(content_of(json.dumps(value).encode()))


KEYS = st.sampled_from(
    ["class_name", "config", "module", "registered_name", "name", "function", "vocabulary", "spec_name"]
)
SCALARS = st.none() | st.integers() | st.text(max_size=9) | st.sampled_from(["function", "__typespec__", "Lambda"])


@given(st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=6)))
def test_any_configuration_is_read(value: object) -> None:
    fuzz(FORMAT, json.dumps({"class_name": "Dense", "config": value, "x": value}).encode())
    fuzz(FORMAT, json.dumps(value).encode())


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    fuzz(FORMAT, data)
    fuzz(FORMAT, b'{"class_name": "Dense", "config": ' + data)


def test_an_archive_is_recognised_by_its_members(tmp_path: Path) -> None:
    for members, expected in ((["metadata.json", "config.json", "model.weights.h5"], True), (["config.json"], False)):
        with ZipFile(tmp_path / "m.keras", "w") as archive:
            for member in members:
                archive.writestr(member, b"{}")
        content = content_of((tmp_path / "m.keras").read_bytes())
        assert ARCHIVE.accepts(content) is expected
        assert not expected or only(list(ARCHIVE.read(content, SmallWalk())), Header)


@pytest.mark.heavy
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # of keras with torch
def test_models_of_keras_pass_and_its_lambda_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    keras = pytest.importorskip("keras", reason="writes the sample")
    layers = keras.layers
    given_ = keras.Input((8, 8, 1))
    inner = layers.Flatten()(layers.Conv2D(4, 3, activation="relu", kernel_regularizer="l2")(given_))
    wrapped = layers.Bidirectional(layers.LSTM(3))(layers.TimeDistributed(layers.Dense(2))(inner[:, :, None]))
    made = keras.Model(given_, layers.Dense(3, activation=keras.activations.gelu)(wrapped))
    made.compile("adam", loss=keras.losses.SparseCategoricalCrossentropy(), metrics=["accuracy", keras.metrics.AUC()])
    coded = keras.Sequential([keras.Input((2,)), layers.Lambda(lambda x: x + 1)])
    for model_, expected in (
        (made, set()),
        (coded, {("remote-code", "keras.layers.Lambda"), ("remote-code", "__lambda__")}),
    ):
        model_.save(tmp_path / "m.keras")
        with ZipFile(tmp_path / "m.keras") as archive:
            facts = read(FORMAT, archive.read("config.json"))
        assert set(asked(facts)) == expected
        assert refused(facts) is bool(expected)


@pytest.mark.heavy
def test_every_public_part_of_keras_is_in_the_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    keras = pytest.importorskip("keras", reason="holds the reference list")
    bases = {"Layer", "Wrapper", "Initializer", "Regularizer", "Constraint", "Loss", "Metric", "Optimizer",
             "LearningRateSchedule", "Quantizer", "QuantizationConfig", "MultiOptimizer", "OptimizerMap"}  # fmt: skip
    for room in ("layers", "initializers", "regularizers", "constraints", "losses", "metrics", "optimizers"):
        for name, value in vars(getattr(keras, room)).items():
            if isinstance(value, type) and name[0].isupper() and name not in bases:
                assert name in names.CLASSES or name.lower() in names.REACHING, f"{room}.{name}"
