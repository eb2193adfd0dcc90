"""Makes ordinary objects of the libraries that models are pickled from, fitted on tiny data.

The tool that writes the grant tables learns from them what such pickles contain, and the tests for false positives
pickle them again. Each function yields pairs of a label and an object; what a version of a library cannot make is
left out by name in `LEFT_OUT`.
"""

from __future__ import annotations

import datetime
import decimal
import fractions
import pathlib
import re
import uuid
import warnings
from argparse import Namespace
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

Objects = Iterator[tuple[str, Any]]

LEFT_OUT: list[str] = []
"""What could not be made or fitted, with the reason; filled while the objects are made."""

ROWS = 60
TEXTS = ["the cat sat on the mat", "a dog barked at the cat", "models are files", "files hold weights"] * 15


def standard_objects() -> Objects:
    yield (
        "containers",
        {"list": [1, 2.5, None, True], "tuple": (1, "a", b"b"), "set": {1, 2}, "frozen": frozenset("ab")},
    )
    yield "ordered", OrderedDict(weights=[1.0, 2.0])
    yield "counter", Counter("abracadabra")
    yield "deque", deque([1, 2, 3], maxlen=5)
    yield "defaultdict", defaultdict(list, a=[1])
    yield "defaultdict-of-int", defaultdict(int, a=1)
    yield "dates", [datetime.datetime(2024, 5, 17, 9, 30, tzinfo=datetime.UTC), datetime.date(2024, 5, 17),
                    datetime.timedelta(hours=2), datetime.time(9, 30)]  # fmt: skip
    yield "numbers", [decimal.Decimal("1.5"), fractions.Fraction(1, 3), 3 + 4j, 10**40, -(2**80)]
    yield "paths", [pathlib.PurePosixPath("models/x.bin"), pathlib.Path("models")]
    yield "identifiers", uuid.UUID(int=5)
    yield "settings", Namespace(batch_size=8, rate=0.1, name="run")
    yield "simple", SimpleNamespace(a=1, b="x")
    yield "pattern", re.compile(r"(?u)\b\w\w+\b")
    yield "bytes", [b"\x00\x01", bytearray(b"abc"), slice(1, 5, None), range(3)]


def numpy_objects() -> Objects:
    import numpy as np

    yield "plain", np.arange(12.0).reshape(3, 4)
    for code in ["?", "i1", "u2", "i4", "i8", "f2", "f4", "f8", "c8", "c16", "S5", "U7", ">f8", "M8[ns]", "m8[s]"]:
        yield f"array-{code}", np.zeros(4, dtype=code)
    yield "fortran", np.asfortranarray(np.ones((3, 2)))
    yield "object", np.array([1, "a", None, [2]], dtype=object)
    yield "structured", np.zeros(3, dtype=[("a", "i4"), ("b", "f8", (2,)), ("c", "S3")])
    yield "structured-object", np.zeros(3, dtype=[("a", "i4"), ("b", "O")])
    yield "record", np.rec.array([(1, 2.0)], dtype=[("x", "i4"), ("y", "f8")])
    yield "masked", np.ma.masked_array([1.0, 2.0, 3.0], mask=[0, 1, 0])
    yield "matrix", np.ones((2, 2)).view(np.matrix)
    yield "scalars", [np.float64(1.5), np.int32(3), np.bool_(True), np.str_("a"), np.bytes_(b"b"), np.float32(2),
                      np.datetime64("2024-01-01"), np.complex64(1j)]  # fmt: skip
    yield "dtypes", [np.dtype("f4"), np.dtype("O"), np.dtype([("a", "i4")]), np.dtype(("f4", (2, 2))), np.float32]
    yield "random-state", np.random.RandomState(0)
    for name in ("PCG64", "MT19937", "Philox", "SFC64", "PCG64DXSM"):
        yield f"generator-{name}", np.random.Generator(getattr(np.random, name)(0))
    yield "seed-sequence", np.random.SeedSequence(7)
    yield "state-tuple", np.random.RandomState(0).get_state()


