"""The loaders of single-file frameworks: skops, onnxruntime, keras, gguf, xgboost, lightgbm, catboost."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from loaders_builders import handover, imports_of

from modelguard.loaders.catboost import LOADER as CATBOOST
from modelguard.loaders.gguf import LOADER as GGUF
from modelguard.loaders.joblib import LOADER as JOBLIB
from modelguard.loaders.keras import LOADER as KERAS
from modelguard.loaders.lightgbm import LOADER as LIGHTGBM
from modelguard.loaders.onnxruntime import LOADER as ONNXRUNTIME
from modelguard.loaders.pickle import LOADER as PICKLE
from modelguard.loaders.safetensors import LOADER as SAFETENSORS
from modelguard.loaders.skops import LOADER as SKOPS
from modelguard.loaders.xgboost import LOADER as XGBOOST
from modelguard.terms.errors import LoaderError, ModelRefused

pytestmark = [
    pytest.mark.heavy,
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning"),
]

X = np.random.default_rng(0).normal(size=(40, 3)).astype("float32")
Y = (X[:, 0] > 0).astype(int)


# --- scikit-learn ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def forest() -> Any:
    ensemble = pytest.importorskip("sklearn.ensemble", reason="the models are scikit-learn's")
    return ensemble.RandomForestClassifier(n_estimators=3, random_state=0).fit(X, Y)


def test_an_estimator_loads_from_a_pickle(forest: Any, tmp_path: Path) -> None:
    file = tmp_path / "model.pkl"
    file.write_bytes(pickle.dumps(forest, protocol=2))
    loaded = PICKLE.load(handover(file, "pickle", imports=imports_of(file.read_bytes())))
    assert (loaded.predict_proba(X) == forest.predict_proba(X)).all()


def test_an_estimator_loads_from_a_joblib_file(forest: Any, tmp_path: Path) -> None:
    file = tmp_path / "model.joblib"
    joblib.dump(forest, file, compress=3)
    approved = imports_of(pickle.dumps(forest, protocol=2)) | {("joblib.numpy_pickle", "NumpyArrayWrapper")}
    loaded = JOBLIB.load(handover(file, "joblib", imports=approved))
    assert (loaded.predict_proba(X) == joblib.load(file).predict_proba(X)).all()
    with pytest.raises(ModelRefused, match=r"sklearn\.tree\._tree\.Tree"):
        JOBLIB.load(handover(file, "joblib", imports=approved - {("sklearn.tree._tree", "Tree")}))


def test_skops_loads_when_every_type_is_approved(forest: Any, tmp_path: Path) -> None:
    io = pytest.importorskip("skops.io", reason="loads with skops")
    sklearn = pytest.importorskip("sklearn.preprocessing", reason="the models are scikit-learn's")
    file = tmp_path / "model.skops"
    io.dump([forest, sklearn.FunctionTransformer(np.polyval)], file)
    approved = {tuple(name.rsplit(".", 1)) for name in io.get_untrusted_types(file=file)}
    assert approved
    loaded, _ = SKOPS.load(handover(file, "skops", imports=approved))  # type: ignore[arg-type]
    assert (loaded.predict_proba(X) == forest.predict_proba(X)).all()
    with pytest.raises(ModelRefused, match=r"numpy\.\S*polyval is not among the types approved"):
        SKOPS.load(handover(file, "skops"))
    with pytest.raises(LoaderError, match="trusted="):
        SKOPS.load(handover(file, "skops", trusted=["numpy.polyval"]))


# --- onnxruntime -------------------------------------------------------------------------------------------------


@pytest.fixture
def graph(tmp_path: Path) -> Path:
    onnx = pytest.importorskip("onnx", reason="makes the model")
    pytest.importorskip("onnxruntime", reason="runs the model")
    given = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [2]) for name in ("a", "b", "c")]
    node = onnx.helper.make_node("Add", ["a", "w"], ["c"])
    weights = onnx.numpy_helper.from_array(np.array([1, 2], dtype="float32"), "w")
    body = onnx.helper.make_graph([node], "g", given[:1], given[2:], initializer=[weights])
    model = onnx.helper.make_model(body, opset_imports=[onnx.helper.make_opsetid("", 13)], ir_version=8)
    file = tmp_path / "model.onnx"
    onnx.save_model(
        model, file, save_as_external_data=True, location="weights.bin", size_threshold=0, convert_attribute=True
    )
    assert (tmp_path / "weights.bin").exists()
    return file


def test_a_graph_runs_with_its_external_data(graph: Path) -> None:
    session = ONNXRUNTIME.load(handover(graph, "onnx", providers=["CPUExecutionProvider"]))
    assert session.run(None, {"a": np.zeros(2, dtype="float32")})[0].tolist() == [1, 2]


def test_session_options_are_the_callers_own(graph: Path) -> None:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = ONNXRUNTIME.load(handover(graph, "onnx", args=(options,)))
    assert session.get_session_options().intra_op_num_threads == 1


# --- keras -------------------------------------------------------------------------------------------------------


@pytest.fixture
def keras(monkeypatch: pytest.MonkeyPatch) -> Any:
    pytest.importorskip("torch", reason="the backend of Keras here")
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    return pytest.importorskip("keras", reason="loads with Keras")


@pytest.mark.parametrize("ending", [".keras", ".h5"])
def test_a_keras_model_predicts_as_the_raw_one(keras: Any, ending: str, tmp_path: Path) -> None:
    file = tmp_path / f"model{ending}"
    keras.Sequential([keras.layers.Input((3,)), keras.layers.Dense(2)]).save(file)
    loaded = KERAS.load(handover(file, "keras", compile=False))
    raw = keras.saving.load_model(file, compile=False)
    assert np.array_equal(loaded.predict(X, verbose=0), raw.predict(X, verbose=0))


def lambda_model(keras: Any, file: Path) -> Path:
    keras.Sequential([keras.layers.Input((3,)), keras.layers.Lambda(lambda x: x * 2)]).save(file)
    return file


@pytest.mark.parametrize("ending", [".keras", ".h5"])
def test_a_layer_of_python_code_is_refused(keras: Any, ending: str, tmp_path: Path) -> None:
    file = lambda_model(keras, tmp_path / f"model{ending}")
    with pytest.raises((ValueError, TypeError), match=r"(?i)lambda"):
        KERAS.load(handover(file, "keras"))


def test_safe_mode_stays_on(keras: Any, tmp_path: Path) -> None:
    file = lambda_model(keras, tmp_path / "model.keras")
    with pytest.raises(LoaderError, match="safe_mode=False is not passed on"):
        KERAS.load(handover(file, "keras", safe_mode=False))
    with pytest.raises(LoaderError, match="nothing more by position"):
        KERAS.load(handover(file, "keras", args=(None, True, False)))


def test_safe_mode_is_on_in_a_process_that_has_switched_it_off(keras: Any, tmp_path: Path) -> None:
    from keras.src.saving import serialization_lib

    file = lambda_model(keras, tmp_path / "model.keras")
    with serialization_lib.SafeModeScope(safe_mode=None):  # puts the setting back
        keras.config.enable_unsafe_deserialization()
        keras.saving.load_model(file, safe_mode=True)
        with pytest.raises((ValueError, TypeError), match=r"(?i)lambda"):
            KERAS.load(handover(file, "keras"))


def test_keras_needs_the_ending_it_chooses_by(keras: Any, tmp_path: Path) -> None:
    file = tmp_path / "model.bin"
    file.touch()
    with pytest.raises(LoaderError, match="by the file's ending"):
        KERAS.load(handover(file, "keras"))


# --- gguf --------------------------------------------------------------------------------------------------------


def test_a_gguf_file_opens_read_only(tmp_path: Path) -> None:
    gguf = pytest.importorskip("gguf", reason="opens with gguf")
    file = tmp_path / "model.gguf"
    writer = gguf.GGUFWriter(file, "llama")
    writer.add_tensor("weight", X)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    loaded = GGUF.load(handover(file, "gguf"))
    assert [tensor.name for tensor in loaded.tensors] == ["weight"]
    assert np.array_equal(loaded.tensors[0].data, gguf.GGUFReader(file).tensors[0].data)
    with pytest.raises(ValueError, match="read-only"):
        loaded.tensors[0].data[0] = 0
    with pytest.raises(LoaderError, match="mode='r\\+' is not passed on"):
        GGUF.load(handover(file, "gguf", mode="r+"))


# --- gradient boosting -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", [".json", ".ubj", ".model"])
@pytest.mark.parametrize("target", ["", "XGBClassifier"])
def test_an_xgboost_model_predicts_as_the_raw_one(ending: str, target: str, tmp_path: Path) -> None:
    xgboost = pytest.importorskip("xgboost", reason="loads with xgboost")
    made = xgboost.XGBClassifier(n_estimators=3, n_jobs=1).fit(X, Y)
    file = tmp_path / f"model{ending}"
    file.write_bytes(made.get_booster().save_raw("ubj" if ending == ".model" else ending[1:]))
    made.save_model(tmp_path / f"whole{ending}") if ending != ".model" else None
    loaded = XGBOOST.load(handover(file, "xgboost", target=target, args=({"nthread": 1},) if not target else ()))
    got = loaded.predict(xgboost.DMatrix(X)) if not target else loaded.predict_proba(X)[:, 1]
    assert np.allclose(got, made.predict_proba(X)[:, 1])


@pytest.mark.parametrize(
    "given", [{"model_file": "other.json"}, {"args": ({}, (), "other.json")}], ids=["name", "place"]
)
def test_xgboost_is_given_no_other_model(given: dict[str, Any], tmp_path: Path) -> None:
    pytest.importorskip("xgboost", reason="the loader asks for it")
    file = tmp_path / "m.json"
    file.write_text("{}")
    with pytest.raises(LoaderError, match="xgboost"):
        XGBOOST.load(handover(file, "xgboost", **given))


def test_a_lightgbm_model_predicts_as_the_raw_one(tmp_path: Path) -> None:
    lightgbm = pytest.importorskip("lightgbm", reason="loads with lightgbm")
    made = lightgbm.train(
        {"objective": "binary", "verbose": -1, "num_threads": 1, "min_data_in_leaf": 2}, lightgbm.Dataset(X, Y), 3
    )
    file = tmp_path / "model.txt"
    made.save_model(file)
    loaded = LIGHTGBM.load(handover(file, "lightgbm"))
    assert np.array_equal(loaded.predict(X), lightgbm.Booster(model_file=file).predict(X))
    with pytest.raises(LoaderError, match="model_str"):
        LIGHTGBM.load(handover(file, "lightgbm", model_str="tree"))


def test_catboost_is_used_when_it_is_there_and_named_when_not(tmp_path: Path) -> None:
    from importlib.util import find_spec

    file = tmp_path / "model.cbm"
    file.write_bytes(b"CBM1")
    if find_spec("catboost") is None:
        with pytest.raises(LoaderError, match="needs the package catboost") as problem:
            CATBOOST.load(handover(file, "catboost"))
        assert problem.value.remedy == "pip install 'catboost'"
        return
    import catboost

    catboost.CatBoostClassifier(iterations=3, verbose=0, allow_writing_files=False).fit(X, Y).save_model(str(file))
    loaded = CATBOOST.load(handover(file, "catboost", target="CatBoostClassifier"))
    raw = catboost.CatBoostClassifier().load_model(str(file))
    assert np.array_equal(loaded.predict_proba(X), raw.predict_proba(X))


def test_safetensors_load_as_torch_tensors(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="the target is torch")
    import safetensors.torch

    file = tmp_path / "model.safetensors"
    safetensors.torch.save_file({"weight": torch.ones(2, dtype=torch.bfloat16)}, file)
    loaded = SAFETENSORS.load(handover(file, "safetensors", target="torch", device="cpu"))
    assert torch.equal(loaded["weight"], safetensors.torch.load_file(file)["weight"])
