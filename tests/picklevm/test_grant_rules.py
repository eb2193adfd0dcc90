"""Each rule of the grant tables lets its library's own use through, stops the near miss, and is needed for that."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pickle_builders import Parts, call, named, program, push, state
from pickle_verdicts import because, examined, reasons

from modelguard.picklevm.knowledge import arguments, grants_table, states
from modelguard.picklevm.knowledge.profiles import PROFILES
from modelguard.picklevm.values import Value

ORDERED = call(named("collections", "OrderedDict"))
EMPTY_ARRAY = call(named("numpy._core.multiarray", "_reconstruct"), named("numpy", "ndarray"), (0,), b"b")
DEEP: object = ()
for _ in range(12):
    DEEP = (DEEP,)


def dtype(code: str, rest: tuple[object, ...] = ("<", None, None, None, -1, -1, 0)) -> Parts:
    return state(call(named("numpy", "dtype"), code, False, True), (3, *rest))


OBJECT = dtype("O8", ("|", None, None, None, -1, -1, 63))


def storage(numel: object = 10, kind: object = named("torch", "FloatStorage")) -> Parts:
    return Parts(*push(("storage", kind, "0", "cpu", numel)), "BINPERSID")


def tensor(
    offset: object = 0, size: object = (2, 5), stride: object = (5, 1), hooks: object = ORDERED, numel: object = 10
) -> Parts:
    return call(named("torch._utils", "_rebuild_tensor_v2"), storage(numel), offset, size, stride, False, hooks)


def tensor_v3(size: object, dtype_name: str = "float32") -> Parts:
    kind = storage(40, named("torch.storage", "UntypedStorage"))
    arguments = (kind, 0, size, (1,), False, ORDERED, named("torch", dtype_name))
    return call(named("torch._utils", "_rebuild_tensor_v3"), *arguments)


def quantized(parameters: object) -> Parts:
    return call(named("torch._utils", "_rebuild_qtensor"), storage(), 0, (10,), (1,), parameters, False, ORDERED)


FILLED = Parts(*ORDERED.parts, *push(1), *named("numpy", "log").parts, "SETITEM")

# rule, what a library writes, the near miss. The rule is the only thing that stops the near miss.
RULES: dict[str, tuple[Parts, Parts]] = {
    "name": (named("numpy", "ndarray"), call(named("numpy", "ndarray"), (2,))),
    "bare": (call(named("argparse", "Namespace")), call(named("argparse", "Namespace"), 1)),
    "new": (call(named("uuid", "UUID"), opcode="NEWOBJ"), call(named("uuid", "UUID"), "0" * 32)),
    "constant-arguments": (
        call(named("datetime", "timedelta"), 1, 2, 3),
        call(named("datetime", "timedelta"), named("numpy", "log")),
    ),
    "named-or-text": (call(named("builtins", "str"), "a"), call(named("builtins", "str"), b"a", "utf-8")),
    "bytes": (call(named("builtins", "bytearray"), b"ab"), call(named("builtins", "bytearray"), 10**12)),
    "range": (call(named("builtins", "range"), 3), call(named("builtins", "range"), 10**15)),
    "counter": (
        call(named("collections", "deque"), [1], 5),
        call(named("collections", "deque"), named("numpy", "log")),
    ),
    "factory": (
        call(named("collections", "defaultdict"), named("builtins", "list")),
        call(named("collections", "defaultdict"), named("numpy", "log")),
    ),
    "latin1": (
        call(named("_codecs", "encode"), "a", "latin1"),
        call(named("_codecs", "encode"), "a", "bz2"),
    ),
    "reconstruct": (
        call(named("copyreg", "_reconstructor"), named("argparse", "Namespace"), named("builtins", "object"), None),
        call(named("copyreg", "_reconstructor"), named("argparse", "Namespace"), named("numpy", "float64"), None),
    ),
    "newobj": (
        call(named("copyreg", "__newobj__"), named("uuid", "UUID")),
        call(named("copyreg", "__newobj__"), named("uuid", "UUID"), "0" * 32),
    ),
    "granted-first": (
        call(named("sklearn.neighbors._kd_tree", "newObj"), named("sklearn.neighbors._kd_tree", "KDTree")),
        call(named("sklearn.neighbors._kd_tree", "newObj"), "KDTree"),
    ),
    "parts": (
        call(named("sklearn.tree._tree", "Tree"), 3, EMPTY_ARRAY, 1),
        call(named("sklearn.tree._tree", "Tree"), 3, DEEP, 1),
    ),
    "pattern": (
        call(named("re", "_compile"), r"(?u)\b\w\w+\b", 32),
        call(named("re", "_compile"), "(a+)+b", 32),
    ),
    "numpy-dtype": (dtype("f8"), call(named("numpy", "dtype"), "f8,O", False, True)),
    "numpy-array": (
        EMPTY_ARRAY,
        call(named("numpy._core.multiarray", "_reconstruct"), named("argparse", "Namespace"), (0,), b"b"),
    ),
    "numpy-subclass": (
        Parts(*push({"subclass": named("numpy", "memmap")})),
        call(named("numpy", "memmap"), "x.dat"),
    ),
    "numpy-scalar": (
        call(named("numpy._core.multiarray", "scalar"), dtype("f8"), b"\0" * 8),
        call(named("numpy._core.multiarray", "scalar"), OBJECT, EMPTY_ARRAY),
    ),
    "numpy-buffer": (
        call(named("numpy._core.numeric", "_frombuffer"), b"\0" * 8, dtype("f8"), (1,), "C"),
        call(named("numpy._core.numeric", "_frombuffer"), b"\0" * 8, OBJECT, (1,), "C"),
    ),
    "numpy-masked": (
        call(
            named("numpy.ma.core", "_mareconstruct"),
            named("numpy.ma", "MaskedArray"),
            named("numpy", "ndarray"),
            (0,),
            b"b",
        ),
        call(
            named("numpy.ma.core", "_mareconstruct"),
            named("argparse", "Namespace"),
            named("numpy", "ndarray"),
            (0,),
            b"b",
        ),
    ),
    "numpy-random": (
        call(named("numpy.random._pickle", "__bit_generator_ctor"), "PCG64"),
        call(named("numpy.random._pickle", "__bit_generator_ctor"), named("argparse", "Namespace")),
    ),
    "numpy-ufunc": (
        call(named("numpy.core", "_ufunc_reconstruct"), "numpy", "log1p"),
        call(named("numpy.core", "_ufunc_reconstruct"), "os", "getcwd"),
    ),
    "torch-tensor": (tensor(), tensor(offset=1)),
    "torch-tensor-v3": (tensor_v3((10,)), tensor_v3((11,))),
    "torch-quantized": (
        quantized((named("torch", "per_tensor_affine"), 0.1, 0)),
        quantized((named("torch", "per_tensor_affine"), 0.1, DEEP)),
    ),
    "torch-parameter": (
        call(named("torch._utils", "_rebuild_parameter"), tensor(), True, ORDERED),
        call(named("torch._utils", "_rebuild_parameter"), tensor(), True, FILLED),
    ),
    "torch-sparse": (
        call(
            named("torch._utils", "_rebuild_sparse_tensor"), named("torch", "sparse_coo"), (tensor(), tensor(), (2, 5))
        ),
        call(
            named("torch._utils", "_rebuild_sparse_tensor"),
            named("torch", "sparse_coo"),
            (tensor(), EMPTY_ARRAY, (2, 5)),
        ),
    ),
    "torch-meta": (
        call(named("torch._utils", "_rebuild_meta_tensor_no_storage"), named("torch", "float32"), (4,), (1,), False),
        call(named("torch._utils", "_rebuild_meta_tensor_no_storage"), named("torch", "float32"), FILLED, (1,), False),
    ),
    "torch-layout": (
        call(named("torch.serialization", "_get_layout"), "torch.strided"),
        call(named("torch.serialization", "_get_layout"), "torch.load"),
    ),
}

LINEAR = call(named("torch.nn.modules.linear", "Linear"), opcode="NEWOBJ")
WRAPPER = call(named("joblib.numpy_pickle", "NumpyArrayWrapper"), opcode="NEWOBJ")
SCALER = call(named("sklearn.preprocessing._data", "StandardScaler"), opcode="NEWOBJ")
CURVE = call(named("scipy.interpolate._interpolate", "interp1d"), opcode="NEWOBJ")
LINE = named("scipy.interpolate._interpolate", "interp1d._call_linear_np")


def wrapper(subclass: Parts) -> Parts:
    return state(WRAPPER, {"subclass": subclass, "shape": (0,), "order": "C", "dtype": dtype("f8"), "allow_mmap": True})


# state rule, what a library writes, the near miss.
STATES: dict[str, tuple[Parts, Parts]] = {
    "attributes": (
        state(call(named("types", "SimpleNamespace")), {"a": 1}),
        state(call(named("types", "SimpleNamespace")), [1]),
    ),
    "fields": (state(SCALER, {"mean_": EMPTY_ARRAY}), state(SCALER, {"transform": named("numpy", "log")})),
    "hookless": (state(LINEAR, {"_forward_hooks": ORDERED}), state(LINEAR, {"_forward_hooks": FILLED})),
    "interpolation": (state(CURVE, {"_call": LINE, "copy": True}), state(CURVE, {"_call": named("numpy", "log")})),
    "joblib-array": (wrapper(named("numpy", "ndarray")), wrapper(named("argparse", "Namespace"))),
    "numpy-dtype": (OBJECT, dtype("O8", ("|", None, None, None, -1, -1, 0))),
}


def accept(identity: Value, offset: int) -> str:
    """Accept every persistent id, as the reader of a torch archive does after its own rules."""
    return ""


def refusal(parts: Parts) -> list[str]:
    return reasons(examined(program(*parts.parts), profiles=PROFILES, persistent=accept))


@pytest.fixture
def fresh_tables() -> Iterator[None]:
    grants_table.grants.cache_clear()
    yield
    grants_table.grants.cache_clear()


def test_every_rule_has_its_cases() -> None:
    assert set(RULES) == set(arguments.RULES)
    assert set(STATES) == set(states.RULES)


@pytest.mark.parametrize("rule", RULES)
def test_an_argument_rule_lets_the_library_s_own_call_through(rule: str) -> None:
    assert refusal(RULES[rule][0]) == []


@pytest.mark.parametrize("rule", RULES)
def test_an_argument_rule_stops_the_near_miss(rule: str) -> None:
    found = because(examined(program(*RULES[rule][1].parts), profiles=PROFILES, persistent=accept))
    assert {one.check for one in found} == {"broken-argument"}


@pytest.mark.parametrize("rule", RULES)
def test_without_the_argument_rule_the_near_miss_passes(rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(arguments.RULES, rule, lambda use: "")  # type: ignore[misc]  # a dict behind a Mapping
    assert refusal(RULES[rule][1]) == []


@pytest.mark.parametrize("rule", STATES)
def test_a_state_rule_lets_the_library_s_own_state_through(rule: str) -> None:
    assert refusal(STATES[rule][0]) == []


@pytest.mark.parametrize("rule", STATES)
def test_a_state_rule_stops_the_near_miss(rule: str) -> None:
    found = because(examined(program(*STATES[rule][1].parts), profiles=PROFILES))
    assert {one.check for one in found} == {"state-injection"}


@pytest.mark.parametrize("rule", STATES)
def test_without_the_state_rule_the_near_miss_passes(rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(states.RULES, rule, lambda filling: "")  # type: ignore[misc]  # a dict behind a Mapping
    assert refusal(STATES[rule][1]) == []


# One ordinary use for each profile.
PROFILE_USES: dict[str, Parts] = {
    "core": ORDERED,
    "torch-weights": tensor(),
    "numpy": EMPTY_ARRAY,
    "joblib": wrapper(named("numpy", "ndarray")),
    "scipy": call(named("scipy.sparse._csr", "csr_matrix"), opcode="NEWOBJ"),
    "pandas": call(named("pandas.core.frame", "DataFrame"), opcode="NEWOBJ"),
    "arrow": call(named("pyarrow.lib", "type_for_alias"), "large_string"),
    "sklearn": SCALER,
    "xgboost": call(named("xgboost.core", "Booster"), opcode="NEWOBJ"),
    "lightgbm": call(named("lightgbm.basic", "Booster"), opcode="NEWOBJ"),
    "catboost": call(named("catboost.core", "CatBoostClassifier"), opcode="NEWOBJ"),
    "torch-modules": LINEAR,
    "hf-trainer": call(named("transformers.training_args", "TrainingArguments"), opcode="NEWOBJ"),
    "ultralytics": call(named("ultralytics.nn.tasks", "DetectionModel"), opcode="NEWOBJ"),
    "torchscript": call(named("torch.jit._pickle", "build_intlist"), [1, 2]),
    "flair": call(named("flair.models.sequence_tagger_model", "SequenceTagger"), opcode="NEWOBJ"),
    "lightning": call(named("omegaconf.dictconfig", "DictConfig"), opcode="NEWOBJ"),
}


def test_every_profile_has_its_case() -> None:
    assert set(PROFILE_USES) == {name for name, profile in PROFILES.items() if profile.packages}


@pytest.mark.parametrize("profile", PROFILE_USES)
def test_a_profile_lets_its_names_through_only_when_it_is_enabled(profile: str) -> None:
    data = program(*PROFILE_USES[profile].parts)
    assert reasons(examined(data, profiles=[profile], persistent=accept)) == []
    assert examined(data, persistent=accept).allowed == PROFILES[profile].default


@pytest.mark.usefixtures("fresh_tables")
@pytest.mark.parametrize("profile", PROFILE_USES)
def test_without_the_table_of_a_profile_its_names_are_refused(profile: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real = grants_table.table
    monkeypatch.setattr(grants_table, "table", lambda name: {} if name == profile else real(name))
    assert refusal(PROFILE_USES[profile]) != []


# tensors that reach beyond their storage or are not what torch writes: CVE-2026-24747 and what is next to it.
BAD_TENSORS = {
    "beyond the end": tensor(size=(2, 6), stride=(5, 1)),
    "strides that reach beyond": tensor(size=(2, 2), stride=(9, 1)),
    "negative offset": tensor(offset=-1),
    "negative size": tensor(size=(-1, 2)),
    "negative stride": tensor(stride=(-5, 1)),
    "sizes and strides that do not match": tensor(size=(2,)),
    "size that overflows": tensor(size=(2**62, 2**62), stride=(2**62, 1)),
    "truth value as a size": tensor(size=(True, 5)),
    "storage without a length": tensor(numel=None),
    "negative storage": tensor(numel=-5),
    "hooks": tensor(hooks=FILLED),
    "hooks that are no dict": tensor(hooks=named("numpy", "log")),
    "storage that is no part of the file": call(
        named("torch._utils", "_rebuild_tensor_v2"), EMPTY_ARRAY, 0, (1,), (1,), False, ORDERED
    ),
    "element type without a size": tensor_v3((1,), "strided"),
}


@pytest.mark.parametrize("what", BAD_TENSORS)
def test_a_tensor_that_torch_would_not_write_is_refused(what: str) -> None:
    found = because(examined(program(*BAD_TENSORS[what].parts), persistent=accept))
    assert "broken-argument" in {one.check for one in found}


@pytest.mark.parametrize(
    "fine",
    [
        tensor(offset=0, size=(), stride=()),
        tensor(offset=9, size=(1,), stride=(1,)),
        tensor(size=(0, 5), stride=(5, 1), numel=0),
        tensor(size=(10, 10), stride=(1, 0)),
        tensor(size=call(named("torch", "Size"), (2, 5))),
        tensor(hooks=None),
    ],
    ids=["scalar", "last element", "empty", "expanded", "torch.Size", "no hooks"],
)
def test_a_tensor_within_its_storage_is_allowed(fine: Parts) -> None:
    assert refusal(fine) == []


STRUCTURE = ("|", None, ("a",), {"a": (dtype("i4"), 0)}, 8, 1, 0)
BAD_TYPES = {
    "objects without object flags": dtype("O8", ("|", None, None, None, -1, -1, 0)),
    "numbers with object flags": dtype("f8", ("<", None, None, None, -1, -1, 63)),
    "field beyond the structure": dtype("V8", ("|", None, ("a",), {"a": (dtype("i4"), 5)}, 8, 1, 0)),
    "field at a negative place": dtype("V8", ("|", None, ("a",), {"a": (dtype("i4"), -4)}, 8, 1, 0)),
    "objects in a structure without flags": dtype("V8", ("|", None, ("a",), {"a": (OBJECT, 0)}, 8, 1, 0)),
    "repeated part beyond the structure": dtype("V8", ("|", (dtype("i4"), (3,)), None, None, 8, 1, 0)),
    "state of another kind": state(call(named("numpy", "dtype"), "f8", False, True), [1]),
    "flags that are no number": dtype("f8", ("<", None, None, None, -1, -1, "63")),
    "negative size": dtype("V8", ("|", None, None, None, -8, 1, 0)),
}


@pytest.mark.parametrize("what", BAD_TYPES)
def test_an_element_type_that_makes_pointers_of_bytes_is_refused(what: str) -> None:
    found = because(examined(program(*BAD_TYPES[what].parts)))
    assert "state-injection" in {one.check for one in found}


@pytest.mark.parametrize(
    "fine",
    [
        dtype("V8", STRUCTURE),
        dtype("V8", ("|", (dtype("i4"), (2,)), None, None, 8, 1, 0)),
        dtype("V8", ("|", None, ("a",), {"a": (OBJECT, 0)}, 8, 1, 27)),
        dtype("U5", ("<", None, None, None, 20, 4, 8)),
    ],
    ids=["structure", "repeated", "structure of objects", "text"],
)
def test_an_element_type_as_numpy_writes_it_is_allowed(fine: Parts) -> None:
    assert refusal(fine) == []