def scipy_objects() -> Objects:
    import numpy as np
    import scipy.interpolate
    import scipy.sparse
    import scipy.spatial

    dense = np.eye(4)
    for kind in ("csr", "csc", "coo", "bsr", "dia", "lil", "dok"):
        for shape in ("matrix", "array"):
            make = getattr(scipy.sparse, f"{kind}_{shape}", None)
            if make is not None:
                yield f"{kind}-{shape}", make(dense)
    x = np.linspace(0, 1, 12)
    yield "bspline", scipy.interpolate.make_interp_spline(x, x**2)
    yield "cubic", scipy.interpolate.CubicSpline(x, x**2)
    yield "pchip", scipy.interpolate.PchipInterpolator(x, x**2)
    yield "akima", scipy.interpolate.Akima1DInterpolator(x, x**2)
    yield "ppoly", scipy.interpolate.PPoly(np.ones((2, 11)), x)
    yield "interp1d", scipy.interpolate.interp1d(x, x**2)
    yield "univariate", scipy.interpolate.UnivariateSpline(x, x**2)
    yield "rbf", scipy.interpolate.RBFInterpolator(x[:, None], x**2)
    yield "linear-nd", scipy.interpolate.RegularGridInterpolator((x, x), np.outer(x, x))
    yield "kdtree", scipy.spatial.cKDTree(np.random.RandomState(0).rand(20, 2))
    yield "kdtree-python", scipy.spatial.KDTree(np.random.RandomState(0).rand(20, 2))
    yield "rotation", scipy.spatial.transform.Rotation.from_quat([0, 0, 0, 1])
    from scipy.optimize import OptimizeResult, minimize

    yield "optimize-result", OptimizeResult(x=x, fun=1.0)
    yield "minimized", minimize(lambda v: float((v**2).sum()), [1.0, 2.0])


def pandas_objects() -> Objects:
    import numpy as np
    import pandas as pd

    frame = pd.DataFrame({"a": [1, 2, 3], "b": [1.5, 2.5, np.nan], "c": ["x", "y", None], "d": [True, False, True]})
    yield "frame", frame
    yield "series", frame["b"]
    yield "text-series", frame["c"]
    yield "category", frame["c"].astype("category")
    yield "ordered-category", pd.Categorical(["lo", "hi"], categories=["lo", "hi"], ordered=True)
    yield "nullable", pd.DataFrame({"i": pd.array([1, None], dtype="Int64"), "f": pd.array([1.0, None], dtype="Float64"),
                                    "b": pd.array([True, None], dtype="boolean")})  # fmt: skip
    yield "string", pd.Series(["a", None], dtype="string")
    yield "dates", pd.Series(pd.date_range("2024-01-01", periods=3))
    yield "zoned", pd.Series(pd.date_range("2024-01-01", periods=3, tz="UTC"))
    yield "zoned-berlin", pd.Series(pd.date_range("2024-01-01", periods=3, tz="Europe/Berlin"))
    yield "date-index", pd.DataFrame({"v": [1, 2, 3]}, index=pd.date_range("2024-01-01", periods=3, freq="D"))
    yield "periods", pd.period_range("2024-01", periods=3, freq="M")
    yield "deltas", pd.Series(pd.to_timedelta([1, 2], unit="h"))
    yield "delta-index", pd.timedelta_range("1D", periods=3)
    yield "intervals", pd.interval_range(0, 3)
    yield "multi-index", frame.set_index(["a", "c"])
    yield "multi-columns", pd.DataFrame(np.ones((2, 2)), columns=pd.MultiIndex.from_tuples([("a", 1), ("b", 2)]))
    yield "sparse", pd.Series(pd.arrays.SparseArray([0, 0, 1]))
    yield "scalars", [pd.Timestamp("2024-01-01"), pd.Timedelta("1D"), pd.Period("2024-01"), pd.Interval(0, 1), pd.NaT, pd.NA,
                      pd.Timestamp("2024-01-01", tz="UTC"), pd.CategoricalDtype(["a"]), pd.Int64Dtype(), pd.StringDtype()]  # fmt: skip
    yield (
        "offsets",
        [pd.offsets.Day(2), pd.offsets.MonthEnd(), pd.offsets.BusinessDay(), pd.offsets.Hour(3), pd.offsets.Week()],
    )
    yield "indexes", [pd.Index([1, 2]), pd.Index(["a"]), pd.RangeIndex(5), pd.Index([1.5]), pd.CategoricalIndex(["a"])]
    yield "mixed-blocks", pd.concat([frame, frame.rename(columns=str.upper)], axis=1)


