"""Ordinary files of the big libraries pass under the default policy; each one that does not is named with its reason.

The objects are made by `benign_objects` and written by their own libraries: pickle of every protocol, joblib plain and
compressed, torch.save new and old. Part of them also taught the grant tables; `HELD_OUT` and the real files of
`test_real_models` did not.
"""

from __future__ import annotations

import io
import pickle
import warnings
import zipfile
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import benign_objects
import pytest
from pickle_verdicts import examined, reasons

from modelguard.guard import Gate
from modelguard.guard.examining import examine_snapshot
from modelguard.picklevm.values import Value
from modelguard.sources.local import in_place
from modelguard.terms.artifact import LocalRef
from modelguard.terms.verdict import Examination

# What is refused although its author meant no harm, and why that is right all the same.
REFUSED = {
    "scipy interp1d": "protocols below 4 only: its state names a method that getattr looks up",
    "pandas zoned-berlin": "zoneinfo writes a zone as getattr(ZoneInfo, '_unpickle'), and getattr is never granted",
    "pandas ordered-category": "joblib only: read as a plain pickle, its memo shifts and names pandas.dtype",
    "sklearn hist-classes": "categorical features are checked by functools.partial, which is never granted: it calls",
}
SHARE = 0.01
"""More refusals than one in a hundred objects are a fault of the tables."""


def outcome(library: str, refusals: Iterator[tuple[str, list[str]]]) -> None:
    """Compare what was refused with what may be: nothing but the named ones, and these really."""
    found: dict[str, list[str]] = {}
    total = 0
    for label, why in refusals:
        total += 1
        if why:
            found.setdefault(f"{library} {label}", why)
    unexpected = {label: why for label, why in found.items() if label not in REFUSED}
    assert not unexpected, unexpected
    assert total > 0
    print(f"{library}: {len(found)} of {total} refused: {sorted(found)}")


