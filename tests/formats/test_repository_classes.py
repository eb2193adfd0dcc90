"""Configurations that name a class or function which sentence-transformers, diffusers or pyannote imports and calls."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from repository_builders import asked, facts_of, facts_of_json, of_kind

from modelguard.terms.facts import Asks

ACTIVATIONS = ("activation_fn", "activation_function", "sbert_ce_default_activation_function")


@pytest.mark.parametrize("key", ACTIVATIONS)
@pytest.mark.parametrize("name", ["torch.utils.collect_env.main", "torch.nn.init.ones_", "evil_package.Activation"])
def test_h_03_an_activation_that_is_no_activation_is_imported_and_called(key: str, name: str) -> None:
    facts = facts_of_json("config.json", {"model_type": "bert", "sentence_transformers": {key: name}})
    assert asked(facts) == [("configuration", f"{key}={name}")]


def test_h_03_an_activation_that_is_a_known_gadget_says_so() -> None:
    [fact] = of_kind(facts_of_json("2_Dense/config.json", {"activation_function": "os.system"}), Asks)
    assert fact.hazard == "process"


@pytest.mark.parametrize("key", ACTIVATIONS)
@pytest.mark.parametrize(
    "name", ["torch.nn.modules.activation.Tanh", "torch.nn.modules.linear.Identity", "torch.nn.Sigmoid", "gelu_new", ""]
)
def test_h_03_an_activation_of_torch_asks_for_nothing(key: str, name: str) -> None:
    assert not asked(facts_of_json("config.json", {key: name, "in_features": 2}))


@pytest.mark.parametrize("path", ["router_config.json", "1_Asym/config.json"])
def test_h_03_a_route_is_a_module_like_any_other(path: str) -> None:
    own = "sentence_transformers.models.Dense"
    value = {"types": {"query_0": own, "document_0": "evil_package.Dense"}, "structure": {"query": ["query_0"]}}
    assert asked(facts_of_json(path, value)) == [("remote-code", "types=evil_package.Dense")]
    value["types"]["document_0"] = own
    assert not asked(facts_of_json(path, value))


def test_h_03_types_of_something_else_are_no_routes() -> None:
    assert not asked(facts_of_json("config.json", {"types": {"a": "evil_package.Dense"}}))


def test_h_03_what_splits_words_is_imported() -> None:
    value = {"tokenizer_class": "evil_package.Tokenizer"}
    assert asked(facts_of_json("0/wordembedding_config.json", value)) == [
        ("remote-code", "tokenizer_class=evil_package.Tokenizer")
    ]
    value = {"tokenizer_class": "sentence_transformers.models.tokenizer.WhitespaceTokenizer.WhitespaceTokenizer"}
    assert not asked(facts_of_json("0/wordembedding_config.json", value))
    assert not asked(facts_of_json("tokenizer_config.json", {"tokenizer_class": "BertTokenizer"}))


def test_h_05_a_modular_pipeline_names_libraries_and_repositories() -> None:
    origin = {"repo": "org/other", "type_hint": ["evil_package", "X"], "revision": None}
    facts = facts_of_json("modular_model_index.json", {"_class_name": "ModularPipeline", "unet": [None, None, origin]})
    assert asked(facts) == [
        ("configuration", "model_index.json unet=evil_package.X"),
        ("other-models", "org/other"),
    ]
    origin = {"repo": None, "type_hint": ["diffusers", "UNet2DConditionModel"]}
    value = {"unet": ["diffusers", "UNet2DConditionModel", origin], "guider": [None, None, None]}
    assert not asked(facts_of_json("modular_model_index.json", value))


PIPELINE = "pipeline:\n  name: {name}\n  params:\n    segmentation: {model}\n    clustering: AgglomerativeClustering\n"
OWN = "pyannote.audio.pipelines.SpeakerDiarization"


def test_a_pipeline_of_pyannote_asks_for_nothing() -> None:
    assert not asked(facts_of("config.yaml", PIPELINE.format(name=OWN, model="$model/segmentation")))
    assert not asked(facts_of("config.yaml", PIPELINE.format(name="Pipeline", model="model.bin")))


@pytest.mark.parametrize("path", ["config.yaml", "config.yml", "pipeline.yaml"])
def test_a_pipeline_of_pyannote_may_be_any_function(path: str) -> None:
    [fact] = of_kind(facts_of(path, PIPELINE.format(name="os.system", model="x")), Asks)
    assert (fact.permission, fact.name, fact.hazard) == ("configuration", "pipeline os.system", "process")


def test_so_may_its_preprocessors() -> None:
    text = (
        PIPELINE.format(name=OWN, model="x") + "preprocessors:\n  audio:\n    name: evil_package.Run\n  other: x.wav\n"
    )
    [fact] = of_kind(facts_of("config.yaml", text), Asks)
    assert (fact.permission, fact.name, fact.hazard) == (
        "configuration",
        "preprocessors evil_package.Run",
        "call-by-name",
    )


def test_a_pipeline_of_pyannote_fetches_other_models() -> None:
    facts = facts_of("config.yaml", PIPELINE.format(name=OWN, model="org/segmentation"))
    assert asked(facts) == [("other-models", "org/segmentation")]


def test_another_pipeline_is_none_of_pyannote() -> None:
    assert not asked(facts_of("pipelines.yaml", PIPELINE.format(name="os.system", model="org/x")))
    assert not asked(facts_of("config.yaml", "pipeline: [a]\npreprocessors: 1\n"))


_values = st.recursive(
    st.none() | st.text(max_size=8) | st.integers(0, 3),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from("types structure pipeline preprocessors params name a".split()), inner)
    ),
    max_leaves=10,
)


@settings(deadline=5000)
@given(st.sampled_from(["config.yaml", "router_config.json", "modular_model_index.json", "config.json"]), _values)
def test_any_value_gives_facts(path: str, value: Any) -> None:
    facts_of(path, json.dumps(value))
