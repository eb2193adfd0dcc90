"""NumPy's files: raw elements are measured, pickled elements are read, and headers are never evaluated."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from container_builders import Piece, faultless, formats_at, imports, rules, troubles, truncations, walk_all, zip_of
from hypothesis import given, settings
from hypothesis import strategies as st
from pickle_builders import ECHO, call, named, program, push

from modelguard.terms.facts import Fact, Tensor, Unread

ARRAYS = {
    "c": np.arange(12.0).reshape(3, 4),
    "fortran": np.asfortranarray(np.arange(6).reshape(2, 3)),
    "empty": np.zeros((0, 3)),
    "scalar": np.array(3.0),
    "text": np.array(["ab", "c"]),
    "bytes": np.array([b"ab", b"c"]),
    "dates": np.array(["2020-01-01"], dtype="M8[D]"),
    "bool": np.array([True, False]),
    "big": np.arange(3, dtype=">i4"),
    "records": np.zeros(3, dtype=[("x", "f8"), ("y", "i4", (2,)), ("ä", [("a", "u1")])]),
    "padded": np.zeros(2, dtype=np.dtype([("a", "u1"), ("b", "f8")], align=True)),
    "titled": np.zeros(2, dtype=[(("title", "name"), "f4")]),
    "many": np.zeros(1, dtype=[(f"field number {number}", "f8") for number in range(400)]),
    "objects": np.array([1, "x", None], dtype=object),
    "record objects": np.zeros(2, dtype=[("x", "O"), ("y", "f8")]),
}
LONE = program(*push(call(named("os", "system"), ECHO)))


def read(data: bytes, name: str = "array.npy") -> list[Fact]:
    facts = walk_all(data, name)
    assert faultless(facts)
    return facts


def saved(*arrays: np.ndarray) -> bytes:
    out = io.BytesIO()
    for array in arrays:
        np.lib.format.write_array(out, array, version=None)
    return out.getvalue()


def file(header: str, data: bytes = b"", version: int = 1) -> bytes:
    raw = header.encode("utf-8" if version == 3 else "latin-1")
    return b"\x93NUMPY" + bytes([version, 0]) + struct.pack("<H" if version == 1 else "<L", len(raw)) + raw + data


def described(descr: str, shape: str = "(2,)") -> str:
    return f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}\n"


@pytest.mark.filterwarnings("ignore:Stored array in format 3.0")
@pytest.mark.filterwarnings("ignore:Stored array in format 2.0")
@pytest.mark.parametrize("key", ARRAYS)
def test_every_kind_of_array_is_read_to_its_end(key: str) -> None:
    facts = read(saved(ARRAYS[key]))
    assert troubles(facts) == []
    if "objects" not in key:
        assert [(fact.shape, fact.length) for fact in facts if isinstance(fact, Tensor)] == [
            (ARRAYS[key].shape, ARRAYS[key].nbytes)
        ]


@pytest.mark.filterwarnings("ignore:Stored array in format 3.0")
@pytest.mark.filterwarnings("ignore:Stored array in format 2.0")
@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_archives_of_arrays_are_read_without_complaint(save: object) -> None:
    out = io.BytesIO()
    save(out, **ARRAYS)  # type: ignore[operator]
    facts = read(out.getvalue(), "arrays.npz")
    assert troubles(facts) == []
    assert formats_at(facts) == ("npz", "zip")


def test_a_stored_archive_of_objects_is_not_taken_for_a_pickle() -> None:
    """Its mark is the opcode PERSID, and the line of an array's header ends right before a pickle."""
    out = io.BytesIO()
    np.savez(out, a=ARRAYS["objects"])
    assert formats_at(walk_all(out.getvalue(), "a.npz")) == ("npz", "zip")


def test_arrays_one_after_another_are_all_read() -> None:
    facts = read(saved(ARRAYS["c"], ARRAYS["objects"], ARRAYS["big"]))
    assert troubles(facts) == []
    assert len([fact for fact in facts if isinstance(fact, Tensor)]) == 2


