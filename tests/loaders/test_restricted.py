"""The restricted unpicklers: what is approved loads as it always did, everything else is refused before its import."""

from __future__ import annotations

import collections
import contextlib
import copyreg
import io
import pickle
import sys
from collections.abc import Iterator
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from loaders_builders import calls, imports_of, stack_global

from modelguard.loaders import _restricted
from modelguard.terms.errors import LoaderError, ModelRefused

KINDS = [_restricted.FastUnpickler, _restricted.ExactUnpickler]


def grant(*imports: tuple[str, str]) -> _restricted.Grant:
    return _restricted.Grant(path="model.pkl", imports=frozenset(imports))


@pytest.fixture(params=KINDS, ids=lambda kind: kind.__name__)
def kind(request: pytest.FixtureRequest) -> type:
    return request.param


def load(kind: type, data: bytes, *imports: tuple[str, str]) -> object:
    return type("Restricted", (kind,), {"grant": grant(*imports)})(io.BytesIO(data)).load()


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_approved_imports_load_as_they_always_did(kind: type, protocol: int) -> None:
    value = [collections.OrderedDict(a=Decimal("1.5")), {"b": (1, 2.5, None, b"x")}]
    approved = {
        ("collections", "OrderedDict"), ("decimal", "Decimal"), ("_codecs", "encode"), ("builtins", "bytes"),
    }  # fmt: skip
    assert load(kind, pickle.dumps(value, protocol), *approved) == value


def test_an_import_that_nobody_approved_is_refused_by_name_and_file(kind: type) -> None:
    with pytest.raises(ModelRefused, match=r"model\.pkl: posix\.system is not among the imports") as refusal:
        load(kind, calls("posix", "system"), ("collections", "OrderedDict"))
    assert "modelguard lock" in refusal.value.remedy


def test_a_neighbour_in_an_approved_module_is_refused(kind: type) -> None:
    with pytest.raises(ModelRefused, match=r"collections\.deque"):
        load(kind, calls("collections", "deque"), ("collections", "OrderedDict"))


def test_a_longer_name_that_begins_like_an_approved_one_is_refused(kind: type) -> None:
    with pytest.raises(ModelRefused, match=r"collections\.OrderedDict\.fromkeys"):
        load(kind, stack_global("collections", "OrderedDict.fromkeys"), ("collections", "OrderedDict"))


def test_a_method_of_a_class_is_found_when_exactly_it_is_approved(kind: type) -> None:
    found = load(kind, stack_global("collections", "OrderedDict.fromkeys"), ("collections", "OrderedDict.fromkeys"))
    assert found == collections.OrderedDict.fromkeys


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("tempfile", "_os"),  # a module that another module imported
        ("tempfile", "_os.getcwd"),  # and a walk through it
        ("tempfile", "TemporaryDirectory.__init__.__globals__"),  # out of a function into its module
        ("tempfile", "TemporaryDirectory.__class__"),  # out of the class
        ("string", "digits.upper"),  # a text is not a class
    ],
)
def test_a_walk_that_leaves_the_class_is_refused_even_when_approved(kind: type, module: str, name: str) -> None:
    with pytest.raises(ModelRefused, match=r"leads through one|beyond the attributes"):
        load(kind, stack_global(module, name), (module, name))


def test_the_approved_name_is_the_one_after_mapping(kind: type) -> None:
    assert load(kind, calls("__builtin__", "unicode", "text"), ("builtins", "str")) == "text"
    with pytest.raises(ModelRefused, match=r"builtins\.eval"):
        load(kind, calls("__builtin__", "eval", "1"), ("builtins", "str"))


def test_a_written_name_without_meaning_here_is_no_way_to_another(kind: type) -> None:
    with pytest.raises(LoaderError, match="__builtin__"):
        load(kind, calls("__builtin__", "eval", "1").replace(b"\x80\x02", b"\x80\x03"), ("__builtin__", "eval"))


def test_python_knows_the_protocol_and_maps_only_below_three() -> None:
    data = stack_global("dbm", "error", protocol=4)
    assert load(_restricted.ExactUnpickler, data, ("dbm", "error")) is __import__("dbm").error
    with pytest.raises(ModelRefused):
        load(_restricted.ExactUnpickler, data, ("dbm.ndbm", "error"))


def test_of_two_approved_readings_of_an_old_name_the_mapped_one_is_taken(kind: type) -> None:
    both = (("__builtin__", "set"), ("builtins", "set"))
    assert load(kind, pickle.PROTO + b"\x02" + pickle.GLOBAL + b"__builtin__\nset\n" + pickle.STOP, *both) is set