def pickled(objects: benign_objects.Objects) -> Iterator[tuple[str, list[str]]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for label, value in objects:
            for protocol in (0, 2, 4, 5):
                try:
                    data = pickle.dumps(value, protocol)
                except TypeError:  # some objects of compiled code have no form in protocols 0 and 1
                    continue
                yield label, reasons(examined(data))


@pytest.mark.parametrize("library", ["core", "numpy"])
def test_pickles_of_values_and_arrays_are_allowed(library: str) -> None:
    if library == "numpy":
        pytest.importorskip("numpy", reason="the array library is part of the light suite, but not of every machine")
    outcome(library, pickled(benign_objects.LIBRARIES[library]()))


@pytest.mark.heavy
@pytest.mark.parametrize("library", ["scipy", "pandas", "sklearn", "xgboost", "lightgbm", "catboost"])
def test_pickles_of_a_library_are_allowed(library: str) -> None:
    pytest.importorskip(library, reason="a framework of requirements/frameworks.txt")
    outcome(library, pickled(benign_objects.LIBRARIES[library]()))


@pytest.mark.heavy
def test_no_more_than_one_object_in_a_hundred_is_refused() -> None:
    libraries = ["core", "numpy", "scipy", "pandas", "sklearn"]
    for library in libraries[1:]:
        pytest.importorskip(library, reason="a framework of requirements/frameworks.txt")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        counted = sum(1 for library in libraries for _ in benign_objects.LIBRARIES[library]())
    assert len(REFUSED) / counted < SHARE


def examine_file(file: Path) -> Examination:
    """Examine one file with the default policy and without a lock."""
    gate = Gate.open()
    return examine_snapshot(in_place(LocalRef(str(file)), gate.options), gate, collectors=("contents",))


def files(
    folder: Path, objects: benign_objects.Objects, write: Callable[[Any, Path], object], name: str
) -> Iterator[tuple[str, list[str]]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for number, (label, value) in enumerate(objects):
            file = folder / f"{number}{name}"
            write(value, file)
            yield label, reasons(examine_file(file))
            file.unlink()


@pytest.fixture
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty directory without a policy or a lock above it, and a store of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MODELGUARD_STORE", str(tmp_path / "store"))
    return tmp_path


@pytest.mark.heavy
@pytest.mark.parametrize("library", ["numpy", "scipy", "pandas", "sklearn"])
@pytest.mark.parametrize("compress", [0, ("zlib", 3), ("lzma", 1)], ids=["plain", "zlib", "lzma"])
def test_joblib_files_of_a_library_are_allowed(alone: Path, library: str, compress: Any) -> None:
    joblib = pytest.importorskip("joblib", reason="writes the files")
    pytest.importorskip(library, reason="a framework of requirements/frameworks.txt")

    def write(value: Any, file: Path) -> None:
        joblib.dump(value, file, compress=compress)

    outcome(library, files(alone, benign_objects.LIBRARIES[library](), write, ".joblib"))


@pytest.mark.heavy
@pytest.mark.parametrize("compress", [0, ("zlib", 3)], ids=["plain", "zlib"])
def test_less_than_one_joblib_file_in_a_hundred_is_refused(alone: Path, compress: Any) -> None:
    joblib = pytest.importorskip("joblib", reason="writes the files")
    libraries = ["numpy", "scipy", "pandas", "sklearn"]
    for library in libraries:
        pytest.importorskip(library, reason="a framework of requirements/frameworks.txt")

    def write(value: Any, file: Path) -> None:
        joblib.dump(value, file, compress=compress)

    judged = [why for library in libraries for _, why in files(alone, benign_objects.LIBRARIES[library](), write, "x")]
    refused = [why for why in judged if why]
    print(f"joblib: {len(refused)} of {len(judged)} files refused")
    assert refused, "some are refused for a reason, see above"
    assert len(refused) / len(judged) < SHARE


@pytest.mark.heavy
@pytest.mark.parametrize("new", [True, False], ids=["archive", "stream"])
def test_torch_files_of_weights_are_allowed(alone: Path, new: bool) -> None:
    torch = pytest.importorskip("torch", reason="writes the files")

    def write(value: Any, file: Path) -> None:
        torch.save(value, file, _use_new_zipfile_serialization=new)

    outcome("torch", files(alone, benign_objects.torch_weights(), write, ".pt"))


def held_out_objects() -> benign_objects.Objects:
    """Yield pipelines and frames as tutorials write them; the tool that makes the tables never sees them."""
    import numpy as np
    import pandas as pd
    from sklearn.compose import make_column_transformer
    from sklearn.decomposition import PCA, TruncatedSVD
    from sklearn.ensemble import BaggingRegressor, RandomForestClassifier, StackingClassifier, VotingRegressor
    from sklearn.feature_extraction.text import HashingVectorizer, TfidfVectorizer
    from sklearn.feature_selection import SelectFromModel, SelectPercentile, mutual_info_regression
    from sklearn.impute import KNNImputer, SimpleImputer
    from sklearn.linear_model import ElasticNetCV, LogisticRegressionCV, SGDClassifier
    from sklearn.metrics import f1_score, make_scorer
    from sklearn.model_selection import GridSearchCV, RandomizedSearchCV, RepeatedStratifiedKFold
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.neighbors import KNeighborsRegressor
    from sklearn.pipeline import make_pipeline, make_union
    from sklearn.preprocessing import (
        FunctionTransformer,
        OneHotEncoder,
        OrdinalEncoder,
        PolynomialFeatures,
        StandardScaler,
    )
    from sklearn.svm import SVC, LinearSVC

    random = np.random.RandomState(1)
    frame = pd.DataFrame(
        {"age": random.rand(40), "city": ["Rome", "Oslo", "Lima", "Bonn"] * 10, "size": random.rand(40)}
    )
    numbers, target, classes = random.rand(40, 4), random.rand(40), np.arange(40) % 2
    columns = make_column_transformer(
        (StandardScaler(), ["age", "size"]), (OneHotEncoder(), ["city"]), remainder="drop"
    )
    yield "frame-pipeline", make_pipeline(columns, RandomForestClassifier(5)).fit(frame, classes)
    ordinal = make_column_transformer((OrdinalEncoder(), ["city"]), remainder=KNNImputer())
    yield "frame-passthrough", make_pipeline(ordinal, SVC(probability=False)).fit(frame, classes)
    yield (
        "logs",
        make_pipeline(FunctionTransformer(np.log1p, inverse_func=np.expm1), PCA(2), ElasticNetCV(cv=2)).fit(
            numbers, target
        ),
    )
    words = ["a small text", "another text", "more words here", "words again"] * 10
    yield (
        "text",
        make_pipeline(
            make_union(TfidfVectorizer(analyzer="char", ngram_range=(1, 2)), HashingVectorizer()),
            TruncatedSVD(2),
            LinearSVC(),
        ).fit(words, classes),
    )
    search = GridSearchCV(
        make_pipeline(SimpleImputer(), SVC()),
        {"svc__C": [1, 2]},
        scoring=make_scorer(f1_score),
        cv=RepeatedStratifiedKFold(n_splits=2, n_repeats=1),
    )
    yield "search", search.fit(numbers, classes)
    yield (
        "random-search",
        RandomizedSearchCV(SGDClassifier(), {"alpha": [0.1, 0.2]}, n_iter=2, cv=2).fit(numbers, classes),
    )
    stack = StackingClassifier([("one", OneVsRestClassifier(LinearSVC())), ("two", LogisticRegressionCV(cv=2))], cv=2)
    yield "stack", stack.fit(numbers, classes)
    yield (
        "vote",
        VotingRegressor([("k", KNeighborsRegressor()), ("b", BaggingRegressor(n_estimators=2))]).fit(numbers, target),
    )
    yield (
        "select",
        make_pipeline(
            PolynomialFeatures(2), SelectPercentile(mutual_info_regression), SelectFromModel(ElasticNetCV(cv=2))
        ).fit(numbers, target),
    )
    yield "grouped", frame.groupby("city").mean()
    yield (
        "pivot",
        frame.assign(day=pd.date_range("2024-03-01", periods=40)).pivot_table(
            index="day", columns="city", values="age"
        ),
    )
    yield "settings", {"model": stack, "columns": list(frame.columns), "made": date(2024, 5, 17), "shape": frame.shape}


@pytest.mark.heavy
def test_pickles_that_the_tables_were_not_made_from_are_allowed() -> None:
    pytest.importorskip("sklearn", reason="a framework of requirements/frameworks.txt")
    pytest.importorskip("pandas", reason="a framework of requirements/frameworks.txt")
    outcome("held-out", pickled(held_out_objects()))


@pytest.mark.heavy
def test_whole_modules_need_their_profile() -> None:
    torch = pytest.importorskip("torch", reason="makes the modules")
    layer = torch.nn.TransformerEncoderLayer(4, 2, 8, batch_first=True)
    model = torch.nn.Sequential(
        torch.nn.Linear(4, 4), torch.nn.ReLU(), layer, torch.nn.BatchNorm1d(4), torch.nn.LSTM(4, 2)
    )
    stream = io.BytesIO()
    torch.save(model, stream, _use_new_zipfile_serialization=True)
    data = zipfile.ZipFile(stream).read(
        next(name for name in zipfile.ZipFile(stream).namelist() if name.endswith("data.pkl"))
    )

    def accept(identity: Value, offset: int) -> str:
        """Accept the storages: they are not the question here."""
        return ""

    assert not examined(data, persistent=accept).allowed
    assert reasons(examined(data, profiles=["torch-modules"], persistent=accept)) == []
