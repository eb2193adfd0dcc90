"""Torch checkpoints: honest ones ask for nothing but weights, and a payload surfaces wherever it is put."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest
from container_builders import (
    Piece,
    asked,
    faultless,
    formats_at,
    imports,
    rules,
    troubles,
    truncations,
    walk_all,
    zip_of,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from pickle_builders import asm, call, named, program, push
from torch_builders import (
    MAGIC,
    NUMBERS,
    WEIGHTS,
    echo,
    pickled,
    storage,
    tensor,
    torch_stream,
    torch_zip,
)  # fmt: skip

from modelguard.terms.content import Budget
from modelguard.terms.facts import Call, Fact, Noted, Tensor, Unread

GLOBALS = {"torch._utils._rebuild_tensor_v2", "torch.FloatStorage", "collections.OrderedDict"}
BAD = pickled({"w": tensor(storage("0", 3)), "x": echo()})
LONE = pickled(echo())
TEXT = asm(b"cos\nsystem\n(S'echo pwned'\ntR.")


def read(data: bytes, name: str = "model.pt") -> list[Fact]:
    facts = walk_all(data, name)
    assert faultless(facts)
    return facts


def test_a_checkpoint_imports_what_rebuilds_tensors_and_nothing_else() -> None:
    facts = read(torch_zip())
    assert troubles(facts) == []
    assert imports(facts) == GLOBALS
    assert formats_at(facts) == ("torch-zip", "zip")
    assert [(fact.dtype, fact.shape, fact.length) for fact in facts if isinstance(fact, Tensor)] == [
        ("FloatStorage", (3,), 12)
    ]


def test_a_legacy_checkpoint_imports_what_rebuilds_tensors_and_nothing_else() -> None:
    facts = read(torch_stream())
    assert troubles(facts) == []
    assert imports(facts) == GLOBALS
    assert formats_at(facts) == ("torch-legacy",)
    assert [fact.length for fact in facts if isinstance(fact, Tensor)] == [12]


CASES: list[tuple[str, bytes]] = [
    ("data.pkl", torch_zip(BAD)),
    ("Z-04 first data.pkl bad", torch_zip(BAD, Piece(name=b"archive/data.pkl", data=WEIGHTS))),
    ("Z-04 last data.pkl bad", torch_zip(WEIGHTS, Piece(name=b"archive/data.pkl", data=BAD))),
    ("Z-05 DATA.PKL", torch_zip(BAD, name=b"DATA.PKL")),
    ("Z-05 another directory", torch_zip(WEIGHTS, Piece(name=b"other/data.pkl", data=BAD))),
    ("Z-08 prefixed", b"#!/bin/sh\n" + torch_zip(BAD)),
    ("Z-09 orphan", zip_of(Piece(name=b"archive/data.pkl", data=BAD), Piece(name=b"archive/x"), hidden=(0,))),
    ("Z-10 CVE-2025-1889 config.p", torch_zip(WEIGHTS, Piece(name=b"archive/config.p", data=LONE))),
    ("Z-10 text file", torch_zip(WEIGHTS, Piece(name=b"archive/x.txt", data=LONE))),
    ("Z-10 no mark", torch_zip(WEIGHTS, Piece(name=b"archive/noise", data=TEXT))),
    ("Z-10 unused storage", torch_zip(WEIGHTS, storages={"0": NUMBERS, "1": LONE})),
    ("Z-10 storage of another size", torch_zip(WEIGHTS, storages={"0": LONE})),
    ("Z-10 version", torch_zip(WEIGHTS, Piece(name=b"archive/version", data=LONE))),
    ("Z-10 byteorder", torch_zip(WEIGHTS, byteorder=LONE)),
    ("Z-11 extra", torch_zip(WEIGHTS, Piece(name=b"archive/extra/producer", data=zip_of(Piece(name=b"a", data=LONE))))),
    ("Z-11 constants.pkl", torch_zip(WEIGHTS, Piece(name=b"archive/constants.pkl", data=BAD))),
    ("Z-11 debug_pkl", torch_zip(WEIGHTS, Piece(name=b"archive/code/a.py.debug_pkl", data=LONE))),
    ("Z-11 package", zip_of(Piece(name=b"p/.data/version", data=b"6\n"), Piece(name=b"p/m/model.pkl", data=LONE))),
    ("deflated", torch_zip(BAD, method=8)),
    ("W-04 magic number", torch_stream(program(*push(echo()), "POP", ("LONG1", MAGIC), protocol=2))),
    ("W-04 version", torch_stream(program(("LONG1", MAGIC), protocol=2), LONE)),
    ("W-04 system", torch_stream(program(("LONG1", MAGIC), protocol=2), program("BININT2 1001", protocol=2), LONE)),
    ("W-04 object", torch_stream(*[program(("LONG1", MAGIC), protocol=2), program("BININT2 1001", protocol=2),
        pickled({}), pickled({"w": tensor(storage("7", 3, view=True)), "x": echo()})])),
    ("W-04 keys", torch_stream(*[program(("LONG1", MAGIC), protocol=2), program("BININT2 1001", protocol=2),
        pickled({}), pickled({"w": tensor(storage("7", 3, view=True))}), pickled([echo()])])),
    ("W-04 behind the storages", torch_stream(after=LONE)),
    ("GHSA-97f8 computed magic number", torch_stream(pickled(call(named("builtins", "eval"), "1")), LONE)),
    ("CVE-2025-10155 plain pickle", LONE),
    ("W-07 pickle in front of an archive", LONE + torch_zip()),
]  # fmt: skip


@pytest.mark.parametrize("data", [data for _, data in CASES], ids=[name for name, _ in CASES])
def test_a_payload_surfaces_wherever_it_is_put(data: bytes) -> None:
    assert imports(read(data)) & {"os.system", "posix.system"}


RULES: list[tuple[str, str, bytes]] = [
    ("Z-05 case", "torch-record-case", torch_zip(name=b"DATA.PKL")),
    ("Z-05 roots", "torch-several-roots", torch_zip(WEIGHTS, Piece(name=b"other/data.pkl", data=WEIGHTS))),
    ("Z-07 deflated", "torch-compressed", torch_zip(method=8)),
    ("CVE-2026-24747 record too short", "torch-storage-size", torch_zip(storages={"0": NUMBERS[:8]})),
    ("CVE-2026-24747 record too long", "torch-storage-size", torch_zip(storages={"0": NUMBERS * 2})),
    ("record missing", "torch-storage-missing", torch_zip(storages={})),
    ("Z-15 byte order", "torch-record", torch_zip(byteorder=b"middle")),
    ("legacy count", "torch-storage-size", torch_stream(counts={"7": 4})),
    ("legacy key", "torch-storage-unused", torch_stream(keys=("7", "8"))),
    ("legacy missing", "torch-storage-missing", torch_stream(keys=())),
    ("legacy trailing", "torch-legacy-trailing", torch_stream(after=b"\0")),
    ("legacy version", "torch-legacy-protocol",
        torch_stream(program(("LONG1", MAGIC), protocol=2), program("BININT2 1002", protocol=2))),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "data"), [row[1:] for row in RULES], ids=[row[0] for row in RULES])
def test_what_torch_would_not_write_is_told(rule: str, data: bytes) -> None:
    assert rule in rules(read(data))


def test_a_tensor_beyond_its_storage_breaks_a_rule() -> None:
    """CVE-2026-24747: the chain from the tensor over the persistent id to the record."""
    for data in (pickled(tensor(storage("0", 3), size=(4,))), pickled(tensor(storage("0", 3), offset=1))):
        facts = read(torch_zip(data))
        assert any(fact.broken for fact in facts if isinstance(fact, Call))


@pytest.mark.parametrize(
    "item",
    [
        push(("storage", named("os", "system", protocol=2), "0", "cpu", 3)),
        push(("storage", named("torch", "FloatStorage", protocol=2), "../0", "cpu", 3)),
        push(("storage", named("torch", "FloatStorage", protocol=2), "0", "cpu", -3)),
        push(("storage", named("torch", "FloatStorage", protocol=2), "0", "/dev/mem", 3)),
        push(("module", named("torch", "FloatStorage", protocol=2), "0", "cpu", 3)),
        push(("storage", named("torch", "FloatStorage", protocol=2), "0", "cpu")),
        push("0"),
    ],
    ids=["type", "key", "count", "location", "word", "length", "text"],
)
def test_a_persistent_id_that_is_no_storage_is_unresolved(item: list[object]) -> None:
    """G-15."""
    facts = read(torch_zip(program(*item, "BINPERSID", protocol=2), storages={}))
    assert any(type(fact).__name__ == "Unresolved" for fact in facts)


def test_one_storage_cannot_have_two_sizes() -> None:
    facts = read(torch_zip(pickled([tensor(storage("0", 3)), tensor(storage("0", 6))])))
    assert any(type(fact).__name__ == "Unresolved" for fact in facts)


def test_an_unused_storage_is_noted_and_read_by_every_format() -> None:
    facts = read(torch_zip(storages={"0": NUMBERS, "1": b"\0\1\xfe\xff" * 8}))
    assert "torch-storage-unused" in {fact.rule for fact in facts if isinstance(fact, Noted)}
    assert [fact.location.members for fact in troubles(facts)] == [("archive/data/1",)]


SCRIPT = (
    Piece(name=b"archive/constants.pkl", data=program("EMPTY_TUPLE", protocol=2)),
    Piece(
        name=b"archive/code/__torch__.py", data=b"class M(Module):\n  def forward(self):\n    return torch.add(1, 2)\n"
    ),
)


def test_torchscript_asks_for_a_program() -> None:
    """Z-15, CVE-2025-32434: `torch.load` hands such an archive to `torch.jit.load`."""
    own = pickled(call(named("__torch__", "M", protocol=2), opcode="NEWOBJ"))
    facts = read(torch_zip(own, *SCRIPT, storages={}))
    assert ("remote-code", "torchscript") in asked(facts)
    assert formats_at(facts) == ("torch-zip", "torchscript", "zip")
    assert troubles(facts) == []


def test_constants_alone_make_it_a_program() -> None:
    assert ("remote-code", "torchscript") in asked(read(torch_zip(WEIGHTS, SCRIPT[0])))
    assert ("remote-code", "torchscript") not in asked(read(torch_zip()))


@pytest.mark.parametrize(
    ("code", "permission", "name"),
    [
        (b"torch.from_file('/etc/passwd', False, 10)", "ops", "aten::from_file"),
        (b"ops.aten.from_file('/etc/passwd', False, 10)", "ops", "aten::from_file"),
        (b"torch.save(x, '/tmp/x')", "ops", "aten::save"),
        (b"ops.torchvision.nms(a, b, c)", "custom-ops", "torchvision::nms"),
    ],
)
def test_operators_that_reach_out_are_asked_for(code: bytes, permission: str, name: str) -> None:
    piece = Piece(name=b"archive/code/__torch__.py", data=b"def f():\n  return " + code, method=8)
    assert (permission, name) in asked(read(torch_zip(WEIGHTS, SCRIPT[0], piece)))


@pytest.mark.parametrize("sample", [torch_zip(), torch_stream()], ids=["zip", "legacy"])
def test_a_truncated_checkpoint_is_refused(sample: bytes) -> None:
    for data in truncations(sample):
        assert troubles(read(data))


@pytest.mark.parametrize("sample", [torch_zip(BAD), torch_stream()], ids=["zip", "legacy"])
@settings(max_examples=100, deadline=3000)
@given(changes=st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), min_size=1, max_size=5))
def test_a_mutated_checkpoint_never_breaks_a_reader(sample: bytes, changes: list[tuple[int, int]]) -> None:
    data = bytearray(sample)
    for at, value in changes:
        data[at % len(data)] = value
    facts = walk_all(bytes(data), "model.pt", budget=Budget(expanded=1 << 24))
    assert faultless(facts)


@pytest.mark.heavy
def test_files_of_torch_itself_are_read_without_complaint(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="needs torch to write the files")
    weights = {"a": torch.randn(3, 4), "b": torch.arange(5), "e": torch.zeros(0), "s": torch.tensor(1.0)}
    weights["alias"] = weights["a"][1:]
    weights["half"] = torch.randn(70_000).half()
    weights["storage"] = torch.randn(3).untyped_storage()
    for name, options in {
        "new.pt": {},
        "protocol4.pt": {"pickle_protocol": 4},
        "legacy.pt": {"_use_new_zipfile_serialization": False},
        "legacy4.pt": {"_use_new_zipfile_serialization": False, "pickle_protocol": 4},
    }.items():
        torch.save(weights, tmp_path / name, **options)
        facts = read((tmp_path / name).read_bytes(), name)
        assert troubles(facts) == [], name
        assert not any(fact.broken for fact in facts if isinstance(fact, Call))
        assert sum(fact.length for fact in facts if isinstance(fact, Tensor)) == 48 + 40 + 4 + 140_000 + 12


@pytest.mark.heavy
def test_programs_of_torch_itself_ask_for_themselves_alone(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="needs torch to write the files")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch announces that TorchScript is deprecated
        module = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.ReLU())
        programs = {"script.pt": torch.jit.script(module), "trace.pt": torch.jit.trace(module, torch.ones(1, 3))}
        for name, program in programs.items():
            torch.jit.save(program, tmp_path / name)
            facts = read((tmp_path / name).read_bytes(), name)
            assert troubles(facts) == []
            assert asked(facts) == {("remote-code", "torchscript")}


def test_a_reader_stops_at_the_budget() -> None:
    facts = walk_all(torch_zip(), "model.pt", budget=Budget(opcodes=3))
    assert any(isinstance(fact, Unread) for fact in facts)
