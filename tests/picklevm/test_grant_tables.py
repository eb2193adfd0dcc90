"""The grant tables say what they may say: exact names of the right packages, with rules, and nothing that runs code."""

from __future__ import annotations

import subprocess
import sys
from itertools import combinations

import pytest

from modelguard.picklevm.knowledge import arguments, states
from modelguard.picklevm.knowledge.grants_table import table
from modelguard.picklevm.knowledge.hazards import danger_of
from modelguard.picklevm.knowledge.lookup import PROFILES, grants_for, hazard_of, needs_arguments, needs_state

# Names of modules that are known as dangerous as a whole, which a table lists all the same, and why.
INNOCENT = {
    ("uuid", "UUID"): "only the class; the module's dangerous functions are private",
    ("uuid", "SafeUUID"): "an enumeration beside it",
    ("types", "SimpleNamespace"): "a bag of values; the rest of the module makes code",
    ("typing", "Any"): "a mark in type hints",
    ("joblib.numpy_pickle", "NumpyArrayWrapper"): "the description of an array, with a rule for its state",
    **{
        ("torch.jit._pickle", name): "returns its argument; the rest of torch.jit compiles and loads programs"
        for name in (
            "build_intlist",
            "build_tensorlist",
            "build_doublelist",
            "build_boollist",
            "build_tensor_from_id",
            "restore_type_tag",
        )
    },
    ("builtins", "bytes"): "with a rule against sizes",
    ("builtins", "bytearray"): "with a rule against sizes",
    ("builtins", "range"): "with a rule against sizes",
    ("numpy.core", "_ufunc_reconstruct"): "with a rule for both of its arguments",
    ("numpy._core", "_ufunc_reconstruct"): "with a rule for both of its arguments",
}
CLASSES_OF_BUILTINS = frozenset(
    [
        "list",
        "dict",
        "tuple",
        "set",
        "frozenset",
        "complex",
        "object",
        "int",
        "float",
        "bool",
        "slice",
        "str",
        "NoneType",
    ]
)
FORBIDDEN = [
    ("builtins", "getattr"),
    ("builtins", "setattr"),
    ("builtins", "eval"),
    ("builtins", "exec"),
    ("builtins", "type"),
    ("builtins", "print"),
    ("builtins", "map"),
    ("builtins", "open"),
    ("builtins", "super"),
    ("functools", "partial"),
    ("functools", "reduce"),
    ("operator", "attrgetter"),
    ("operator", "itemgetter"),
    ("operator", "methodcaller"),
    ("_operator", "attrgetter"),
    ("copyreg", "add_extension"),
    ("copyreg", "pickle"),
    ("cloudpickle.cloudpickle", "_make_function"),
    ("dill._dill", "_create_code"),
    ("dill._dill", "_load_type"),
    ("torch.storage", "_load_from_bytes"),
    ("torch._tensor", "_rebuild_from_type_v2"),
    ("torch", "load"),
    ("torch._utils", "_rebuild_wrapper_subclass"),
    ("torch._utils", "_rebuild_parameter_with_state"),
    ("joblib.numpy_pickle_compat", "NDArrayWrapper"),
    ("numpy", "load"),
    ("numpy", "fromfile"),
    ("numpy", "vectorize"),
    ("numpy", "frompyfunc"),
    ("numpy", "memmap.flush"),
    ("pandas", "read_pickle"),
    ("pandas", "eval"),
    ("_codecs", "decode"),
    ("sklearn.datasets", "fetch_openml"),
    ("threading", "RLock"),
    ("sklearn.utils._testing", "assert_array_equal"),
    ("__main__", "Model"),
    ("torch.optim.lr_scheduler", "LambdaLR"),
    ("scipy.stats._continuous_distns", "norm_gen"),
    ("pandas._libs.tslibs.offsets", "OffsetMeta"),
    ("spacy.vocab", "unpickle_vocab"),
    ("spacy.tokens.doc", "unpickle_doc"),
    ("spacy.lang.en", "English"),
    ("srsly", "pickle_loads"),
]

TABLES = [name for name, profile in PROFILES.items() if profile.packages]
ROWS = [(profile, module, name) for profile in TABLES for module, name in table(profile)]


@pytest.mark.parametrize("profile", TABLES)
def test_a_table_has_rows_and_each_has_a_reason_and_known_rules(profile: str) -> None:
    rows = table(profile)
    assert rows
    for grant in rows.values():
        assert len(grant.reason) > 10
        assert grant.rule == "any" or grant.rule in arguments.RULES
        assert not grant.state or grant.state in states.RULES


