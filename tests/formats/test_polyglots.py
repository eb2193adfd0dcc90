"""Files that are several things at once are read as all of them (rule 3 of the house)."""

from __future__ import annotations

import struct

import pytest
from container_builders import Piece, formats_at, imports, rules, walk_all, zip_of
from pickle_builders import ECHO, asm, call, named, program, push

LONE = program(*push(call(named("os", "system"), ECHO)))
OTHER = program(*push(call(named("subprocess", "check_output"), ECHO)))
TEXT = asm(b"cos\nsystem\n(S'echo pwned'\ntR.")
INNER = zip_of(Piece(name=b"archive/x", data=LONE))

FRONTS = {
    "PNG": b"\x89PNG\r\n\x1a\n" + struct.pack(">L", 13) + b"IHDR" + bytes(17),
    "GGUF": b"GGUF\x03\0\0\0" + bytes(16),
    "safetensors": struct.pack("<Q", 2) + b"{}",
    "ELF": b"\x7fELF\x02\x01\x01" + bytes(57),
    "text": b"just some text\n" * 10,
    "JSON": b'{"a": 1}\n',
    "NumPy": b"\x93NUMPY\x01\x00v\x00"
    + b"{'descr': '<f8', 'fortran_order': False, 'shape': (0,), }".ljust(117)
    + b"\n",
}


@pytest.mark.parametrize("front", FRONTS)
def test_an_archive_behind_another_file_is_read(front: str) -> None:
    """W-07, U-09, S-04."""
    facts = walk_all(FRONTS[front] + INNER, "model")
    assert "zip" in formats_at(facts)
    assert "os.system" in imports(facts)
    assert "zip-prefix" in rules(facts) or "zip-shifted" in rules(facts)


def test_a_pickle_in_front_of_an_archive_is_read_as_both() -> None:
    """W-07: torch looks at the first bytes, Python's zipfile at the last."""
    facts = walk_all(OTHER + INNER, "model.pt")
    assert {"pickle", "zip"} <= set(formats_at(facts))
    assert {"os.system", "subprocess.check_output"} <= imports(facts)


def test_an_archive_inside_a_stored_member_is_read_once_and_no_second_end() -> None:
    """A stored archive in an archive leaves a second end record near the tail; that alone is honest."""
    facts = walk_all(zip_of(Piece(name=b"a.zip", data=INNER)), "model.zip")
    assert "zip-several-ends" not in rules(facts)
    assert "os.system" in imports(facts)


def test_a_pickle_without_a_mark_is_found_in_any_member() -> None:
    """Z-10."""
    facts = walk_all(zip_of(Piece(name=b"archive/data/0", data=TEXT)), "model.zip")
    assert imports(facts) & {"os.system", "posix.system"}


@pytest.mark.parametrize("name", ["model.safetensors", "model.gguf", "model.onnx", "notes.txt", "config.json", "x.png"])
def test_a_pickle_under_another_name_is_read_and_told(name: str) -> None:
    """W-07."""
    facts = walk_all(LONE, name)
    assert "os.system" in imports(facts)
    assert "wrong-format" in rules(facts)
