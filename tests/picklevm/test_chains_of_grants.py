"""Names that only build data each may do more together: no chain of granted names reads, writes, imports or calls.

An estimator calls functions and methods that its own state names, and a function that makes an instance of the class
that it is told makes one of any class. The first two chains wrote a file while they were loaded, and a transformer that
opens a file and a stacking with a method that writes wrote one when the model was used, with pandas 3.1 and
scikit-learn 1.9.
"""

from __future__ import annotations

import pytest
from pickle_builders import Part, Parts, call, named, program, push, state
from pickle_verdicts import because, examined, reasons

from modelguard.picklevm import state as machine_state
from modelguard.picklevm.objects import KEPT_PAIRS

PATH = "echo pwned"
MEMMAP = named("numpy", "memmap")
OPENING = {"filename": PATH, "mode": "w+", "shape": (2,), "dtype": "u1"}
NEW_INDEX = ("pandas.core.indexes.base", "_new_Index")
DATETIME_INDEX = ("pandas.core.indexes.datetimes", "_new_DatetimeIndex")


def estimator(module: str, name: str, attributes: dict[str, object]) -> Parts:
    return state(call(named(f"sklearn.{module}", name), opcode="NEWOBJ"), attributes)


def transformer(function: object, **keywords: object) -> Parts:
    attributes = {"func": function, "kw_args": keywords}
    return estimator("preprocessing._function_transformer", "FunctionTransformer", attributes)


def stacking(methods: object, estimators: object = (), **more: object) -> Parts:
    attributes = {"estimators_": estimators, "stack_method_": methods, **more}
    return estimator("ensemble._stacking", "StackingClassifier", attributes)


def scorer(method: object) -> Parts:
    return estimator("metrics._scorer", "_Scorer", {"_score_func": named("numpy", "mean"), "_response_method": method})


def kept(*parts: Part) -> Parts:
    """Return a list that holds what the parts push."""
    return Parts("EMPTY_LIST", *parts, "APPEND")


def after(first: Parts, *more: Part) -> Parts:
    """Keep a value under a memo entry, do more, and leave one value."""
    return Parts(*first.parts, *more)


MUTATED = Parts(
    "EMPTY_LIST", "BINPUT 7", *push("predict"), "APPEND", "POP",
    *call(named("sklearn.ensemble._stacking", "StackingClassifier"), opcode="NEWOBJ").parts,
    "EMPTY_DICT", *push("stack_method_"), "BINGET 7", "SETITEM", "BUILD",
    "BINGET 7", *push("write_bytes"), "APPEND", "TUPLE2",
)  # fmt: skip
UNCHANGED = Parts(*MUTATED.parts[:-3], "TUPLE2")

BUNCH = call(named("sklearn.utils._bunch", "Bunch"), opcode="NEWOBJ")

