"""joblib streams: raw arrays are skipped as joblib skips them, and nothing hides from either way of reading."""

from __future__ import annotations

import io
import struct

import joblib
import numpy as np
import pytest
from container_builders import asked, faultless, formats_at, imports, rules, troubles, truncations, walk_all
from hypothesis import given, settings
from hypothesis import strategies as st
from pickle_builders import ECHO, Part, Parts, asm, call, named, program, push

from modelguard.terms.facts import Fact, Tensor, Unread

ARRAYS = {
    "c": np.arange(12.0).reshape(3, 4),
    "fortran": np.asfortranarray(np.arange(6).reshape(2, 3)),
    "empty": np.zeros((0, 3)),
    "scalar": np.array(3.0),
    "text": np.array(["ab", "c"]),
    "dates": np.array(["2020-01-01"], dtype="M8[D]"),
    "bool": np.array([True, False]),
    "complex": np.zeros(3, dtype="c16"),
    "big": np.arange(3, dtype=">i4"),
    "records": np.zeros(3, dtype=[("x", "f8"), ("y", "i4", (2,)), ("z", [("a", "u1")])]),
    "void": np.zeros(2, dtype="V5"),
    "objects": np.array([1, "x", None, 2.5], dtype=object),
    "record objects": np.zeros(2, dtype=[("x", "O"), ("y", "f8")]),
}
ECHOED = call(named("os", "system"), ECHO)


def read(data: bytes, name: str = "model.joblib") -> list[Fact]:
    facts = walk_all(data, name)
    assert faultless(facts)
    return facts


def dumped(value: object, **options: object) -> bytes:
    out = io.BytesIO()
    joblib.dump(value, out, **options)
    return out.getvalue()


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("key", ARRAYS)
def test_every_kind_of_array_is_read_to_its_end(key: str, protocol: int) -> None:
    facts = read(dumped({"before": 1, key: ARRAYS[key], "after": ARRAYS["c"]}, protocol=protocol))
    assert troubles(facts) == []
    assert formats_at(facts) == ("joblib",)
    lengths = [fact.length for fact in facts if isinstance(fact, Tensor)]
    assert lengths[-1] == ARRAYS["c"].nbytes
    assert "object" in key or lengths[0] == ARRAYS[key].nbytes


@pytest.mark.parametrize("method", ["zlib", "gzip", "bz2", "xz", "lzma", "lz4"])
def test_every_compression_of_joblib_is_seen_through(method: str) -> None:
    """W-02."""
    if method == "lz4":
        pytest.importorskip("lz4", reason="LZ4 needs the package lz4")
    facts = read(dumped(ARRAYS, compress=(method, 3)))
    assert "joblib" in formats_at(facts), "the loader is chosen by what the whole file is"
    assert troubles(facts) == []
    assert any(fact.length == ARRAYS["c"].nbytes for fact in facts if isinstance(fact, Tensor))


def test_a_stream_without_arrays_is_a_plain_pickle() -> None:
    facts = read(dumped({"a": [1, 2, 3]}))
    assert formats_at(facts) == ("pickle",)
    assert troubles(facts) == []


# --- streams put together by hand -----------------------------------------------------------------------------------


def dtype(code: str = "f8", flags: int = 0, size: int = -1) -> Parts:
    made = call(named("numpy", "dtype"), code, False, True)
    return Parts(*push(made), *push((3, "<", None, None, None, size, -1, flags)), "BUILD")


def wrapper(**changes: object) -> list[Part]:
    values = {
        "subclass": named("numpy", "ndarray"), "shape": (2,), "order": "C", "dtype": dtype(), "allow_mmap": True,
        "numpy_array_alignment_bytes": 16,
    } | changes  # fmt: skip
    made = call(named("joblib.numpy_pickle", "NumpyArrayWrapper"), opcode="NEWOBJ")
    return [*push(made), *push(values), "BUILD"]


NUMBERS = struct.pack("<2d", 1.5, 2.5)
RAW = b"\x02\xff\xff" + NUMBERS


def test_the_builders_make_what_joblib_makes() -> None:
    facts = read(program("MARK", wrapper(), RAW, wrapper(numpy_array_alignment_bytes=None), NUMBERS, "TUPLE"))
    assert troubles(facts) == []
    assert [fact.length for fact in facts if isinstance(fact, Tensor)] == [16, 16]


CASES: list[tuple[str, bytes]] = [
    ("before the array", program("MARK", *push(ECHOED), wrapper(), RAW, "TUPLE")),
    ("after the array", program("MARK", wrapper(), RAW, *push(ECHOED), "TUPLE")),
    ("after the last pickle", program(wrapper(), RAW) + program(*push(ECHOED))),
    ("in an array of objects", program("MARK", wrapper(dtype=dtype("O8", 63)), program(*push(ECHOED)), "TUPLE")),
    ("in the elements, for plain pickle", program("MARK", wrapper(numpy_array_alignment_bytes=None, shape=(5,)),
        asm("POP", *push(ECHOED), "STOP").ljust(40, b"."), "TUPLE")),
    ("in the padding, for plain pickle", program("MARK", wrapper(shape=(0,)),
        b"N" + asm(*push(ECHOED), "STOP").ljust(ord("N"), b"."), "TUPLE")),
    ("behind a length that swallows the rest, for joblib", program("MARK",
        wrapper(numpy_array_alignment_bytes=None, shape=(1,)), asm(("BINBYTES8", b""))[:1] + struct.pack("<Q", 100)[:7],
        *push(ECHOED), "TUPLE")),
]  # fmt: skip


