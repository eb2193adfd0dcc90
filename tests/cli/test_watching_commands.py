"""`monitor`, `update`, `diff` and `history`, as they are typed."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from modelguard.cli.main import main
from modelguard.lock import Lock
from modelguard.testing import LocalHub, Repository, tiny_model
from modelguard.testing.models import calling_pickle

Run: TypeAlias = Callable[..., str]


@pytest.fixture
def hub() -> Iterator[LocalHub]:
    with LocalHub() as hub:
        yield hub


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hub: LocalHub) -> Path:
    for name in [name for name in os.environ if name.startswith(("HF_", "MODELGUARD_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("MODELGUARD_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    directory = tmp_path / "project"
    directory.mkdir()
    monkeypatch.chdir(directory)
    # the local Hub's commits are from 2024
    (directory / "modelguard.toml").write_text("[monitor]\ninactive-days = 90000\n")
    return directory


@pytest.fixture
def run(home: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*words: str, code: int = 0) -> str:
        with pytest.raises(SystemExit) as ended:
            main(words)
        shown = capsys.readouterr()
        assert ended.value.code == code, shown.out + shown.err
        return shown.out + shown.err

    return run


@pytest.fixture
def repository(hub: LocalHub, run: Run) -> Repository:
    repository = hub.repository("acme/tiny")
    repository.commit({**tiny_model(), "notes.txt": "one\n"})
    run("lock", "acme/tiny", "--reason", "demo", "--by", "ann")
    return repository


def test_the_monitor_tells_once_and_exits_with_what_it_found(repository: Repository, run: Run, home: Path) -> None:
    assert "1 model watched, 0 new events" in run("monitor")
    repository.tag("v1")
    run("monitor", "--closely")
    repository.commit({"notes.txt": "two\n"})
    repository.tag("v1")
    told = run("monitor", code=1)
    assert "tag-moved (high)" in told
    assert "0 new events, 1 open" in run("monitor")
    assert (home / ".modelguard" / "state.sqlite").is_file()
    assert "tag-moved (high)" in run("history", "acme/tiny")


def test_a_small_event_fails_only_if_it_is_asked_to(repository: Repository, run: Run) -> None:
    run("monitor")
    repository.commit({"notes.txt": "two\n"})
    run("monitor")
    repository.commit({"notes.txt": "three\n"})
    run("monitor", "--fail-on", "info", code=1)


def test_reports_for_programs(repository: Repository, run: Run) -> None:
    repository.disabled = True
    told = json.loads(run("monitor", "--format", "json", code=1))
    assert [one["type"] for one in told["events"]] == ["io.modelguard.repo-disabled"]
    assert told["not_seen"] == []
    repository.disabled = False
    assert run("monitor", "--format", "github").startswith("::notice title=modelguard repo-returned::")


def test_a_hub_that_cannot_be_reached_is_neither_green_nor_an_event(
    repository: Repository, run: Run, hub: LocalHub
) -> None:
    hub.fail(503, times=100)
    assert "acme/tiny: not seen" in run("monitor", code=3)
    hub.mend()
    assert "0 new events" in run("monitor")


def test_nothing_to_watch_is_not_green(run: Run, home: Path) -> None:
    (home / "w.safetensors").write_bytes(tiny_model()["model.safetensors"])
    run("lock", "w.safetensors")
    assert "nothing was watched" in run("monitor", code=3)


def test_a_webhook_only_says_where_to_look(repository: Repository, run: Run, home: Path, hub: LocalHub) -> None:
    other = hub.repository("other/model")
    other.commit(tiny_model())
    run("lock", "other/model")
    run("monitor")
    repository.disabled = other.disabled = True
    payload = {
        "event": {"action": "update", "scope": "repo"},
        "repo": {"type": "model", "name": "x/y", "id": repository.identity},
    }
    (home / "payload.json").write_text(json.dumps(payload))
    hub.requests.clear()
    told = run("monitor", "--from-webhook", "payload.json", code=1)
    assert "acme/tiny: repo-disabled" in told
    assert "other/model" not in told
    assert {request.path for request in hub.requests} == {"/api/models/acme/tiny"}
    for text, code in (("{", 3), ("[]", 3), ('{"repo": {"type": "dataset", "name": "acme/tiny"}}', 0)):
        (home / "payload.json").write_text(text)
        run("monitor", "--from-webhook", "payload.json", code=code)


def test_an_alert_that_cannot_be_sent_is_told_and_waits(repository: Repository, run: Run, home: Path) -> None:
    policy = (
        "[monitor]\ninactive-days = 90000\n"
        '[monitor.channels.webhook]\nurl = "http://127.0.0.1:9/hook"\n'
        '[monitor.channels.atom]\npath = "feed.xml"\n'
    )
    (home / "modelguard.toml").write_text(policy)
    repository.disabled = True
    assert "channel webhook: not sent" in run("monitor", code=3)
    assert "repo-disabled" in (home / "feed.xml").read_text()


@pytest.mark.parametrize("words", [("--remind", "x"), ("--interval", "0s"), ("--max-wait", "7"), ("no/such",)])
def test_what_is_typed_wrongly_is_told(repository: Repository, run: Run, words: tuple[str, ...]) -> None:
    run("monitor", *words, code=2)


def test_a_wrong_monitor_table_is_told(repository: Repository, run: Run, home: Path) -> None:
    (home / "modelguard.toml").write_text("[monitor]\ninactive-day = 3\n")
    assert "did you mean 'inactive-days'" in run("monitor", code=2)


def test_an_advisory_in_a_feed_is_an_event_and_a_feed_that_cannot_be_read_is_told(
    repository: Repository, run: Run, home: Path
) -> None:
    policy = (home / "modelguard.toml").read_text()
    (home / "modelguard.toml").write_text(policy + '[[advisories.feeds]]\nname = "ours"\npath = "feed"\n')
    assert "acme/tiny: not seen: advisories:" in run("monitor", code=3)
    (home / "feed").mkdir()
    (home / "feed" / "x_MG-2026-0001.json").write_text(json.dumps(record("x_MG-2026-0001", "0" * 64)))
    assert "0 new events" in run("monitor")
    bad = next(one for one in entry(home).files if one.path == "model.safetensors")
    (home / "feed" / "x_MG-2026-0002.json").write_text(json.dumps(record("x_MG-2026-0002", bad.digest.hex)))
    assert "advisory-new (high): x_MG-2026-0002: a shell" in run("monitor", code=1)
    assert "0 new events" in run("monitor")


def test_a_record_that_breaks_a_rule_is_told_and_does_not_hide_the_others(
    repository: Repository, run: Run, home: Path
) -> None:
    policy = (home / "modelguard.toml").read_text()
    (home / "modelguard.toml").write_text(policy + '[[advisories.feeds]]\nname = "ours"\npath = "feed"\n')
    (home / "feed").mkdir()
    (home / "feed" / "bad.json").write_text('{"id": "x_MG-2026-0001"}')
    bad = next(one for one in entry(home).files if one.path == "model.safetensors")
    (home / "feed" / "good.json").write_text(json.dumps(record("x_MG-2026-0002", bad.digest.hex)))
    told = run("monitor", code=1)
    assert "feed ours: 1 record left out, the first is bad.json: modified: is missing" in told
    assert "advisory-new (high): x_MG-2026-0002" in told
    assert '"remarks": [\n    "feed ours: 1 record' in run("monitor", "--format", "json")


@pytest.mark.parametrize(
    ("license_id", "severity", "word"),
    [
        ("cc-by-nc-4.0", "high", "the policy refuses it: CC-BY-NC-4.0 is not in licenses.allow"),
        ("mit", "medium", "the policy allows it"),
        ("made-up", "high", "the policy refuses it"),
    ],
)
def test_a_changed_license_is_held_against_the_policy(
    repository: Repository, run: Run, home: Path, license_id: str, severity: str, word: str
) -> None:
    repository.card["license"] = "apache-2.0"
    policy = (home / "modelguard.toml").read_text()
    run("monitor")
    (home / "modelguard.toml").write_text(policy + '[licenses]\nallow = ["Apache-2.0", "MIT"]\n')
    repository.card["license"] = license_id
    told = run("monitor", code=1)
    assert f"license-changed ({severity}): declared apache-2.0, now {license_id}; {word}" in told


def record(name: str, sha256: str) -> dict[str, Any]:
    """Return an OSV record about one file."""
    moment = "2026-11-01T00:00:00Z"
    ranges = [{"type": "GIT", "repo": "https://huggingface.co/some/model", "events": [{"introduced": "0"}]}]
    files = {"files": [{"path": "model.safetensors", "sha256": sha256}]}
    return {
        "schema_version": "1.7.5", "id": name, "modified": moment, "published": moment, "summary": "a shell",
        "affected": [{"ranges": ranges, "database_specific": files}], "database_specific": {"kind": "malicious"},
    }  # fmt: skip


# --- update, diff, history --------------------------------------------------------------------------------------


def entry(home: Path) -> Any:
    return Lock.read(home / "modelguard.lock").entries["acme/tiny"]


def test_an_update_is_proposed_with_what_is_different_and_written_on_request(
    repository: Repository, run: Run, home: Path
) -> None:
    assert "nothing to update" in run("update")
    before = entry(home)
    repository.commit({"notes.txt": "two\n", "new.txt": "x\n"}, "better notes")
    told = run("update", "--pr-body", "body.md")
    for line in ("1 commit: allowed", "+ new.txt", "~ notes.txt", "-one", "+two", "--- /dev/null"):
        assert line in told
    assert entry(home) == before
    assert "better notes" in (home / "body.md").read_text()
    assert f"locked: acme/tiny at {repository.head}" in run("update", "--write")
    assert entry(home).revision == repository.head
    assert (entry(home).approval.by, entry(home).approval.reason) == ("ann", "demo")
    assert "nothing to update" in run("update")


def test_an_update_names_what_the_publisher_is_worth_when_it_is_asked_to(
    repository: Repository, run: Run, home: Path
) -> None:
    repository.commit({"notes.txt": "two\n"})
    assert "publisher:" not in run("update")
    told = run("update", "--assess", "--pr-body", "body.md")
    assert re.search(r"publisher: \d\.\d of 10 \(\d+% of the weight known\); lowest: maintained 0, ", told), told
    assert "### Publisher" in (home / "body.md").read_text()


def test_a_revision_younger_than_the_cooldown_is_passed_over(repository: Repository, run: Run) -> None:
    from attrs import evolve

    old = repository.commit({"notes.txt": "old enough\n"})
    young = repository.commit({"notes.txt": "too young\n"})
    repository.commits[young] = evolve(repository.commits[young], date="2999-01-01T00:00:00.000Z")
    assert old in run("update", "--cooldown", "7")


def test_an_update_that_the_policy_refuses_is_shown_and_not_written(
    repository: Repository, run: Run, home: Path
) -> None:
    before = entry(home)
    repository.commit({"extra.pkl": calling_pickle("os", "system", "echo pwned")})
    told = run("update", "--write", code=1)
    assert "REFUSED" in told
    assert "+ extra.pkl: os.system" in told or "+ extra.pkl: posix.system" in told
    assert entry(home) == before


def test_a_rewritten_history_is_no_update(repository: Repository, run: Run) -> None:
    repository.rewrite_history(tiny_model())
    assert "is not in the history of main" in run("update", code=3)


def test_a_diff_of_two_revisions(repository: Repository, run: Run) -> None:
    first = repository.head
    repository.commit({"notes.txt": "two\n"})
    repository.tag("v2")
    assert "~ notes.txt" in run("diff", "acme/tiny")
    assert "~ notes.txt" in run("diff", "acme/tiny", first, "v2")
    assert "no file differs" in run("diff", "acme/tiny", "v2", "main")
    run("diff", "file:x", code=2)
    run("diff", "acme/tiny", "v2", "no-such", code=3)


def test_history_shows_decisions_also_those_in_git(repository: Repository, run: Run, home: Path) -> None:
    def git(*words: str) -> None:
        identity = ["-c", "user.name=t", "-c", "user.email=t@example.com"]
        subprocess.run(["git", "-C", str(home), *identity, *words], check=True, capture_output=True)

    git("init", "-q")
    git("add", "modelguard.lock")
    git("commit", "-qm", "lock")
    text = (home / "modelguard.lock").read_text()
    (home / "modelguard.lock").write_text(text.replace(entry(home).approval.at, "2026-01-01T00:00:00Z"))
    run("revoke", "acme/tiny", "--reason", "taken over", "--by", "bob")
    told = run("history", "acme/tiny")
    assert "approved at" in told
    assert "by ann: demo" in told
    assert "by bob: taken over" in told
    assert "no entry" in run("history", "no/such", code=2)


# --- decisions that a newer revision must not inherit --------------------------------------------------------------


def test_an_update_does_not_bring_a_revoked_model_back(repository: Repository, run: Run, home: Path) -> None:
    repository.commit({"notes.txt": "two\n"})
    run("revoke", "acme/tiny", "--reason", "taken over")
    before = (home / "modelguard.lock").read_bytes()
    assert "acme/tiny: not proposed: the approval was revoked: taken over" in run(
        "update", "--cooldown", "0", "--write"
    )
    assert (home / "modelguard.lock").read_bytes() == before


CODE = b"class Model:\n    pass\n"
CHANGED = b"import os\n\n\nclass Model:\n    pass\n\n\nos.system('echo pwned')\n"


@pytest.fixture
def accepted(hub: LocalHub, run: Run, home: Path) -> Repository:
    """A model whose code was read and accepted."""
    (home / "modelguard.toml").write_text('[content]\nremote-code = "locked"\n')
    repository = hub.repository("acme/code")
    repository.commit({**tiny_model(), "modeling_x.py": CODE})
    run("lock", "acme/code", code=1)
    run("lock", "acme/code", "--accept", "remote-code", "--reason", "read it", "--by", "ann")
    return repository


def test_code_that_has_changed_is_not_covered_by_what_was_accepted_of_it_before(
    accepted: Repository, run: Run, home: Path
) -> None:
    before = (home / "modelguard.lock").read_bytes()
    accepted.commit({"modeling_x.py": CHANGED})
    assert "not recorded" in run("update", "--cooldown", "0", "--write", code=1)
    assert (home / "modelguard.lock").read_bytes() == before


def test_what_was_accepted_of_files_that_stay_as_they_are_still_counts(
    accepted: Repository, run: Run, home: Path
) -> None:
    before = Lock.read(home / "modelguard.lock").entries["acme/code"]
    accepted.commit({"notes.txt": "two\n"})
    run("update", "--cooldown", "0", "--write")
    after = Lock.read(home / "modelguard.lock").entries["acme/code"]
    assert after.revision != before.revision
    assert after.accepted == before.accepted


def test_an_owner_who_was_accepted_once_is_not_every_later_owner(
    repository: Repository, run: Run, home: Path, hub: LocalHub
) -> None:
    def taken_over(identity: str) -> None:
        hub.accounts["acme"]["_id"] = identity

    taken_over("5dd96eb166059660ed1ee413")
    assert "identity-changed" in run("lock", code=1)
    run("lock", "acme/tiny", "--accept", "identity-changed", "--reason", "bought by example", "--by", "ann")
    run("lock", "--check")
    taken_over("66e7f5c0a1b2c3d4e5f60799")
    assert "identity-changed" in run("lock", code=1)
    repository.commit({"notes.txt": "two\n"})
    assert "not recorded" in run("update", "--cooldown", "0", "--write", code=1)
