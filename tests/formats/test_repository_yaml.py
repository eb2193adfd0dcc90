"""YAML: tags that construct, calls by name, resolvers, bombs of aliases, and files of known names."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from repository_builders import asked, facts_of, formats_of, of_kind

from modelguard.formats._yaml import parse_yaml
from modelguard.terms.facts import Asks, Malformed, Opaque, Unread

TARGETS = [
    "_target_: os.system\ncommand: echo pwned",
    "model:\n  encoder:\n    _target_: os.system",
    "layers:\n- _target_: os.system",
    "x: &t os.system\nmodel:\n  _target_: *t",
    "model: {<<: {_target_: os.system}}",
]


@pytest.mark.parametrize("text", TARGETS)
def test_cve_2025_23304_a_target_at_any_depth_is_a_call_by_name(text: str) -> None:
    facts = facts_of("model_config.yaml", text)
    assert ("configuration", "_target_=os.system") in asked(facts)
    assert of_kind(facts, Asks)[0].hazard == "process"


def test_a_class_of_nemo_is_granted_by_the_profile_of_nemo() -> None:
    name = "nemo.collections.asr.modules.ConformerEncoder"
    [fact] = of_kind(facts_of("model_config.yaml", f"encoder:\n  _target_: {name}"), Asks)
    assert (fact.hazard, fact.profiles) == ("", ("nemo",))
    [fact] = of_kind(facts_of("model_config.yaml", f"encoder:\n  _target_: {name}X"), Asks)
    assert (fact.hazard, fact.profiles) == ("call-by-name", ())


TAGS = {
    "!!python/object/apply:os.system ['echo pwned']": ("configuration", "!!python/object/apply:os.system"),
    "!!python/name:os.system ''": ("configuration", "!!python/name:os.system"),
    "!!python/object/new:os.x {}": ("configuration", "!!python/object/new:os.x"),
    "!<tag:yaml.org,2002:python/module:os> ''": ("configuration", "!!python/module:os"),
    "!new:speechbrain.nnet.CNN.Conv1d {}": ("configuration", "!new:speechbrain.nnet.CNN.Conv1d"),
    "!apply:os.system [echo pwned]": ("configuration", "!apply:os.system"),
    "!include other.yaml": ("external-files", "!include other.yaml"),
    "!custom {a: 1}": ("configuration", "!custom"),
}


@pytest.mark.parametrize(("text", "wanted"), TAGS.items(), ids=TAGS)
def test_a_tag_that_constructs_is_asked_for(text: str, wanted: tuple[str, str]) -> None:
    assert wanted in asked(facts_of("hyperparams.yaml", f"a: {text}\n"))


def test_a_tag_directive_does_not_hide_a_python_tag() -> None:
    text = "%TAG !y! tag:yaml.org,2002:python/\n---\na: !y!name:os.system ''\n"
    assert asked(facts_of("x.yaml", text)) == [("configuration", "!!python/name:os.system")]


def test_tags_of_yaml_itself_and_inert_ones_ask_for_nothing() -> None:
    text = "a: !!str 1\nb: !!float 2\nc: !!set {x: }\nd: !ref <a>\ne: ! x\nf: !!binary aGk=\n"
    facts = facts_of("x.yaml", text)
    assert not asked(facts)
    assert not of_kind(facts, Unread)


@pytest.mark.parametrize("resolver", ["oc.env", "eval", "python", "custom.resolver"])
def test_a_resolver_that_reaches_out_is_asked_for(resolver: str) -> None:
    assert asked(facts_of("x.yaml", f"a: ${{{resolver}:HOME}}\n")) == [("configuration", f"${{{resolver}:…}}")]


@pytest.mark.parametrize("value", ["${model.size}", "${oc.select:a,b}", "${VAR:-default}", "${{ github.ref }}", "a:b"])
def test_interpolation_within_the_file_asks_for_nothing(value: str) -> None:
    assert not asked(facts_of("x.yaml", f"a: '{value}'\n"))


def bomb(levels: int, width: int = 9) -> str:
    lines = ["l0: &l0 [x, x]"]
    lines += [f"l{level}: &l{level} [{', '.join([f'*l{level - 1}'] * width)}]" for level in range(1, levels)]
    return "\n".join(lines)


def test_d_09_a_bomb_of_aliases_is_told_and_stays_small() -> None:
    facts = facts_of("x.yaml", bomb(60))
    assert "yaml-alias-bomb" in [fact.rule for fact in of_kind(facts, Malformed)]


def test_a_few_aliases_are_no_bomb() -> None:
    assert not of_kind(facts_of("x.yaml", bomb(3)), Malformed)
    assert not of_kind(facts_of("x.yaml", "base: &b {x: 1}\na:\n  <<: *b\n  y: 2\nb:\n  <<: *b\n"), Malformed)


def test_an_alias_within_its_own_anchor_is_told() -> None:
    facts = facts_of("x.yaml", "a: &a [*a]\n")
    assert [fact.rule for fact in of_kind(facts, Malformed)] == ["yaml-recursive-alias"]


def test_a_key_that_occurs_twice_is_told() -> None:
    facts = facts_of("x.yaml", "a:\n  b: 1\n  b: 2\n")
    assert [fact.rule for fact in of_kind(facts, Malformed)] == ["yaml-duplicate-key"]


@pytest.mark.parametrize("text", ["[" * 500 + "]" * 500, "a: [", "a: *nowhere", "\t- x", "a: b: c", "a: 'x"])
def test_what_cannot_be_read_is_unread(text: str) -> None:
    assert [fact.format for fact in of_kind(facts_of("x.yaml", text), Unread)] == ["yaml"]


def test_the_rules_of_json_hold_for_yaml() -> None:
    facts = facts_of("config.yaml", "auto_map:\n  AutoModel: m.X\nbase_model_name_or_path: org/base\n")
    assert set(asked(facts)) == {("remote-code", "auto_map AutoModel=m.X"), ("other-models", "org/base")}
    assert ("templates", "__class__") in asked(facts_of("config.yaml", "chat_template: '{{ x.__class__ }}'\n"))


def test_an_alias_of_a_mapping_counts_where_it_is_used() -> None:
    facts = facts_of("config.yaml", "x: &m {AutoModel: m.X}\nauto_map: *m\n")
    assert asked(facts) == [("remote-code", "auto_map AutoModel=m.X")]


def test_every_document_of_a_stream_is_read() -> None:
    assert asked(facts_of("x.yaml", "a: 1\n---\n_target_: os.system\n")) == [("configuration", "_target_=os.system")]


MLMODEL = """\
artifact_path: model
flavors:
  python_function:
    env: conda.yaml
    loader_module: {loader}
    model_path: {path}
  sklearn:
    code: null
    pickled_model: model.pkl
    serialization_format: cloudpickle
