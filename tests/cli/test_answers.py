"""What commands print with --json obeys docs/reference/answers.schema.json, and says what the text says."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from jsonschema import Draft202012Validator

from modelguard.cli.main import main
from modelguard.testing import LocalHub, Repository, tiny_model
from modelguard.testing.models import calling_pickle
from modelguard.testing.sigstore import PrivateSigstore

SCHEMA = json.loads((Path(__file__).parents[2] / "docs/reference/answers.schema.json").read_text("utf-8"))
Ask: TypeAlias = Callable[..., dict[str, Any]]


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Repository]:
    for name in [name for name in os.environ if name.startswith(("HF_", "MODELGUARD_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("MODELGUARD_STORE", str(tmp_path / "store"))
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    with LocalHub() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        repository = hub.repository("acme/tiny")
        repository.commit({**tiny_model(), "notes.txt": "one\n"})
        yield repository


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    def run(*words: str, code: int = 0) -> str:
        with pytest.raises(SystemExit) as ended:
            main(words)
        shown = capsys.readouterr()
        assert ended.value.code == code, shown.out + shown.err
        return shown.out

    return run


@pytest.fixture
def ask(run: Callable[..., str]) -> Ask:
    def ask(*words: str, code: int = 0) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(run(*words, "--json", code=code))
        Draft202012Validator(SCHEMA).validate(document)
        return document

    return ask


def test_a_difference_tells_files_permissions_and_text(repository: Repository, run: Any, ask: Ask) -> None:
    first = repository.head
    run("lock", "acme/tiny", "--reason", "demo")
    assert ask("diff", "acme/tiny")["files"] == []
    repository.commit({"notes.txt": "two\n", "extra.pkl": calling_pickle("os", "system", "echo pwned")})
    told = ask("diff", "acme/tiny")
    assert (told["before"]["revision"], told["after"]["revision"]) == (first, repository.head)
    assert [(one["path"], one["before"] is None, one["after"] is None) for one in told["files"]] == [
        ("extra.pkl", True, False),
        ("notes.txt", False, False),
    ]
    assert {one["change"] for one in told["asks"]} == {"added"}
    assert any(one["name"].endswith(".system") for one in told["asks"])
    assert "+two" in told["text"]
    back = ask("diff", "acme/tiny", "main", first)
    assert {one["change"] for one in back["asks"]} == {"removed"}
    assert [one["path"] for one in back["files"] if one["after"] is None] == ["extra.pkl"]


def test_proposals_tell_the_verdict_and_the_commits(repository: Repository, run: Any, ask: Ask) -> None:
    run("lock", "acme/tiny", "--reason", "demo")
    assert ask("update")["proposals"] == []
    repository.commit({"notes.txt": "two\n"}, "better notes")
    (proposal,) = ask("update")["proposals"]
    assert (proposal["verdict"], proposal["commits"][0]["title"]) == ("allowed", "better notes")
    repository.commit({"extra.pkl": calling_pickle("os", "system", "echo pwned")})
    (proposal,) = ask("update", code=1)["proposals"]
    assert proposal["verdict"] == "refused"
    assert "dangerous-call" in {one["check"] for one in proposal["findings"]}


def test_licenses_tell_the_expression_the_evidence_and_what_is_refused(
    repository: Repository, tmp_path: Path, ask: Ask
) -> None:
    repository.card = {"license": "apache-2.0", "base_model": "acme/gone"}
    repository.commit({"README.md": "---\nlicense: apache-2.0\nbase_model: acme/gone\n---\n# Tiny\n"})
    (told,) = ask("license", "acme/tiny")["models"]
    assert (told["license"]["expression"], told["verdict"]) == ("Apache-2.0", "allowed")
    assert told["license"]["terms"][0]["users"] is None
    assert "card" in {one["source"] for one in told["evidence"]}
    assert [(base["name"], base["license"], bool(base["unknown"])) for base in told["bases"]] == [
        ("acme/gone", None, True)
    ]
    (tmp_path / "project/modelguard.toml").write_text('[licenses]\nallow = ["MIT"]\n')
    (told,) = ask("license", "acme/tiny", code=1)["models"]
    assert told["verdict"] == "refused"
    assert "license-not-allowed" in {one["check"] for one in told["findings"]}


def test_feeds_and_records_tell_what_is_good_and_what_is_not(
    repository: Repository, tmp_path: Path, run: Any, ask: Ask
) -> None:
    home = tmp_path / "project"
    run("advisory", "new", "--summary", "x", "--model", "acme/tiny", "--into", "own")
    assert ask("advisory", "validate", "own") == {"schema": "modelguard/validation/1", "valid": 1, "faults": []}
    (home / "bad.json").write_text('{"id": "x_MG-2026-0001"}')
    faults = ask("advisory", "validate", "bad.json", code=1)["faults"]
    assert faults == [{"record": "bad.json", "message": "modified: is missing"}]
    feeds = [f'[[advisories.feeds]]\nname = "{name}"\npath = "{name}"\n' for name in ("own", "gone")]
    (home / "modelguard.toml").write_text(feeds[0])
    (own,) = ask("feed", "list")["feeds"]
    assert (own["records"], own["skipped"], own["error"]) == (1, 0, None)
    (home / "modelguard.toml").write_text("".join(feeds))
    own, gone = ask("feed", "list", code=3)["feeds"]
    assert own["records"] == 1
    assert "no such file" in gone["error"]


def test_roots_tell_whether_they_are_the_pinned_ones(
    repository: Repository, tmp_path: Path, run: Any, ask: Ask
) -> None:
    home = tmp_path / "project"
    (home / "source.json").write_bytes(PrivateSigstore.create().client_trust_config())
    (home / "modelguard.toml").write_text(run("trust", "add", "ours", "source.json"))
    (root,) = ask("trust", "show")["roots"]
    assert (root["name"], root["pinned"], root["error"]) == ("ours", True, None)
    assert any("transparency log" in line for line in root["keys"])
    (home / "trust/ours.json").write_text("{}")
    (root,) = ask("trust", "show", code=1)["roots"]
    assert root["pinned"] is False
    assert root["error"]


def test_the_schema_tells_documents_apart() -> None:
    assert not Draft202012Validator(SCHEMA).is_valid({"schema": "modelguard/difference/1"})
    assert not Draft202012Validator(SCHEMA).is_valid({"schema": "modelguard/feeds/2", "feeds": []})
    assert Draft202012Validator(SCHEMA).is_valid({"schema": "modelguard/feeds/1", "feeds": []})