@pytest.fixture
def extension() -> Iterator[int]:
    """Register an extension code as a program may, and fill the cache that answers without find_class."""
    copyreg.add_extension("collections", "deque", 240)
    pickle.loads(pickle.EXT1 + bytes([240]) + pickle.STOP)
    yield 240
    copyreg.remove_extension("collections", "deque", 240)


def test_an_extension_code_is_refused_whatever_the_process_has_registered(extension: int) -> None:
    data = pickle.EXT1 + bytes([extension]) + pickle.STOP
    assert pickle.loads(data) is collections.deque
    with pytest.raises(ModelRefused, match="extension code 240"):
        _restricted.load(grant(("collections", "deque")), io.BytesIO(data))


def test_an_extension_code_that_nobody_registered_is_an_error() -> None:
    with pytest.raises(ValueError, match="unregistered extension code"):
        _restricted.load(grant(), io.BytesIO(pickle.EXT1 + bytes([241]) + pickle.STOP))


@pytest.mark.parametrize("data", [pickle.NONE + pickle.BINPERSID + pickle.STOP, pickle.PERSID + b"x\n" + pickle.STOP])
def test_a_persistent_id_is_an_error_in_a_format_without_them(kind: type, data: bytes) -> None:
    with pytest.raises(pickle.UnpicklingError, match="persistent"):
        load(kind, data)


def test_a_missing_module_is_reported_with_the_file_and_what_to_do(kind: type) -> None:
    pair = ("no_such_package_anywhere", "Thing")
    with pytest.raises(LoaderError, match=r"model\.pkl: needs no_such_package_anywhere\.Thing") as problem:
        load(kind, calls(*pair), pair)
    assert "install" in problem.value.remedy


def test_names_are_escaped_before_they_reach_a_terminal(kind: type) -> None:
    with pytest.raises(ModelRefused) as refusal:
        load(kind, stack_global("evil\x1b[2J", "x"))
    assert "\x1b" not in str(refusal.value)


def test_watchers_see_every_approved_look_up_as_usual(kind: type) -> None:
    seen: list[tuple[object, ...]] = []
    watching = True

    def watch(event: str, arguments: tuple[object, ...]) -> None:
        if watching and event == "pickle.find_class":
            seen.append(arguments)

    sys.addaudithook(watch)
    load(kind, stack_global("collections", "OrderedDict"), ("collections", "OrderedDict"))
    watching = False
    assert seen == [("collections", "OrderedDict")]


def test_a_pickle_module_has_what_other_libraries_take_from_one() -> None:
    module = _restricted.pickle_module(grant(("collections", "OrderedDict")))
    assert module.load(io.BytesIO(pickle.dumps({"a": 1})), encoding="utf-8") == {"a": 1}
    with pytest.raises(ModelRefused):
        module.Unpickler(io.BytesIO(calls("posix", "system"))).load()


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
    max_leaves=20,
)


@settings(deadline=None)
@given(plain, st.sampled_from(KINDS), st.integers(2, pickle.HIGHEST_PROTOCOL))
def test_plain_data_needs_no_approval(value: object, kind: type, protocol: int) -> None:
    data = pickle.dumps(value, protocol)
    approved = () if protocol > 2 else (("_codecs", "encode"), ("builtins", "bytes"))
    assert load(kind, data, *approved) == value


# Memo indices and lengths of gigabytes would make the unpickler allocate them: the scanner's business, not this test's.
_GREEDY = pickle.LONG_BINPUT + pickle.PUT + pickle.BYTEARRAY8
small = st.binary(max_size=80).map(lambda data: bytes(byte for byte in data if byte not in _GREEDY))


@settings(deadline=None, max_examples=200)
@given(small, st.sampled_from(KINDS))
def test_no_bytes_resolve_a_name_that_was_not_approved(data: bytes, kind: type) -> None:
    seen: list[tuple[str, str]] = []

    class Recording(kind):  # type: ignore[misc,valid-type]
        def find_class(self, module: str, name: str) -> object:
            found = super().find_class(module, name)
            seen.append((module, name))
            return found

    Recording.grant = grant(("collections", "OrderedDict"))
    with contextlib.suppress(Exception):
        Recording(io.BytesIO(b"\x80\x04\x8c\x0bcollections\x8c\x0bOrderedDict\x93" + data)).load()
    assert set(seen) <= {("collections", "OrderedDict")}


def test_the_helper_that_lists_imports_lists_them() -> None:
    assert imports_of(calls("__builtin__", "eval")) == {("builtins", "eval")}
