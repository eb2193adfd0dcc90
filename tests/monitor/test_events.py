"""Each kind of event comes from the change on the Hub that it names, and not from what only looks like it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from attrs import evolve
from monitor_builders import Bench

from modelguard.lock import Accepted, Decided
from modelguard.monitor.event import KINDS
from modelguard.monitor.scene import Notice
from modelguard.terms.finding import Severity
from modelguard.testing import LocalHub, Repository


def test_nothing_happens_while_nothing_changes(bench: Bench) -> None:
    assert [bench.kinds() for _ in range(3)] == [[], [], []]
    assert bench.kinds(closely=False) == []


def test_a_new_revision_is_told_once(bench: Bench, repository: Repository) -> None:
    repository.commit({"README.md": "hello"})
    (told,) = bench.watch()
    assert (told.kind, told.severity, told.details) == ("revision-moved", Severity.INFO, ("~ README.md",))
    assert bench.kinds() == []


def test_a_new_revision_that_touches_code_weighs_more(bench: Bench, repository: Repository) -> None:
    repository.commit({"x.bin": "1"})
    bench.watch()
    repository.commit({"x.bin": "2"})
    (told,) = bench.watch()
    assert (told.kind, told.severity) == ("revision-moved", Severity.MEDIUM)


def test_what_happened_between_locking_and_the_first_pass_is_told(
    hub: LocalHub, repository: Repository, tmp_path: Path
) -> None:
    bench = Bench(hub, tmp_path)
    bench.lock(repository)
    repository.commit({"model.safetensors": b"others"})
    assert bench.kinds() == ["revision-moved"]


@pytest.mark.parametrize("forget", [True, False])
def test_a_rewritten_history_is_told(bench: Bench, repository: Repository, forget: bool) -> None:
    repository.rewrite_history({"model.safetensors": b"other weights", "LICENSE": "MIT"}, forget=forget)
    (told,) = bench.watch()
    assert (told.kind, told.severity) == ("history-rewritten", Severity.HIGH)
    assert ("is gone" if forget else "no branch or tag leads") in told.message


@pytest.mark.parametrize("forget", [True, False])
def test_a_squash_is_named_as_such(bench: Bench, repository: Repository, forget: bool) -> None:
    repository.commit({"README.md": "1"})
    repository.commit({"README.md": "2"})
    bench.watch()
    files = {path: file.data for path, file in repository.commits[repository.head].files.items()}
    repository.rewrite_history(files, "Super-squash branch 'main'", forget=forget)
    (told,) = bench.watch()
    assert (told.kind, told.severity) == ("history-squashed", Severity.MEDIUM)


def test_a_squash_in_name_only_is_a_rewriting(bench: Bench, repository: Repository) -> None:
    repository.rewrite_history({"model.safetensors": b"poison"}, "Super-squash branch 'main' using huggingface_hub")
    assert "history-rewritten" in bench.kinds()


def test_a_squash_of_what_was_locked_and_never_watched_is_named_as_such(
    hub: LocalHub, repository: Repository, tmp_path: Path
) -> None:
    bench = Bench(hub, tmp_path)
    bench.lock(repository)
    files = {path: file.data for path, file in repository.commits[repository.head].files.items()}
    repository.rewrite_history(files, "Squash")
    assert bench.kinds() == ["history-squashed"]


def test_a_tag_that_moves_or_goes_is_told(bench: Bench, repository: Repository) -> None:
    first = repository.head
    repository.tag("v1")
    repository.commit({"README.md": "new"})
    assert bench.kinds() == ["revision-moved"]
    repository.tag("v1")
    (moved,) = bench.watch()
    assert (moved.kind, moved.subject, moved.before, moved.after) == ("tag-moved", "v1", first, repository.head)
    del repository.named["v1"]
    assert bench.kinds() == ["tag-deleted"]


def test_a_new_tag_or_branch_is_no_event(bench: Bench, repository: Repository) -> None:
    repository.tag("v2")
    repository.branch("next")
    repository.commit({"x": "1"}, branch="next")
    assert bench.kinds() == []


def test_a_locked_tag_that_moved_before_the_first_pass_is_told(
    hub: LocalHub, repository: Repository, tmp_path: Path
) -> None:
    bench = Bench(hub, tmp_path)
    repository.tag("v1")
    bench.lock(repository, requested="v1")
    repository.commit({"README.md": "new"})
    repository.tag("v1")
    assert bench.kinds() == ["tag-moved"]


def test_a_locked_branch_is_followed(hub: LocalHub, repository: Repository, tmp_path: Path) -> None:
    bench = Bench(hub, tmp_path)
    repository.branch("stable")
    bench.lock(repository, requested="stable")
    assert bench.kinds() == []
    repository.commit({"README.md": "x"}, branch="stable")
    (told,) = bench.watch()
    assert (told.kind, told.subject) == ("revision-moved", "stable")


@pytest.mark.parametrize("since", ["the lock", "the last pass"])
def test_a_commit_with_other_content_is_tampering(
    hub: LocalHub, repository: Repository, tmp_path: Path, since: str
) -> None:
    bench = Bench(hub, tmp_path)
    bench.lock(repository)
    if since == "the last pass":
        bench.watch()
    commit = repository.commits[repository.head]
    other = evolve(commit.files["model.safetensors"], data=b"WEIGHTS")
    repository.commits[commit.sha] = evolve(commit, files={**commit.files, "model.safetensors": other})
    (told,) = bench.watch()
    assert (told.kind, told.severity, told.subject) == (
        "file-changed-same-ref", Severity.CRITICAL, "model.safetensors",
    )  # fmt: skip


@pytest.mark.parametrize("how", ["removed", "private"])
def test_a_repository_that_is_gone_is_unavailable_and_may_return(
    bench: Bench, hub: LocalHub, repository: Repository, how: str
) -> None:
    if how == "removed":
        hub.delete("acme/tiny")
    else:
        repository.private = True
    assert bench.kinds() == ["repo-unavailable"]
    assert bench.kinds() == []
    repository.private = False
    hub.repositories["acme/tiny"] = repository
    assert bench.kinds() == ["repo-returned"]


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_hub_that_is_down_is_not_a_removed_repository(bench: Bench, hub: LocalHub, status: int) -> None:
    hub.fail(status, times=20)
    outcome = bench.outcome()
    assert outcome.events == ()
    assert [ref for ref, _ in outcome.unseen] == ["acme/tiny"]
    hub.mend()
    assert bench.kinds() == []


def test_a_throttling_hub_is_not_a_removed_repository(bench: Bench, hub: LocalHub) -> None:
    hub.throttle(1000, times=20)
    outcome = bench.outcome()
    assert (outcome.events, len(outcome.unseen)) == ((), 1)
    hub.mend()
    assert bench.kinds() == []


@pytest.mark.parametrize("budget", [1, 2, 3])
def test_a_look_that_ends_halfway_loses_no_event(bench: Bench, repository: Repository, budget: int) -> None:
    repository.rewrite_history({"model.safetensors": b"other"})
    first = bench.outcome(budget=budget, closely=False)
    assert (first.events, len(first.unseen)) == ((), 1)
    assert "history-rewritten" in bench.kinds(closely=False)


def test_a_disabled_repository_is_told(bench: Bench, repository: Repository) -> None:
    repository.disabled = True
    assert bench.kinds() == ["repo-disabled"]
    repository.disabled = False
    assert bench.kinds() == ["repo-returned"]


def test_gating_is_told(bench: Bench, repository: Repository) -> None:
    repository.gated = "manual"
    (told,) = bench.watch()
    assert (told.kind, told.before, told.after) == ("gated-changed", "no", "manual")


def test_a_rename_is_no_reuse(bench: Bench, hub: LocalHub) -> None:
    hub.rename("acme/tiny", "acme/small")
    (told,) = bench.watch()
    assert (told.kind, told.severity, told.after) == ("renamed", Severity.MEDIUM, "acme/small")
    assert bench.kinds() == []


def test_a_transfer_is_a_rename_that_weighs_more(bench: Bench, hub: LocalHub) -> None:
    hub.rename("acme/tiny", "other/tiny")
    (told,) = bench.watch()
    assert (told.kind, told.severity) == ("renamed", Severity.HIGH)


def test_a_reused_namespace_is_told(bench: Bench, hub: LocalHub, repository: Repository) -> None:
    files = {path: file.data for path, file in repository.commits[repository.head].files.items()}
    hub.take_over("acme")
    assert bench.kinds() == ["repo-unavailable"]
    hub.repository("acme/tiny").commit(files)
    (told,) = bench.watch()
    assert (told.kind, told.severity) == ("namespace-reuse", Severity.CRITICAL)
    assert bench.kinds() == []


def test_a_reused_namespace_is_told_against_the_lock_alone(
    hub: LocalHub, repository: Repository, tmp_path: Path
) -> None:
    bench = Bench(hub, tmp_path)
    bench.lock(repository)
    hub.delete("acme/tiny")
    hub.repository("acme/tiny").commit({"model.safetensors": b"weights"})
    assert bench.kinds() == ["namespace-reuse"]


def test_an_owner_with_another_identity_is_told(bench: Bench, hub: LocalHub) -> None:
    hub.organization("acme", members=("alice", "bob"), verified=True)
    assert bench.kinds() == ["namespace-reuse"]


def test_members_and_the_verified_mark_are_watched(bench: Bench, hub: LocalHub) -> None:
    hub.accounts["acme"]["members"] = ["alice", "mallory"]
    (told,) = bench.watch()
    assert (told.kind, told.details) == ("maintainers-changed", ("+ mallory", "- bob"))
    hub.accounts["acme"]["isVerified"] = False
    (told,) = bench.watch()
    assert (told.kind, told.subject) == ("maintainers-changed", "verified")


def test_a_new_author_is_told_where_others_have_worked_for_a_while(bench: Bench, repository: Repository) -> None:
    repository.commit({"README.md": "x"}, author="newcomer")
    assert bench.kinds() == ["revision-moved"]
    for number in range(5):
        repository.commit({"README.md": str(number)})
    bench.watch()
    repository.commit({"README.md": "y"}, author="mallory")
    told = bench.watch()
    assert [(one.kind, one.subject) for one in told] == [
        ("revision-moved", ""),
        ("maintainers-changed", "author:mallory"),
    ]


def test_a_changed_license_is_told(bench: Bench, repository: Repository) -> None:
    repository.card = {"license": "other", "license_name": "acme-only"}
    (told,) = bench.watch()
    assert (told.kind, told.before, told.after) == ("license-changed", "mit", "other acme-only")
    repository.commit({"LICENSE": "other terms"})
    assert bench.kinds() == ["revision-moved", "license-changed"]


def test_a_file_that_can_run_code_is_told(bench: Bench, repository: Repository) -> None:
    repository.commit({"modeling_tiny.py": "1", "notes.txt": "1", "pytorch_model.bin": b"1"})
    told = bench.watch()
    unsafe = [one.subject for one in told if one.kind == "unsafe-file-added"]
    assert unsafe == ["modeling_tiny.py", "pytorch_model.bin"]


def test_safe_weights_that_go_are_told(bench: Bench, repository: Repository) -> None:
    repository.commit({"pytorch_model.bin": b"1"}, remove=("model.safetensors",))
    assert [kind for kind in bench.kinds() if kind != "revision-moved"] == ["unsafe-file-added", "format-regression"]
    repository.commit({"again.safetensors": b"1"})
    assert bench.kinds() == ["revision-moved"]


def test_weights_that_are_split_are_no_regression(bench: Bench, repository: Repository) -> None:
    repository.commit({"model-1-of-2.safetensors": b"1"}, remove=("model.safetensors",))
    assert bench.kinds() == ["revision-moved"]


def test_the_hubs_scanners_are_heard(bench: Bench, repository: Repository) -> None:
    repository.security["model.safetensors"] = "queued"
    assert bench.kinds() == []
    repository.security["model.safetensors"] = "unsafe"
    (told,) = bench.watch()
    assert (told.kind, told.subject, told.after) == ("hub-unsafe", "model.safetensors", "unsafe")


def test_an_advisory_is_told_when_it_is_new_or_changed(bench: Bench) -> None:
    bench.notices = (Notice(id="x_1", modified="1", severity="critical", summary="a shell"),)
    (told,) = bench.watch()
    assert (told.kind, told.severity) == ("advisory-new", Severity.CRITICAL)
    assert bench.kinds() == []
    bench.notices = (evolve(bench.notices[0], modified="2"),)
    assert bench.kinds() == ["advisory-new"]


def test_a_publisher_who_does_nothing_is_told_once(bench: Bench, repository: Repository) -> None:
    bench.now += timedelta(days=400)
    assert bench.kinds() == ["vendor-inactive"]
    assert bench.kinds() == []


def test_a_successor_is_told(bench: Bench, repository: Repository) -> None:
    repository.card["new_version"] = "acme/tiny2"
    (told,) = bench.watch()
    assert (told.kind, told.after) == ("successor", "acme/tiny2")
    assert bench.kinds() == []


def test_what_happens_to_a_base_model_is_told(bench: Bench, hub: LocalHub, repository: Repository) -> None:
    base = hub.repository("base/large")
    base.commit({"model.safetensors": b"1"})
    repository.card["base_model"] = "base/large"
    assert bench.kinds() == []
    base.security["model.safetensors"] = "unsafe"
    (told,) = bench.watch()
    assert (told.kind, told.ref, told.severity) == ("base-model-event", "acme/tiny", Severity.HIGH)
    assert "base/large: hub-unsafe" in told.message
    assert bench.kinds() == []


def test_a_base_model_that_is_no_repository_is_left_alone(bench: Bench, repository: Repository) -> None:
    repository.card["base_model"] = ["/data/mine", "..", "x y"]
    assert bench.kinds() == []


def test_ends_of_approvals_and_exceptions_are_told_two_weeks_before(bench: Bench) -> None:
    entry = bench.entries[0]
    ending, later = (
        (bench.now + timedelta(days=10)).date().isoformat(),
        (bench.now + timedelta(days=20)).date().isoformat(),
    )
    bench.entries = [evolve(entry, approval=Decided(until=later))]
    assert bench.kinds() == []
    exception = Accepted(check="unsafe-file", reason="x", until=ending)
    bench.entries = [evolve(entry, approval=Decided(until=ending), accepted=(exception,))]
    assert bench.kinds() == ["approval-expiring", "exception-expiring"]
    assert bench.kinds() == []


def test_a_model_that_is_locked_anew_starts_from_there(bench: Bench, repository: Repository) -> None:
    repository.commit({"README.md": "x"})
    bench.watch()
    bench.lock(repository)
    assert bench.kinds() == []


def test_a_model_of_another_hub_is_not_compared_with_this_one(bench: Bench) -> None:
    bench.entries = [evolve(bench.entries[0], host="elsewhere.example")]
    outcome = bench.outcome()
    assert outcome.events == ()
    assert "elsewhere.example" in outcome.unseen[0][1]


def test_a_pass_that_a_budget_cuts_short_is_taken_up_where_it_ended(hub: LocalHub, tmp_path: Path) -> None:
    bench = Bench(hub, tmp_path)
    for number in range(6):
        repository = hub.repository(f"acme/m{number}")
        repository.commit({"a.safetensors": b"1"})
        bench.lock(repository)
    seen: set[str] = set()
    for _ in range(6):
        outcome = bench.outcome(budget=8, closely=False)
        seen |= {entry.id for entry in bench.entries} - {ref for ref, _ in outcome.unseen}
        assert outcome.requests <= 8
        assert outcome.events == ()
    assert len(seen) == 6


def test_every_kind_of_event_is_shown_here() -> None:
    text = "".join(
        (Path(__file__).parent / name).read_text("utf-8") for name in ("test_events.py", "test_differing.py")
    )
    assert [kind for kind in KINDS if f'"{kind}"' not in text] == []
