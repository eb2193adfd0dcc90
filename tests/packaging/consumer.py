"""A program that uses modelguard, for type checkers: `mypy --strict` and pyright must accept it.

Each `assert_type` fails the check when a public signature loses its type.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import assert_type

import modelguard
from modelguard import (
    Lock,
    LockError,
    ModelguardError,
    ModelRefused,
    Policy,
    PolicyError,
    RefError,
    examine,
    guarded,
    guarded_load,
    guarded_open,
    intercept,
    verified_snapshot,
)
from modelguard.terms.finding import Finding
from modelguard.terms.verdict import Allowed, Examination, Refused


def read_words(path: str) -> list[str]:
    return Path(path).read_text("utf-8").split()


def load() -> None:
    classifier = guarded_load("models/clf.joblib")
    classifier.predict([[0.0]])
    with verified_snapshot("org/name") as place:
        assert_type(place, Path)
    safe_read: Callable[..., list[str]] = guarded(read_words)
    assert_type(safe_read("words.txt"), list[str])
    with guarded_open("org/name", framework="numpy") as tensors:
        assert_type(sorted(tensors.keys()), list[str])


def judge() -> tuple[Finding, ...]:
    examination = examine("org/name", collectors=("contents",))
    assert_type(examination, Examination)
    verdict = examination.verdict
    if isinstance(verdict, Refused):
        return tuple(decision.finding for decision in verdict.because)
    assert_type(verdict, Allowed)
    return ()


def refusals() -> str:
    try:
        load()
    except ModelRefused as refused:
        return str(refused.examination and refused.examination.snapshot.ref)
    except (LockError, PolicyError, RefError) as error:
        return error.remedy
    except ModelguardError as error:
        return str(error)
    return ""


def records() -> list[str]:
    lock = Lock.read(Path("modelguard.lock"))
    assert_type(Policy().mode == "enforce", bool)
    with intercept("observe") as interception:
        print(len(interception.seen))
    return [entry.id for entry in lock.entries.values()]


assert_type(modelguard.__version__, str)