def data() -> dict[str, Any]:
    import numpy as np

    random = np.random.RandomState(0)
    numbers = random.rand(ROWS, 5) + 0.1
    classes = np.arange(ROWS) % 3
    return {
        "numbers": numbers, "classes": classes, "two": np.arange(ROWS) % 2, "target": numbers.sum(axis=1),
        "many": np.stack([numbers.sum(axis=1), numbers[:, 0]], axis=1), "labels": np.stack([classes == 0, classes == 1], 1).astype(int),
    }  # fmt: skip


def fitted(label: str, estimator: Any) -> Objects:
    """Fit with the first kind of data that the estimator takes, and yield it."""
    d = data()
    trials: list[tuple[Any, ...]] = [
        (d["numbers"], d["classes"]), (d["numbers"], d["two"]), (d["numbers"], d["target"]), (d["numbers"], d["many"]),
        (d["numbers"], d["labels"]), (d["numbers"],), (d["classes"],), (TEXTS,), ([{"a": 1, "b": 2}] * 5,),
        (d["numbers"][:, 0], d["target"]), (["a b", "c"],), ([["a"], ["a", "b"]],), (d["numbers"] @ d["numbers"].T,),
        (d["numbers"] @ d["numbers"].T, d["classes"]),
    ]  # fmt: skip
    reason: object = "no data fits"
    for trial in trials:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                yield label, estimator.fit(*trial)
            return
        except Exception as error:
            reason = error
    LEFT_OUT.append(f"{label}: {type(reason).__name__}: {str(reason)[:100]}")


def sklearn_estimators() -> Objects:
    """Yield one fitted instance of every public estimator."""
    from sklearn.base import clone
    from sklearn.experimental import enable_halving_search_cv, enable_iterative_imputer  # noqa: F401
    from sklearn.utils import all_estimators

    for name, cls in all_estimators():
        for estimator in _instances(name, cls):
            yield from fitted(name, clone(estimator))
            break


