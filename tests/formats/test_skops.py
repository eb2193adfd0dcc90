"""skops: every name of the schema is an import, methods and unknown loaders stand out, real models are granted."""

from __future__ import annotations

import json
from io import BytesIO
from typing import Any
from zipfile import ZipFile

import pytest
from hypothesis import given
from hypothesis import strategies as st
from walk_builders import asked, content_of, fuzz, only, read, refused, rules, unread

from modelguard.formats.skops import FORMAT
from modelguard.terms.facts import Fact, Header, Import


def node(module: Any, name: Any, loader: Any = "ObjectNode", **more: Any) -> dict[str, Any]:
    return {"__module__": module, "__class__": name, "__loader__": loader, "__id__": 1, **more}


def schema(top: dict[str, Any]) -> bytes:
    return json.dumps({**top, "protocol": 2, "_skops_version": "0.16.0"}).encode()


def facts_of(top: dict[str, Any]) -> list[Fact]:
    return read(FORMAT, schema(top), "schema.json")


def imports(facts: list[Fact]) -> dict[str, tuple[tuple[str, ...], str]]:
    return {fact.qualified: (fact.profiles, fact.hazard) for fact in only(facts, Import)}


SCALER = node("sklearn.preprocessing._data", "StandardScaler", content=node("builtins", "dict", "DictNode"))


def test_names_are_imports_with_the_profiles_that_grant_them() -> None:
    facts = facts_of(SCALER)
    assert not refused(facts)
    assert only(facts, Header)[0].properties == {"skops_version": "0.16.0", "protocol": "2"}
    assert imports(facts) == {
        "sklearn.preprocessing._data.StandardScaler": (("sklearn",), ""), "builtins.dict": (("core",), ""),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("top", "name"),
    [
        (node("os", "system", "FunctionNode"), "os.system"),
        (node("builtins", "list", "ListNode", content=[node("os", "system", "TypeNode")]), "os.system"),
        (node("builtins", "dict", "DictNode", key_types=node("os", "system", "ListNode")), "os.system"),
        (
            node("functools", "partial", "PartialNode", content={"func": node("os", "system", "FunctionNode")}),
            "os.system",
        ),
        (node("subprocess", "Popen", "ConstructorFromReduceNode"), "subprocess.Popen"),
        (
            node("sklearn.svm", "SVC", "MethodNode", content={"func": "__init__", "obj": SCALER}),
            "sklearn.svm.SVC.__init__",
        ),
        (node("sklearn.svm", "SVC", "MethodNode", content={"func": "f", "obj": node("os", "x")}), "os.x.f"),
    ],
)
def test_a_name_that_nobody_grants_is_an_import_without_profiles(top: dict[str, Any], name: str) -> None:
    assert imports(facts_of(top))[name][0] == ()


def test_a_known_danger_is_named() -> None:
    assert imports(facts_of(node("os", "system")))["os.system"][1] == "process"


def test_an_operator_that_claims_another_module_is_malformed() -> None:
    facts = facts_of(node("sklearn.svm", "methodcaller", "OperatorFuncNode"))
    assert rules(facts) == ["skops-operator"]
    assert "operator.methodcaller" in imports(facts)
    assert not rules(facts_of(node("operator", "itemgetter", "OperatorFuncNode")))


@pytest.mark.parametrize("loader", ["EvilNode", "objectnode", None, 3])
def test_an_unknown_loader_is_asked_for(loader: Any) -> None:
    assert asked(facts_of(node("builtins", "dict", loader))) == [("configuration", f"skops-loader {loader}")]


def methods(*names: Any, key: str = "stack_method_", loader: str = "ListNode") -> dict[str, Any]:
    """Return a stacking of estimators that calls these methods; a name may be a whole node."""
    items = [
        name if isinstance(name, dict) else node("builtins", "str", "JsonNode", content=json.dumps(name), __id__=at)
        for at, name in enumerate(names, 200)
    ]
    content = {key: node("builtins", "list", loader, content=items, __id__=100)}
    own = node("builtins", "dict", "DictNode", content=content)
    return node("sklearn.ensemble._stacking", "StackingClassifier", content=own)


METHOD = node("builtins", "str", "JsonNode", content='"predict"', __id__=7)
OTHER = {**METHOD, "content": '"tofile"'}


