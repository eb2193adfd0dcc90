"""The torch loader: each of torch's formats, each of the two unpicklers, and the ways around them."""

from __future__ import annotations

import io
import pickle
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest
from loaders_builders import PLANTED, calls, handover, imports_of, in_a_child

torch = pytest.importorskip("torch", reason="loads torch's own formats")
from modelguard.loaders.pickle import LOADER as PICKLE  # noqa: E402  # after the gate
from modelguard.loaders.torch import LOADER as TORCH  # noqa: E402  # after the gate
from modelguard.terms.errors import LoaderError, ModelRefused  # noqa: E402  # after the gate

pytestmark = [pytest.mark.heavy, pytest.mark.filterwarnings("ignore::torch.serialization.SourceChangeWarning")]

WEIGHTS = {("torch._utils", "_rebuild_tensor_v2"), ("torch", "FloatStorage"), ("collections", "OrderedDict")}


def module() -> Any:
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))


def write(value: Any, file: Path, layout: str) -> Path:
    torch.save(value, file, _use_new_zipfile_serialization=layout == "zip")
    return file


def recorded(file: Path) -> set[tuple[str, str]]:
    """Return what a scanner would record: the globals of every pickle in the file."""
    if zipfile.is_zipfile(file):
        with zipfile.ZipFile(file) as archive:
            name = next(name for name in archive.namelist() if name.endswith("/data.pkl"))
            return imports_of(archive.read(name))
    found: set[tuple[str, str]] = set()
    stream = io.BytesIO(file.read_bytes())
    for _ in range(5):  # magic, protocol, system, object, storage keys
        start = stream.tell()
        list(__import__("pickletools").genops(stream))
        found |= imports_of(stream.getvalue()[start : stream.tell()])
    return found


def assert_same_weights(left: Any, right: Any) -> None:
    assert left.keys() == right.keys()
    for name in left:
        assert torch.equal(left[name], right[name])


@pytest.fixture(params=["zip", "legacy"])
def layout(request: pytest.FixtureRequest) -> str:
    return request.param


def test_weights_load_as_torch_loads_them(layout: str, tmp_path: Path) -> None:
    file = write(module().state_dict(), tmp_path / "model.pt", layout)
    loaded = TORCH.load(handover(file, f"torch-{layout}", imports=recorded(file)))
    assert_same_weights(loaded, torch.load(file, weights_only=True))


def test_a_whole_module_loads_under_its_approved_imports(layout: str, tmp_path: Path) -> None:
    file = write(module(), tmp_path / "model.pt", layout)
    loaded = TORCH.load(handover(file, f"torch-{layout}", imports=recorded(file)))
    raw = torch.load(file, weights_only=False)
    assert str(loaded) == str(raw)
    assert torch.equal(loaded(torch.ones(1, 3)), raw(torch.ones(1, 3)))


def test_a_whole_module_is_refused_with_the_imports_of_weights(layout: str, tmp_path: Path) -> None:
    file = write(module(), tmp_path / "model.pt", layout)
    with pytest.raises(ModelRefused, match=r"model\.pt: torch\.nn\.modules\.\S+ is not among the imports approved"):
        TORCH.load(handover(file, f"torch-{layout}", imports=WEIGHTS))


def test_one_missing_import_of_a_module_is_named(layout: str, tmp_path: Path) -> None:
    file = write(module(), tmp_path / "model.pt", layout)
    missing = ("torch.nn.modules.activation", "ReLU")
    with pytest.raises(ModelRefused, match=r"torch\.nn\.modules\.activation\.ReLU"):
        TORCH.load(handover(file, f"torch-{layout}", imports=recorded(file) - {missing}))


def with_call(file: Path, layout: str) -> Path:
    """Write weights and replace their pickle by one that calls the planted function."""
    write({"weight": torch.ones(2)}, file, layout)
    if layout == "legacy":
        data = file.read_bytes()
        stream = io.BytesIO(data)
        ends = []
        for _ in range(4):
            list(__import__("pickletools").genops(stream))
            ends.append(stream.tell())
        file.write_bytes(data[: ends[2]] + calls(PLANTED, "run") + data[ends[3] :])
        return file
    source = zipfile.ZipFile(io.BytesIO(file.read_bytes()))
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name in source.namelist():
            archive.writestr(name, calls(PLANTED, "run") if name.endswith("/data.pkl") else source.read(name))
    return file