# what is refused, and its honest twin
CHAINS: dict[str, tuple[Parts, Parts]] = {
    "pandas makes a file in memory as an index": (
        call(named(*NEW_INDEX), MEMMAP, OPENING),
        call(named(*NEW_INDEX), named("pandas", "Index"), {"name": "a"}),
    ),
    "pandas makes a file in memory as an index of dates": (
        call(named(*DATETIME_INDEX), MEMMAP, OPENING),
        call(named(*DATETIME_INDEX), named("pandas", "DatetimeIndex"), {"name": "a"}),
    ),
    "cython makes a class of another library": (
        call(named("sklearn.neighbors._kd_tree", "newObj"), named("pandas", "Index")),
        call(named("sklearn.neighbors._kd_tree", "newObj"), named("sklearn.neighbors._kd_tree", "KDTree")),
    ),
    "items set on what a call made": (
        after(call(named(*NEW_INDEX), named("pandas", "Index"), {}), *push(0), *push(105), "SETITEM"),
        after(call(named("sklearn.utils._bunch", "Bunch"), opcode="NEWOBJ"), *push(0), *push(105), "SETITEM"),
    ),
    "an item set on an instance made by its protocol 0 maker": (
        after(call(named("copyreg", "__newobj__"), named("pandas", "DataFrame")), *push(0), *push(1), "SETITEM"),
        after(call(named("copyreg", "__newobj__"), named("collections", "OrderedDict")), *push(0), *push(1), "SETITEM"),
    ),
    "a function of the file called by an opcode": (
        after(state(call(named("types", "SimpleNamespace")), {"append": named("numpy", "log")}), *push(1), "APPEND"),
        after(call(named("collections", "deque")), *push(1), "APPEND"),
    ),
    "the same in a dict with attributes": (
        after(BUNCH, *push("extend"), *named("numpy", "log").parts, "SETITEM", "MARK", *push(1), "APPENDS"),
        after(BUNCH, *push("extend"), *named("numpy", "log").parts, "SETITEM"),
    ),
    "a transformer opens a file": (
        transformer(MEMMAP, mode="w+", shape=(1, 4)),
        transformer(named("numpy", "log1p"), where=True),
    ),
    "a transformer imports by name": (
        transformer(named("numpy.core", "_ufunc_reconstruct"), name="system"),
        transformer(call(named("numpy.core", "_ufunc_reconstruct"), "numpy", "log1p")),
    ),
    "a transformer takes memory for numbers": (
        transformer(named("numpy._core.multiarray", "scalar")),
        transformer(named("numpy", "mean")),
    ),
    "a kernel makes instances": (
        estimator("svm._classes", "SVC", {"kernel": named("copyreg", "__newobj__")}),
        estimator("svm._classes", "SVC", {"kernel": named("sklearn.metrics.pairwise", "rbf_kernel")}),
    ),
    "a function in a list": (kept(*named(*NEW_INDEX).parts), kept(*named("numpy", "log").parts)),
    "a function in a list made by its own opcode": (
        Parts("MARK", *named(*NEW_INDEX).parts, "LIST"),
        Parts("MARK", *named("numpy", "log").parts, "LIST"),
    ),
    "a function in a tuple": (Parts(*named(*NEW_INDEX).parts, "TUPLE1"), Parts(*named("numpy", "log").parts, "TUPLE1")),
    "functions in a long tuple": (
        Parts(*push((1, 2, 3, 4, named(*NEW_INDEX)))),
        Parts(*push((1, 2, 3, 4, named("numpy", "log")))),
    ),
    "a function in a set": (
        Parts("EMPTY_SET", "MARK", *named(*NEW_INDEX).parts, "ADDITEMS"),
        Parts("EMPTY_SET", "MARK", *named("numpy", "log").parts, "ADDITEMS"),
    ),
    "a function in a frozen set": (
        Parts("MARK", *named(*NEW_INDEX).parts, "FROZENSET"),
        Parts("MARK", *named("numpy", "log").parts, "FROZENSET"),
    ),
    "a function in a dict made by its own opcode": (
        Parts("MARK", *push("func"), *named(*NEW_INDEX).parts, "DICT"),
        Parts("MARK", *push("func"), *named("numpy", "log").parts, "DICT"),
    ),
    "a file in memory under another key": (
        Parts(*push({"subclass": 1, "func": MEMMAP})),
        Parts(*push({"func": 1, "subclass": MEMMAP})),
    ),
    "a method that writes": (
        stacking(["write_bytes"], [call(named("pathlib", "PosixPath"), PATH)]),
        stacking(["predict_proba", None], [1]),
    ),
    "a method that writes, in a tuple": (stacking(("write_bytes",)), stacking(("decision_function", "predict"))),
    "a method of a scorer": (scorer("save_model"), scorer(("decision_function", "predict_proba"))),
    "a computed method": (scorer(call(named("builtins", "str"), "save_model")), scorer("predict")),
    "more methods than are looked at": (stacking(["predict"] * 40), stacking(["predict"] * 20)),
    "a method in a state of two parts": (
        state(
            call(named("sklearn.metrics._scorer", "_Scorer"), opcode="NEWOBJ"),
            (None, {"_response_method": "save_model"}),
        ),
        state(
            call(named("sklearn.metrics._scorer", "_Scorer"), opcode="NEWOBJ"),
            (None, {"_response_method": "predict"}),
        ),
    ),
    "a list of methods that grows afterwards": (MUTATED, UNCHANGED),
    "attributes behind more than are looked at": (
        estimator("svm._classes", "SVC", {f"a{number}": 1 for number in range(KEPT_PAIRS + 1)}),
        estimator("svm._classes", "SVC", {f"a{number}": 1 for number in range(KEPT_PAIRS)}),
    ),
    "attributes from a call": (
        state(
            call(named("sklearn.preprocessing._function_transformer", "FunctionTransformer"), opcode="NEWOBJ"),
            call(named("collections", "OrderedDict"), [("predict", 1)]),
        ),
        transformer(1),
    ),
}


@pytest.fixture(params=["compiled", "python"])
def loop(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read with the compiled loop, if it was built, and with the one in Python."""
    if request.param == "python":
        monkeypatch.setattr(machine_state, "ADVANCE", None)


@pytest.mark.usefixtures("loop")
@pytest.mark.parametrize("chain", CHAINS)
def test_a_chain_of_granted_names_is_refused(chain: str) -> None:
    found = because(examined(program(*CHAINS[chain][0].parts)))
    assert {one.check for one in found} & {"state-injection", "broken-argument"}


@pytest.mark.usefixtures("loop")
@pytest.mark.parametrize("chain", CHAINS)
def test_what_a_library_writes_beside_it_is_allowed(chain: str) -> None:
    assert reasons(examined(program(*CHAINS[chain][1].parts))) == []
