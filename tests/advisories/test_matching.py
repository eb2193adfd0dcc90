"""Which versions and commits a record is about: the cases of OSV's own documentation, and near misses of each."""

from __future__ import annotations

from typing import Any

import pytest

from modelguard.advisories.matching import is_affected, is_commit_affected, requires_affected
from modelguard.advisories.record import Affected, Event, Range


def affected(*events: tuple[str, str], versions: tuple[str, ...] = (), kind: Any = "ECOSYSTEM") -> Affected:
    ranges = (Range(type=kind, events=tuple(Event(name, version) for name, version in events)),) if events else ()  # type: ignore[arg-type]
    return Affected(ecosystem="PyPI", package="torch", ranges=ranges, versions=versions)


UNFIXED = affected(("introduced", "0"))
FIXED = affected(("introduced", "0"), ("fixed", "1.0.2"))
TWO = affected(("introduced", "1.0.0"), ("fixed", "1.0.2"), ("introduced", "3.0.0"), ("fixed", "3.2.5"))
LAST = affected(("introduced", "0"), ("last_affected", "2.1.214"))
LIMITED = affected(("introduced", "1.0"), ("limit", "2.0"))
UNSORTED = affected(("fixed", "3.2.5"), ("introduced", "3.0.0"), ("fixed", "1.0.2"), ("introduced", "1.0.0"))
LISTED = affected(versions=("1.0", "2.0rc1"))


@pytest.mark.parametrize(
    ("record", "version", "answer"),
    [
        (UNFIXED, "0.0.1", "yes"),
        (UNFIXED, "99!1", "yes"),
        (FIXED, "1.0.1", "yes"),
        (FIXED, "1.0.2", "no"),
        (FIXED, "1.0.2rc1", "yes"),
        (FIXED, "1.0.2.post1", "no"),
        (FIXED, "1.0.10", "no"),
        (TWO, "0.9", "no"),
        (TWO, "1.0.0", "yes"),
        (TWO, "2.0", "no"),
        (TWO, "3.2.4", "yes"),
        (TWO, "3.2.5", "no"),
        (UNSORTED, "2.0", "no"),
        (UNSORTED, "3.1", "yes"),
        (LAST, "2.1.214", "yes"),
        (LAST, "2.1.215", "no"),
        (LIMITED, "1.9", "yes"),
        (LIMITED, "2.0", "no"),
        (LISTED, "1.0.0", "yes"),
        (LISTED, "2.0.rc1", "yes"),
        (LISTED, "1.0.1", "no"),
        (affected(), "1.0", "yes"),
    ],
)
def test_a_version_is_affected_as_osv_evaluates_it(record: Affected, version: str, answer: str) -> None:
    assert is_affected(version, record) == answer


def test_a_version_that_cannot_be_compared_is_perhaps_affected() -> None:
    assert is_affected("not a version", FIXED) == "perhaps"
    assert is_affected("1.0", affected(("introduced", "what?"))) == "perhaps"


def test_a_listed_version_counts_although_the_range_says_otherwise() -> None:
    assert is_affected("5.0", affected(("introduced", "0"), ("fixed", "1.0.2"), versions=("5.0",))) == "yes"


KNOWN = affected(("introduced", "0"), ("fixed", "2.6.0"), versions=("2.4.0", "2.5.0", "2.5.1"))


@pytest.mark.parametrize(
    ("specifier", "answer"),
    [
        ("==2.5.1", "yes"),
        ("==2.6.0", "no"),
        ("<2.6", "yes"),
        ("~=2.5.0", "yes"),
        (">=2.0", "no"),
        (">=2.8", "no"),
        ("", "no"),
        ("what", "perhaps"),
    ],
)
def test_a_requirement_is_held_against_a_model_only_when_no_good_version_meets_it(specifier: str, answer: str) -> None:
    assert requires_affected(specifier, KNOWN) == answer


def test_a_requirement_of_a_package_that_is_malicious_as_a_whole_counts_without_a_version() -> None:
    assert requires_affected("", affected(("introduced", "0"))) == "yes"
    assert requires_affected("", affected(("introduced", "0"), ("last_affected", "1.0"))) == "no"


# --- commits: five of them in one line, newest first ------------------------------------------------------------------

A, B, C, D, E = (letter * 40 for letter in "abcde")
HISTORY = (E, D, C, B, A)


def commits(*events: tuple[str, str], versions: tuple[str, ...] = ()) -> Affected:
    return affected(*events, versions=versions, kind="GIT")


@pytest.mark.parametrize(
    ("record", "commit", "answer"),
    [
        (commits(("introduced", "0")), C, "yes"),
        (commits(("introduced", "0"), ("fixed", D)), C, "perhaps"),
        (commits(("introduced", "0"), ("fixed", D)), D, "no"),
        (commits(("introduced", B), ("fixed", D)), B, "yes"),
        (commits(("introduced", B), ("last_affected", C)), C, "yes"),
        (commits(versions=(C,)), C, "yes"),
        (commits(versions=(C,)), D, "no"),
        (commits(("introduced", B), ("fixed", D), versions=(C,)), C, "yes"),
        (commits(), A, "yes"),
    ],
)
def test_without_a_history_only_what_needs_none_is_answered(record: Affected, commit: str, answer: str) -> None:
    assert is_commit_affected(commit, record) == answer


@pytest.mark.parametrize(
    ("commit", "answer"), [(A, "no"), (B, "yes"), (C, "yes"), (D, "no"), (E, "no"), ("f" * 40, "perhaps")]
)
def test_with_a_history_a_commit_is_placed_in_it(commit: str, answer: str) -> None:
    assert is_commit_affected(commit, commits(("introduced", B), ("fixed", D)), HISTORY) == answer
