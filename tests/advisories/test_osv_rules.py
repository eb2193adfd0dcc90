"""Each rule of OSV's evaluation, from a record as it stands in a feed to the answer about one version.

The rules and the names of their sections are those of https://ossf.github.io/osv-schema/ (read as of 1.7.4). Every case
goes through the reader of records, so that what a rule says about the form of a record is held as well.
"""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from modelguard.advisories.fields import RecordFault
from modelguard.advisories.index import Index, write_index
from modelguard.advisories.matching import is_affected, is_commit_affected
from modelguard.advisories.record import Record, parse_record

A, B, C, D, E = (letter * 40 for letter in "abcde")
HISTORY = (E, D, C, B, A)


def events(*pairs: tuple[str, str]) -> list[dict[str, str]]:
    return [{kind: version} for kind, version in pairs]


def record(*ranges: list[dict[str, str]], versions: Any = None, kind: str = "ECOSYSTEM", **more: Any) -> Record:
    repo = {"repo": "https://huggingface.co/acme/tiny"} if kind == "GIT" else {}
    affected: dict[str, Any] = {
        "package": {"ecosystem": "PyPI", "name": "torch"},
        "ranges": [{"type": kind, **repo, "events": one} for one in ranges],
    }
    if versions is not None:
        affected["versions"] = versions
    document = {"id": "GHSA-aaaa-bbbb-cccc", "modified": "2026-11-01T00:00:00Z", "affected": [affected], **more}
    return parse_record(json.dumps(document).encode())


def answer(one: Record, version: str) -> str:
    return is_affected(version, one.affected[0])


FROM_ZERO = events(("introduced", "0"), ("fixed", "2.6.0"))
TWICE = events(("introduced", "1.0"), ("fixed", "1.2"), ("introduced", "2.0"), ("fixed", "2.2"))