"""


def test_mlflow_an_unknown_loader_module_is_remote_code() -> None:
    facts = facts_of("MLmodel", MLMODEL.format(loader="evil.loader", path="model.pkl"))
    assert asked(facts) == [("remote-code", "loader_module=evil.loader")]


def test_mlflow_a_python_model_is_remote_code() -> None:
    facts = facts_of("MLmodel", MLMODEL.format(loader="mlflow.pyfunc.model", path="model.pkl"))
    assert asked(facts) == [("remote-code", "loader_module=mlflow.pyfunc.model")]


def test_mlflow_a_flavor_of_mlflow_asks_for_nothing() -> None:
    assert not asked(facts_of("MLmodel", MLMODEL.format(loader="mlflow.sklearn", path="model.pkl")))


def test_mlflow_code_and_paths_out_of_the_model_are_told() -> None:
    facts = facts_of("MLmodel", MLMODEL.format(loader="mlflow.sklearn", path="../../x.pkl"))
    assert asked(facts) == [("external-files", "../../x.pkl")]
    facts = facts_of("MLmodel", "flavors:\n  python_function:\n    code: code\n")
    assert asked(facts) == [("remote-code", "code=code")]


def test_a_conda_environment_would_install() -> None:
    text = (
        "channels: [conda-forge]\ndependencies:\n- python=3.11\n- pip:\n  - mlflow==2.1\n  - git+https://x.example/y\n"
    )
    facts = facts_of("conda.yaml", text)
    assert asked(facts) == [("install", "git+https://x.example/y"), ("install", "conda.yaml")]


def test_a_kitfile_may_build_on_another_kit_and_must_stay_inside() -> None:
    text = "manifestVersion: v1\nmodel:\n  path: {path}\ncode:\n- path: src\n"
    assert asked(facts_of("Kitfile", text.format(path="ghcr.io/org/base:v1"))) == [
        ("other-models", "ghcr.io/org/base:v1")
    ]
    assert asked(facts_of("Kitfile", text.format(path="../model.gguf"))) == [("external-files", "../model.gguf")]
    assert not asked(facts_of("Kitfile", text.format(path="model.gguf")))


def test_a_bentofile_names_a_service() -> None:
    assert asked(facts_of("bentofile.yaml", "service: 'service:svc'\n")) == [("remote-code", "service=service:svc")]


def test_text_under_another_name_is_not_read_as_yaml() -> None:
    facts = facts_of("notes.txt", "_target_: os.system\n")
    assert formats_of(facts) == ("text",)
    assert not of_kind(facts, Opaque)


def test_without_pyyaml_a_file_is_unread_and_the_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)
    assert "pip install pyyaml" in of_kind(facts_of("x.yaml", "a: 1\n"), Unread)[0].reason


def test_tags_construct_nothing() -> None:
    stream = parse_yaml("a: !!python/object/apply:os.system ['echo pwned']\n")
    assert stream.documents == [{"a": ["echo pwned"]}]


@settings(deadline=5000)
@given(st.text() | st.text(alphabet="ab:-[]{}&*!<>,#|'\"%@ \n\t?~"))
def test_any_text_gives_facts(text: str) -> None:
    facts_of("x.yaml", text.encode("utf-8", "surrogatepass"))
