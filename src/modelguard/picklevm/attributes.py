"""Checks the attributes of a state that name methods: an estimator looks them up on objects of the file and calls them.

`StackingClassifier` calls `getattr(estimator, method)(X)` for each of its estimators and its `stack_method_`. Both come
from the file, and a path has a method that writes. The checks see the machine's own values, so that a long state in
front of a list of methods does not hide it.
"""

from __future__ import annotations

from collections.abc import Iterator

from modelguard.picklevm.objects import KEPT, Raw, Table, kind_of, text_of

METHOD_KEYS = (b"_method", b"_method_")
"""Ends of the attributes that are looked at."""

# Attributes under which scikit-learn keeps the name of a method that it looks up:
# https://github.com/scikit-learn/scikit-learn, sklearn/ensemble/_stacking.py, metrics/_scorer.py, multioutput.py,
# model_selection/_classification_threshold.py
NAMING = frozenset(
    b"stack_method stack_method_ response_method _response_method chain_method chain_method_ predict_method".split()
)
METHODS = frozenset(
    b"auto default predict predict_proba predict_log_proba decision_function transform score_samples".split()
)


def method_fault(state: Raw) -> str:
    """Return what is wrong with the methods that a state names, or ""."""
    for key, value in _naming(state):
        names = value if type(value) in (list, tuple) else (value,)
        wrong = next((name for name in names if not _is_method(name)), None)
        if wrong is not None or len(names) > KEPT:
            what = repr(text_of(wrong)) if type(wrong) is bytes else kind_of(wrong)
            return f"{text_of(key)} would have {what} looked up and called, which is not a method of estimators"
    return ""


def method_lists(state: Raw) -> list[list[Raw]]:
    """Return the lists among them, which the file could still change afterwards."""
    return [value for _, value in _naming(state) if type(value) is list]


def _is_method(name: Raw) -> bool:
    return name is None or (type(name) is bytes and name in METHODS)


def _naming(state: Raw) -> Iterator[tuple[bytes, Raw]]:
    for part in state if type(state) is tuple and len(state) == 2 else (state,):
        if type(part) is Table and part.flat is not None:
            for key, value in zip(part.flat[::2], part.flat[1::2], strict=False):
                if type(key) is bytes and key in NAMING:
                    yield key, value