@pytest.mark.parametrize("profile", TABLES)
def test_a_table_is_found_by_the_package_of_each_of_its_names(profile: str) -> None:
    for module, name in table(profile):
        assert profile in grants_for(module, name), f"{module}.{name}: add the package to the profile"


def test_no_name_is_in_two_tables() -> None:
    for one, other in combinations(TABLES, 2):
        assert not set(table(one)) & set(table(other))


def test_no_dotted_name_but_those_of_curves_and_no_magic_name_is_granted() -> None:
    allowed = {"__newobj__", "__randomstate_ctor", "__generator_ctor", "__bit_generator_ctor", "__nat_unpickle"}
    for profile, module, name in ROWS:
        assert "." not in name or name.startswith("interp1d._call_"), f"{profile}: {module} {name}"
        assert not name.startswith("__") or name in allowed or name.startswith("__pyx_unpickle_")


def test_no_known_danger_is_granted_but_those_with_a_reason() -> None:
    granted = {(module, name) for _, module, name in ROWS if danger_of(module, name) is not None}
    builtin = {(module, name) for module, name in granted if module == "builtins" and name in CLASSES_OF_BUILTINS}
    assert granted - builtin == set(INNOCENT)


@pytest.mark.parametrize(("module", "name"), FORBIDDEN)
def test_a_name_that_must_never_be_granted_is_not(module: str, name: str) -> None:
    assert grants_for(module, name) == ()


def test_a_granted_name_is_granted_exactly_and_not_by_its_beginning() -> None:
    assert grants_for("collections", "OrderedDict") == ("core",)
    for module, name in (
        ("collections", "OrderedDict.fromkeys"),
        ("collections.OrderedDict", "fromkeys"),
        ("collections", "ordereddict"),
        ("collections ", "OrderedDict"),
        ("collections", "OrderedDict "),
        ("Collections", "OrderedDict"),
        ("", ""),
    ):
        assert grants_for(module, name) == ()


@pytest.mark.parametrize(
    ("module", "name", "profile"),
    [
        ("numpy.core.multiarray", "_reconstruct", "numpy"),
        ("numpy._core.multiarray", "_reconstruct", "numpy"),
        ("sklearn.ensemble.forest", "RandomForestClassifier", "sklearn"),
        ("sklearn.ensemble._forest", "RandomForestClassifier", "sklearn"),
        ("sklearn.linear_model.logistic", "LogisticRegression", "sklearn"),
        ("sklearn.linear_model._logistic", "LogisticRegression", "sklearn"),
        ("sklearn._loss._loss", "CyHalfBinomialLoss", "sklearn"),
        ("_loss", "CyHalfBinomialLoss", "sklearn"),
        ("sklearn.neighbors.dist_metrics", "EuclideanDistance", "sklearn"),
        ("sklearn.neighbors._dist_metrics", "EuclideanDistance", "sklearn"),
        ("sklearn.metrics._dist_metrics", "EuclideanDistance64", "sklearn"),
        ("sklearn.compose._column_transformer", "_RemainderColsList", "sklearn"),
        ("scipy.sparse.csr", "csr_matrix", "scipy"),
        ("scipy.sparse._csr", "csr_matrix", "scipy"),
        ("pandas.core.indexes.numeric", "Int64Index", "pandas"),
        ("pandas", "Index", "pandas"),
        ("xgboost.core", "Booster", "xgboost"),
        ("lightgbm.sklearn", "LGBMClassifier", "lightgbm"),
        ("torch", "float8_e4m3fn", "torch-weights"),
        ("ultralytics.nn.modules", "C2f", "ultralytics"),
        ("ultralytics.nn.modules.block", "C2f", "ultralytics"),
    ],
)
def test_old_and_new_module_names_are_granted(module: str, name: str, profile: str) -> None:
    assert grants_for(module, name) == (profile,)
    assert hazard_of(module, name) is None


def test_a_name_with_rules_asks_for_what_the_rules_look_at() -> None:
    assert needs_arguments("copyreg", "_reconstructor")
    assert not needs_arguments("collections", "OrderedDict")
    assert not needs_arguments("os", "system")
    assert needs_state("numpy", "dtype")
    assert not needs_state("collections", "OrderedDict")


def test_only_the_tables_of_the_package_asked_for_are_opened() -> None:
    script = (
        "from modelguard.picklevm.knowledge import grants_table, lookup\n"
        "opened = []\n"
        "real = grants_table.table.__wrapped__\n"
        "grants_table.table = lambda profile: opened.append(profile) or real(profile)\n"
        "lookup.grants_for('numpy', 'ndarray'), lookup.grants_for('os', 'system')\n"
        "assert opened == ['numpy'], opened\n"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
