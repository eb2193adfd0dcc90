"""The fourteen questions: what each mark is for, its neighbours, and that what is not known never counts as zero."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from modelguard.terms.upstream import Account, Committed, History, LockedRevision, Observation, Scan, Sibling
from modelguard.terms.vendor import Collected, Discussion, Mark, Recorded, Vendor
from modelguard.vendors.lookalikes import distance, folded, look_alikes, resemblance
from modelguard.vendors.questions import QUESTIONS
from modelguard.vendors.scoring import assess, weigh

TODAY = date(2026, 11, 22)
BY_ID = {question.id: question for question in QUESTIONS}


def seen(**more: Any) -> Observation:
    return Observation(repo="acme/tiny", host="hub.example", at="2026-11-22T00:00:00+00:00", **more)


def files(*names: str, size: int | None = 100) -> tuple[Sibling, ...]:
    return tuple(Sibling(path=name, size=size) for name in names)


def vendor(observation: Observation | None = None, *, owner: Account | None = None, **more: Any) -> Vendor:
    one = Collected(seen=observation or seen(), **more)
    return Vendor(subject="acme/tiny", at="2026-11-22", owner=owner, repositories=(one,))


def mark(question: str, subject: Vendor) -> float | None:
    return BY_ID[question].mark(subject, TODAY).value


def history(*days: str, authors: tuple[str, ...] = ("ann",), complete: bool = True) -> History:
    commits = [Committed(id=f"{n:040d}", date=f"{day}T00:00:00Z", authors=authors) for n, day in enumerate(days)]
    return History(commits=tuple(commits), complete=complete)


def test_there_are_fourteen_questions_with_a_formula_each() -> None:
    assert len(BY_ID) == len(QUESTIONS) == 14
    assert {question.weight for question in QUESTIONS} == {10, 7.5, 5, 2.5}
    assert all(question.formula.endswith(".") and question.asks.endswith("?") for question in QUESTIONS)


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda one: one.id)
def test_what_is_not_known_has_no_mark(question: Any) -> None:
    assert question.mark(vendor(), TODAY).value is None
    nobody = Vendor(subject="acme", at="", owner=None, repositories=())
    assert question.mark(nobody, TODAY).value is None


@pytest.mark.parametrize(
    ("scan", "value"),
    [
        (Scan(done=True), 10),
        (Scan(done=True, issues=(("a.pkl", "suspicious"),)), 5),
        (Scan(done=True, issues=(("a.pkl", "suspicious"), ("b.pkl", "unsafe"))), 0),
        (Scan(done=False), None),
        (Scan(done=None), None),
        (Scan(done=True, issues=(("a.pkl", "queued"),)), None),
    ],
)
def test_unsafe_files(scan: Scan, value: float | None) -> None:
    assert mark("unsafe-files", vendor(seen(scan=scan))) == value


def test_one_unsafe_repository_is_not_averaged_away() -> None:
    good, bad = Scan(done=True), Scan(done=True, issues=(("b.pkl", "unsafe"),))
    both = tuple(Collected(seen=seen(scan=scan)) for scan in (good, good, good, bad))
    assert mark("unsafe-files", Vendor(subject="acme", at="", owner=None, repositories=both)) == 0


@pytest.mark.parametrize(
    ("names", "value"),
    [
        (("w.safetensors",), 10),
        (("w.bin",), 0),
        (("w.gguf", "v.onnx"), 10),
        (("w.safetensors", "w.bin"), 2),
        (("w.safetensors", "w.h5"), 5),
        (("README.md",), None),
    ],
)
def test_safe_formats(names: tuple[str, ...], value: float | None) -> None:
    assert mark("safe-formats", vendor(seen(siblings=files(*names)))) == value
    assert mark("safe-formats", vendor(seen(siblings=files(*names, size=None)))) == value


@pytest.mark.parametrize(
    ("more", "texts", "value"),
    [
        ({}, {}, 10),
        ({"siblings": files("modeling.py"), "last_modified": "2026-01-01T00:00:00Z"}, {}, 6),
        ({"siblings": files("modeling.py"), "last_modified": "2026-11-01T00:00:00Z"}, {}, 3),
        ({"tags": ("custom_code",)}, {}, 3),
        ({}, {"config.json": '{"auto_map": {}}'}, 3),
    ],
)
def test_remote_code(more: dict[str, Any], texts: dict[str, str], value: float) -> None:
    assert mark("remote-code", vendor(seen(**{"siblings": files("w.safetensors"), **more}), texts=texts)) == value


@pytest.mark.parametrize(
    ("locked", "value"),
    [
        (LockedRevision(commit="a" * 40, answers=True, reachable=True), 10),
        (LockedRevision(commit="a" * 40, answers=False), 0),
        (LockedRevision(commit="a" * 40, answers=True, reachable=False), 0),
        (LockedRevision(commit="a" * 40), None),
    ],
)
def test_revision_integrity(locked: LockedRevision, value: float | None) -> None:
    commits = history("2026-01-01", "2026-01-02")
    assert mark("revision-integrity", vendor(seen(locked=locked, history=commits))) == value


def test_a_history_of_one_commit_may_have_been_squashed() -> None:
    assert mark("revision-integrity", vendor(seen(history=history("2026-01-01")))) == 5
    assert mark("revision-integrity", vendor(seen(history=history("2026-01-01", complete=False)))) is None


@pytest.mark.parametrize(
    ("owner", "value"),
    [
        (Account(name="a", kind="org", verified=True, users=9, created_at="2020-01-01T00:00:00Z"), 10),
        (Account(name="a", kind="org", verified=False, users=2, created_at="2020-01-01T00:00:00Z"), 3),
        (Account(name="a", kind="org", verified=False, users=50, created_at="2026-11-01T00:00:00Z"), 2),
        (Account(name="a", kind="org", users=9), None),
        (Account(name="a", kind="user", created_at="2026-11-01T00:00:00Z"), 2),
        (Account(name="a", kind="user", created_at="2026-05-01T00:00:00Z"), 3),
        (Account(name="a", kind="user", created_at="2020-05-01T00:00:00Z"), 5),
        (Account(name="a", kind="user", created_at="2030-05-01T00:00:00Z"), None),
    ],
)
def test_publisher_identity(owner: Account, value: float | None) -> None:
    assert mark("publisher-identity", vendor(owner=owner)) == value


@pytest.mark.parametrize(
    ("recorded", "name", "value"),
    [
        (Recorded(repo_id="r1", owner_id="o1"), "acme/tiny", 10),
        (Recorded(repo_id="r1"), "acme/tiny", 10),
        (Recorded(repo_id="r2", owner_id="o1"), "acme/tiny", 0),
        (Recorded(repo_id="r1", owner_id="o2"), "acme/tiny", 0),
        (Recorded(repo_id="r1"), "new/tiny", 4),
        (Recorded(), "acme/tiny", None),
    ],
)
def test_namespace_continuity(recorded: Recorded, name: str, value: float | None) -> None:
    observation = seen(id="r1", name=name, owner=Account(name="acme", id="o1"))
    assert mark("namespace-continuity", vendor(observation, recorded=recorded)) == value


def test_signed() -> None:
    assert mark("signed", vendor(seen(siblings=files("w.bin")), recorded=Recorded(signed=True))) == 10
    assert mark("signed", vendor(seen(siblings=files("w.bin", "model.sig")))) == 5
    assert mark("signed", vendor(seen(siblings=files("w.bin", "sigma.txt")))) == 0


def test_maintained_counts_quarters_with_a_commit() -> None:
    whole = history("2026-11-01", "2026-08-01", "2026-05-01", "2026-02-01")
    assert mark("maintained", vendor(seen(history=whole))) == 10
    assert mark("maintained", vendor(seen(history=history("2026-11-01", "2026-11-02")))) == 2.5
    assert mark("maintained", vendor(seen(history=history("2024-11-01")))) == 0


def test_bus_factor_counts_people_and_no_bots() -> None:
    def by(*authors: str) -> Vendor:
        commits = tuple(Committed(id="0", date="2026-01-01T00:00:00Z", authors=(one,)) for one in authors)
        return vendor(seen(history=History(commits=commits, complete=True)))

    assert mark("bus-factor", by("ann", "ann", "bob")) == 2
    assert mark("bus-factor", by("ann", "bob", "cyd")) == 6
    assert mark("bus-factor", by("ann", "bob", "cyd", "dan", "eve")) == 10
    assert mark("bus-factor", by("ann", "SFconvertbot", "SFconvertbot", "system", "release-bot")) == 2
    assert mark("bus-factor", by("SFconvertbot")) is None


def thread(title: str = "Question", *events: tuple[str, str, str], status: str = "open", **more: Any) -> Discussion:
    moments = tuple((f"{day}T00:00:00Z", who, what) for day, who, what in events)
    return Discussion(
        number=1, title=title, author="stranger", opened="2026-10-01T00:00:00Z", status=status, events=moments, **more
    )


TEAM = Account(name="acme", kind="org", members=("ann",))


@pytest.mark.parametrize(
    ("threads", "value"),
    [
        ([thread("Q", ("2026-10-02", "ann", "comment"))], 10),
        ([thread("Q", ("2026-10-02", "bob", "comment"), ("2026-10-11", "ann", "comment"))], 7),
        ([thread("Q", ("2026-11-20", "ann", "comment"))], 4),
        ([thread("Q")], 4),
        ([evolve(thread("Q"), opened="2026-01-01T00:00:00Z")], 1),
        ([evolve(thread("Q"), author="ann")], None),
        ([evolve(thread("Q"), events=None)], None),
        ([], None),
    ],
)
def test_responsiveness(threads: list[Discussion], value: float | None) -> None:
    assert mark("responsiveness", vendor(owner=TEAM, discussions=tuple(threads))) == value


@pytest.mark.parametrize(
    ("threads", "value"),
    [
        ([thread("Malicious file", ("2026-10-05", "ann", "closed"), status="closed")], 10),
        ([thread("Unsafe pickle", ("2026-10-25", "ann", "merged"), status="merged")], 7),
        ([thread("CVE-2026-1 in this")], 4),
        ([evolve(thread("security hole"), opened="2026-01-01T00:00:00Z")], 0),
        ([thread("How to use it")], None),
        ([evolve(thread("security", status="closed"), events=None)], None),
    ],
)
def test_fix_speed(threads: list[Discussion], value: float | None) -> None:
    assert mark("fix-speed", vendor(owner=TEAM, discussions=tuple(threads))) == value


@pytest.mark.parametrize(
    ("texts", "value"),
    [
        ({"SECURITY.md": "Write to security@acme.example"}, 10),
        ({"SECURITY.md": "We care."}, 7),
        ({"README.md": "Report a vulnerability to us"}, 5),
        ({"README.md": "A model"}, 0),
        ({}, None),
    ],
)
def test_disclosure(texts: dict[str, str], value: float | None) -> None:
    assert mark("disclosure", vendor(seen(siblings=files("README.md")), texts=texts)) == value


FULL_CARD = """---
license: mit
language: en
datasets: [x]
base_model: a/b
library_name: transformers
---
## Intended use
## Limitations
## Training
## Evaluation
## Citation
"""


def test_card_completeness() -> None:
    there = seen(siblings=files("README.md"))
    assert mark("card-completeness", vendor(there, texts={"README.md": FULL_CARD})) == 10
    assert mark("card-completeness", vendor(there, texts={"README.md": "---\nlicense: mit\n---"})) == 1
    assert mark("card-completeness", vendor(seen(siblings=files("w.bin")))) == 0
    assert mark("card-completeness", vendor(there)) is None


@pytest.mark.parametrize(
    ("more", "names", "value"),
    [
        ({"license": ("mit",)}, ("LICENSE",), 10),
        ({"license": ("mit",)}, ("license_plates.csv",), 6),
        ({"license": ("other",), "license_name": "acme-1"}, ("w.bin",), 3),
        ({"license": ("other",)}, ("w.bin",), 0),
        ({}, ("LICENSE.txt",), 3),
        ({}, ("w.bin",), 0),
    ],
)
def test_license_clarity(more: dict[str, Any], names: tuple[str, ...], value: float) -> None:
    assert mark("license-clarity", vendor(seen(siblings=files(*names), **more))) == value


# --- the score -------------------------------------------------------------------------------------------------------


def marks(*values: tuple[float, float | None]) -> list[Mark]:
    return [Mark(question="x", weight=weight, value=value, reason="") for weight, value in values]


def test_the_score_is_the_weighted_mean_of_what_is_known() -> None:
    assert weigh(marks((10, 10), (5, 4), (5, None))) == (8.0, 0.75)


def test_below_half_of_the_weight_there_is_no_score() -> None:
    assert weigh(marks((10, 10), (10, None))) == (10.0, 0.5)
    assert weigh(marks((10, 10), (10.5, None)))[0] is None
    assert weigh([]) == (None, 0.0)


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from([2.5, 5.0, 7.5, 10.0]), st.none() | st.floats(0, 10)), max_size=14))
def test_a_score_lies_between_the_least_and_the_highest_mark(rows: list[tuple[float, float | None]]) -> None:
    score, coverage = weigh(marks(*rows))
    known = [value for _, value in rows if value is not None]
    assert 0 <= coverage <= 1 + 1e-9
    if score is not None:
        assert min(known) - 0.06 <= score <= max(known) + 0.06


def test_popularity_is_shown_and_never_scored() -> None:
    plain = assess(vendor(seen(scan=Scan(done=True))), TODAY)
    popular = assess(vendor(seen(scan=Scan(done=True), downloads=10**9, likes=10**6)), TODAY)
    assert plain.score == popular.score
    assert [one.value for one in plain.marks] == [one.value for one in popular.marks]
    assert ("downloads in 30 days", str(10**9)) in popular.shown


# --- look-alikes -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "target", "how"),
    [
        ("0penai", "openai", "looks the same"),
        ("open-ai", "openai", "looks the same"),
        ("оpenai", "openai", "looks the same"),
        ("rnicrosoft", "microsoft", "looks the same"),
        ("openaii", "openai", "differs in one letter"),
        ("opneai", "openai", "differs in one letter"),
        ("googel", "google", "differs in one letter"),
        ("microsoft-official", "microsoft", "has a word added"),
        ("OpenAI", "openai", ""),
        ("acme", "apple", ""),
        ("openrouter", "openai", ""),
        ("tiny", "tint", ""),
    ],
)
def test_a_name_that_can_be_taken_for_another(name: str, target: str, how: str) -> None:
    assert resemblance(name, target) == how


def test_a_familiar_publisher_resembles_nobody() -> None:
    for name in ("openai", "google", "google-bert", "facebook", "FacebookAI"):
        subject = Vendor(subject=name, at="", owner=None, repositories=())
        assert list(look_alikes(subject, TODAY)) == []


def test_a_publisher_that_the_policy_names_resembles_nobody_and_is_imitated() -> None:
    own = Vendor(subject="0penai", at="", owner=None, repositories=(), familiar=("0penai", "acmecorp"))
    assert list(look_alikes(own, TODAY)) == []
    other = Vendor(subject="acrnecorp", at="", owner=None, repositories=(), familiar=("acmecorp",))
    assert [one.target for one in look_alikes(other, TODAY)] == ["acmecorp"]


def test_a_copied_card_counts_for_a_young_owner_only() -> None:
    card = {"README.md": "Use it: AutoModel.from_pretrained('famous/tiny')"}
    young = Account(name="acme", kind="user", created_at="2026-11-01T00:00:00Z")
    old = evolve(young, created_at="2020-11-01T00:00:00Z")
    [found] = look_alikes(vendor(owner=young, texts=card), TODAY)
    assert found.target == "famous/tiny"
    assert list(look_alikes(vendor(owner=old, texts=card), TODAY)) == []
    assert list(look_alikes(vendor(owner=young, texts={"README.md": "based on famous/other"}), TODAY)) == []


@settings(deadline=None)
@given(st.text("abc", max_size=5), st.text("abc", max_size=5))
def test_the_distance_of_names_is_a_distance(one: str, other: str) -> None:
    assert distance(one, other) == distance(other, one)
    assert (distance(one, other) == 0) == (one == other)
    assert abs(len(one) - len(other)) <= distance(one, other) <= max(len(one), len(other))


@settings(deadline=None)
@given(st.text(max_size=20))
def test_folding_never_fails(name: str) -> None:
    assert resemblance(name, name) == ""
    assert isinstance(folded(name), str)
