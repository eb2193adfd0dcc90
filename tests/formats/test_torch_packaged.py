"""torch.package and torch.export: their numbers are compared with what names them, and nothing hides among them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from container_builders import Piece, formats_at, imports, rules, walk_all, zip_of
from pickle_builders import ECHO, Parts, call, named, program, push
from torch_builders import NUMBERS, echo, pickled, tensor

from modelguard.terms.facts import Asks, Fact, Malformed, Opaque, Tensor, Unread, Unresolved

LONE = program(*push(call(named("os", "system"), ECHO)))
MARKS = (Piece(name=b"p/.data/extern_modules", data=b"torch\n"), Piece(name=b"p/.data/python_version", data=b"3.11"))


def storage(key: object, count: int = 3, kind: str = "FloatStorage") -> Parts:
    """The persistent id of a storage as torch.package writes it: its key is a number."""
    return Parts(*push(("storage", named("torch", kind, protocol=2), key, "cpu", count)), "BINPERSID")


def package(pickle: bytes = pickled({"w": tensor(storage(0))}), *more: Piece, numbers: bytes = NUMBERS) -> bytes:
    own = (Piece(name=b"p/model/w.pkl", data=pickle), Piece(name=b"p/.data/0.storage", data=numbers))
    return zip_of(*MARKS, *own, *more)


def described(
    path: str = "weight_0", sizes: tuple[Any, ...] = (3,), strides: tuple[Any, ...] = (1,), **changes: Any
) -> bytes:
    meta = {
        "dtype": 7,
        "sizes": [{"as_int": size} for size in sizes],
        "strides": [{"as_int": stride} for stride in strides],
        "storage_offset": {"as_int": changes.pop("offset", 0)},
    }
    return json.dumps(
        {"config": {"w": {"path_name": path, "use_pickle": False, "tensor_meta": meta, **changes}}}
    ).encode()


def export(
    config: bytes = described(), *more: Piece, numbers: bytes = NUMBERS, name: bytes = b"weight_0", mark: bool = True
) -> bytes:
    marks = (Piece(name=b"m/archive_format", data=b"pt2"),) if mark else ()
    return zip_of(
        *marks,
        Piece(name=b"m/data/weights/model_weights_config.json", data=config),
        Piece(name=b"m/data/weights/" + name, data=numbers),
        *more,
    )  # fmt: skip


def read(data: bytes, name: str = "model.pt2") -> list[Fact]:
    return walk_all(data, name)


def troubles(facts: list[Fact]) -> list[Fact]:
    return [fact for fact in facts if isinstance(fact, Malformed | Opaque | Unread | Unresolved)]


def test_the_numbers_of_a_package_are_those_that_its_pickle_names() -> None:
    facts = read(package(), "model.pt")
    assert not troubles(facts)
    assert [fact.length for fact in facts if isinstance(fact, Tensor)] == [12]
    assert [fact.name for fact in facts if isinstance(fact, Asks)] == ["torch.package"]


@pytest.mark.parametrize(
    ("data", "rule"),
    [
        (package(numbers=NUMBERS[:-1]), "torch-storage-size"),
        (package(pickled({"w": tensor(storage(7))})), "torch-storage-missing"),
    ],
)
def test_numbers_that_a_package_does_not_have_are_malformed(data: bytes, rule: str) -> None:
    assert rule in rules(read(data, "model.pt"))


def test_numbers_that_no_pickle_names_are_read_as_what_they_are() -> None:
    facts = read(package(pickled(1), Piece(name=b"p/.data/1.storage", data=LONE)), "model.pt")
    assert "os.system" in imports(facts)


def test_a_call_in_a_pickle_of_a_package_is_seen() -> None:
    assert {"os.system"} <= imports(read(package(program(*push(echo()))), "model.pt"))


@pytest.mark.parametrize("identifier", [("reduce_package", 1), ("storage", 1, 2, 3, 4), "storage"])
def test_another_persistent_id_stays_unresolved(identifier: object) -> None:
    facts = read(package(program(*push(identifier), "BINPERSID")), "model.pt")
    assert [fact.what for fact in facts if isinstance(fact, Unresolved)] == ["persistent-id"]


@pytest.mark.parametrize("data", [b"\xff" * 40, b"", b"plain text", LONE[:-1]])
def test_a_member_with_the_name_of_a_pickle_that_is_none_is_malformed(data: bytes) -> None:
    assert any(rule.startswith("pickle-") for rule in rules(read(package(data), "model.pt")))


def test_without_the_marks_of_a_package_its_members_are_members() -> None:
    data = zip_of(Piece(name=b"p/model/w.pkl", data=LONE), Piece(name=b"p/.data/0.storage", data=LONE))
    facts = read(data, "model.zip")
    assert formats_at(facts) == ("zip",)
    assert formats_at(facts, "p/.data/0.storage") == ("pickle",)


def test_the_weights_of_a_program_are_those_that_it_lists() -> None:
    facts = read(export())
    assert not troubles(facts)
    assert [(fact.name, fact.dtype, fact.shape) for fact in facts if isinstance(fact, Tensor)] == [
        ("w", "float32", (3,))
    ]


@pytest.mark.parametrize(
    ("data", "rule"),
    [
        (export(described(sizes=(4,))), "pt2-weight-size"),
        (export(described(offset=1)), "pt2-weight-size"),
        (export(described(strides=(2,))), "pt2-weight-size"),
        (export(described("weight_1")), "pt2-weight-missing"),
    ],
)
def test_weights_that_are_not_there_are_malformed(data: bytes, rule: str) -> None:
    assert rule in rules(read(data))


@pytest.mark.parametrize(
    "data",
    [
        export(described(use_pickle=True), numbers=LONE),
        export(described(sizes=(99,)), numbers=LONE),
        export(described("evil.pkl"), numbers=LONE, name=b"evil.pkl"),
        export(described(sizes=(-1,)), numbers=LONE),
        export(described(dtype=1), numbers=LONE, name=b"weight_1"),
        export(b"{", numbers=LONE),
        export(numbers=LONE, mark=False),
    ],
)
def test_what_is_not_listed_as_numbers_is_read_as_what_it_is(data: bytes) -> None:
    assert "os.system" in imports(read(data))


@pytest.mark.heavy
def test_what_torch_writes_passes(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="writes the archives")

    class Model(torch.nn.Module):  # type: ignore[misc, name-defined]  # torch may be absent
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Linear(4, 3)

        def forward(self, x: Any) -> Any:
            return torch.relu(self.layer(x))

    torch.export.save(torch.export.export(Model(), (torch.ones(2, 4),)), tmp_path / "m.pt2")
    facts = read((tmp_path / "m.pt2").read_bytes())
    assert not troubles(facts)
    assert {fact.name for fact in facts if isinstance(fact, Tensor)} >= {"layer.weight", "layer.bias"}
