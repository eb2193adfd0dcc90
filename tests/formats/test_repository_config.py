"""Configurations: each way in which a file of a Hub repository makes a loader run or fetch something else."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from repository_builders import asked, facts_of, facts_of_json, of_kind

from modelguard.formats._config_keys import KEYS
from modelguard.terms.facts import Asks, Header, Malformed, Noted, Opaque, Unread

CONFIG_FILES = [
    "config.json",
    "tokenizer_config.json",
    "processor_config.json",
    "preprocessor_config.json",
    "feature_extractor/preprocessor_config.json",
    "generation_config.json",
    "adapter_config.json",
]


@pytest.mark.parametrize("path", CONFIG_FILES)
def test_h_01_auto_map_asks_for_remote_code_in_every_configuration(path: str) -> None:
    facts = facts_of_json(path, {"auto_map": {"AutoModel": "modeling_x.XModel"}})
    assert ("remote-code", "auto_map AutoModel=modeling_x.XModel") in asked(facts)


def test_h_01_the_file_behind_auto_map_is_said_to_be_missing() -> None:
    value = {"auto_map": {"AutoModel": "modeling_x.XModel"}}
    [there] = of_kind(facts_of_json("config.json", value, ("modeling_x.py",)), Asks)
    [gone] = of_kind(facts_of_json("config.json", value), Asks)
    assert "not in the snapshot" not in there.detail
    assert "not in the snapshot" in gone.detail


def test_h_01_auto_map_may_point_to_another_repository() -> None:
    [fact] = of_kind(
        facts_of_json("config.json", {"auto_map": {"AutoModel": "evil/code--modeling.Model"}}),
        Asks,
    )
    assert fact.hazard == "other-repository"
    assert "evil/code" in fact.detail


@pytest.mark.parametrize(
    "auto_map",
    [
        ["tok.Slow", None],
        {"AutoTokenizer": ["tok.Slow", "tok.Fast"]},
        {"AutoTokenizer": [None, "tok.Slow"]},
        "tok.Slow",
    ],
)
def test_h_01_every_form_of_auto_map_is_understood(auto_map: Any) -> None:
    names = [name for _, name in asked(facts_of_json("tokenizer_config.json", {"auto_map": auto_map}))]
    assert any(name.endswith("=tok.Slow") for name in names)


def test_h_01_a_reference_of_no_known_form_is_asked_for_all_the_same() -> None:
    [fact] = of_kind(facts_of_json("config.json", {"auto_map": {"AutoModel": "../../x"}}), Asks)
    assert fact.hazard == "unknown-form"


def test_h_01_auto_map_deep_within_a_configuration_counts() -> None:
    facts = facts_of_json("config.json", {"text_config": {"inner": [{"auto_map": {"AutoModel": "m.X"}}]}})
    assert ("remote-code", "auto_map AutoModel=m.X") in asked(facts)


def test_h_01_the_first_of_two_equal_keys_counts_as_well() -> None:
    facts = facts_of("config.json", '{"auto_map": {"AutoModel": "m.X"}, "auto_map": null}')
    assert of_kind(facts, Malformed)[0].rule == "json-duplicate-key"
    facts = facts_of("config.json", '{"a": {"auto_map": {"AutoModel": "m.X"}}, "a": null}')
    assert ("remote-code", "auto_map AutoModel=m.X") in asked(facts)


@pytest.mark.parametrize("value", [None, {}, [], {"AutoModel": None}])
def test_an_empty_auto_map_asks_for_nothing(value: Any) -> None:
    assert not asked(facts_of_json("config.json", {"auto_map": value}))


# For every row of the table of keys a value that makes it speak, and what it says.
SPEAKS: dict[str, tuple[Any, str]] = {
    "auto_map": ({"AutoModel": "m.X"}, "remote-code"),
    "trust_remote_code": (True, "remote-code"),
    "custom_pipelines": ({"t": {"impl": "m.X"}}, "remote-code"),
    "custom_pipeline": ("org/pipeline", "remote-code"),
    "custom_generate": ("org/generate", "remote-code"),
    "_attn_implementation": ("org/kernel", "native-code"),
    "_attn_implementation_internal": ("org/kernel", "native-code"),
    "attn_implementation": ("org/kernel", "native-code"),
    "_experts_implementation": ("org/kernel", "native-code"),
    "experts_implementation": ("org/kernel", "native-code"),
    "base_model_name_or_path": ("org/base", "other-models"),
    "auto_mapping": ({"parent_library": "x", "base_model_class": "Y"}, "configuration"),
    "activation_fn": ("os.getcwd", "configuration"),
    "activation_function": ("os.getcwd", "configuration"),
    "sbert_ce_default_activation_function": ("os.getcwd", "configuration"),
    "_target_": ("os.system", "configuration"),
    "transformers_weights": ("../x.safetensors", "external-files"),
    "Regex": ("(a+)+", "configuration"),
    "added_tokens": ([0] * 1_000_001, "configuration"),
    "quantization_config": ({"quant_method": "evil"}, "configuration"),
    "_name_or_path": ("org/base", "name-or-path"),
}


def test_every_row_of_the_table_of_keys_has_a_case() -> None:
    assert set(SPEAKS) == {key.name for key in KEYS}


@pytest.mark.parametrize(("key", "case"), SPEAKS.items(), ids=SPEAKS)
def test_every_row_of_the_table_of_keys_speaks(key: str, case: tuple[Any, str]) -> None:
    value, said = case
    facts = facts_of_json("config.json", {key: value})
    assert [fact.permission for fact in of_kind(facts, Asks)] + [fact.rule for fact in of_kind(facts, Noted)] == [said]


@pytest.mark.parametrize("key", [key.name for key in KEYS])
def test_a_vocabulary_may_hold_words_that_are_keys(key: str) -> None:
    assert not asked(facts_of_json("vocab.json", {key: 17, "hello": 18}))
    assert not asked(facts_of_json("tokenizer.json", {"model": {"vocab": {key: 17}}}))


def test_h_02_custom_generate_asks_for_remote_code() -> None:
    [fact] = of_kind(facts_of_json("generation_config.json", {"custom_generate": "evil/generate"}), Asks)
    assert (fact.permission, fact.hazard) == ("remote-code", "other-repository")
    assert not asked(facts_of_json("generation_config.json", {"custom_generate": None}))


@pytest.mark.parametrize(
    "kind",
    [
        "custom_st.Transformer",
        "modeling.Model",
        "sentence_transformers_evil.models.Pooling",
        "sentence_transformers.util.import_from_string",
        "os.system",
        "evil/repo--module.Class",
    ],
)
def test_h_03_a_module_type_outside_sentence_transformers_asks_for_remote_code(kind: str) -> None:
    facts = facts_of_json("modules.json", [{"idx": 0, "name": "0", "path": "", "type": kind}])
    assert asked(facts) == [("remote-code", f"modules.json {kind}")]


@pytest.mark.parametrize(
    "kind",
    [
        "sentence_transformers.models.Transformer",
        "sentence_transformers.models.Pooling",
        "sentence_transformers.base.modules.dense.Dense",
        "sentence_transformers.sparse_encoder.models.SpladePooling",
        "sentence_transformers.models.WeightedLayerPooling",
    ],
)
def test_h_03_module_types_of_sentence_transformers_ask_for_nothing(kind: str) -> None:
    assert not asked(facts_of_json("modules.json", [{"idx": 0, "name": "0", "path": "1_Pooling", "type": kind}]))


def test_h_03_a_module_path_out_of_the_snapshot_is_an_external_file() -> None:
    value = [{"idx": 0, "name": "0", "path": "../../x", "type": "sentence_transformers.models.Pooling"}]
    assert asked(facts_of_json("modules.json", value)) == [("external-files", "../../x")]


def test_h_04_an_adapter_names_the_model_it_needs() -> None:
    [fact] = of_kind(facts_of_json("adapter_config.json", {"base_model_name_or_path": "org/base"}), Asks)
    assert (fact.permission, fact.name, fact.hazard) == ("other-models", "org/base", "")


def test_h_04_a_base_model_at_a_local_path_is_a_way_out() -> None:
    [fact] = of_kind(facts_of_json("adapter_config.json", {"base_model_name_or_path": "/root/models/x"}), Asks)
    assert fact.hazard == "path-escape"


def test_h_04_auto_mapping_imports_a_library() -> None:
    value = {"auto_mapping": {"base_model_class": "X", "parent_library": "evil_package"}}
    [fact] = of_kind(facts_of_json("adapter_config.json", value), Asks)
    assert (fact.permission, fact.hazard) == ("configuration", "import")
    value["auto_mapping"]["parent_library"] = "transformers.models.bert.modeling_bert"
    [fact] = of_kind(facts_of_json("adapter_config.json", value), Asks)
    assert (fact.permission, fact.hazard) == ("configuration", "")
    assert not asked(facts_of_json("adapter_config.json", {"auto_mapping": None, "peft_type": "LORA"}))


def test_h_05_a_component_from_a_local_module_asks_for_remote_code() -> None:
    value = {"_class_name": "XPipeline", "unet": ["my_unet", "MyUNet"], "vae": ["diffusers", "AutoencoderKL"]}
    facts = facts_of_json("model_index.json", value, ("unet/my_unet.py",))
    assert asked(facts) == [("remote-code", "model_index.json unet=my_unet.MyUNet")]


def test_h_05_a_component_from_an_unknown_library_is_an_import() -> None:
    facts = facts_of_json("model_index.json", {"unet": ["evil_package", "X"]})
    assert asked(facts) == [("configuration", "model_index.json unet=evil_package.X")]


def test_h_05_an_ordinary_pipeline_asks_for_nothing() -> None:
    value = {
        "_class_name": "StableDiffusionPipeline",
        "_diffusers_version": "0.30.0",
        "feature_extractor": ["transformers", "CLIPImageProcessor"],
        "safety_checker": ["stable_diffusion", "StableDiffusionSafetyChecker"],
        "image_encoder": [None, None],
        "unet": ["diffusers", "UNet2DConditionModel"],
        "requires_safety_checker": True,
    }
    assert not asked(facts_of_json("model_index.json", value))


@pytest.mark.parametrize("name", [["pipeline", "MyPipeline"], "evil/repo"])
def test_h_05_a_pipeline_class_from_elsewhere_is_told(name: Any) -> None:
    assert asked(facts_of_json("model_index.json", {"_class_name": name}))


def test_h_06_a_model_that_asks_to_be_trusted_is_told() -> None:
    assert asked(facts_of_json("config.json", {"a": {"trust_remote_code": True}})) == [
        ("remote-code", "a.trust_remote_code")
    ]
    assert not asked(facts_of_json("config.json", {"trust_remote_code": False}))


def test_h_06_custom_pipelines_ask_for_remote_code() -> None:
    value = {"custom_pipelines": {"my-task": {"impl": "pipe.MyPipeline", "pt": ["AutoModel"]}}}
    assert asked(facts_of_json("config.json", value)) == [("remote-code", "custom_pipelines my-task=pipe.MyPipeline")]


@pytest.mark.parametrize("kernel", ["kernels-community/flash-attn", "org/kernel@v1:layer", "paged|org/kernel"])
def test_h_06_an_attention_kernel_from_a_repository_is_native_code(kernel: str) -> None:
    facts = facts_of_json("config.json", {"_attn_implementation": kernel})
    assert asked(facts) == [("native-code", f"_attn_implementation={kernel}")]
    facts = facts_of_json("config.json", {"_attn_implementation": {"text_config": kernel}})
    assert asked(facts) == [("native-code", f"_attn_implementation={kernel}")]


@pytest.mark.parametrize("name", ["eager", "sdpa", "flash_attention_2", "paged|sdpa", None])
def test_h_06_attention_that_is_built_in_asks_for_nothing(name: str | None) -> None:
    assert not asked(facts_of_json("config.json", {"_attn_implementation": name}))


def test_h_06_where_a_model_came_from_is_only_noted() -> None:
    facts = facts_of_json("config.json", {"text_config": {"_name_or_path": "org/other"}})
    assert [fact.detail for fact in of_kind(facts, Noted)] == ["org/other"]
    assert not asked(facts)


@pytest.mark.parametrize(
    "shard",
    ["../../etc/passwd", "/etc/passwd", "..\\x", "C:/x", "https://x.example/w", "a/../../x", "~/x", "x\0y", "hf://a/b"],
)
def test_h_07_a_shard_out_of_the_snapshot_is_an_external_file(shard: str) -> None:
    facts = facts_of_json("model.safetensors.index.json", {"weight_map": {"a": shard}})
    assert asked(facts) == [("external-files", shard)]


@pytest.mark.parametrize(
    "index", ["pytorch_model.bin.index.json", "sub/model.safetensors.index.fp16.json", "tf_model.h5.index.json"]
)
def test_h_07_shards_beside_the_index_ask_for_nothing(index: str) -> None:
    folder = index.rpartition("/")[0]
    shard = f"{folder}/model-1.safetensors" if folder else "model-1.safetensors"
    facts = facts_of_json(index, {"metadata": {}, "weight_map": {"a": "model-1.safetensors"}}, (shard,))
    assert not asked(facts)
    assert not of_kind(facts, Noted)


def test_w_09_a_shard_that_is_not_there_is_noted() -> None:
    facts = facts_of_json("model.safetensors.index.json", {"weight_map": {"a": "model-2.safetensors"}})
    assert [fact.rule for fact in of_kind(facts, Noted)] == ["missing-shard"]


def test_a_handler_of_torchserve_asks_for_remote_code() -> None:
    facts = facts_of_json("MAR-INF/MANIFEST.json", {"model": {"handler": "handler.py", "modelName": "x"}})
    assert asked(facts) == [("remote-code", "handler=handler.py")]
    assert not asked(facts_of_json("MAR-INF/MANIFEST.json", {"model": {"handler": "image_classifier"}}))


def test_hydra_targets_in_json_are_calls_by_name() -> None:
    [fact] = of_kind(facts_of_json("config.json", {"x": {"_target_": "os.system", "command": "echo pwned"}}), Asks)
    assert (fact.permission, fact.hazard) == ("configuration", "process")


def test_spacy_requirements_and_npm_scripts_are_installations() -> None:
    facts = facts_of_json("meta.json", {"spacy_version": ">=3", "requirements": ["evil>=1"]})
    assert asked(facts) == [("install", "evil>=1")]
    facts = facts_of_json("package.json", {"scripts": {"postinstall": "echo pwned", "test": "x"}})
    assert asked(facts) == [("install", "npm postinstall")]


def test_oci_layers_from_elsewhere_are_told() -> None:
    facts = facts_of_json(
        "blobs/sha256/" + "a" * 64, {"schemaVersion": 2, "layers": [{"urls": ["https://x.example/l"]}]}
    )
    assert asked(facts) == [("network", "https://x.example/l")]


def test_properties_of_a_model_are_shown() -> None:
    facts = facts_of_json("config.json", {"model_type": "bert", "architectures": ["BertModel"], "hidden_size": 3})
    assert of_kind(facts, Header)[0].properties == {"model_type": "bert", "architectures": "BertModel"}


def test_a_json_name_whose_content_does_not_parse_is_unread() -> None:
    facts = facts_of("config.json", '{"a": 1,}')
    assert [fact.format for fact in of_kind(facts, Unread)] == ["json"]


@pytest.mark.parametrize("text", ["[core]\nname = x", "{% if x %}", "{{ x }}", "[link]: https://x.example", "{'a': 1}"])
def test_text_that_only_begins_with_a_bracket_is_not_json(text: str) -> None:
    facts = facts_of("notes.txt", text)
    assert not of_kind(facts, Unread)
    assert not of_kind(facts, Opaque)


_json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from([key.name for key in KEYS] + ["a", "weight_map", "path", "type"]), inner)
    ),
    max_leaves=12,
)


@settings(deadline=5000)
@given(
    st.sampled_from([*CONFIG_FILES, "modules.json", "model_index.json", "x.index.json", "meta.json", "manifest.json"]),
    _json_values,
)
def test_any_value_in_any_configuration_gives_facts(path: str, value: Any) -> None:
    facts_of(path, json.dumps(value))