@pytest.mark.parametrize(
    ("rule", "one", "affected", "unaffected"),
    [
        (
            'special values: introduced "0" sorts before any other version',
            record(FROM_ZERO), ["0.0.0.dev0", "0", "0.1a1", "2.5.1"], ["2.6.0"],
        ),
        (
            "ranges: no event that ends it leaves it open",
            record(events(("introduced", "2.0"))), ["2.0", "2.0.1", "1!0"], ["1.9.9", "2.0rc1"],
        ),
        (
            "evaluation: introduced and fixed alternate, in the order of versions",
            record(TWICE), ["1.0", "1.1.9", "2.1"], ["0.9", "1.2", "1.9", "2.2"],
        ),
        (
            "evaluation: events are sorted first, however they stand in the record",
            record(TWICE[::-1]), ["1.0", "1.1.9", "2.1"], ["0.9", "1.2", "1.9", "2.2"],
        ),
        (
            "affected: a version in any one of several ranges counts",
            record(events(("introduced", "1.0"), ("fixed", "1.2")), events(("introduced", "3.0"), ("fixed", "3.1"))),
            ["1.1", "3.0"], ["1.2", "2.0", "3.1"],
        ),
        (
            "requirements: last_affected is the last that is affected, and versions above it are not",
            record(events(("introduced", "0"), ("last_affected", "2.1.214"))),
            ["2.1.214", "2.1.214rc1"], ["2.1.215", "2.1.214.post1"],
        ),
        (
            "evaluation: a version that is fixed and introduced again at once is affected from there on",
            record(events(("introduced", "1.0"), ("last_affected", "1.5"), ("introduced", "2.0"))),
            ["1.5", "2.0", "9"], ["1.6", "0.9"],
        ),
        (
            "limit: nothing from the limit on is affected, whatever the other events say",
            record(events(("introduced", "1.0"), ("limit", "2.0"))), ["1.0", "1.9"], ["2.0", "3.0"],
        ),
        (
            "limit: several of them each widen what is covered",
            record(events(("introduced", "1.0"), ("limit", "2.0"), ("limit", "3.0"))), ["2.5"], ["3.0"],
        ),
        (
            'special values: a limit of "*" is infinity',
            record(events(("introduced", "1.0"), ("limit", "*"))), ["1.0", "99"], ["0.9"],
        ),
        (
            "affected: a listed version counts without a range",
            record(versions=["1.0", "2.0rc1"]), ["1.0", "1.0.0", "2.0.rc1"], ["1.0.1", "2.0"],
        ),
        (
            "affected: a listed version counts beside a range that leaves it out",
            record(FROM_ZERO, versions=["2.7.0"]), ["2.7.0", "2.5"], ["2.7.1", "2.6.0"],
        ),
        (
            "affected: a range counts beside a list that leaves a version out",
            record(FROM_ZERO, versions=["1.0"]), ["2.5"], ["2.6.0"],
        ),
        (
            "a local build of a wheel index (PEP 440, `+cpu`) is affected as its release is",
            record(events(("introduced", "2.0"), ("last_affected", "2.5.1")), versions=["1.9.0"]),
            ["2.5.1+cpu", "2.0+cu121", "1.9.0+cpu"], ["2.5.2+cpu", "1.9.1+cpu"],
        ),
        (
            "ranges of type SEMVER are ordered by precedence",
            record(events(("introduced", "1.0.0-alpha.1"), ("fixed", "1.0.0")), kind="SEMVER"),
            ["1.0.0-alpha.1", "1.0.0-beta"], ["1.0.0", "0.9.0"],
        ),
        (
            "ranges of type ECOSYSTEM follow PyPI: pre-releases below, post-releases and local builds above",
            record(events(("introduced", "2.0"), ("fixed", "2.6"))), ["2.6rc1", "2.6.dev1"], ["2.6.post1", "2.6+cpu"],
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_a_version_is_affected_by_the_rule(rule: str, one: Record, affected: list[str], unaffected: list[str]) -> None:
    assert {version: answer(one, version) for version in affected} == dict.fromkeys(affected, "yes"), rule
    assert {version: answer(one, version) for version in unaffected} == dict.fromkeys(unaffected, "no"), rule


@pytest.mark.parametrize(
    ("rule", "one", "affected", "unaffected"),
    [
        (
            "ranges of type GIT: u < v when u is an ancestor of v",
            record(events(("introduced", B), ("fixed", D)), kind="GIT"), [B, C], [A, D, E],
        ),
        (
            'special values: introduced "0" is before the first commit',
            record(events(("introduced", "0"), ("fixed", C)), kind="GIT"), [A, B], [C, D, E],
        ),
        (
            "requirements: last_affected is affected, its children are not",
            record(events(("introduced", B), ("last_affected", C)), kind="GIT"), [B, C], [A, D, E],
        ),
        (
            "limit: commits that lead to the limit, without the limit",
            record(events(("introduced", B), ("limit", D)), kind="GIT"), [B, C], [A, D, E],
        ),
        (
            "affected: listed commits count beside the range",
            record(events(("introduced", B), ("fixed", C)), kind="GIT", versions=[E]), [B, E], [A, C, D],
        ),
    ],
    ids=lambda value: value if isinstance(value, str) and " " in value else "",
)  # fmt: skip
def test_a_commit_is_affected_by_the_rule(rule: str, one: Record, affected: list[str], unaffected: list[str]) -> None:
    answers = {commit: is_commit_affected(commit, one.affected[0], HISTORY) for commit in HISTORY}
    assert answers == dict.fromkeys(affected, "yes") | dict.fromkeys(unaffected, "no"), rule


@pytest.mark.parametrize(
    ("rule", "broken"),
    [
        ("requirements: only a single type in each event", [[{"introduced": "1.0.0", "fixed": "1.0.2"}]]),
        ("requirements: last_affected or fixed, but not both", [
            events(("introduced", "0"), ("fixed", "2"), ("last_affected", "1"))
        ]),
        ("requirements: at least one introduced", [events(("fixed", "2"))]),
    ],
)  # fmt: skip
def test_a_record_that_breaks_the_rule_is_refused(rule: str, broken: Any) -> None:
    with pytest.raises(RecordFault):
        record(*broken)
    assert record(FROM_ZERO), rule


def test_a_withdrawn_record_is_counted_and_found_by_nothing(tmp_path: Path) -> None:
    document = {"id": "GHSA-aaaa-bbbb-cccc", "modified": "2026-11-01T00:00:00Z", "affected": [
        {"package": {"ecosystem": "PyPI", "name": "Torch"}, "ranges": [{"type": "ECOSYSTEM", "events": FROM_ZERO}]}
    ]}  # fmt: skip
    found = {}
    for name, more in (("standing", {}), ("withdrawn", {"withdrawn": "2026-11-02T00:00:00Z"})):
        write_index(tmp_path / name, [("one.json", json.dumps({**document, **more}).encode())])
        with closing(Index(tmp_path / name)) as index:
            found[name] = (index.extent().records, [one.id for one in index.about("package", "torch")])
    assert found == {"standing": (1, ["GHSA-aaaa-bbbb-cccc"]), "withdrawn": (1, [])}


def test_unknown_fields_and_newer_minor_versions_are_read_on() -> None:
    assert answer(record(FROM_ZERO, schema_version="1.99.0", something_new={"x": 1}), "2.5") == "yes"
