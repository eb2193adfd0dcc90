"""Archives around torch that bring programs: each asks for what it would run."""

from __future__ import annotations

import pytest
from container_builders import Piece, asked, formats_at, imports, walk_all, zip_of
from pickle_builders import ECHO, call, named, program, push

LONE = program(*push(call(named("os", "system"), ECHO)))
SOURCE = Piece(name=b"p/mod.py", data=b"import os\n")
PACKAGE = (Piece(name=b"p/.data/extern_modules", data=b"torch\n"), Piece(name=b"p/.data/python_version", data=b"3.11"))
EXPORT = (Piece(name=b"m/archive_format", data=b"pt2"), Piece(name=b"m/models/model.json", data=b"{}"))
SERVE = (Piece(name=b"MAR-INF/MANIFEST.json", data=b"{}"), Piece(name=b"handler.py", data=b"import os\n"))


@pytest.mark.parametrize(
    ("pieces", "form", "name"),
    [(PACKAGE, "torch-package", "torch.package"), (EXPORT, "pt2", "torch.export"), (SERVE, "mar", "torchserve")],
)
def test_an_archive_with_a_program_asks_for_it_and_is_read_as_a_zip(
    pieces: tuple[Piece, ...], form: str, name: str
) -> None:
    facts = walk_all(zip_of(*pieces, Piece(name=b"p/model/model.pkl", data=LONE)), "model.zip")
    assert form in formats_at(facts)
    assert "zip" in formats_at(facts)
    assert ("remote-code", name) in asked(facts)
    assert "os.system" in imports(facts)


def test_an_archive_without_their_marks_is_none_of_them() -> None:
    facts = walk_all(zip_of(SOURCE), "model.zip")
    assert formats_at(facts) == ("zip",)


def test_machine_code_in_an_exported_program_is_asked_for() -> None:
    facts = walk_all(zip_of(*EXPORT, Piece(name=b"m/data/aotinductor/model/x.so", data=b"\x7fELF")), "model.pt2")
    assert ("native-code", "m/data/aotinductor/model/x.so") in asked(facts)


def test_requirements_of_a_served_model_are_asked_for() -> None:
    facts = walk_all(zip_of(*SERVE, Piece(name=b"requirements.txt", data=b"numpy\n")), "model.mar")
    assert ("install", "requirements.txt") in asked(facts)
