"""For every framework: a file that it wrote itself is locked, found by its content, and loaded to the same thing."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from modelguard import guarded_load

pytestmark = [pytest.mark.heavy, pytest.mark.filterwarnings("ignore")]


def make_numpy(here: Path) -> tuple[Path, Callable[[Any], bool]]:
    import numpy as np

    np.savez(here / "a.npz", X=np.eye(3))
    return here / "a.npz", lambda loaded: bool((loaded["X"] == np.eye(3)).all())


def make_joblib(here: Path) -> tuple[Path, Callable[[Any], bool]]:
    import joblib
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression().fit([[0.0], [1.0]], [0, 1])
    joblib.dump(model, here / "m.joblib", compress=3)
    return here / "m.joblib", lambda loaded: bool((loaded.coef_ == model.coef_).all())


def make_skops(here: Path) -> tuple[Path, Callable[[Any], bool]]:
    import skops.io
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression().fit([[0.0], [1.0]], [0, 1])
    skops.io.dump(model, here / "m.skops")
    return here / "m.skops", lambda loaded: bool((loaded.coef_ == model.coef_).all())


def make_torch(here: Path) -> tuple[Path, Callable[[Any], bool]]:
    import torch

    torch.save({"w": torch.arange(4.0)}, here / "m.pt")
    return here / "m.pt", lambda loaded: torch.equal(loaded["w"], torch.arange(4.0))


def make_onnx(here: Path) -> tuple[Path, Callable[[Any], bool]]:
    import numpy as np
    import onnx
    from onnx import TensorProto, helper

    numbers = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [2]) for name in ("x", "y")]
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", numbers[:1], numbers[1:])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), here / "m.onnx")
    same = np.array([0.0, 2.0], dtype=np.float32)
    given = np.array([-1.0, 2.0], dtype=np.float32)
    return here / "m.onnx", lambda session: bool((session.run(None, {"x": given})[0] == same).all())


def make_keras(here: Path) -> tuple[Path, Callable[[Any], bool]]:
    keras = pytest.importorskip("keras", reason="needs requirements/frameworks.txt")
    model = keras.Sequential([keras.layers.Input((3,)), keras.layers.Dense(2)])
    model.save(here / "m.keras")
    return here / "m.keras", lambda loaded: bool((loaded.get_weights()[0] == model.get_weights()[0]).all())


def make_gguf(here: Path) -> tuple[Path, Callable[[Any], bool]]:
    import gguf
    import numpy as np

    writer = gguf.GGUFWriter(str(here / "m.gguf"), "llama")
    writer.add_tensor("t", np.ones((2, 4), dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return here / "m.gguf", lambda reader: bool((reader.tensors[0].data == 1).all())


def make_xgboost(here: Path) -> tuple[Path, Callable[[Any], bool]]:
    import numpy as np
    import xgboost

    data = xgboost.DMatrix(np.array([[0.0], [1.0]]), label=[0, 1])
    model = xgboost.train({"max_depth": 2}, data, num_boost_round=2)
    model.save_model(here / "m.ubj")
    return here / "m.ubj", lambda loaded: bool((loaded.predict(data) == model.predict(data)).all())


def make_lightgbm(here: Path) -> tuple[Path, Callable[[Any], bool]]:
    import lightgbm
    import numpy as np

    rows = np.linspace(0, 1, 40).reshape(-1, 1)
    data = lightgbm.Dataset(rows, label=(rows[:, 0] > 0.5).astype(int))
    model = lightgbm.train({"objective": "binary", "verbose": -1}, data, num_boost_round=2)
    model.save_model(here / "m.txt")
    return here / "m.txt", lambda loaded: bool((loaded.predict(rows) == model.predict(rows)).all())


MAKERS = {name.removeprefix("make_"): value for name, value in sorted(globals().items()) if name.startswith("make_")}


@pytest.mark.parametrize("framework", MAKERS)
def test_what_a_framework_saved_loads_through_the_guard(
    framework: str, project: Path, lock_model: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        file, is_same = MAKERS[framework](project)
    entry = lock_model(file.name)
    assert entry.files[0].formats
    assert is_same(guarded_load(file.name))
