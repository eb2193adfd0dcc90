"""The loaders of the light suite: safetensors, pickle, joblib and numpy, each beside the raw load."""

from __future__ import annotations

import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
import safetensors.numpy
from loaders_builders import PLANTED, calls, handover, in_a_child

from modelguard.loaders.joblib import LOADER as JOBLIB
from modelguard.loaders.numpy import LOADER as NUMPY
from modelguard.loaders.pickle import LOADER as PICKLE
from modelguard.loaders.safetensors import LOADER as SAFETENSORS
from modelguard.terms.errors import LoaderError, ModelRefused

ARRAY = np.arange(12, dtype="<f4").reshape(3, 4)
NUMPY_IMPORTS = {
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "scalar"),
    ("numpy.core.multiarray", "_reconstruct"),
    ("_codecs", "encode"),
}
JOBLIB_IMPORTS = NUMPY_IMPORTS | {("joblib.numpy_pickle", "NumpyArrayWrapper"), ("collections", "OrderedDict")}


# --- safetensors -----------------------------------------------------------------------------------------------


def test_safetensors_load_as_numpy_arrays(tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    safetensors.numpy.save_file({"weight": ARRAY}, file)
    loaded = SAFETENSORS.load(handover(file, "safetensors", target="numpy"))
    assert loaded.keys() == {"weight"}
    np.testing.assert_array_equal(loaded["weight"], safetensors.numpy.load_file(file)["weight"])


def test_a_target_that_is_none_is_answered_with_those_that_are(tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    safetensors.numpy.save_file({"weight": ARRAY}, file)
    with pytest.raises(LoaderError, match=r"safetensors\.numpy, safetensors\.torch"):
        SAFETENSORS.load(handover(file, "safetensors", target="jax"))


# --- pickle ----------------------------------------------------------------------------------------------------


def test_a_pickle_loads_with_its_approved_imports(tmp_path: Path) -> None:
    file = tmp_path / "model.pkl"
    file.write_bytes(pickle.dumps(OrderedDict(a=[1, 2])))
    loaded = PICKLE.load(handover(file, "pickle", imports={("collections", "OrderedDict")}))
    assert loaded == pickle.loads(file.read_bytes())


def test_a_python_two_pickle_loads_with_the_callers_encoding(tmp_path: Path) -> None:
    file = tmp_path / "model.pkl"
    file.write_bytes(pickle.BINSTRING + (2).to_bytes(4, "little") + b"\xe9!" + pickle.STOP)
    assert PICKLE.load(handover(file, "pickle", encoding="latin1")) == "é!"
    with pytest.raises(UnicodeDecodeError):
        PICKLE.load(handover(file, "pickle"))


def test_a_file_without_recorded_imports_may_import_nothing(tmp_path: Path) -> None:
    file = tmp_path / "model.pkl"
    file.write_bytes(pickle.dumps(OrderedDict()))
    with pytest.raises(ModelRefused, match=r"collections\.OrderedDict"):
        PICKLE.load(handover(file, "pickle"))


def test_the_standard_unpickler_would_import_what_the_loader_refuses(tmp_path: Path) -> None:
    file = tmp_path / "model.pkl"
    file.write_bytes(calls(PLANTED, "run"))
    raw = in_a_child(file, "pickle", raw="import pickle; pickle.loads(file.read_bytes())")
    assert raw.imported
    guarded = in_a_child(file, "pickle", "pickle")
    assert (guarded.error, guarded.imported) == ("ModelRefused", False)
    assert f"{PLANTED}.run" in guarded.text


def test_an_approved_import_of_the_same_file_is_made(tmp_path: Path) -> None:
    file = tmp_path / "model.pkl"
    file.write_bytes(calls(PLANTED, "run"))
    guarded = in_a_child(file, "pickle", "pickle", imports={(PLANTED, "run")})
    assert (guarded.error, guarded.imported) == ("", True)


def test_a_joblib_file_is_not_read_as_a_plain_pickle(tmp_path: Path) -> None:
    file = tmp_path / "model.pkl"
    joblib.dump(ARRAY, file)
    with pytest.raises(LoaderError, match="written by joblib") as problem:
        PICKLE.load(handover(file, "pickle", imports=JOBLIB_IMPORTS))
    assert problem.value.remedy == 'load it with loader="joblib"'


# --- joblib ----------------------------------------------------------------------------------------------------

VALUES: dict[str, Any] = {
    "plain": {"a": [1, 2, 3]},
    "array": OrderedDict(weights=ARRAY, bias=np.zeros(3)),
    "fortran": np.asfortranarray(ARRAY),
    "zero-size": np.zeros((0, 3)),
    "no-sides": np.array(3.5),
    "big-endian": ARRAY.astype(">f4"),
    "fields": np.array([(1, 2.0)], dtype=[("a", "<i4"), ("b", "<f8")]),
    "objects": np.array([{"a": 1}, None], dtype=object),
    "several": [ARRAY, np.array(["x", None], dtype=object), ARRAY.T, "end"],
    "strings": np.array(["alpha", "be"]),
}


def assert_same(left: Any, right: Any) -> None:
    assert type(left) is type(right)
    if isinstance(left, np.ndarray):
        assert (left.dtype, left.shape) == (right.dtype, right.shape)
        assert left.flags.f_contiguous == right.flags.f_contiguous
        assert left.flags.writeable == right.flags.writeable
        np.testing.assert_array_equal(left, right)
    elif isinstance(left, dict):
        assert left.keys() == right.keys()
        for key in left:
            assert_same(left[key], right[key])
    elif isinstance(left, list):
        assert len(left) == len(right)
        for pair in zip(left, right, strict=True):
            assert_same(*pair)
    else:
        assert left == right


# joblib.load itself leaves its reader of lz4 open, which Python 3.13 reports.
@pytest.mark.filterwarnings("ignore:Exception ignored in.*BufferedReader:pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
@pytest.mark.parametrize("compress", [0, "zlib", "gzip", "bz2", "xz", "lzma", "lz4"])
def test_a_joblib_file_loads_as_joblib_loads_it(value: Any, compress: Any, tmp_path: Path) -> None:
    file = tmp_path / "model.joblib"
    joblib.dump(value, file, compress=(compress, 3) if compress else 0)
    loaded = JOBLIB.load(handover(file, "joblib", imports=JOBLIB_IMPORTS))
    assert_same(loaded, joblib.load(file))


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_every_protocol_of_joblib_is_read(protocol: int, tmp_path: Path) -> None:
    file = tmp_path / "model.joblib"
    joblib.dump([ARRAY, {"b": ARRAY}], file, protocol=protocol)
    assert_same(JOBLIB.load(handover(file, "joblib", imports=JOBLIB_IMPORTS)), joblib.load(file))


def test_the_byte_order_is_kept_when_asked_for(tmp_path: Path) -> None:
    file = tmp_path / "model.joblib"
    joblib.dump(ARRAY.astype(">f4"), file)
    given = handover(file, "joblib", imports=JOBLIB_IMPORTS, ensure_native_byte_order=False)
    assert_same(JOBLIB.load(given), ARRAY.astype(">f4"))


@pytest.mark.parametrize("compress", [0, ("zlib", 3)])
def test_joblib_refuses_an_import_in_the_outer_pickle(compress: Any, tmp_path: Path) -> None:
    file = tmp_path / "model.joblib"
    data = calls(PLANTED, "run")
    file.write_bytes(__import__("zlib").compress(data) if compress else data)
    assert in_a_child(file, "joblib", raw="import joblib; joblib.load(file)").imported
    guarded = in_a_child(file, "joblib", "joblib", imports=JOBLIB_IMPORTS)
    assert (guarded.error, guarded.imported) == ("ModelRefused", False)


def joblib_with_objects(file: Path) -> None:
    """Write an array of objects whose nested pickle calls the planted function."""
    joblib.dump(np.array([{}], dtype=object), file)
    data = file.read_bytes()
    # The protocol of the nested pickle depends on the version of joblib.
    nested = [pickle.dumps(np.array([{}], dtype=object), protocol) for protocol in (2, 5)]
    inner = next(one for one in nested if one in data)
    file.write_bytes(data.replace(inner, calls(PLANTED, "run")))


def test_joblib_refuses_an_import_in_an_array_of_objects(tmp_path: Path) -> None:
    file = tmp_path / "model.joblib"
    joblib_with_objects(file)
    assert in_a_child(file, "joblib", raw="import joblib; joblib.load(file)").imported
    guarded = in_a_child(file, "joblib", "joblib", imports=JOBLIB_IMPORTS)
    assert (guarded.error, guarded.imported) == ("ModelRefused", False)
    assert f"{PLANTED}.run" in guarded.text


def test_an_array_that_claims_more_bytes_than_there_are_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "model.joblib"
    joblib.dump(np.zeros(1000), file)
    file.write_bytes(file.read_bytes()[:-500])
    with pytest.raises(LoaderError, match="ends after"):
        JOBLIB.load(handover(file, "joblib", imports=JOBLIB_IMPORTS))


def test_the_format_before_0_10_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "model.joblib"
    file.write_bytes(b"ZF0x10" + b" " * 20 + b"rest")
    with pytest.raises(LoaderError, match=r"before 0\.10"):
        JOBLIB.load(handover(file, "joblib", imports=JOBLIB_IMPORTS))


def test_a_wrapper_that_opens_another_file_is_refused_even_when_approved(tmp_path: Path) -> None:
    from joblib.numpy_pickle_compat import NDArrayWrapper

    file = tmp_path / "model.joblib"
    file.write_bytes(pickle.dumps(NDArrayWrapper("other.npy", np.ndarray)))
    approved = JOBLIB_IMPORTS | {("joblib.numpy_pickle_compat", "NDArrayWrapper")}
    with pytest.raises(ModelRefused, match="opens another file"):
        JOBLIB.load(handover(file, "joblib", imports=approved))


@pytest.mark.parametrize("state", [{"dtype": "<f4"}, {"shape": (1, -1)}, {"shape": [4]}, {"order": "K"}])
def test_a_wrapper_with_other_things_than_an_array_has_is_an_error(state: dict[str, Any], tmp_path: Path) -> None:
    from joblib.numpy_pickle import NumpyArrayWrapper

    wrapper = NumpyArrayWrapper(np.ndarray, (1,), "C", np.dtype("<f4"))
    vars(wrapper).update(state)
    file = tmp_path / "model.joblib"
    file.write_bytes(pickle.dumps(wrapper))
    with pytest.raises(LoaderError, match="damaged"):
        JOBLIB.load(handover(file, "joblib", imports=JOBLIB_IMPORTS))


def test_memory_mapping_a_joblib_file_is_refused_with_the_reason(tmp_path: Path) -> None:
    file = tmp_path / "model.joblib"
    joblib.dump(ARRAY, file)
    with pytest.raises(LoaderError, match="mmap_mode='r' is not passed on"):
        JOBLIB.load(handover(file, "joblib", imports=JOBLIB_IMPORTS, mmap_mode="r"))
    assert_same(JOBLIB.load(handover(file, "joblib", imports=JOBLIB_IMPORTS, mmap_mode=None)), joblib.load(file))


# --- numpy -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["array", "fortran", "zero-size", "no-sides", "fields", "objects", "strings"])
def test_an_npy_file_loads_as_numpy_loads_it(name: str, tmp_path: Path) -> None:
    value = VALUES[name]["weights"] if name == "array" else VALUES[name]
    file = tmp_path / "array.npy"
    np.save(file, value, allow_pickle=True)
    assert_same(NUMPY.load(handover(file, "npy", imports=NUMPY_IMPORTS)), np.load(file, allow_pickle=True))


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_every_version_of_the_header_is_read(version: tuple[int, int], tmp_path: Path) -> None:
    file = tmp_path / "array.npy"
    with file.open("wb") as opened:
        np.lib.format.write_array(opened, VALUES["objects"], version=version)
    assert_same(NUMPY.load(handover(file, "npy", imports=NUMPY_IMPORTS)), np.load(file, allow_pickle=True))


def test_an_array_of_objects_from_python_two_loads_with_the_callers_encoding(tmp_path: Path) -> None:
    file = tmp_path / "array.npy"
    with file.open("wb") as opened:
        np.lib.format.write_array_header_1_0(opened, {"descr": "|O", "fortran_order": False, "shape": (1,)})
        opened.write(pickle.BINSTRING + (2).to_bytes(4, "little") + b"\xe9!" + pickle.STOP)
    assert NUMPY.load(handover(file, "npy", encoding="latin1")) == "é!"


def test_numpy_refuses_an_import_in_an_array_of_objects(tmp_path: Path) -> None:
    file = tmp_path / "array.npy"
    with file.open("wb") as opened:
        np.lib.format.write_array_header_1_0(opened, {"descr": "|O", "fortran_order": False, "shape": (1,)})
        opened.write(calls(PLANTED, "run"))
    assert in_a_child(file, "numpy", raw="import numpy; numpy.load(file, allow_pickle=True)").imported
    guarded = in_a_child(file, "numpy", "npy", imports=NUMPY_IMPORTS)
    assert (guarded.error, guarded.imported) == ("ModelRefused", False)
    assert f"{PLANTED}.run" in guarded.text


def test_a_plain_pickle_named_npy_is_not_unpickled(tmp_path: Path) -> None:
    file = tmp_path / "array.npy"
    file.write_bytes(calls(PLANTED, "run"))
    guarded = in_a_child(file, "numpy", "pickle", imports={(PLANTED, "run")})
    assert (guarded.error, guarded.imported) == ("ValueError", False)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_an_npz_file_loads_as_numpy_loads_it(save: Any, tmp_path: Path) -> None:
    file = tmp_path / "arrays.npz"
    save(file, weights=ARRAY, names=VALUES["objects"])
    with NUMPY.load(handover(file, "npz", imports=NUMPY_IMPORTS)) as loaded, np.load(file, allow_pickle=True) as raw:
        assert loaded.files == raw.files == list(loaded)
        assert len(loaded) == 2
        for name in raw.files:
            assert_same(loaded[name], raw[name])
        with pytest.raises(KeyError):
            loaded["other"]


def test_an_npz_member_with_an_import_that_is_not_approved_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "arrays.npz"
    np.savez(file, names=VALUES["objects"], weights=ARRAY)
    with NUMPY.load(handover(file, "npz")) as loaded:
        assert_same(loaded["weights"], ARRAY)
        with pytest.raises(ModelRefused, match=r"numpy\._?core\.multiarray\._reconstruct"):
            loaded["names"]


@pytest.mark.parametrize(
    "option", [{"allow_pickle": True}, {"fix_imports": False}, {"mmap_mode": "r+"}, {"mmap_mode": "w+"}]
)
def test_options_that_weaken_numpy_are_not_passed_on(option: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "array.npy"
    np.save(file, ARRAY)
    with pytest.raises(LoaderError, match="is not passed on"):
        NUMPY.load(handover(file, "npy", **option))


@pytest.mark.parametrize("option", [{"allow_pickle": False}, {"mmap_mode": "r"}, {"mmap_mode": "c"}])
def test_options_that_do_not_weaken_numpy_are(option: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "array.npy"
    np.save(file, ARRAY)
    loaded = NUMPY.load(handover(file, "npy", **option))
    assert isinstance(loaded, np.memmap) == ("mmap_mode" in option)
    np.testing.assert_array_equal(loaded, ARRAY)