def _instances(name: str, cls: type[Any]) -> Iterator[Any]:
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.preprocessing import StandardScaler
    from sklearn.tree import DecisionTreeClassifier

    special: dict[str, Callable[[], Any]] = {
        "Pipeline": lambda: cls([("scale", StandardScaler()), ("model", LogisticRegression())]),
        "FeatureUnion": lambda: cls([("scale", StandardScaler())]),
        "ColumnTransformer": lambda: cls([("scale", StandardScaler(), [0, 1])], remainder="passthrough"),
        "VotingClassifier": lambda: cls([("a", LogisticRegression()), ("b", DecisionTreeClassifier())]),
        "StackingClassifier": lambda: cls([("a", LogisticRegression()), ("b", DecisionTreeClassifier())], cv=2),
        "VotingRegressor": lambda: cls([("a", Ridge())]),
        "StackingRegressor": lambda: cls([("a", Ridge())], cv=2),
        "GridSearchCV": lambda: cls(LogisticRegression(), {"C": [0.1, 1.0]}, cv=2),
        "RandomizedSearchCV": lambda: cls(LogisticRegression(), {"C": [0.1, 1.0]}, cv=2, n_iter=2),
        "HalvingGridSearchCV": lambda: cls(LogisticRegression(), {"C": [0.1, 1.0]}, cv=2),
        "HalvingRandomSearchCV": lambda: cls(LogisticRegression(), {"C": [0.1, 1.0]}, cv=2),
        "SparseCoder": lambda: cls(data()["numbers"]),
        "OutputCodeClassifier": lambda: cls(LogisticRegression()),
        "ClassifierChain": lambda: cls(LogisticRegression()),
        "RegressorChain": lambda: cls(Ridge()),
        "MultiOutputClassifier": lambda: cls(LogisticRegression()),
        "MultiOutputRegressor": lambda: cls(Ridge()),
        "TunedThresholdClassifierCV": lambda: cls(LogisticRegression(), cv=2),
        "FixedThresholdClassifier": lambda: cls(LogisticRegression()),
        "SelfTrainingClassifier": lambda: cls(LogisticRegression()),
        "FrozenEstimator": lambda: cls(LogisticRegression().fit(data()["numbers"], data()["classes"])),
        "GaussianRandomProjection": lambda: cls(2),
        "SparseRandomProjection": lambda: cls(2),
    }
    if name in special:
        yield special[name]()
        return
    for arguments in ((), (LogisticRegression(),), (Ridge(),)):
        try:
            yield cls(*arguments)
        except TypeError:
            continue
        return
    LEFT_OUT.append(f"{name}: no way to construct it")


