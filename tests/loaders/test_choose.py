"""Which loader is chosen: the one named, else the only natural one, else the user is told the choices."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from loaders_builders import SOURCE, handover

from modelguard._registry import parts
from modelguard.loaders import _entry, _files
from modelguard.loaders._entry import Package, require
from modelguard.loaders.choose import choose, written
from modelguard.loaders.loader import Handover, Loader
from modelguard.terms.errors import LoaderError
from modelguard.testing.models import tiny_safetensors

REPOSITORY = {"config.json": ("json",), "model.safetensors": ("safetensors",), "README.md": ("text",)}
TOKENIZER = {"tokenizer.json": ("json",), "tokenizer_config.json": ("json",)}


def chosen(formats: dict[str, tuple[str, ...]], file: str | None = None, wanted: str | None = None) -> str:
    return written(*choose(formats, file, wanted))


@pytest.mark.parametrize(
    ("file", "formats", "expected"),
    [
        ("m.pt", ("torch-zip", "zip"), "torch"),
        ("m.pt", ("pickle", "torch-legacy"), "torch"),
        ("m.pt", ("torch-zip", "torchscript", "zip"), "torch.jit"),
        ("m.pkl", ("pickle",), "pickle"),
        ("m.pkl", ("joblib", "pickle"), "joblib"),
        ("m.joblib", ("pickle",), "joblib"),
        ("m.joblib", ("gzip",), "joblib"),
        ("m.npy", ("npy",), "numpy"),
        ("m.npz", ("npz", "zip"), "numpy"),
        ("m.skops", ("skops", "zip"), "skops"),
        ("m.onnx", ("onnx",), "onnxruntime"),
        ("m.keras", ("keras", "zip"), "keras"),
        ("m.h5", ("hdf5",), "keras"),
        ("m.gguf", ("gguf",), "gguf"),
        ("m.json", ("json", "xgboost"), "xgboost"),
        ("m.ubj", ("xgboost",), "xgboost"),
        ("m.txt", ("lightgbm", "text"), "lightgbm"),
        ("m.cbm", ("catboost",), "catboost"),
    ],
)
def test_a_single_file_is_loaded_by_its_format(file: str, formats: tuple[str, ...], expected: str) -> None:
    assert chosen({file: formats}, file) == expected
    assert chosen({file: formats, "README.md": ("text",)}) == expected


def test_safetensors_alone_leave_the_framework_to_the_user() -> None:
    with pytest.raises(LoaderError) as problem:
        chosen({"m.safetensors": ("safetensors",)})
    assert problem.value.remedy == 'name one: loader="safetensors.numpy", loader="safetensors.torch"'


def test_a_model_without_tokenizer_is_an_auto_model() -> None:
    assert chosen(REPOSITORY) == "transformers.AutoModel"


def test_a_model_with_tokenizer_leaves_the_head_to_the_user() -> None:
    with pytest.raises(LoaderError, match="several loaders") as problem:
        chosen(REPOSITORY | TOKENIZER)
    for choice in ("transformers.AutoModel", "transformers.AutoModelForCausalLM", "transformers.pipeline"):
        assert f'loader="{choice}"' in problem.value.remedy


def test_a_tokenizer_alone_is_an_auto_tokenizer() -> None:
    assert chosen(TOKENIZER) == "transformers.AutoTokenizer"


def test_modules_make_it_a_sentence_transformer() -> None:
    assert chosen(REPOSITORY | TOKENIZER | {"modules.json": ("json",)}) == "sentence_transformers"


def test_one_file_of_a_repository_is_loaded_by_its_own_format() -> None:
    formats = REPOSITORY | {"onnx/model.onnx": ("onnx",)}
    assert chosen(formats, "onnx/model.onnx") == "onnxruntime"


def test_a_directory_of_several_models_is_not_guessed_about() -> None:
    with pytest.raises(LoaderError, match=r"no loader is natural for a\.pkl"):
        chosen({"a.pkl": ("pickle",), "b.onnx": ("onnx",)})


def test_a_file_that_is_two_things_leaves_the_choice_to_the_user() -> None:
    with pytest.raises(LoaderError) as problem:
        chosen({"m.bin": ("gguf", "onnx")}, "m.bin")
    assert problem.value.remedy == 'name one: loader="gguf", loader="onnxruntime"'


@pytest.mark.parametrize("formats", [(), ("torch-tar", "tar"), ("hdf5",), ("gzip",)])
def test_a_file_that_nothing_suits_is_answered_with_all_loaders(formats: tuple[str, ...]) -> None:
    with pytest.raises(LoaderError, match="no loader is natural") as problem:
        chosen({"m.bin": formats}, "m.bin")
    assert 'loader="callable"' in problem.value.remedy


@pytest.mark.parametrize("wanted", ["transformers.AutoModelForCausalLM", "safetensors.numpy", "torch", "callable"])
def test_what_the_user_names_is_taken(wanted: str) -> None:
    assert chosen({}, None, wanted) == wanted


def test_a_misspelt_loader_is_answered_with_the_nearest() -> None:
    with pytest.raises(LoaderError, match="did you mean transformers"):
        chosen({}, None, "transformer.AutoModel")
    with pytest.raises(LoaderError, match="write one of callable"):
        chosen({}, None, "\x1b[2Jqqq")


def test_every_row_of_the_table_has_its_loader() -> None:
    assert set(_files.NATURAL) <= {loader.name for loader in parts("modelguard.loaders", Loader)}


def test_a_missing_package_is_named_with_the_command_that_installs_it() -> None:
    package = Package(distribution="nothing-of-the-kind", module="nothing_of_the_kind", extra="torch")
    with pytest.raises(LoaderError, match="loader torch needs the package nothing-of-the-kind") as problem:
        require("torch", package)
    assert problem.value.remedy == "pip install 'modelguard[torch]'"


def test_an_old_package_is_refused_with_the_advisory() -> None:
    package = Package(distribution="attrs", module="attrs", minimum="999", reason="CVE-0000-0000")
    with pytest.raises(LoaderError, match=r"attrs 999 or later, found .*CVE-0000-0000"):
        require("any", package)
    require("any", Package(distribution="attrs", module="attrs", minimum="1"))


def test_no_loader_imports_its_framework_to_be_listed() -> None:
    code = (
        "import sys; from modelguard._registry import parts; from modelguard.loaders.loader import Loader;"
        "parts('modelguard.loaders', Loader);"
        "print(sorted({'torch', 'numpy', 'joblib', 'transformers', 'huggingface_hub'} & set(sys.modules)))"
    )
    environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.strip() == "[]"


def test_several_files_of_the_loaders_format_are_a_question_for_the_user(tmp_path: Path) -> None:
    from modelguard.loaders.pickle import LOADER

    file = tmp_path / "a.pkl"
    file.write_bytes(b"N.")
    given = handover(file, "pickle")
    assert LOADER.load(given) is None
    several = type(given)(root=tmp_path, file=None, formats={"a.pkl": ("pickle",), "b.pkl": ("pickle",)}, imports={})
    with pytest.raises(LoaderError, match=r"several files could be meant: a\.pkl, b\.pkl"):
        LOADER.load(several)
    none = type(given)(root=tmp_path, file=None, formats={"a.npy": ("npy",), "b.npy": ("npy",)}, imports={})
    with pytest.raises(LoaderError, match="none of the files"):
        LOADER.load(none)
    only = type(given)(root=tmp_path, file=None, formats={"a.pkl": ()}, imports={})
    assert LOADER.load(only) is None


def test_tensors_as_arrays_need_numpy_and_say_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "m.safetensors").write_bytes(tiny_safetensors())
    monkeypatch.setattr(_entry, "find_spec", lambda name: None if name == "numpy" else find_spec(name))
    loader, target = choose({"m.safetensors": ("safetensors",)}, "m.safetensors", "safetensors.numpy")
    formats = {"m.safetensors": ("safetensors",)}
    handed = Handover(root=tmp_path, file=tmp_path / "m.safetensors", formats=formats, imports={}, target=target)
    with pytest.raises(LoaderError, match=r"loader safetensors\.numpy needs the package numpy") as problem:
        loader.load(handed)
    assert problem.value.remedy == "pip install 'numpy'"
