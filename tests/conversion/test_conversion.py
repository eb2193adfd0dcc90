"""Converting torch checkpoints into safetensors, and comparing weight files."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest

from modelguard.conversion import _cell, compare, convert
from modelguard.conversion.comparing import open_side
from modelguard.guard import Gate
from modelguard.terms.errors import LoaderError, ModelRefused
from modelguard.testing.models import tiny_safetensors

torch = pytest.importorskip("torch", reason="torch checkpoints are made and read by torch")
pytestmark = pytest.mark.heavy


@pytest.fixture
def gate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Gate:
    home = tmp_path / "project"
    home.mkdir()
    monkeypatch.chdir(home)
    monkeypatch.setenv("MODELGUARD_STORE", str(tmp_path / "store"))
    return Gate.open()


def state() -> OrderedDict[str, Any]:
    """Return a state dict in which two tensors share a storage, one is a transposed view, and many types are there."""
    base = torch.arange(12, dtype=torch.float32).reshape(3, 4)
    return OrderedDict(
        weight=base,
        tied=base,
        turned=base.t(),
        half=torch.ones(2, dtype=torch.bfloat16),
        flags=torch.tensor([True, False]),
        complex=torch.tensor([1 + 2j], dtype=torch.complex64),
        scalar=torch.tensor(7, dtype=torch.int64),
        empty=torch.zeros(0, 3),
    )


class Settings:
    """What a training script keeps beside the weights: nothing that another machine knows."""

    rate = 0.1


def saved(path: Path, value: Any, **options: Any) -> Path:
    torch.save(value, path, **options)
    return path


@pytest.mark.parametrize("legacy", [False, True])
def test_a_checkpoint_becomes_safetensors_that_torch_reads_as_the_same_tensors(gate: Gate, legacy: bool) -> None:
    from safetensors.torch import load_file

    saved(Path("m.pt"), state(), _use_new_zipfile_serialization=not legacy)
    done = convert(open_side("m.pt", gate), Path("m.safetensors"))
    assert done.proof.equal
    assert done.proof.a.table.shared == (("tied", "turned", "weight"),)
    found = load_file("m.safetensors")
    assert found.keys() == state().keys()
    for name, tensor in state().items():
        assert found[name].dtype == tensor.dtype
        assert torch.equal(found[name], tensor), name


def test_every_element_type_of_eight_and_sixteen_bits_is_carried_over_bit_by_bit(gate: Gate) -> None:
    from safetensors.torch import load_file

    bits = torch.arange(
        256, dtype=torch.uint8
    )  # every value that eight bits can have, those that are no numbers as well
    names = ("float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz", "float8_e8m0fnu")
    value = {name: bits.clone().view(getattr(torch, name)) for name in names}
    value["bfloat16"] = torch.arange(1 << 15, dtype=torch.int16).view(torch.bfloat16)
    saved(Path("m.pt"), value)
    assert convert(open_side("m.pt", gate), Path("m.safetensors")).proof.equal
    found = load_file("m.safetensors")
    for name, tensor in value.items():
        assert found[name].dtype == tensor.dtype
        assert torch.equal(found[name].view(torch.uint8), tensor.view(torch.uint8)), name
    assert compare(open_side("m.pt", gate), open_side("m.safetensors", gate)).equal


def test_the_same_checkpoint_gives_the_same_file(gate: Gate) -> None:
    saved(Path("m.pt"), state())
    for name in ("a.safetensors", "b.safetensors"):
        convert(open_side("m.pt", gate), Path(name))
    assert Path("a.safetensors").read_bytes() == Path("b.safetensors").read_bytes()


def test_what_is_no_tensor_is_left_behind_without_being_looked_up(gate: Gate) -> None:
    value = {"state_dict": {"w": torch.ones(2)}, "args": Settings(), "epoch": 3}
    saved(Path("m.ckpt"), value)
    reading = convert(open_side("m.ckpt", gate), Path("m.safetensors")).proof.a
    assert reading.key == "state_dict"
    assert f"{__name__}.Settings" in reading.replaced
    assert [row.name for row in reading.table.rows] == ["w"]


def test_a_whole_module_gives_its_tensors_under_the_names_of_its_state_dict(gate: Gate) -> None:
    module = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3))
    saved(Path("m.pt"), module)
    reading = convert(open_side("m.pt", gate), Path("m.safetensors")).proof.a
    assert {row.name for row in reading.table.rows} == set(module.state_dict())
    assert "torch.nn.modules.linear.Linear" in reading.replaced


def test_of_several_parts_with_tensors_one_must_be_named(gate: Gate) -> None:
    saved(Path("m.pt"), {"model": {"w": torch.ones(2)}, "ema": {"w": torch.zeros(2)}})
    side = open_side("m.pt", gate)
    with pytest.raises(LoaderError, match="several parts hold tensors: model, ema"):
        convert(side, Path("m.safetensors"))
    assert convert(side, Path("e.safetensors"), key="ema").proof.a.others == 1
    names = [row.name for row in convert(side, Path("all.safetensors"), key=".").proof.a.table.rows]
    assert names == ["ema.w", "model.w"]


class Harmful:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("echo pwned",)


def test_a_file_that_would_run_a_program_is_refused_and_nothing_is_written(gate: Gate) -> None:
    saved(Path("m.pt"), {"w": torch.ones(2), "x": Harmful()})
    with pytest.raises(ModelRefused, match="system"):
        open_side("m.pt", gate)
    assert sorted(path.name for path in Path().iterdir()) == ["m.pt"]


def test_even_without_the_scan_the_harmful_name_is_not_looked_up(gate: Gate, capfd: pytest.CaptureFixture[str]) -> None:
    from modelguard.loaders import _inert

    path = saved(Path("m.pt"), {"w": torch.ones(2), "x": Harmful()})
    imports = frozenset({("torch._utils", "_rebuild_tensor_v2"), ("collections", "OrderedDict")})
    value, replaced = _inert.read(path, "m.pt", imports)
    assert replaced == {f"{os.name}.system"}
    assert isinstance(value["x"], _inert.Inert)
    assert "pwned" not in capfd.readouterr().out


def test_a_hostile_pickle_that_the_scan_had_let_through_runs_nothing_in_the_confined_process(tmp_path: Path) -> None:
    class Writing:
        def __reduce__(self) -> tuple[Any, ...]:
            return os.system, (f"touch {tmp_path}/pwned",)

    path = saved(tmp_path / "m.pt", {"w": torch.ones(2), "x": Writing()})
    usual = {("torch._utils", "_rebuild_tensor_v2"), ("collections", "OrderedDict")}
    task = _cell.Task(source=path, name="m.pt", imports=frozenset(usual), output=tmp_path / "out")
    answer = _cell.run(task, _cell.Limits())
    assert answer["replaced"] == [f"{os.name}.system"]
    assert [row[0] for row in answer["rows"]] == ["w"]
    # Even a name that was wrongly approved reaches no program: the kernel refuses it.
    approved = _cell.Task(source=path, name="m.pt", imports=frozenset({*usual, (os.name, "system")}))
    try:
        _cell.run(approved, _cell.Limits())
    except (LoaderError, ModelRefused):
        pass
    assert not (tmp_path / "pwned").exists()


def test_a_tensor_without_plain_elements_is_refused(gate: Gate) -> None:
    saved(Path("m.pt"), {"w": torch.ones(2, 2).to_sparse()})
    with pytest.raises((LoaderError, ModelRefused)):
        convert(open_side("m.pt", gate), Path("m.safetensors"))
    assert not Path("m.safetensors").exists()


def test_a_small_file_that_stands_for_much_memory_is_refused(gate: Gate) -> None:
    saved(Path("m.pt"), {"w": torch.zeros(1).expand(1 << 30)})
    with pytest.raises((LoaderError, ModelRefused)):
        convert(open_side("m.pt", gate), Path("m.safetensors"))
    assert not Path("m.safetensors").exists()


def test_an_output_that_is_there_is_not_overwritten(gate: Gate) -> None:
    saved(Path("m.pt"), {"w": torch.ones(2)})
    Path("m.safetensors").write_bytes(b"mine")
    with pytest.raises(LoaderError, match="is there already"):
        convert(open_side("m.pt", gate), Path("m.safetensors"))
    assert Path("m.safetensors").read_bytes() == b"mine"


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda s: s.update(weight=s["weight"] + 1), {"bytes", "shared"}),
        (lambda s: s.update(half=s["half"].to(torch.float16)), {"dtype"}),
        (lambda s: s.update(flags=s["flags"].reshape(2, 1)), {"shape"}),
        (lambda s: s.pop("scalar"), {"missing"}),
        (lambda s: s.update(more=torch.ones(1)), {"extra"}),
        (lambda s: s.update(tied=s["tied"].clone()), {"shared"}),
        (lambda _: None, set()),
    ],
)
def test_a_difference_is_named(gate: Gate, change: Any, what: set[str]) -> None:
    saved(Path("a.pt"), state())
    other = state()
    change(other)
    saved(Path("b.pt"), other)
    found = compare(open_side("a.pt", gate), open_side("b.pt", gate))
    assert {one.what for one in found.differences} == what
    assert found.equal == (not what)


def modelguard(*words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "modelguard", *words], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done


def test_the_commands_convert_lock_with_lineage_and_compare(gate: Gate) -> None:
    from modelguard.lock import Lock

    saved(Path("m.pt"), state())
    assert "8 tensors, each equal" in modelguard("convert", "m.pt").stdout
    entry = Lock.read(Path("modelguard.lock")).entries["file:m.safetensors"]
    assert entry.lineage.original == "file:m.pt"
    assert entry.lineage.digest == str(open_side("m.pt", gate).artifact.digest)
    assert "equal: 8 tensors" in modelguard("compare", "m.pt", "m.safetensors").stdout
    modelguard("check")
    modelguard("lock", "--check")
    Path("other.safetensors").write_bytes(tiny_safetensors())
    assert "different" in modelguard("compare", "m.pt", "other.safetensors", code=1).stdout
    modelguard("convert", "m.pt", code=2)


PROBES = {
    "connect": "import socket; socket.socket()",
    "native": "import ctypes; l = ctypes.CDLL(None, use_errno=True); e = l.socket(2, 1, 0); assert e >= 0, 'refused'",
    "program": "import subprocess; subprocess.run(['true'], check=True)",
    "memory": "bytearray(8 << 30)",
    "time": "while True: pass",
    "file": "open('x', 'wb').write(bytes(2 << 20))",
}


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has seccomp")
@pytest.mark.parametrize("probe", PROBES)
def test_the_confined_process_has_no_network_no_programs_and_little_memory(probe: str, tmp_path: Path) -> None:
    lines = [
        "import ctypes, socket, subprocess, json, sys",
        "from modelguard.conversion import _limits",
        f"_limits.limit_resources(memory=4 << 30, seconds={2 if probe == 'time' else 60}, written=1 << 20)",
        "print(json.dumps(_limits.refuse_system_calls()), flush=True)",
        "try:",
        f"    {PROBES[probe]}",
        "except (OSError, MemoryError, AssertionError) as error:",
        "    print('refused'); sys.exit(0)",
        "print('went through')",
    ]
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, timeout=60, check=False, cwd=tmp_path
    )
    if probe == "time":
        assert done.returncode in (-signal.SIGKILL, -signal.SIGXCPU)
        assert done.stdout == "true\n"
    else:
        assert done.stdout.split("\n")[:2] == ["true", "refused"], done.stderr


def test_the_header_of_a_written_file_tells_which_tensors_shared_a_storage(gate: Gate) -> None:
    from safetensors import safe_open

    saved(Path("m.pt"), state())
    convert(open_side("m.pt", gate), Path("m.safetensors"))
    with safe_open("m.safetensors", "pt") as file:
        assert json.loads(file.metadata()["modelguard.shared"]) == [["tied", "turned", "weight"]]
