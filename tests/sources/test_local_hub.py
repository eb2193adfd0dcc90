"""The local Hub answers the real client as the Hub does."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from huggingface_hub import HfApi, errors

from modelguard.sources.hub_client import account
from modelguard.terms.errors import NotFound
from modelguard.testing import LocalHub, Repository, tiny_model


@pytest.fixture
def hub() -> Iterator[LocalHub]:
    with LocalHub() as hub:
        yield hub


@pytest.fixture
def api(hub: LocalHub) -> HfApi:
    return HfApi(endpoint=hub.url, token=False)


@pytest.fixture
def repository(hub: LocalHub) -> Repository:
    repository = hub.repository("org/tiny", card={"license": "mit"}, tags=["license:mit"], security={"x.pkl": "unsafe"})
    repository.commit(tiny_model())
    repository.commit({"sub/x.pkl": b"1", "x.pkl": b"2"}, "More")
    return repository


def test_a_description_names_commit_files_and_their_digests(api: HfApi, repository: Repository) -> None:
    info = api.model_info("org/tiny", files_metadata=True)
    assert info.sha == repository.head
    by_name = {file.rfilename: file for file in info.siblings or ()}
    assert set(by_name) == {"README.md", "config.json", "model.safetensors", "sub/x.pkl", "x.pkl"}
    lfs = by_name["model.safetensors"].lfs
    assert lfs is not None
    assert lfs["sha256"] == repository.at("main").files["model.safetensors"].sha256  # type: ignore[union-attr]
    assert by_name["config.json"].lfs is None
    assert info._id == repository.identity  # type: ignore[attr-defined]


def test_the_scan_of_the_hub_is_told(api: HfApi, repository: Repository) -> None:
    status = api.model_info("org/tiny", securityStatus=True).security_repo_status
    assert status == {"scansDone": True, "filesWithIssues": [{"path": "x.pkl", "level": "unsafe"}]}


def test_lists_come_in_pages(hub: LocalHub, api: HfApi, repository: Repository) -> None:
    hub.page_size = 2
    assert [commit.title for commit in api.list_repo_commits("org/tiny")] == ["More", "Update"]
    paths = {entry.path for entry in api.list_repo_tree("org/tiny", recursive=True)}
    assert paths == {"README.md", "config.json", "model.safetensors", "sub", "sub/x.pkl", "x.pkl"}
    assert len(hub.asked("/tree/")) == 3


def test_a_tree_that_is_not_recursive_stays_at_the_top(api: HfApi, repository: Repository) -> None:
    paths = {entry.path for entry in api.list_repo_tree("org/tiny", expand=True)}
    assert paths == {"README.md", "config.json", "model.safetensors", "sub", "x.pkl"}
    assert [entry.path for entry in api.list_repo_tree("org/tiny", "sub")] == ["sub/x.pkl"]


def test_branches_tags_and_pull_requests_are_told_apart(api: HfApi, repository: Repository) -> None:
    repository.tag("v1")
    pull = repository.pull_request({"x.pkl": b"evil"})
    refs = api.list_repo_refs("org/tiny", include_pull_requests=True)
    assert [ref.name for ref in refs.tags] == ["v1"]
    assert [ref.target_commit for ref in refs.pull_requests or ()] == [pull]
    assert pull not in {commit.commit_id for commit in api.list_repo_commits("org/tiny")}
    assert api.model_info("org/tiny", revision=pull).sha == pull
    assert api.model_info("org/tiny", revision="refs/pr/1").sha == pull
    assert [talk.is_pull_request for talk in api.get_repo_discussions("org/tiny")] == [True]


def test_accounts_are_users_or_organizations(hub: LocalHub, api: HfApi) -> None:
    hub.organization("org", members=("ann",), verified=True, numFollowers=7)
    token = hub.user("ann", fullname="Ann")
    assert account(api, "org") == account(api, "org") | {"type": "org", "numFollowers": 7, "isVerified": True}
    assert account(api, "ann") == account(api, "ann") | {"type": "user", "fullname": "Ann"}
    assert HfApi(endpoint=hub.url, token=token).whoami()["name"] == "ann"
    with pytest.raises(NotFound):
        account(api, "nobody")


def test_a_namespace_that_is_taken_over_has_another_identity(hub: LocalHub, api: HfApi, repository: Repository) -> None:
    before = hub.accounts["org"]["_id"]
    identity = repository.identity
    hub.take_over("org")
    again = hub.repository("org/tiny")
    again.commit(tiny_model())
    assert hub.accounts["org"]["_id"] != before
    assert again.identity != identity
    assert api.model_info("org/tiny")._id == again.identity  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"private": True}, errors.RepositoryNotFoundError),
        ({"disabled": True}, errors.DisabledRepoError),
    ],
)
def test_what_must_not_be_seen_is_refused(
    api: HfApi, repository: Repository, change: dict[str, bool], error: type[Exception]
) -> None:
    for name, value in change.items():
        setattr(repository, name, value)
    with pytest.raises(error):
        api.model_info("org/tiny")


def test_a_gated_repository_is_described_but_its_files_are_refused(
    hub: LocalHub, api: HfApi, repository: Repository
) -> None:
    repository.gated = "manual"
    token = hub.user("ann")
    assert api.model_info("org/tiny").gated == "manual"
    with pytest.raises(errors.GatedRepoError):
        list(api.list_repo_tree("org/tiny"))
    repository.granted.add("ann")
    assert list(HfApi(endpoint=hub.url, token=token).list_repo_tree("org/tiny"))


def test_a_renamed_repository_answers_under_its_new_name(hub: LocalHub, api: HfApi, repository: Repository) -> None:
    hub.rename("org/tiny", "other/tiny")
    assert api.model_info("org/tiny").id == "other/tiny"


def test_rewritten_history_forgets_the_old_commits(api: HfApi, repository: Repository) -> None:
    old = repository.head
    repository.rewrite_history({"config.json": "{}"})
    with pytest.raises(errors.RevisionNotFoundError):
        api.model_info("org/tiny", revision=old)


def test_the_same_calls_give_the_same_commits() -> None:
    assert LocalHub().repository("a/b").commit(tiny_model()) == LocalHub().repository("a/b").commit(tiny_model())