def sklearn_variants() -> Objects:
    """Yield estimators with the parameters that bring other helper classes into their pickles."""
    import numpy as np
    from sklearn import (
        cluster,
        compose,
        ensemble,
        feature_extraction,
        feature_selection,
        gaussian_process,
        isotonic,
        linear_model,
        metrics,
        model_selection,
        naive_bayes,
        neighbors,
        neural_network,
        pipeline,  # fmt: skip
        preprocessing,
        svm,
    )
    from sklearn.gaussian_process import kernels

    losses = ("hinge", "log_loss", "modified_huber", "squared_hinge", "perceptron", "squared_error", "huber",
              "epsilon_insensitive", "squared_epsilon_insensitive")  # fmt: skip
    for loss in losses:
        yield from fitted(f"sgd-{loss}", linear_model.SGDClassifier(loss=loss))
    for algorithm in ("kd_tree", "ball_tree", "brute"):
        yield from fitted(f"neighbors-{algorithm}", neighbors.KNeighborsClassifier(algorithm=algorithm))
    for metric in ("euclidean", "manhattan", "chebyshev", "minkowski", "haversine", "canberra", "braycurtis", "hamming",
                   "seuclidean", "mahalanobis", "cosine", "correlation", "jaccard"):  # fmt: skip
        for kind in (neighbors.KDTree, neighbors.BallTree):
            for extra in ({}, {"V": np.ones(2)}, {"V": np.eye(2)}):
                try:
                    yield f"{kind.__name__}-{metric}", kind(data()["numbers"][:, :2], metric=metric, **extra)
                    break
                except Exception as error:
                    reason = error
            else:
                LEFT_OUT.append(f"{kind.__name__}-{metric}: {str(reason)[:60]}")
    for loss in ("squared_error", "absolute_error", "gamma", "poisson", "quantile"):
        extra = {"quantile": 0.5} if loss == "quantile" else {}
        yield from fitted(f"hist-{loss}", ensemble.HistGradientBoostingRegressor(loss=loss, max_iter=2, **extra))
    yield from fitted("hist-classes", ensemble.HistGradientBoostingClassifier(max_iter=2, categorical_features=[0]))
    for loss in ("squared_error", "absolute_error", "huber", "quantile"):
        yield from fitted(f"boosting-{loss}", ensemble.GradientBoostingRegressor(loss=loss, n_estimators=2))
    for loss in ("log_loss", "exponential"):
        estimator = ensemble.GradientBoostingClassifier(loss=loss, n_estimators=2)
        yield f"boosting-{loss}", estimator.fit(data()["numbers"], data()["two"])
    for kernel in (kernels.RBF(), kernels.Matern(), kernels.RationalQuadratic(), kernels.ExpSineSquared() + kernels.WhiteKernel(),
                   kernels.DotProduct(), kernels.WhiteKernel() + kernels.ConstantKernel() * kernels.RBF(),
                   kernels.RBF() ** 2, kernels.PairwiseKernel()):  # fmt: skip
        yield from fitted(f"process-{type(kernel).__name__}", gaussian_process.GaussianProcessRegressor(kernel))
    for kernel in ("linear", "poly", "rbf", "sigmoid"):
        yield from fitted(f"svc-{kernel}", svm.SVC(kernel=kernel, probability=False))
    for solver in ("lbfgs", "sgd", "adam"):
        yield from fitted(f"mlp-{solver}", neural_network.MLPClassifier((4,), solver=solver, max_iter=3))
    yield from fitted("isotonic", isotonic.IsotonicRegression(out_of_bounds="clip"))
    for function in (feature_selection.chi2, feature_selection.f_classif, feature_selection.mutual_info_classif,
                     feature_selection.f_regression, feature_selection.mutual_info_regression, feature_selection.r_regression):  # fmt: skip
        yield from fitted(f"select-{function.__name__}", feature_selection.SelectKBest(function, k=2))
    for function in (np.log1p, np.sqrt, np.exp, np.abs, None):
        yield f"function-{getattr(function, '__name__', 'none')}", preprocessing.FunctionTransformer(function)
    for output in ("uniform", "normal"):
        yield from fitted(
            f"quantile-{output}", preprocessing.QuantileTransformer(n_quantiles=5, output_distribution=output)
        )
    text = pipeline.make_pipeline(feature_extraction.text.TfidfVectorizer(), linear_model.LogisticRegression())
    yield "text-pipeline", text.fit(TEXTS, [0, 1] * 30)
    counts = pipeline.make_pipeline(
        feature_extraction.text.CountVectorizer(ngram_range=(1, 2), stop_words="english"), naive_bayes.MultinomialNB()
    )
    yield "count-pipeline", counts.fit(TEXTS, [0, 1] * 30)
    columns = compose.ColumnTransformer([("scale", preprocessing.StandardScaler(), [0, 1]), ("hot", preprocessing.OneHotEncoder(), [2])],
                                        remainder="drop", sparse_threshold=0)  # fmt: skip
    yield from fitted("columns", columns)
    yield from fitted(
        "columns-scaled",
        compose.ColumnTransformer([("keep", "passthrough", slice(0, 2))], remainder=preprocessing.MinMaxScaler()),
    )
    folds = (model_selection.KFold(3), model_selection.StratifiedKFold(3), model_selection.ShuffleSplit(2),
             model_selection.GroupKFold(2), model_selection.TimeSeriesSplit(2), model_selection.LeaveOneOut(),
             model_selection.StratifiedShuffleSplit(2), model_selection.RepeatedKFold(), model_selection.RepeatedStratifiedKFold())  # fmt: skip
    for fold in folds:
        yield f"folds-{type(fold).__name__}", fold
    for name in ("accuracy", "roc_auc", "neg_mean_squared_error", "f1", "neg_log_loss", "r2", "precision", "recall"):
        search = model_selection.GridSearchCV(
            linear_model.Ridge(), {"alpha": [1.0]}, scoring=metrics.get_scorer(name), cv=2
        )
        yield f"search-{name}", search
        yield f"scorer-{name}", metrics.get_scorer(name)
    yield from fitted("minibatch", cluster.MiniBatchKMeans(3, n_init=1))
    from sklearn.datasets import load_iris

    yield "bunch", load_iris()
    for strategy in ("uniform", "quantile", "kmeans"):
        yield from fitted(f"bins-{strategy}", preprocessing.KBinsDiscretizer(3, strategy=strategy))
    frame_scaler = preprocessing.StandardScaler()
    if hasattr(frame_scaler, "set_output"):
        yield from fitted("pandas-output", frame_scaler.set_output(transform="pandas"))


