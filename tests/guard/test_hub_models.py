"""Models from a Hub: a load is always of the locked commit, and of nothing but the locked bytes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from modelguard import ModelRefused, guarded_load, verified_snapshot
from modelguard.guard import Gate, Wish, pin
from modelguard.terms.errors import LoaderError, RefError, Renamed, SourceError, Unreachable
from modelguard.testing import LocalHub, Repository, tiny_model
from modelguard.testing.models import calling_pickle

Locker = Callable[..., Any]


@pytest.fixture
def repository(hub: LocalHub, project: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    repository = hub.repository("acme/tiny")
    repository.commit(tiny_model())
    return repository


def load() -> Any:
    return guarded_load("acme/tiny", file="model.safetensors", loader="safetensors.numpy")


def test_a_locked_model_loads(repository: Repository, lock_model: Locker) -> None:
    entry = lock_model("acme/tiny")
    assert entry.revision == repository.head
    assert entry.requested == "main"
    assert entry.repo_id
    assert load()["head.bias"].tolist() == [0.25]


def test_a_load_needs_no_network_once_the_store_has_the_bytes(
    repository: Repository, hub: LocalHub, lock_model: Locker
) -> None:
    lock_model("acme/tiny")
    hub.requests.clear()
    load()
    assert hub.requests == []


def test_the_locked_commit_loads_although_the_branch_has_moved(repository: Repository, lock_model: Locker) -> None:
    locked = lock_model("acme/tiny").revision
    repository.commit({"model.safetensors": b"something else"})
    assert repository.head != locked
    assert load()["head.bias"].tolist() == [0.25]


def test_a_new_machine_fetches_the_locked_commit(
    repository: Repository, lock_model: Locker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock_model("acme/tiny")
    repository.commit({"model.safetensors": b"something else"})
    monkeypatch.setenv("MODELGUARD_STORE", str(tmp_path / "new store"))
    assert load()["head.bias"].tolist() == [0.25]


def test_bytes_tampered_with_on_the_way_refuse_and_are_not_kept(
    repository: Repository, lock_model: Locker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = lock_model("acme/tiny")
    repository.tamper("model.safetensors")
    monkeypatch.setenv("MODELGUARD_STORE", str(tmp_path / "new store"))
    with pytest.raises(ModelRefused) as caught:
        load()
    assert caught.value.examination is not None
    finding = next(one for one in caught.value.examination.findings if one.check == "digest-mismatch")
    assert finding.location.path == "model.safetensors"
    assert str(entry.digests["model.safetensors"]) in finding.message
    store = Gate.open().store
    assert store.path_of(entry.digests["model.safetensors"]) is None
    assert not store.verify().damaged


@pytest.mark.parametrize("revision", ["main", "v1"])
def test_a_branch_or_tag_is_no_revision_to_load(revision: str, repository: Repository, lock_model: Locker) -> None:
    repository.tag("v1")
    lock_model("acme/tiny")
    with pytest.raises(ModelRefused, match="is a branch or tag, which may move"):
        guarded_load(f"acme/tiny@{revision}")


def test_another_commit_than_the_locked_one_is_refused(repository: Repository, lock_model: Locker) -> None:
    locked = lock_model("acme/tiny").revision
    newer = repository.commit({"README.md": b"new"})
    with pytest.raises(ModelRefused, match=f"the lock approves commit {locked}"):
        guarded_load(f"acme/tiny@{newer}")
    with verified_snapshot(f"acme/tiny@{locked}") as path:
        assert (path / "config.json").is_file()


def test_locking_again_keeps_the_revision_until_an_upgrade_is_asked_for(
    repository: Repository, lock_model: Locker
) -> None:
    first = lock_model("acme/tiny")
    newer = repository.commit({"README.md": b"# new"})
    assert lock_model("acme/tiny") == first
    assert lock_model("acme/tiny", upgrade=True).revision == newer


def test_an_upgrade_to_a_poisoned_revision_is_refused(repository: Repository, lock_model: Locker) -> None:
    lock_model("acme/tiny")
    repository.commit({"extra.pkl": calling_pickle("os", "system", "echo pwned")})
    gate = Gate.open()
    name = gate.canonical("acme/tiny")
    entry, examination = pin(name, gate, Wish(upgrade=True), gate.require_lock().find(name))
    assert not examination.allowed
    assert entry.revision == repository.head


def test_a_name_taken_over_by_somebody_else_cannot_be_locked_again(
    repository: Repository, hub: LocalHub, lock_model: Locker
) -> None:
    lock_model("acme/tiny")
    hub.take_over("acme")
    hub.repository("acme/tiny").commit(tiny_model())
    gate = Gate.open()
    name = gate.canonical("acme/tiny")
    _, examination = pin(name, gate, Wish(upgrade=True), gate.require_lock().find(name))
    changed = {finding.subject for finding in examination.findings if finding.check == "identity-changed"}
    assert changed == {"repository", "owner"}
    assert not examination.allowed


def test_a_renamed_model_is_an_error_that_names_both(repository: Repository, hub: LocalHub, lock_model: Locker) -> None:
    hub.rename("acme/tiny", "other/tiny")
    with pytest.raises(Renamed) as caught:
        lock_model("acme/tiny")
    assert "acme/tiny" in caught.value.message
    assert "other/tiny" in caught.value.message


def test_a_legacy_name_is_recorded_under_its_canonical_one(
    repository: Repository, hub: LocalHub, lock_model: Locker
) -> None:
    hub.rename("acme/tiny", "openai-community/gpt2")
    hub.renamed["gpt2"] = "openai-community/gpt2"
    assert lock_model("gpt2").id == "openai-community/gpt2"
    with pytest.raises(ModelRefused, match="write the full name: openai-community/gpt2"):
        guarded_load("gpt2")


def test_a_commit_that_no_branch_leads_to_is_locked_only_when_asked_for(
    repository: Repository, lock_model: Locker
) -> None:
    commit = repository.pull_request({"README.md": b"# from a stranger"})
    with pytest.raises(SourceError):
        lock_model(f"acme/tiny@{commit}")
    gate = Gate.open(unreachable_commits=True)
    entry, examination = pin(gate.canonical(f"acme/tiny@{commit}"), gate, Wish())
    assert examination.allowed
    assert entry.revision == commit


def test_an_unreachable_hub_is_an_error_of_its_own(
    repository: Repository, lock_model: Locker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(Unreachable):
        lock_model("acme/tiny")


def test_only_chosen_files_are_locked_and_laid_out(repository: Repository, lock_model: Locker) -> None:
    entry = lock_model("acme/tiny", exclude=("README.md",))
    assert entry.exclude == ("README.md",)
    assert "README.md" not in entry.digests
    with verified_snapshot("acme/tiny") as path:
        assert not (path / "README.md").exists()
    assert lock_model("acme/tiny") == entry


def test_a_revision_that_keeping_the_entry_would_pass_over_is_not_ignored(
    repository: Repository, lock_model: Locker
) -> None:
    first = repository.head
    repository.tag("v1")
    lock_model("acme/tiny")
    repository.commit({"README.md": b"# newer"})
    gate = Gate.open()
    existing = gate.require_lock().entries["acme/tiny"]
    for kept in ("acme/tiny", "acme/tiny@main", f"acme/tiny@{first}"):
        assert pin(gate.canonical(kept), gate, Wish(), existing)[0].revision == first
    for other in ("v1", "v9", repository.head):
        with pytest.raises(RefError, match="the lock has acme/tiny at main") as problem:
            pin(gate.canonical(f"acme/tiny@{other}"), gate, Wish(), existing)
        assert problem.value.remedy == f"modelguard lock --upgrade acme/tiny@{other}"
    moved, _ = pin(gate.canonical(f"acme/tiny@{repository.head}"), gate, Wish(upgrade=True), existing)
    assert moved.revision == repository.head


def test_a_file_that_the_model_does_not_have_is_answered_with_those_it_has(
    repository: Repository, lock_model: Locker
) -> None:
    lock_model("acme/tiny")
    with pytest.raises(LoaderError, match=r"acme/tiny has no file 'model\.bin'") as problem:
        guarded_load("acme/tiny", file="model.bin")
    assert "model.safetensors" in problem.value.remedy


def test_a_refusal_names_the_model_once(repository: Repository, lock_model: Locker) -> None:
    with pytest.raises(ModelRefused) as refused:
        load()
    assert refused.value.message == "acme/tiny: not-locked: there is no lock at " + str(
        Path("modelguard.lock").absolute()
    )