@pytest.mark.parametrize("more", [(), (("torch.nn.modules.linear", "Linear"),)], ids=["weights-only", "restricted"])
def test_a_call_that_is_not_approved_is_refused_before_its_import(layout: str, more: Any, tmp_path: Path) -> None:
    file = with_call(tmp_path / "model.pt", layout)
    guarded = in_a_child(file, "torch", f"torch-{layout}", imports=WEIGHTS | set(more))
    assert (guarded.error, guarded.imported) == ("ModelRefused", False)
    assert f"{PLANTED}.run" in guarded.text


def test_torch_itself_would_make_that_call(layout: str, tmp_path: Path) -> None:
    file = with_call(tmp_path / "model.pt", layout)
    assert in_a_child(file, "torch", raw="import torch; torch.load(file, weights_only=False)").imported


@pytest.mark.filterwarnings("ignore:Detected pickle protocol 4")
def test_a_newer_pickle_protocol_than_torchs_own_unpickler_knows_is_read(tmp_path: Path) -> None:
    file = tmp_path / "model.pt"
    torch.save({"weight": torch.ones(2)}, file, pickle_protocol=4)
    with pytest.raises(pickle.UnpicklingError):
        torch.load(file, weights_only=True)
    assert_same_weights(TORCH.load(handover(file, "torch-zip", imports=WEIGHTS)), {"weight": torch.ones(2)})
    with pytest.raises(pickle.UnpicklingError):
        TORCH.load(handover(file, "torch-zip", imports=WEIGHTS, weights_only=True))


def with_changed_source(file: Path) -> Path:
    """Write a legacy module whose recorded source differs, so that torch is made to write what differs to a file."""
    write(torch.nn.Linear(1, 1), file, "legacy")
    data = file.read_bytes()
    assert data.count(b"class Linear(Module):") == 1
    file.write_bytes(data.replace(b"class Linear(Module):", b"class linear(Module):"))
    return file


@pytest.mark.filterwarnings("ignore::torch.serialization.SourceChangeWarning")
def test_a_legacy_module_cannot_make_torch_write_a_patch_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = with_changed_source(tmp_path / "model.pt")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(torch.nn.Linear, "dump_patches", True)
    torch.load(file, weights_only=False)
    assert (tmp_path / "Linear.patch").exists()
    (tmp_path / "Linear.patch").unlink()
    loaded = TORCH.load(handover(file, "torch-legacy", imports=recorded(file)))
    assert isinstance(loaded, torch.nn.Linear)
    assert not (tmp_path / "Linear.patch").exists()


def test_the_module_that_torch_renames_is_read_under_its_old_name(tmp_path: Path) -> None:
    file = tmp_path / "model.pt"
    stream = io.BytesIO()
    torch.save({"weight": torch.ones(2), "device": torch.device("cpu")}, stream)
    source = zipfile.ZipFile(stream)
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name in source.namelist():
            data = pickle.PROTO + b"\x02" + pickle.GLOBAL + b"torch.tensor\nTensor\n" + pickle.STOP
            archive.writestr(name, data if name.endswith("/data.pkl") else source.read(name))
    assert recorded(file) == {("torch.tensor", "Tensor")}
    assert TORCH.load(handover(file, "torch-zip", imports=recorded(file))) is torch.Tensor


@pytest.fixture
def program(tmp_path: Path) -> Path:
    file = tmp_path / "program.pt"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name in ("constants.pkl", "data.pkl"):
            archive.writestr(f"program/{name}", pickle.EMPTY_DICT + pickle.STOP)
        archive.writestr("program/version", b"3\n")
    return file


@pytest.mark.parametrize("more", [set(), {("torch.nn.modules.linear", "Linear")}], ids=["weights-only", "restricted"])
def test_a_torchscript_program_is_refused_unless_it_is_asked_for(program: Path, more: Any) -> None:
    with pytest.raises(LoaderError, match="TorchScript program") as refusal:
        TORCH.load(handover(program, "torch-zip", imports=WEIGHTS | more))
    assert 'loader="torch.jit"' in refusal.value.remedy


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_a_torchscript_program_loads_by_its_own_target(tmp_path: Path) -> None:
    file = tmp_path / "program.pt"
    torch.jit.save(torch.jit.trace(module(), torch.ones(1, 3)), file)
    loaded = TORCH.load(handover(file, "torchscript", target="jit", map_location="cpu"))
    assert torch.equal(loaded(torch.ones(1, 3)), module()(torch.ones(1, 3)))
    with pytest.raises(LoaderError, match="TorchScript"):
        TORCH.load(handover(file, "torchscript"))