@pytest.mark.parametrize(
    "top",
    [
        methods("predict_proba", "tofile"),
        methods("tofile", loader="TupleNode"),
        methods("save_model", key="_response_method"),
        methods(node(None, None, "CachedNode", __id__=3)),
        methods(methods("predict")["content"]["content"]["stack_method_"]),
        methods(["predict"]),
        methods(METHOD) | {"other": OTHER},
        methods({**METHOD, "__id__": "x"}) | {"other": {**OTHER, "__id__": "x"}},
        methods({**METHOD, "__id__": 7.0}) | {"other": OTHER},
        methods("predict") | {"other": node("builtins", "list", "ListNode", content=[OTHER], __id__=100)},
    ],
    ids=[
        "in a list",
        "in a tuple",
        "of a scorer",
        "cached",
        "nested",
        "computed",
        "another node",
        "another text",
        "another number",
        "another list",
    ],
)
def test_a_method_that_is_none_of_estimators_is_malformed(top: dict[str, Any]) -> None:
    assert "skops-method" in rules(facts_of(top))


@pytest.mark.parametrize(
    "top",
    [
        methods("predict_proba", "decision_function", None),
        methods("predict", key="response_method", loader="TupleNode"),
        methods("tofile", key="method"),
        methods(METHOD, METHOD) | {"other": METHOD},
    ],
    ids=["methods", "of a scorer", "another attribute", "the same object twice"],
)
def test_methods_of_estimators_are_not(top: dict[str, Any]) -> None:
    assert not rules(facts_of(top))


def test_a_function_that_is_granted_for_checked_calls_alone_is_granted_by_nobody() -> None:
    facts = facts_of(
        node("numpy.core", "_ufunc_reconstruct", "FunctionNode", content=node("numpy", "memmap", "TypeNode"))
    )
    assert imports(facts) == {"numpy.core._ufunc_reconstruct": ((), ""), "numpy.memmap": ((), "")}


def test_a_node_without_names_is_malformed() -> None:
    assert rules(facts_of(node(None, "dict"))) == ["skops-node"]
    assert rules(facts_of(node("builtins", ["dict"]))) == ["skops-node"]


def test_a_key_that_stands_twice_is_malformed_and_both_values_are_read() -> None:
    text = schema(SCALER)[:-1] + b', "content": {"__class__": "x", "__module__": "y", "__loader__": "TypeNode"}}'
    facts = read(FORMAT, text)
    assert rules(facts) == ["json-duplicate-key"]
    assert {"y.x", "builtins.dict"} <= set(imports(facts))


def test_plain_values_import_nothing() -> None:
    value = node("builtins", "str", "JsonNode", content="null")
    assert imports(facts_of(node("builtins", "list", "ListNode", content=[value]))).keys() == {"builtins.list"}


def test_an_archive_is_recognised_by_its_schema() -> None:
    for name, expected in (("schema.json", True), ("other.json", False)):
        buffer = BytesIO()
        with ZipFile(buffer, "w") as archive:
            archive.writestr(name, schema(SCALER))
        assert FORMAT.accepts(content_of(buffer.getvalue())) is expected
        assert not expected or only(read(FORMAT, buffer.getvalue()), Header)


def test_a_schema_that_is_no_json_is_unread() -> None:
    assert unread(read(FORMAT, schema(SCALER)[:-1]))


@pytest.mark.parametrize("data", [b"", b"{}", b'{"__loader__": 1}', b"PK", b"[]"])
def test_other_bytes_are_not_accepted(data: bytes) -> None:
    assert not FORMAT.accepts(content_of(data))


KEYS = st.sampled_from(["__loader__", "__module__", "__class__", "content", "func", "obj"])
VALUES = st.none() | st.text(max_size=5) | st.sampled_from(["MethodNode", "OperatorFuncNode", "ObjectNode"])


@given(st.recursive(VALUES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=6)))
def test_any_schema_is_read(value: object) -> None:
    fuzz(FORMAT, json.dumps({"_skops_version": "1", "content": value}).encode())


@given(st.binary(max_size=100))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    fuzz(FORMAT, b'{"_skops_version": "1", ' + data)


@pytest.mark.heavy
def test_models_of_skops_ask_only_for_granted_names() -> None:
    skops = pytest.importorskip("skops.io", reason="writes the sample")
    pytest.importorskip("sklearn", reason="makes the sample")
    import numpy as np
    from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
    from sklearn.linear_model import LogisticRegression, SGDClassifier
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, StandardScaler
    from sklearn.svm import SVC

    numbers = np.random.default_rng(0).random((40, 3)) + 3
    labels = (numbers[:, 0] > 3.5).astype(int)
    estimators = [RandomForestClassifier(2), GradientBoostingClassifier(n_estimators=2), SGDClassifier(), SVC(),
                  KNeighborsClassifier(), LogisticRegression()]  # fmt: skip
    for estimator in estimators:
        made = make_pipeline(FunctionTransformer(np.sqrt), StandardScaler(), estimator).fit(numbers, labels)
        with ZipFile(BytesIO(skops.dumps(made))) as archive:
            facts = read(FORMAT, archive.read("schema.json"))
        assert not refused(facts), estimator
        assert all(profiles for profiles, _ in imports(facts).values()), estimator
