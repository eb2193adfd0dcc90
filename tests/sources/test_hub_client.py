"""Models come from a Hub through the real client, whatever generation of it is installed."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path

import attrs
import pytest
from sources_builders import Remembered, contents, digests, options

from modelguard.sources.hub import SOURCE
from modelguard.sources.source import Listed, Resolved
from modelguard.sources.store import Store
from modelguard.terms.artifact import Digest, HubRef, Snapshot, parse_ref
from modelguard.terms.errors import (
    Disabled,
    Gated,
    ModelguardError,
    NoAccess,
    NotFound,
    Offline,
    RateLimited,
    Renamed,
    RevisionGone,
    SourceError,
    StoreError,
    Tampered,
    Unreachable,
)
from modelguard.testing import LocalHub, Repository, tiny_model

MODEL = {**tiny_model(), "sub/weights.bin": bytes(range(256)) * 512}
REPO = parse_ref("hf://org/tiny")


@pytest.fixture
def hub() -> Iterator[LocalHub]:
    with LocalHub() as hub:
        yield hub


@pytest.fixture
def repository(hub: LocalHub) -> Repository:
    repository = hub.repository("org/tiny", card={"license": "mit"}, tags=["license:mit"])
    repository.commit(MODEL)
    return repository


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def ask(hub: LocalHub, tmp_path: Path) -> Callable[..., Resolved]:
    def ask(text: str = "org/tiny", **more: object) -> Resolved:
        return SOURCE.resolve(parse_ref(f"hf://{text}"), options(tmp_path, hub, **more))

    return ask


@pytest.fixture
def bring(hub: LocalHub, tmp_path: Path, store: Store) -> Callable[..., Snapshot]:
    def bring(resolved: Resolved, expected: dict[str, Digest] | None = None, **more: object) -> Snapshot:
        return SOURCE.fetch(resolved, store, options(tmp_path, hub, **more), expected or {})

    return bring


def _only(resolved: Resolved, *paths: str) -> Resolved:
    return attrs.evolve(resolved, files=tuple(file for file in resolved.files if file.path in paths))


# --- what a reference means --------------------------------------------------------------------------------------


def test_a_branch_means_its_newest_commit(repository: Repository, ask: Callable[..., Resolved]) -> None:
    found = ask()
    assert found.ref == HubRef("org", "tiny", repository.head)
    assert (found.revision, found.requested) == (repository.head, "main")
    assert found.revision_date == "2024-01-01T00:00:00Z"
    assert found.repo_id == repository.identity
    assert found.card == {"license": "mit"}
    assert found.tags == ("license:mit",)
    assert found.host.startswith("127.0.0.1:")


def test_the_owner_has_an_identity_of_its_own(
    hub: LocalHub, repository: Repository, ask: Callable[..., Resolved]
) -> None:
    before = ask().owner_id
    assert before == hub.accounts["org"]["_id"]
    hub.take_over("org")
    hub.repository("org/tiny").commit(MODEL)
    assert ask().owner_id not in {before, ""}


def test_an_owner_that_is_not_told_is_empty(
    hub: LocalHub, repository: Repository, ask: Callable[..., Resolved]
) -> None:
    del hub.accounts["org"]
    assert ask().owner_id == ""


def test_a_user_owns_a_repository_as_well(hub: LocalHub, ask: Callable[..., Resolved]) -> None:
    hub.user("ann")
    hub.repository("ann/tiny").commit(MODEL)
    assert ask("ann/tiny").owner_id == hub.accounts["ann"]["_id"]


def test_the_claims_of_the_hub_are_listed(repository: Repository, ask: Callable[..., Resolved]) -> None:
    listed = {file.path: file for file in ask().files}
    assert set(listed) == set(MODEL)
    weights = listed["model.safetensors"]
    assert weights.digest == Digest.sha256(sha256(MODEL["model.safetensors"]).hexdigest())
    assert weights.size == len(MODEL["model.safetensors"])
    assert listed["config.json"].digest is None
    assert len(listed["config.json"].git_oid) == 40


def test_tags_branches_and_commits_resolve(repository: Repository, ask: Callable[..., Resolved]) -> None:
    first = repository.head
    repository.tag("v1.0")
    repository.branch("release/1")
    repository.commit({"config.json": "{}"}, "Later")
    assert ask("org/tiny@v1.0").revision == first
    assert ask("org/tiny@release/1").revision == first
    assert ask(f"org/tiny@{first}").revision == first
    assert ask().revision == repository.head != first


def test_a_commit_in_the_middle_of_history_has_its_own_date(
    repository: Repository, ask: Callable[..., Resolved]
) -> None:
    repository.commit({"config.json": "1"})
    middle = repository.head
    repository.commit({"config.json": "2"})
    assert ask(f"org/tiny@{middle}").revision_date == "2024-01-01T01:00:00Z"


def test_an_old_one_word_name_becomes_its_full_name(hub: LocalHub, ask: Callable[..., Resolved]) -> None:
    hub.repository("gpt2").commit(MODEL)
    hub.rename("gpt2", "openai-community/gpt2")
    found = ask("gpt2")
    assert found.ref == HubRef("openai-community", "gpt2", found.revision)


def test_a_one_word_name_that_leads_to_another_name_is_refused(hub: LocalHub, ask: Callable[..., Resolved]) -> None:
    hub.repository("gpt2").commit(MODEL)
    hub.rename("gpt2", "mallory/evil")
    with pytest.raises(Renamed, match=r"gpt2.*mallory/evil"):
        ask("gpt2")


def test_a_renamed_repository_is_refused_and_both_names_told(
    hub: LocalHub, repository: Repository, ask: Callable[..., Resolved]
) -> None:
    hub.rename("org/tiny", "other/tiny")
    with pytest.raises(Renamed, match=r"org/tiny.*other/tiny") as caught:
        ask()
    assert "other/tiny" in caught.value.remedy


def test_another_spelling_is_refused_with_the_hubs_own(
    hub: LocalHub, repository: Repository, ask: Callable[..., Resolved]
) -> None:
    hub.renamed["Org/Tiny"] = "org/tiny"
    with pytest.raises(Renamed, match="spells it org/tiny"):
        ask("Org/Tiny")


@pytest.mark.parametrize("length", [7, 12, 39])
def test_an_abbreviated_commit_is_refused(
    hub: LocalHub, repository: Repository, ask: Callable[..., Resolved], length: int
) -> None:
    repository.branches[repository.head[:length]] = repository.head  # a Hub that understands short ids
    with pytest.raises(RevisionGone) as caught:
        ask(f"org/tiny@{repository.head[:length]}")
    assert repository.head in str(caught.value)


def test_a_branch_whose_name_looks_like_a_short_commit_is_a_branch(
    repository: Repository, ask: Callable[..., Resolved]
) -> None:
    name = "0" * 7 if not repository.head.startswith("0" * 7) else "1" * 7
    repository.branch(name)
    assert ask(f"org/tiny@{name}").revision == repository.head


@pytest.mark.parametrize("by_name", [False, True], ids=["commit", "refs/pr/1"])
def test_a_pull_request_is_refused(repository: Repository, ask: Callable[..., Resolved], by_name: bool) -> None:
    pull = repository.pull_request({"config.json": "evil"})
    wanted = "refs/pr/1" if by_name else pull
    with pytest.raises(SourceError, match="no branch or tag"):
        ask(f"org/tiny@{wanted}")
    assert ask(f"org/tiny@{wanted}", unreachable_commits=True).revision == pull


def test_an_older_commit_of_a_side_branch_is_reachable(repository: Repository, ask: Callable[..., Resolved]) -> None:
    repository.branch("side")
    older = repository.commit({"a.txt": "1"}, branch="side")
    repository.commit({"a.txt": "2"}, branch="side")
    assert ask(f"org/tiny@{older}").revision == older


def test_a_hub_that_answers_with_another_commit_is_not_believed(
    repository: Repository, ask: Callable[..., Resolved]
) -> None:
    first = repository.head
    repository.commit({"config.json": "{}"})
    repository.commits[first] = repository.commits[repository.head]
    with pytest.raises(Tampered, match=first):
        ask(f"org/tiny@{first}")


# --- one error each ----------------------------------------------------------------------------------------------


def test_a_missing_repository_is_not_found(hub: LocalHub, ask: Callable[..., Resolved]) -> None:
    with pytest.raises(NotFound, match="org/none"):
        ask("org/none")


def test_a_private_repository_looks_as_if_it_were_missing(
    hub: LocalHub, repository: Repository, ask: Callable[..., Resolved]
) -> None:
    repository.private = True
    with pytest.raises(NotFound) as caught:
        ask()
    assert "HF_TOKEN" in caught.value.remedy
    assert ask(token=hub.user("ann")).revision == repository.head


def test_a_gated_repository_says_that_access_has_to_be_requested(
    hub: LocalHub, repository: Repository, ask: Callable[..., Resolved], bring: Callable[..., Snapshot]
) -> None:
    repository.gated = "manual"
    token = hub.user("ann")
    with pytest.raises(Gated) as caught:
        bring(ask(), token=token)
    assert "ask for access" in caught.value.remedy
    repository.granted.add("ann")
    assert contents(bring(ask(token=token), token=token)) == MODEL


def test_a_disabled_repository_is_disabled(
    repository: Repository, ask: Callable[..., Resolved], bring: Callable[..., Snapshot]
) -> None:
    resolved = ask()
    repository.disabled = True
    with pytest.raises(Disabled):
        ask()
    with pytest.raises(Disabled):
        bring(resolved)


def test_a_branch_that_is_not_there_is_gone(repository: Repository, ask: Callable[..., Resolved]) -> None:
    with pytest.raises(RevisionGone, match="org/tiny@nothing"):
        ask("org/tiny@nothing")


def test_a_commit_that_history_has_lost_is_gone(
    repository: Repository, ask: Callable[..., Resolved], bring: Callable[..., Snapshot]
) -> None:
    resolved = ask()
    repository.rewrite_history({"config.json": "{}"})
    with pytest.raises(RevisionGone):
        ask(f"org/tiny@{resolved.revision}")
    with pytest.raises(RevisionGone):
        bring(resolved)


def test_a_file_that_the_hub_lists_but_does_not_have_is_not_found(
    repository: Repository, ask: Callable[..., Resolved], bring: Callable[..., Snapshot]
) -> None:
    resolved = attrs.evolve(ask(), files=(Listed(path="nothing.bin"),))
    with pytest.raises(NotFound, match=r"nothing\.bin"):
        bring(resolved)


def test_a_wrong_token_is_no_access(hub: LocalHub, repository: Repository, ask: Callable[..., Resolved]) -> None:
    hub.fail(403)
    with pytest.raises(NoAccess):
        ask()


def test_too_many_requests_are_told_with_the_time_to_wait(
    hub: LocalHub, repository: Repository, ask: Callable[..., Resolved]
) -> None:
    hub.throttle(seconds=1, times=20)  # newer clients try again a few times by themselves
    with pytest.raises(RateLimited, match="1 seconds") as caught:
        ask()
    assert "HF_TOKEN" in caught.value.remedy


def test_a_failing_hub_is_unreachable(hub: LocalHub, repository: Repository, ask: Callable[..., Resolved]) -> None:
    hub.fail(500, times=20)
    with pytest.raises(Unreachable, match="500"):
        ask()


def test_a_hub_that_is_not_there_is_unreachable(tmp_path: Path) -> None:
    with socket.socket() as unused:  # bound but not listening: the connection is refused, and nobody else has the port
        unused.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(Unreachable, match="cannot be reached") as caught:
            SOURCE.resolve(REPO, options(tmp_path, endpoint=endpoint))
    assert not isinstance(caught.value, Offline)


def test_offline_mode_asks_nobody(hub: LocalHub, repository: Repository, ask: Callable[..., Resolved]) -> None:
    with pytest.raises(Offline):
        ask(offline=True)
    assert not hub.requests


@pytest.mark.parametrize("value", ["1", "true"])
def test_the_clients_own_offline_switch_is_honoured(
    hub: LocalHub,
    repository: Repository,
    ask: Callable[..., Resolved],
    monkeypatch: pytest.MonkeyPatch,
    value: str,
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", value)
    with pytest.raises(Offline, match="HF_HUB_OFFLINE"):
        ask()
    assert not hub.requests


def test_the_endpoint_and_the_token_of_the_environment_are_honoured(
    hub: LocalHub, repository: Repository, tmp_path: Path
) -> None:
    repository.private = True
    program = (
        "import sys; from pathlib import Path\n"
        "from modelguard.sources.hub import SOURCE\n"
        "from modelguard.sources.source import Options\n"
        "from modelguard.terms.artifact import parse_ref\n"
        "print(SOURCE.resolve(parse_ref('hf://org/tiny'), Options(home=Path())).revision)\n"
        "from huggingface_hub import constants\n"
        "assert constants.HF_HUB_DISABLE_TELEMETRY\n"
    )
    environment = {
        "HF_ENDPOINT": hub.url,
        "HF_TOKEN": hub.user("ann"),
        "HF_HOME": str(tmp_path),
        "PYTHONPATH": ":".join(sys.path),
    }
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == repository.head


def test_requests_say_who_asks_and_nothing_about_the_machine(
    hub: LocalHub, repository: Repository, ask: Callable[..., Resolved], bring: Callable[..., Snapshot]
) -> None:
    bring(ask())
    agents = {
        request.headers["user-agent" if "user-agent" in request.headers else "User-Agent"] for request in hub.requests
    }
    assert all(agent.startswith("modelguard/") for agent in agents), agents
    assert not [request for request in hub.requests if "telemetry" in request.path]


# --- bytes -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("large", ["cdn", "direct"])
@pytest.mark.parametrize("small", ["cache", "direct"])
def test_every_file_comes_as_it_is(
    hub: LocalHub,
    repository: Repository,
    ask: Callable[..., Resolved],
    bring: Callable[..., Snapshot],
    large: str,
    small: str,
) -> None:
    hub.large_files, hub.small_files = large, small  # type: ignore[assignment]  # parametrised above
    snapshot = bring(ask(token=hub.user("ann")), token=hub.user("ann"))
    assert contents(snapshot) == MODEL
    assert snapshot.revision == repository.head
    assert snapshot.trouble == ()
    assert digests(snapshot) == {path: Digest.sha256(sha256(data).hexdigest()) for path, data in MODEL.items()}


@pytest.mark.parametrize("path", ["model.safetensors", "config.json"], ids=["large", "small"])
@pytest.mark.parametrize("knows", ["the Hub's claim", "the lock"])
def test_one_bit_turned_at_the_same_length_is_noticed_and_nothing_kept(
    repository: Repository,
    ask: Callable[..., Resolved],
    bring: Callable[..., Snapshot],
    store: Store,
    path: str,
    knows: str,
) -> None:
    resolved = _only(ask(), path)
    expected = {path: Digest.sha256(sha256(MODEL[path]).hexdigest())} if knows == "the lock" else {}
    if knows == "the lock":
        resolved = attrs.evolve(resolved, files=(Listed(path=path),))
    repository.tamper(path)
    with pytest.raises(Tampered, match=path):
        bring(resolved, expected)
    assert list(store.objects()) == []


def test_bytes_that_were_wrong_once_are_fetched_anew(
    repository: Repository, ask: Callable[..., Resolved], bring: Callable[..., Snapshot]
) -> None:
    repository.tamper("model.safetensors")
    with pytest.raises(Tampered):
        bring(ask())
    repository.tampered.clear()
    assert contents(bring(ask())) == MODEL


def test_the_message_about_changed_bytes_names_both_digests(
    repository: Repository, ask: Callable[..., Resolved], bring: Callable[..., Snapshot]
) -> None:
    repository.tamper("model.safetensors", b"x" * len(MODEL["model.safetensors"]))
    with pytest.raises(Tampered) as caught:
        bring(ask())
    assert sha256(MODEL["model.safetensors"]).hexdigest() in caught.value.message
    assert sha256(b"x" * len(MODEL["model.safetensors"])).hexdigest() in caught.value.message


def test_a_hub_that_offers_other_bytes_than_the_lock_is_refused_before_any_download(
    hub: LocalHub, repository: Repository, ask: Callable[..., Resolved], bring: Callable[..., Snapshot]
) -> None:
    expected = {"model.safetensors": Digest.sha256("0" * 64)}
    with pytest.raises(Tampered, match="offers"):
        bring(ask(), expected)
    assert not hub.asked("/resolve/")


def test_a_poisoned_cache_of_the_client_is_not_looked_at(
    hub: LocalHub,
    repository: Repository,
    ask: Callable[..., Resolved],
    bring: Callable[..., Snapshot],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from huggingface_hub import constants

    cache = tmp_path / "user-cache"
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    place = cache / "models--org--tiny" / "snapshots" / repository.head / "model.safetensors"
    place.parent.mkdir(parents=True)
    place.write_bytes(b"poison")
    assert contents(bring(ask())) == MODEL


def test_what_the_store_holds_needs_no_hub(
    hub: LocalHub, repository: Repository, ask: Callable[..., Resolved], store: Store, tmp_path: Path
) -> None:
    resolved = ask()
    snapshot = SOURCE.fetch(resolved, store, options(tmp_path, hub), {})
    asked = len(hub.requests)
    locked = Resolved(ref=resolved.ref, revision=resolved.revision)
    for mode in (options(tmp_path), options(tmp_path, offline=True)):  # nobody listens; offline
        again = SOURCE.fetch(locked, store, mode, digests(snapshot))
        assert again == snapshot
        assert contents(again) == MODEL
    assert len(hub.requests) == asked


def test_a_file_that_the_store_lacks_offline_is_named(
    repository: Repository, ask: Callable[..., Resolved], bring: Callable[..., Snapshot]
) -> None:
    with pytest.raises(Offline, match=r"4 files, the first README\.md"):
        bring(ask(), offline=True)


def test_a_damaged_object_is_fetched_again(
    repository: Repository, ask: Callable[..., Resolved], bring: Callable[..., Snapshot], store: Store
) -> None:
    first = bring(ask())
    artifact = first.artifact("model.safetensors")
    assert artifact is not None
    assert artifact.file is not None
    artifact.file.chmod(0o644)
    artifact.file.write_bytes(b"rot" * 10)
    assert contents(bring(ask(), digests(first))) == MODEL
    assert store.verify().damaged == ()


def test_only_the_files_asked_for_are_fetched(
    hub: LocalHub, repository: Repository, ask: Callable[..., Resolved], bring: Callable[..., Snapshot]
) -> None:
    assert contents(bring(_only(ask(), "config.json"))) == {"config.json": MODEL["config.json"]}
    assert not hub.asked("safetensors")


def test_a_broken_connection_is_taken_up_where_it_broke(
    hub: LocalHub, repository: Repository, ask: Callable[..., Resolved], bring: Callable[..., Snapshot]
) -> None:
    data = bytes(range(251)) * 100_000  # 25 MB: clients write to disk in chunks of 10 MB
    repository.commit({"big.bin": data})
    resolved = _only(ask(), "big.bin")
    hub.cut_short("big.bin", after=15_000_000)
    try:
        snapshot = bring(resolved)  # generations 1.x and 2.x try again by themselves
    except Unreachable:
        snapshot = bring(resolved)  # 0.x leaves that to the caller, and goes on with the bytes that it has
    assert contents(snapshot) == {"big.bin": data}
    starts = [
        int(request.headers.get("Range", request.headers.get("range", "bytes=0")).removeprefix("bytes=").split("-")[0])
        for request in hub.asked("/cdn/")
        if request.method == "GET"
    ]
    assert starts[0] == 0
    assert all(start >= 10_000_000 for start in starts[1:])
    assert len(starts) > 1


def test_files_that_came_whole_are_not_fetched_again_after_an_error(
    hub: LocalHub,
    repository: Repository,
    ask: Callable[..., Resolved],
    bring: Callable[..., Snapshot],
    store: Store,
) -> None:
    repository.commit({"one.bin": b"1" * 1000, "two.bin": b"2" * 1000})
    resolved = _only(ask(), "one.bin", "two.bin")
    hub.cut_short("two.bin", after=0, times=50)
    with pytest.raises(Unreachable):
        bring(resolved)
    assert list(store.objects()) == [Digest.sha256(sha256(b"1" * 1000).hexdigest())]
    hub.mend()
    hub.requests.clear()
    assert contents(bring(resolved)) == {"one.bin": b"1" * 1000, "two.bin": b"2" * 1000}
    assert not hub.asked("one.bin")


def test_nothing_is_left_behind_after_a_download(
    repository: Repository, ask: Callable[..., Resolved], bring: Callable[..., Snapshot], store: Store
) -> None:
    bring(ask())
    for room in ("downloads", "staging", "views"):
        assert list((store.root / room).iterdir()) == []


def test_progress_counts_while_a_file_comes(
    hub: LocalHub, repository: Repository, ask: Callable[..., Resolved], bring: Callable[..., Snapshot]
) -> None:
    class Steps(Remembered):
        steps: int = 0

        def advance(self, name: str, count: int) -> None:
            super().advance(name, count)
            self.steps += bool(count)

    repository.commit({"slow.bin": b"x" * 25_000_000})
    resolved = _only(ask(), "slow.bin")
    progress = Steps()
    hub.pause = 0.0004  # for each 16 KiB: 0.6 s in all
    bring(resolved, progress=progress)
    assert progress.counts == {"slow.bin": 25_000_000}
    assert progress.steps > 1


def test_progress_counts_files(
    repository: Repository, ask: Callable[..., Resolved], bring: Callable[..., Snapshot]
) -> None:
    progress = Remembered()
    bring(ask(), progress=progress)
    assert progress.totals == {path: len(data) for path, data in MODEL.items()}
    assert progress.counts == progress.totals
    assert sorted(progress.finished) == sorted(MODEL)


def test_the_client_draws_no_bars(
    repository: Repository,
    ask: Callable[..., Resolved],
    bring: Callable[..., Snapshot],
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TQDM_POSITION", "-1")  # by which the client draws bars where there is no terminal either
    bring(ask())
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    "name",
    ["../evil.bin", "a/../../evil.bin", "/etc/evil.bin", "a\\evil.bin", "e\u202evil.bin", "a//evil.bin"],
)
def test_a_name_that_no_snapshot_may_hold_is_trouble_and_not_fetched(
    hub: LocalHub, repository: Repository, ask: Callable[..., Resolved], bring: Callable[..., Snapshot], name: str
) -> None:
    repository.commit({name: b"evil"})
    snapshot = bring(ask())
    assert contents(snapshot) == MODEL
    assert [path for path, _ in snapshot.trouble] == [name]


def test_twins_are_trouble(
    repository: Repository, ask: Callable[..., Resolved], bring: Callable[..., Snapshot]
) -> None:
    repository.commit({"Config.json": b"{}"})
    snapshot = bring(ask())
    assert [path for path, _ in snapshot.trouble] == ["Config.json", "config.json"]
    assert set(contents(snapshot)) == set(MODEL) - {"config.json"}


def test_a_repository_cannot_speak_to_the_client_through_its_own_notes(
    repository: Repository, ask: Callable[..., Resolved], bring: Callable[..., Snapshot]
) -> None:
    notes = f"{repository.head}\n{'0' * 64}\n9999999999.0\n"
    repository.commit({".cache/huggingface/download/model.safetensors.metadata": notes})
    assert contents(bring(ask()))["model.safetensors"] == MODEL["model.safetensors"]


def test_many_files_come_side_by_side(
    hub: LocalHub, repository: Repository, ask: Callable[..., Resolved], bring: Callable[..., Snapshot]
) -> None:
    repository.commit({f"part-{number}.bin": bytes([number]) * 1000 for number in range(20)})
    assert len(contents(bring(ask()))) == 20 + len(MODEL)


def test_two_that_want_the_same_model_fetch_it_once(
    hub: LocalHub, repository: Repository, ask: Callable[..., Resolved], tmp_path: Path
) -> None:
    resolved = _only(ask(), "model.safetensors", "sub/weights.bin")
    hub.pause = 0.02  # for each 16 KiB: long enough for the second to come while the first is at work
    together = threading.Barrier(2)
    found: list[dict[str, bytes]] = []

    def one() -> None:
        store = Store(tmp_path / "store")
        together.wait()
        found.append(contents(SOURCE.fetch(resolved, store, options(tmp_path, hub), {})))

    workers = [threading.Thread(target=one) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert found == [{path: MODEL[path] for path in ("model.safetensors", "sub/weights.bin")}] * 2
    assert len([request for request in hub.asked("/cdn/") if request.method == "GET"]) == 2


def test_the_commit_is_fetched_whatever_the_reference_says(
    repository: Repository, ask: Callable[..., Resolved], bring: Callable[..., Snapshot]
) -> None:
    """A lock names the model without a revision, and the commit beside it."""
    resolved = attrs.evolve(ask(), ref=HubRef("org", "tiny"))
    repository.commit({"config.json": "later"})
    snapshot = bring(resolved)
    assert contents(snapshot) == MODEL
    assert snapshot.ref == HubRef("org", "tiny", resolved.revision)


@pytest.mark.parametrize("revision", ["", "main", "abc1234"])
def test_only_a_commit_is_fetched(
    repository: Repository, ask: Callable[..., Resolved], bring: Callable[..., Snapshot], revision: str
) -> None:
    with pytest.raises(SourceError, match="only a commit"):
        bring(attrs.evolve(ask(), revision=revision))


def test_a_full_disk_is_told_as_such(hub: LocalHub, repository: Repository, tmp_path: Path) -> None:
    """A child process may write no file larger than 64 KiB: the system answers EFBIG, as a full disk answers ENOSPC."""
    repository.commit({"big.bin": b"x" * 1_000_000})
    program = (
        "import resource, signal, sys; from pathlib import Path\n"
        "from modelguard.sources.hub import SOURCE\n"
        "from modelguard.sources.source import Options\n"
        "from modelguard.sources.store import Store\n"
        "from modelguard.terms.artifact import parse_ref\n"
        "from modelguard.terms.errors import StoreError\n"
        "options = Options(home=Path(), endpoint=sys.argv[1])\n"
        "resolved = SOURCE.resolve(parse_ref('hf://org/tiny'), options)\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))\n"
        "store = Store(Path(sys.argv[2]))\n"
        "try:\n"
        "    SOURCE.fetch(resolved, store, options, {})\n"
        "except StoreError as error:\n"
        "    print('StoreError', error)\n"
    )
    environment = {"HF_HOME": str(tmp_path), "PYTHONPATH": ":".join(sys.path), "HF_HUB_DISABLE_XET": "1"}
    done = subprocess.run(
        [sys.executable, "-c", program, hub.url, str(tmp_path / "store")],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("StoreError"), done.stdout + done.stderr


def test_every_error_of_a_source_crosses_processes_with_its_remedy() -> None:
    import pickle

    for kind in (NotFound, Gated, Renamed, Tampered, RateLimited, StoreError):
        error = pickle.loads(pickle.dumps(kind("what", remedy="do")))
        assert isinstance(error, ModelguardError)
        assert (type(error), error.message, error.remedy) == (kind, "what", "do")
