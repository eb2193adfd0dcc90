"""The pure comparison of two scenes: nothing from nothing, something from anything that is watched."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelguard.monitor.differing import diff
from modelguard.monitor.event import KINDS, Event
from modelguard.monitor.recording import read, written
from modelguard.monitor.scene import Ending, Notice, Scene
from modelguard.terms.errors import StateError
from modelguard.terms.upstream import (
    Absence,
    Account,
    Committed,
    History,
    LockedRevision,
    Observation,
    Scan,
    Sibling,
    Tip,
)

unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
WORDS = st.text(max_size=4)
SHAS = st.sampled_from(["a" * 40, "b" * 40, "c" * 40])
PATHS = st.sampled_from(["model.safetensors", "model.bin", "LICENSE", "x.py", "README.md", "d/é.txt"])
SIBLINGS = st.lists(
    st.builds(Sibling, path=PATHS, size=st.none() | st.integers(0, 3), oid=st.none() | WORDS, sha256=st.none() | WORDS),
    max_size=4, unique_by=lambda one: one.path,
).map(tuple)  # fmt: skip


def maybe(of: Any) -> Any:
    return st.none() | of


COMMITS = st.lists(
    st.builds(Committed, id=SHAS, title=WORDS, authors=st.lists(WORDS, max_size=2).map(tuple)), max_size=7
).map(tuple)
OBSERVATIONS = st.builds(
    Observation, repo=st.just("acme/tiny"), host=st.just("hub"), at=st.just(""),
    name=maybe(st.sampled_from(["acme/tiny", "acme/small", "other/tiny"])),
    id=maybe(st.sampled_from(["1", "2"])), sha=maybe(SHAS), created_at=maybe(st.sampled_from(["2024", "2025"])),
    private=maybe(st.booleans()), gated=maybe(st.sampled_from(["no", "auto"])), disabled=maybe(st.booleans()),
    license=maybe(st.lists(WORDS, max_size=2).map(tuple)), new_version=maybe(WORDS),
    tags=maybe(st.sampled_from([(), ("custom_code",)])), siblings=maybe(SIBLINGS),
    scan=maybe(st.builds(Scan, done=maybe(st.booleans()), issues=st.sampled_from([(), (("a", "unsafe"),)]))),
    refs=maybe(st.lists(
        st.builds(Tip, kind=st.sampled_from(["tag", "branch"]), name=WORDS, commit=SHAS), max_size=3,
        unique_by=lambda tip: (tip.kind, tip.name)).map(tuple)),
    history=maybe(st.builds(History, commits=COMMITS, complete=st.booleans())),
    locked=maybe(st.builds(
        LockedRevision, commit=SHAS, answers=maybe(st.booleans()), reachable=maybe(st.booleans()),
        siblings=maybe(SIBLINGS))),
    owner=maybe(st.builds(
        Account, name=st.just("acme"), id=maybe(st.sampled_from(["1", "2"])), verified=maybe(st.booleans()),
        members=maybe(st.lists(WORDS, max_size=2).map(tuple)))),
)  # fmt: skip
SCENES = st.builds(
    Scene, ref=st.just("acme/tiny"), seen=OBSERVATIONS,
    absence=maybe(st.builds(
        Absence, repo=st.just("acme/tiny"), host=st.just("hub"), at=st.just(""),
        kind=st.sampled_from(["hidden", "refused", "disabled"]))),
    requested=st.sampled_from(["main", "v1"]), revision=SHAS,
    notices=st.sampled_from([(), (Notice(id="x"),)]), inactive_since=maybe(st.just("2020-01-01")),
)  # fmt: skip


@unhurried
@given(SCENES)
def test_a_scene_does_not_differ_from_itself(scene: Scene) -> None:
    assert diff(scene, scene) == ()


@unhurried
@given(SCENES, SCENES)
def test_any_two_scenes_can_be_compared(before: Scene, after: Scene) -> None:
    for one in diff(before, after):
        assert one.kind in KINDS
        assert one.message
        assert one.remedy
        assert read(Event, written(one)) == one


@unhurried
@given(SCENES)
def test_a_scene_is_read_as_it_was_written(scene: Scene) -> None:
    assert read(Scene, written(scene)) == scene


@unhurried
@given(SCENES, SCENES, st.randoms())
def test_events_do_not_depend_on_the_order_in_which_the_hub_lists_things(
    before: Scene, after: Scene, random: Any
) -> None:
    def shuffled(scene: Scene) -> Scene:
        seen = scene.seen
        for name in ("siblings", "refs"):
            values = getattr(seen, name)
            if values is not None:
                seen = evolve(seen, **{name: tuple(random.sample(values, len(values)))})
        return evolve(scene, seen=seen)

    told = {one.numbered(1).id for one in diff(before, after)}
    assert {one.numbered(1).id for one in diff(shuffled(before), shuffled(after))} == told


FULL = Scene(
    ref="acme/tiny",
    requested="main",
    revision="a" * 40,
    seen=Observation(
        repo="acme/tiny", host="hub", at="2024", name="acme/tiny", id="1", sha="a" * 40, created_at="2024",
        private=False, gated="no", disabled=False, license=("mit",), tags=(), refs_at="2024",
        siblings=(Sibling(path="model.safetensors", sha256="1"), Sibling(path="LICENSE", oid="2")),
        scan=Scan(done=True), refs=(Tip(kind="tag", name="v1", commit="a" * 40),),
        history=History(commits=(Committed(id="a" * 40, authors=("alice",)),), complete=True),
        locked=LockedRevision(commit="a" * 40, answers=True, reachable=True),
        owner=Account(name="acme", id="9", kind="org", verified=True, members=("alice",)),
    ),
)  # fmt: skip
assert FULL.seen.owner is not None
WATCHED: list[tuple[str, dict[str, Any]]] = [
    ("namespace-reuse", {"id": "2"}),
    ("namespace-reuse", {"id": None, "created_at": "2025"}),
    ("namespace-reuse", {"owner": evolve(FULL.seen.owner, id="8")}),
    ("renamed", {"name": "acme/small"}),
    ("repo-private", {"private": True}),
    ("repo-disabled", {"disabled": True}),
    ("gated-changed", {"gated": "auto"}),
    ("license-changed", {"license": ()}),
    ("license-changed", {"license_name": "x"}),
    ("license-changed", {"license_link": "x"}),
    ("revision-moved", {"sha": "b" * 40}),
    ("file-changed-same-ref", {"siblings": (Sibling(path="model.safetensors", sha256="1"),)}),
    ("file-changed-same-ref", {"siblings": (*(FULL.seen.siblings or ()), Sibling(path="new"))}),
    ("tag-moved", {"refs": (Tip(kind="tag", name="v1", commit="b" * 40),)}),
    ("tag-deleted", {"refs": ()}),
    ("history-rewritten", {"sha": "b" * 40, "siblings": (), "history": History(commits=(), complete=True)}),
    ("history-rewritten", {"locked": LockedRevision(commit="a" * 40, answers=False), "siblings": None}),
    ("maintainers-changed", {"owner": evolve(FULL.seen.owner, members=())}),
    ("maintainers-changed", {"owner": evolve(FULL.seen.owner, verified=False)}),
    ("hub-unsafe", {"scan": Scan(done=True, issues=(("x", "suspicious"),))}),
    ("successor", {"new_version": "acme/new"}),
    ("unsafe-file-added", {"sha": "b" * 40, "tags": ("custom_code",)}),
]


@pytest.mark.parametrize(("kind", "change"), WATCHED)
def test_whatever_is_watched_makes_an_event_when_it_changes(kind: str, change: dict[str, Any]) -> None:
    assert kind in [one.kind for one in diff(FULL, evolve(FULL, seen=evolve(FULL.seen, **change)))]


@pytest.mark.parametrize(
    "change",
    [
        {"downloads": 10}, {"likes": 3}, {"last_modified": "2025"}, {"at": "2025"}, {"library_name": "x"}, {"id": None},
        {"private": None}, {"gated": None}, {"license": None}, {"siblings": None}, {"refs": None}, {"owner": None},
        {"scan": None}, {"scan": Scan(done=False)}, {"scan": Scan(issues=(("x", "queued"),))}, {"tags": None},
        {"history": None}, {"locked": None}, {"name": "Acme/Tiny"}, {"locked": LockedRevision(commit="a" * 40)},
        {"history": History(commits=(), complete=False)},
    ],
    ids=str,
)  # fmt: skip
def test_what_is_not_known_or_not_watched_makes_none(change: dict[str, Any]) -> None:
    assert diff(FULL, evolve(FULL, seen=evolve(FULL.seen, **change))) == ()


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("advisory-new", {"notices": (Notice(id="x"),)}),
        ("approval-expiring", {"endings": (Ending(kind="approval", subject="", until="2024-01-01"),)}),
        ("exception-expiring", {"endings": (Ending(kind="exception", subject="x", until="2024-01-01"),)}),
        ("vendor-inactive", {"inactive_since": "2020-01-01"}),
    ],
)
def test_what_is_known_besides_the_hub_makes_events_too(kind: str, change: dict[str, Any]) -> None:
    assert [one.kind for one in diff(FULL, evolve(FULL, **change))] == [kind]
    assert diff(evolve(FULL, **change), FULL) == ()


def test_one_event_has_one_id_and_another_occurrence_another() -> None:
    moved = evolve(FULL, seen=evolve(FULL.seen, sha="b" * 40))
    (first,), (again,) = diff(FULL, moved), diff(FULL, moved)
    assert first.numbered(1).id == again.numbered(1).id
    assert first.numbered(1).id != again.numbered(2).id


def test_names_from_the_hub_cannot_write_to_a_terminal() -> None:
    bad = evolve(FULL, seen=evolve(FULL.seen, name="other/\x1b[2J"))
    assert "\x1b" not in "".join(one.message for one in diff(FULL, bad))


@pytest.mark.parametrize("text", ["", "[]", "{", '{"ref": 1}', "[" * 100_000, '{"ref": "a", "seen": {"repo": []}}'])
def test_a_damaged_scene_is_told(text: str) -> None:
    with pytest.raises(StateError, match="damaged"):
        read(Scene, text)