@pytest.mark.parametrize("data", [data for _, data in CASES], ids=[name for name, _ in CASES])
def test_a_payload_surfaces_wherever_it_is_put(data: bytes) -> None:
    """CVE-2024-34997 and both ways of reading one stream."""
    assert "os.system" in imports(read(data))


BROKEN: list[tuple[str, list[Part]]] = [
    ("state is no dict", [*push(call(named("joblib.numpy_pickle", "NumpyArrayWrapper"), opcode="NEWOBJ")),
        *push((1, 2)), "BUILD"]),
    ("key missing", [*push(call(named("joblib.numpy_pickle", "NumpyArrayWrapper"), opcode="NEWOBJ")),
        *push({"shape": (2,)}), "BUILD"]),
    ("key without a value", [*push(call(named("joblib.numpy_pickle", "NumpyArrayWrapper"), opcode="NEWOBJ")),
        "EMPTY_DICT", "MARK", *push("shape"), "SETITEMS", "BUILD"]),
    ("key too many", wrapper(read=1)),
    ("shape of text", wrapper(shape="ab")),
    ("negative side", wrapper(shape=(-2,))),
    ("more than the file", wrapper(shape=(1 << 40,))),
    ("overflow", wrapper(shape=(1 << 31, 1 << 31, 1 << 31))),
    ("computed type", wrapper(dtype=call(named("numpy", "dtype"), Parts(("BINUNICODE", "f8"), "TUPLE1")))),
    ("unknown code", wrapper(dtype=dtype("Q99999999999"))),
    ("another function", wrapper(dtype=call(named("numpy", "float64"), "f8"))),
    ("objects denied", wrapper(dtype=dtype("O8", 0))),
    ("objects claimed", wrapper(dtype=dtype("f8", 63))),
    ("size differs", wrapper(dtype=dtype("V16", 0, 8))),
]  # fmt: skip


@pytest.mark.parametrize("parts", [parts for _, parts in BROKEN], ids=[name for name, _ in BROKEN])
def test_an_array_that_cannot_be_measured_is_unread(parts: list[Part]) -> None:
    facts = read(program("MARK", parts, RAW, "TUPLE"))
    assert any(isinstance(fact, Unread) for fact in facts) or "pickle-length" in rules(facts)


def test_a_wrapper_made_by_another_way_is_a_wrapper_too() -> None:
    """joblib looks at the object, not at how it was made."""
    made = call(named("copyreg", "_reconstructor"), named("joblib.numpy_pickle", "NumpyArrayWrapper"),
                named("builtins", "object"), None)  # fmt: skip
    values = {"subclass": named("numpy", "ndarray"), "shape": (2,), "order": "C", "dtype": dtype(), "allow_mmap": True}
    facts = read(program("MARK", *push(made), *push(values), "BUILD", NUMBERS, *push(ECHOED), "TUPLE"))
    assert "os.system" in imports(facts)


@pytest.mark.parametrize("name", ["NDArrayWrapper", "ZNDArrayWrapper"])
@pytest.mark.parametrize("module", ["joblib.numpy_pickle", "joblib.numpy_pickle_compat"])
def test_a_pointer_to_another_file_is_asked_for(module: str, name: str) -> None:
    """An array of joblib before 0.10 lies in a second file, which numpy loads with pickles allowed."""
    made = call(named(module, name), opcode="NEWOBJ")
    data = program(*push(made), *push({"filename": "../x.npy", "subclass": named("numpy", "ndarray")}), "BUILD")
    facts = walk_all(data + b"NumpyArrayWrapper", "model.joblib")
    assert ("external-files", "../x.npy") in asked(facts)


def test_a_subclass_that_is_no_array_is_told() -> None:
    assert "joblib-subclass" in rules(read(program("MARK", wrapper(subclass=named("os", "system")), RAW, "TUPLE")))


SAMPLE = dumped(ARRAYS)


def test_a_truncated_stream_is_refused() -> None:
    for data in truncations(SAMPLE):
        assert troubles(read(data))


@settings(max_examples=150, deadline=3000)
@given(st.lists(st.tuples(st.integers(0, len(SAMPLE) - 1), st.integers(0, 255)), min_size=1, max_size=5))
def test_a_mutated_stream_never_breaks_the_reader(changes: list[tuple[int, int]]) -> None:
    data = bytearray(SAMPLE)
    for at, value in changes:
        data[at] = value
    read(bytes(data))


@pytest.mark.heavy
def test_estimators_are_read_to_their_end() -> None:
    ensemble = pytest.importorskip("sklearn.ensemble", reason="needs scikit-learn to make the estimators")
    text = pytest.importorskip("sklearn.feature_extraction.text", reason="needs scikit-learn to make the estimators")
    generator = np.random.default_rng(0)
    forest = ensemble.RandomForestClassifier(3).fit(generator.random((30, 3)), generator.integers(0, 2, 30))
    words = text.TfidfVectorizer().fit(["a bb cc", "dd bb"])
    for model in (forest, words):
        facts = read(dumped(model))
        assert troubles(facts) == []
        assert any(isinstance(fact, Tensor) for fact in facts)