def sklearn_objects() -> Objects:
    yield from sklearn_estimators()
    yield from sklearn_variants()


def xgboost_objects() -> Objects:
    import xgboost

    d = data()
    for name in ("XGBClassifier", "XGBRegressor", "XGBRFClassifier", "XGBRFRegressor"):
        yield from fitted(name, getattr(xgboost, name)(n_estimators=2))
    for booster in ("gblinear", "dart"):
        yield from fitted(f"regressor-{booster}", xgboost.XGBRegressor(n_estimators=2, booster=booster))
    yield "ranker", xgboost.XGBRanker(n_estimators=2).fit(d["numbers"], d["two"], group=[30, 30])
    matrix = xgboost.DMatrix(d["numbers"], d["target"])
    yield "booster", xgboost.train({"max_depth": 2}, matrix, 2)


def lightgbm_objects() -> Objects:
    import lightgbm

    d = data()
    for name in ("LGBMClassifier", "LGBMRegressor"):
        yield from fitted(name, getattr(lightgbm, name)(n_estimators=2, min_child_samples=2, verbose=-1))
    ranker = lightgbm.LGBMRanker(n_estimators=2, min_child_samples=2, verbose=-1)
    yield "ranker", ranker.fit(d["numbers"], d["two"], group=[30, 30])
    yield (
        "booster",
        lightgbm.train({"verbose": -1, "min_data_in_leaf": 2}, lightgbm.Dataset(d["numbers"], d["target"]), 2),
    )


def catboost_objects() -> Objects:
    import catboost

    settings = {"iterations": 2, "verbose": False, "allow_writing_files": False}
    for name in ("CatBoostClassifier", "CatBoostRegressor"):
        yield from fitted(name, getattr(catboost, name)(**settings))
    d = data()
    ranker = catboost.CatBoostRanker(**settings)
    yield "ranker", ranker.fit(d["numbers"], d["two"], group_id=[number // 6 for number in range(ROWS)])
    yield "model", catboost.CatBoost(settings).fit(d["numbers"], d["target"])


def torch_weights() -> Objects:
    """Yield what `torch.save` writes for weights: tensors of every kind, state dicts, optimizer states."""
    import torch

    yield "tensor", torch.arange(6.0).reshape(2, 3)
    yield "view", torch.arange(20.0)[3:15].reshape(3, 4).t()
    for dtype in (torch.float16, torch.bfloat16, torch.float64, torch.int8, torch.int64, torch.bool, torch.complex64, torch.float8_e4m3fn,
                  torch.uint16):  # fmt: skip
        yield f"tensor-{dtype}", torch.zeros(3, dtype=dtype)
    yield "parameter", torch.nn.Parameter(torch.ones(2))
    yield "state-dict", torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4)).state_dict()
    yield "sparse", torch.eye(3).to_sparse()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield "sparse-rows", torch.eye(3).to_sparse_csr()
        yield "quantized", torch.quantize_per_tensor(torch.ones(3), 0.1, 0, torch.qint8)
    yield "empty", torch.empty(0, 5)
    yield "scalar", torch.tensor(3.0)
    yield "meta", torch.empty(4, device="meta")
    yield "settings", {"size": torch.Size([1, 2]), "dtype": torch.float32, "device": torch.device("cpu"), "epoch": 3}
    model = torch.nn.Linear(2, 2)
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    yield "checkpoint", {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 1}


LIBRARIES: dict[str, Callable[[], Objects]] = {
    "core": standard_objects,
    "numpy": numpy_objects,
    "scipy": scipy_objects,
    "pandas": pandas_objects,
    "sklearn": sklearn_objects,
    "xgboost": xgboost_objects,
    "lightgbm": lightgbm_objects,
    "catboost": catboost_objects,
}