CASES: list[tuple[str, bytes]] = [
    ("|O", file(described("'|O'"), LONE)),
    ("O", file(described("'O'"), LONE)),
    ("O8", file(described("'|O8'"), LONE, 2)),
    ("in a record", file(described("[('a', '<f8'), ('b', '|O')]"), LONE)),
    ("in a record in a record", file(described("[('a', [('b', '|O')])]"), LONE, 3)),
    ("in a subarray", file(described("('|O', (2,))"), LONE)),
    ("after the array", file(described("'<f8'"), bytes(16) + LONE)),
    ("after pickled elements", file(described("'|O'"), program("NONE") + LONE)),
    ("in a second array", file(described("'<f8'"), bytes(16)) + file(described("'|O'"), LONE)),
    ("behind broken pickled elements", file(described("'|O'"), b"\x80\x04\xff" + LONE)),
]  # fmt: skip


@pytest.mark.parametrize("data", [data for _, data in CASES], ids=[name for name, _ in CASES])
def test_a_payload_surfaces_wherever_it_is_put(data: bytes) -> None:
    """W-05."""
    assert "os.system" in imports(read(data))


def test_a_payload_in_an_archive_surfaces_also_under_a_name_that_is_there_twice() -> None:
    """W-05."""
    bad, good = file(described("'|O'"), LONE), file(described("'<f8'"), bytes(16))
    for pieces in ([bad, good], [good, bad]):
        facts = read(zip_of(*(Piece(name=b"a.npy", data=data) for data in pieces)), "x.npz")
        assert "os.system" in imports(facts)
        assert "zip-duplicate" in rules(facts)


@pytest.mark.parametrize(
    "header",
    [
        "__import__('os').system('echo pwned')",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (2,), 'more': 1}",
        "{'descr': '<f8', 'fortran_order': 0, 'shape': (2,)}",
        described("'<f8'", "(-2,)"),
        described("'<f8'", "(True,)"),
        described("'<f8'", "[2]"),
        described("'<f8'", "(9999999999,)"),
        described("'<f8'", f"({2**62 - 1}, {2**62 - 1})"),
        described("'<f8'", "(" + "9" * 5000 + ",)"),
        described("'<Q9'"),
        described("'|T16'"),
        described("7"),
        described("[('a',)]"),
        described("[" * 100 + "]" * 100),
        "(" * 5000,
        "{" * 300 + "}" * 300,
        "-" * 5000 + "1",
        "",
        "{'descr'",
        "\0",
    ],
)
def test_a_header_that_numpy_does_not_write_is_unread(header: str) -> None:
    facts = read(file(header, bytes(16)))
    assert any(isinstance(fact, Unread) for fact in facts)


def test_a_long_header_is_unread_before_it_is_held() -> None:
    data = b"\x93NUMPY\x02\x00" + struct.pack("<L", 0xFFFFFFF0) + b"{"
    assert any(isinstance(fact, Unread) for fact in read(data))


def test_python_2_wrote_long_integers() -> None:
    assert troubles(read(file(described("'<f8'", "(2L,)"), bytes(16)))) == []


def test_bytes_after_the_array_are_told() -> None:
    assert "npy-trailing" in rules(read(file(described("'<f8'"), bytes(17))))


SAMPLE = saved(ARRAYS["records"], ARRAYS["objects"], ARRAYS["c"])


def test_a_truncated_file_is_refused() -> None:
    first = len(saved(ARRAYS["records"]))
    second = first + len(saved(ARRAYS["objects"]))
    for data in truncations(SAMPLE):
        assert troubles(read(data)) or len(data) in (first, second)


@settings(max_examples=200, deadline=3000)
@given(st.lists(st.tuples(st.integers(0, len(SAMPLE) - 1), st.integers(0, 255)), min_size=1, max_size=5))
def test_a_mutated_file_never_breaks_the_reader(changes: list[tuple[int, int]]) -> None:
    data = bytearray(SAMPLE)
    for at, value in changes:
        data[at] = value
    read(bytes(data))


@settings(max_examples=200, deadline=3000)
@given(st.text(max_size=200), st.integers(1, 3), st.binary(max_size=40))
def test_a_random_header_never_breaks_the_reader(header: str, version: int, data: bytes) -> None:
    raw = header.encode("utf-8", "replace")
    length = struct.pack("<H" if version == 1 else "<L", len(raw))
    read(b"\x93NUMPY" + bytes([version, 0]) + length + raw + data)
