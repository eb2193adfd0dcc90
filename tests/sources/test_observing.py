"""Observing repositories on a Hub: what is seen, what it costs, and what is not known."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelguard.sources.answers import account, committed, observation, siblings, tips
from modelguard.sources.source import Options
from modelguard.sources.upstream import Observer, open_observer
from modelguard.terms.artifact import HubRef
from modelguard.terms.upstream import Absence, NotKnown, Observation
from modelguard.testing import LocalHub

REF = HubRef("org", "model")
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def hub() -> Iterator[LocalHub]:
    with LocalHub() as hub:
        hub.organization("org", members=("alice", "bob"), verified=True)
        hub.repository("org/model", card={"license": "mit"}).commit({"model.safetensors": b"1", "README.md": "hello"})
        yield hub


class Waits(list):
    """A clock that remembers for how long it was asked to wait, and does not."""

    def __call__(self, seconds: float) -> None:
        self.append(seconds)


def observer(hub: LocalHub, *, now: datetime = NOW, token: str | None = None, **more: Any) -> Observer:
    made = open_observer(Options(home=Path(), endpoint=hub.url, token=token), now=lambda: now, **more)
    made.asker.sleep = Waits()
    return made


def seen(hub: LocalHub, **more: Any) -> Observation:
    locked, before = more.pop("locked", ""), more.pop("before", None)
    sighting = observer(hub, **more).observe(REF, locked=locked, before=before)
    assert isinstance(sighting, Observation), sighting
    return sighting


def test_what_the_hub_says_is_seen(hub: LocalHub) -> None:
    repository = hub.repository("org/model")
    repository.tag("v1")
    repository.security["model.safetensors"] = "unsafe"
    found = seen(hub, locked=repository.head)
    assert (found.id, found.sha, found.license) == (repository.identity, repository.head, ("mit",))
    assert [(tip.kind, tip.name) for tip in found.refs or ()] == [("branch", "main"), ("tag", "v1")]
    assert found.owner is not None
    assert (found.owner.verified, found.owner.members) == (True, ("alice", "bob"))
    assert found.scan is not None
    assert found.scan.issues == (("model.safetensors", "unsafe"),)
    assert found.locked is not None
    assert (found.locked.answers, found.locked.reachable) == (True, True)
    assert [one.sha256 is not None for one in found.siblings or ()] == [False, True]


def test_an_unchanged_model_costs_one_request_besides_its_owner(hub: LocalHub) -> None:
    first = seen(hub)
    hub.requests.clear()
    again = seen(hub, before=first)
    assert [request.path for request in hub.requests if "/api/models/" in request.path] == ["/api/models/org/model"]
    assert again.refs is None


def test_an_owner_is_asked_for_once_a_pass(hub: LocalHub) -> None:
    hub.repository("org/other").commit({"a.txt": "1"})
    one_pass = observer(hub)
    one_pass.observe(REF)
    one_pass.observe(HubRef("org", "other"))
    assert len(hub.asked("/organizations/org/overview")) == 1


def test_a_model_is_looked_at_closely_again_after_a_day(hub: LocalHub) -> None:
    first = seen(hub)
    assert seen(hub, before=first, now=NOW + timedelta(hours=23)).refs is None
    assert seen(hub, before=first, now=NOW + timedelta(hours=25)).refs is not None


def test_a_rewritten_history_leaves_the_locked_commit_gone(hub: LocalHub) -> None:
    repository = hub.repository("org/model")
    locked = repository.head
    repository.rewrite_history({"model.safetensors": b"2"})
    found = seen(hub, locked=locked).locked
    assert found is not None
    assert (found.answers, found.reachable) == (False, False)


def test_a_commit_that_only_a_pull_request_has_is_not_reachable(hub: LocalHub) -> None:
    found = seen(hub, locked=hub.repository("org/model").pull_request({"x.py": "1"})).locked
    assert found is not None
    assert (found.answers, found.reachable) == (True, False)


def test_a_locked_commit_of_another_branch_is_reachable(hub: LocalHub) -> None:
    repository = hub.repository("org/model")
    repository.branch("next")
    locked = repository.commit({"a": "1"}, branch="next")
    repository.commit({"a": "2"}, branch="next")
    found = seen(hub, locked=locked).locked
    assert found is not None
    assert found.reachable is True


@pytest.mark.parametrize(("change", "kind"), [("removed", "hidden"), ("private", "hidden"), ("disabled", "disabled")])
def test_a_clear_no_is_an_absence(hub: LocalHub, change: str, kind: str) -> None:
    repository = hub.repository("org/model")
    if change == "removed":
        hub.delete("org/model")
    else:
        setattr(repository, change, True)
    sighting = observer(hub).observe(REF)
    assert isinstance(sighting, Absence)
    assert sighting.kind == kind


def test_a_hub_that_is_down_says_nothing_about_a_model(hub: LocalHub) -> None:
    hub.fail(503, times=2)
    sighting = observer(hub).observe(REF)
    assert isinstance(sighting, NotKnown)
    assert "503" in sighting.reason


def test_one_fault_of_the_server_is_forgiven(hub: LocalHub) -> None:
    hub.fail(500)
    assert seen(hub).id


def test_a_hub_that_stays_down_is_not_asked_for_every_model(hub: LocalHub) -> None:
    hub.fail(503, times=1000)
    one_pass = observer(hub)
    sightings = [one_pass.observe(HubRef("org", f"m{number}")) for number in range(50)]
    assert all(isinstance(one, NotKnown) for one in sightings)
    assert len(hub.requests) == 10


def test_a_throttled_pass_waits_as_long_as_it_is_asked_to(hub: LocalHub) -> None:
    hub.throttle(55)
    one_pass = observer(hub)
    assert isinstance(one_pass.observe(REF), Observation)
    assert one_pass.asker.waited == 55


def test_a_pass_without_patience_does_not_call_a_throttled_model_gone(hub: LocalHub) -> None:
    hub.throttle(400, times=5)
    one_pass = observer(hub)
    sighting = one_pass.observe(REF)
    assert isinstance(sighting, NotKnown)
    assert "wait 400 seconds" in sighting.reason
    assert one_pass.asker.waited == 0


@pytest.mark.parametrize("budget", [1, 2])
def test_a_spent_budget_is_not_known_rather_than_gone(hub: LocalHub, budget: int) -> None:
    sighting = observer(hub, budget=budget).observe(REF)
    assert isinstance(sighting, NotKnown)
    assert f"budget of {budget} requests is spent" in sighting.reason
    assert len(hub.requests) == budget


def test_an_owner_that_the_budget_does_not_reach_is_not_known(hub: LocalHub) -> None:
    found = seen(hub, budget=3)
    assert (found.refs is not None, found.owner) == (True, None)


def test_a_gated_repository_is_seen_without_its_history(hub: LocalHub) -> None:
    hub.repository("org/model").gated = "auto"
    found = seen(hub)
    assert (found.gated, found.history) == ("auto", None)
    assert found.refs is not None


def test_a_renamed_repository_tells_where_it_is(hub: LocalHub) -> None:
    hub.rename("org/model", "neworg/model")
    found = seen(hub)
    assert found.redirected_to == "neworg/model"
    assert found.owner is not None
    assert found.owner.name == "neworg"


def test_a_user_is_an_owner_as_well(hub: LocalHub) -> None:
    hub.user("org")
    found = seen(hub)
    assert found.owner is not None
    assert (found.owner.kind, found.owner.members) == ("user", None)


def test_what_the_hub_does_not_tell_is_not_known() -> None:
    bare = observation({}, repo="org/model", host="hub", at="2026-01-01T00:00:00+00:00")
    assert evolve(bare, repo="", host="", at="") == Observation(repo="", host="", at="")


def test_a_card_without_a_license_declares_none() -> None:
    assert observation({"cardData": {}, "tags": []}, repo="o/m", host="h", at="").license == ()


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["id", "_id", "siblings", "rfilename", "lfs", "sha256", "cardData", "license", "tags", "branches",
             "securityRepoStatus", "filesWithIssues", "path", "level", "gated", "targetCommit", "name", "user"]
        ),
        inner, max_size=6,
    ),
    max_leaves=20,
)  # fmt: skip


unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


@unhurried
@given(st.dictionaries(st.sampled_from(["id", "siblings", "cardData", "tags", "securityRepoStatus"]), VALUES))
def test_any_answer_is_read_without_a_fault(about: dict[str, Any]) -> None:
    observation(about, repo="o/m", host="h", at="")
    account("o", "org", about, None)


@unhurried
@given(
    VALUES
    | st.fixed_dictionaries({"branches": VALUES, "tags": st.lists(st.fixed_dictionaries({"targetCommit": VALUES}))})
)
def test_any_list_is_read_without_a_fault(value: Any) -> None:
    siblings(value)
    if isinstance(value, dict):
        tips(value)
        committed(value)