def test_the_old_tar_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "model.pt"
    with tarfile.open(file, "w") as archive:
        for name in ("sys_info", "pickle", "tensors", "storages"):
            member = tarfile.TarInfo(name)
            member.size = len(calls(PLANTED, "run"))
            archive.addfile(member, io.BytesIO(calls(PLANTED, "run")))
    guarded = in_a_child(file, "torch", "torch-tar", imports={*WEIGHTS, ("torch.nn.modules.linear", "Linear")})
    assert (guarded.error, guarded.imported) == ("LoaderError", False)
    assert "tar of torch" in guarded.text


@pytest.mark.parametrize("whole", [False, True], ids=["weights", "module"])
def test_mapping_and_location_pass_through(whole: bool, tmp_path: Path) -> None:
    file = write(module() if whole else module().state_dict(), tmp_path / "model.pt", "zip")
    loaded = TORCH.load(handover(file, "torch-zip", imports=recorded(file), mmap=True, map_location="cpu"))
    assert_same_weights(loaded.state_dict() if whole else loaded, module().state_dict())
    moved = TORCH.load(handover(file, "torch-zip", imports=recorded(file), args=("meta",)))
    assert {tensor.device.type for tensor in (moved.state_dict() if whole else moved).values()} == {"meta"}


def test_writing_to_a_mapped_tensor_cannot_change_the_file(tmp_path: Path) -> None:
    file = write({"weight": torch.ones(2)}, tmp_path / "model.pt", "zip")
    before = file.read_bytes()
    TORCH.load(handover(file, "torch-zip", imports=WEIGHTS, mmap=True))["weight"].zero_()
    assert file.read_bytes() == before
    import mmap

    with torch.serialization.set_default_mmap_options(mmap.MAP_SHARED), pytest.raises(LoaderError, match="MAP_SHARED"):
        TORCH.load(handover(file, "torch-zip", imports=WEIGHTS, mmap=True))


@pytest.mark.parametrize("option", [{"weights_only": False}, {"pickle_module": pickle}, {"fix_imports": False}])
def test_options_that_weaken_torch_are_not_passed_on(option: dict[str, Any], tmp_path: Path) -> None:
    file = write({}, tmp_path / "model.pt", "zip")
    with pytest.raises(LoaderError, match="is not passed on"):
        TORCH.load(handover(file, "torch-zip", imports=WEIGHTS, **option))


@pytest.fixture
def forced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_FORCE_WEIGHTS_ONLY_LOAD", "1")


@pytest.mark.usefixtures("forced")
def test_a_process_that_forces_weights_only_is_obeyed(layout: str, tmp_path: Path) -> None:
    file = write(module(), tmp_path / "model.pt", layout)
    with pytest.raises(LoaderError, match="TORCH_FORCE_WEIGHTS_ONLY_LOAD"):
        TORCH.load(handover(file, f"torch-{layout}", imports=recorded(file)))


def test_a_process_that_forces_unsafe_loads_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    file = write(module(), tmp_path / "model.pt", "zip")
    with pytest.raises(ModelRefused):
        TORCH.load(handover(file, "torch-zip", imports=WEIGHTS))


def test_tensors_inside_a_plain_pickle_stay_under_the_grant(tmp_path: Path) -> None:
    file = tmp_path / "model.pkl"
    file.write_bytes(pickle.dumps({"weight": torch.ones(3)}, protocol=2))
    approved = imports_of(file.read_bytes())
    assert ("torch.storage", "_load_from_bytes") in approved
    assert_same_weights(PICKLE.load(handover(file, "pickle", imports=approved)), {"weight": torch.ones(3)})


def test_bytes_inside_a_plain_pickle_cannot_import_more_than_the_grant(layout: str, tmp_path: Path) -> None:
    inner = with_call(tmp_path / "inner.pt", layout).read_bytes()
    file = tmp_path / "model.pkl"
    file.write_bytes(
        pickle.PROTO + b"\x04" + pickle.GLOBAL + b"torch.storage\n_load_from_bytes\n"
        + pickle.BINBYTES + len(inner).to_bytes(4, "little") + inner + pickle.TUPLE1 + pickle.REDUCE + pickle.STOP
    )  # fmt: skip
    approved = {("torch.storage", "_load_from_bytes")}
    assert in_a_child(file, "pickle", raw="import pickle; pickle.loads(file.read_bytes())").imported
    guarded = in_a_child(file, "pickle", "pickle", imports=approved)
    assert (guarded.error, guarded.imported) == ("ModelRefused", False)


def test_torch_before_2_6_is_not_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = write({}, tmp_path / "model.pt", "zip")
    monkeypatch.setattr("modelguard.loaders._entry.version", lambda _name: "2.5.1")
    with pytest.raises(LoaderError, match="CVE-2025-32434"):
        TORCH.load(handover(file, "torch-zip", imports=WEIGHTS))
