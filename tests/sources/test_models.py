"""The makers of small models make what they say."""

from __future__ import annotations

import json
import pickle
import pickletools
from collections import OrderedDict

import pytest

from modelguard.testing import tiny_model
from modelguard.testing.models import calling_pickle, pickled_model, tiny_config, tiny_pickle, tiny_safetensors


def test_the_tiny_safetensors_file_can_be_read() -> None:
    pytest.importorskip("numpy", reason="safetensors reads arrays through numpy")
    numpy_reader = pytest.importorskip("safetensors.numpy", reason="the format's own reader")
    tensors = numpy_reader.load(tiny_safetensors())
    assert {name: tensor.tolist() for name, tensor in tensors.items()} == {
        "embedding.weight": [0.0, 0.5, 1.0, 1.5],
        "head.bias": [0.25],
    }


def test_a_safetensors_file_may_be_empty_or_carry_metadata() -> None:
    data = tiny_safetensors({}, {"note": "x"})
    size = int.from_bytes(data[:8], "little")
    assert json.loads(data[8 : 8 + size]) == {"__metadata__": {"note": "x"}}
    assert (8 + size, size % 8) == (len(data), 0)


def test_the_same_call_gives_the_same_bytes() -> None:
    assert tiny_model() == tiny_model()
    assert set(tiny_model()) == {"README.md", "config.json", "model.safetensors"}
    assert tiny_model("mit") != tiny_model()


def test_a_configuration_takes_more_keys() -> None:
    assert json.loads(tiny_config(auto_map={"AutoModel": "x.Y"}))["auto_map"] == {"AutoModel": "x.Y"}


@pytest.mark.parametrize("protocol", range(6))
def test_the_harmless_pickle_needs_one_import(protocol: int) -> None:
    assert pickle.loads(tiny_pickle(protocol)) == OrderedDict(weight=[0.5, 1.0], bias=0.25)
    assert "OrderedDict" in tiny_pickle(protocol).decode("latin-1")


def test_the_calling_pickle_is_well_formed_and_calls_what_it_says() -> None:
    opcodes = [
        (opcode.name, argument) for opcode, argument, _ in pickletools.genops(calling_pickle("os", "getenv", "X"))
    ]
    assert ("GLOBAL", "os getenv") in opcodes
    assert opcodes[-2:] == [("REDUCE", None), ("STOP", None)]
    assert pickle.loads(calling_pickle("builtins", "len", "four")) == 4


def test_the_pickled_model_is_a_repository() -> None:
    assert set(pickled_model()) == {"README.md", "model.pkl"}
