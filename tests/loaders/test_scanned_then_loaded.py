"""What the scanner records is what the loader needs: each format is scanned, its loader chosen, and the file loaded."""

from __future__ import annotations

import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
import safetensors.numpy

from modelguard.collectors.contents import read_artifacts
from modelguard.loaders.choose import choose, written
from modelguard.loaders.loader import Handover
from modelguard.terms.artifact import Artifact, Digest
from modelguard.terms.content import Budget
from modelguard.terms.facts import Import, Recognised, Unread

ARRAY = np.arange(12, dtype="<f4").reshape(3, 4)


def scanned_and_loaded(file: Path, wanted: str | None = None, **options: Any) -> tuple[str, Any]:
    """Scan a file as a model of its own, hand it to the loader chosen, and return the choice and the object."""
    artifact = Artifact(path=file.name, size=file.stat().st_size, digest=Digest.sha256("0" * 64), file=file)
    facts = list(read_artifacts([artifact], Budget()))
    assert [fact for fact in facts if isinstance(fact, Unread)] == []
    formats = {
        fact.location.path: fact.formats for fact in facts if isinstance(fact, Recognised) and not fact.location.members
    }
    imports = frozenset((fact.module, fact.name) for fact in facts if isinstance(fact, Import))
    loader, target = choose(formats, file.name, wanted)
    handover = Handover(
        root=file.parent, file=file, formats=formats, imports={file.name: imports}, target=target, options=options
    )
    return written(loader, target), loader.load(handover)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle(protocol: int, tmp_path: Path) -> None:
    value = [OrderedDict(a=1), {2}, b"\xff", 1.5, slice(1), bytearray(b"x")]
    file = tmp_path / "model.pkl"
    file.write_bytes(pickle.dumps(value, protocol))
    assert scanned_and_loaded(file) == ("pickle", value)


@pytest.mark.parametrize("compress", [0, "zlib", "gzip", "bz2", "xz", "lzma", "lz4"])
def test_a_joblib_file(compress: Any, tmp_path: Path) -> None:
    file = tmp_path / "model.joblib"
    joblib.dump(
        [ARRAY, np.array([{"a": OrderedDict()}], dtype=object)], file, compress=(compress, 3) if compress else 0
    )
    choice, loaded = scanned_and_loaded(file)
    assert choice == "joblib"
    np.testing.assert_array_equal(loaded[0], ARRAY)
    assert loaded[1][0] == {"a": OrderedDict()}


def test_a_joblib_file_under_the_name_of_a_pickle(tmp_path: Path) -> None:
    file = tmp_path / "model.pkl"
    joblib.dump({"weights": ARRAY}, file)
    choice, loaded = scanned_and_loaded(file)
    assert choice == "joblib"
    np.testing.assert_array_equal(loaded["weights"], ARRAY)


def test_numpy_files(tmp_path: Path) -> None:
    objects = np.array([OrderedDict(a=1)], dtype=object)
    np.save(tmp_path / "a.npy", objects)
    np.savez_compressed(tmp_path / "a.npz", numbers=ARRAY, objects=objects)
    assert scanned_and_loaded(tmp_path / "a.npy")[1][0] == OrderedDict(a=1)
    choice, loaded = scanned_and_loaded(tmp_path / "a.npz")
    assert choice == "numpy"
    with loaded:
        np.testing.assert_array_equal(loaded["numbers"], ARRAY)
        assert loaded["objects"][0] == OrderedDict(a=1)


def test_safetensors(tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    safetensors.numpy.save_file({"weight": ARRAY}, file)
    choice, loaded = scanned_and_loaded(file, "safetensors.numpy")
    assert choice == "safetensors.numpy"
    np.testing.assert_array_equal(loaded["weight"], ARRAY)


@pytest.mark.heavy
@pytest.mark.parametrize("layout", ["zip", "legacy"])
@pytest.mark.parametrize("whole", [False, True], ids=["weights", "module"])
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_torch_files(layout: str, whole: bool, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="the files are torch's")
    file = tmp_path / "model.pt"
    model = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3))
    torch.save(model if whole else model.state_dict(), file, _use_new_zipfile_serialization=layout == "zip")
    choice, loaded = scanned_and_loaded(file)
    assert choice == "torch"
    assert str(loaded if whole else loaded.keys()) == str(model if whole else model.state_dict().keys())


@pytest.mark.heavy
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_a_torchscript_program(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="the files are torch's")
    file = tmp_path / "model.pt"
    torch.jit.save(torch.jit.trace(torch.nn.Linear(2, 3), torch.ones(1, 2)), file)
    assert scanned_and_loaded(file)[0] == "torch.jit"


# The scanner tries whether texts are escaped pickles, and Python warns of escapes that it does not know.
@pytest.mark.heavy
@pytest.mark.filterwarnings("ignore:.*invalid escape sequence:DeprecationWarning")
@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_estimators(protocol: int, tmp_path: Path) -> None:
    ensemble = pytest.importorskip("sklearn.ensemble", reason="the models are scikit-learn's")
    model = ensemble.GradientBoostingClassifier(n_estimators=2).fit(ARRAY, [0, 1, 0])
    file = tmp_path / "model.pkl"
    file.write_bytes(pickle.dumps(model, protocol))
    choice, loaded = scanned_and_loaded(file)
    assert choice == "pickle"
    assert (loaded.predict(ARRAY) == model.predict(ARRAY)).all()
    joblib.dump(model, tmp_path / "model.joblib", compress=3)
    assert (scanned_and_loaded(tmp_path / "model.joblib")[1].predict(ARRAY) == model.predict(ARRAY)).all()


@pytest.mark.heavy
@pytest.mark.parametrize("ending", [".keras", ".h5"])
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")
def test_keras_files(ending: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch", reason="the backend of Keras here")
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    keras = pytest.importorskip("keras", reason="loads with Keras")
    file = tmp_path / f"model{ending}"
    keras.Sequential([keras.layers.Input((3,)), keras.layers.Dense(2)]).save(file)
    assert scanned_and_loaded(file, compile=False)[0] == "keras"


@pytest.mark.heavy
def test_gguf_files(tmp_path: Path) -> None:
    gguf = pytest.importorskip("gguf", reason="opens with gguf")
    file = tmp_path / "model.gguf"
    writer = gguf.GGUFWriter(file, "llama")
    writer.add_tensor("weight", ARRAY)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    assert scanned_and_loaded(file)[0] == "gguf"
