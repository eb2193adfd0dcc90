"""`modelguard assess` against a Hub on loopback: what is asked, what is written, and what the policy makes of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from modelguard.lock import Accepted, Lock
from modelguard.testing import LocalHub, Repository, tiny_model


@pytest.fixture
def hub() -> Iterator[LocalHub]:
    with LocalHub() as hub:
        hub.organization(
            "acme", members=("alice", "bob", "cyd"), verified=True, numUsers=3, createdAt="2020-01-01T00:00:00.000Z"
        )
        yield hub


@pytest.fixture
def repository(hub: LocalHub) -> Repository:
    repository = hub.repository("acme/tiny", downloads=5000, card={"license": "apache-2.0"})
    policy = {"SECURITY.md": "Write to security@acme.example", "LICENSE": "text"}
    repository.commit(tiny_model() | {name: text.encode() for name, text in policy.items()})
    repository.discuss("Malicious file?", author="stranger", status="closed")
    opened = repository.discussions[0]["createdAt"]
    events = [
        {"type": "comment", "createdAt": opened, "author": {"name": "alice"}},
        {"type": "status-change", "createdAt": opened, "author": {"name": "alice"}, "data": {"status": "closed"}},
    ]
    repository.discussions[0]["events"] = events
    return repository


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home = tmp_path / "project"
    home.mkdir()
    return home


def run(hub: LocalHub, home: Path, *words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "MODELGUARD_"))}
    environment |= hub.environment | {"MODELGUARD_STORE": str(home.parent / "store")}
    done = subprocess.run(
        [sys.executable, "-m", "modelguard", *words],
        cwd=home, env=environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == code, f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


def marks(document: dict[str, Any]) -> dict[str, float | None]:
    return {one["question"]: one["value"] for one in document["marks"]}


def test_a_model_is_assessed_with_evidence(hub: LocalHub, repository: Repository, home: Path) -> None:
    document = json.loads(run(hub, home, "assess", "acme/tiny", "--format", "json").stdout)
    found = marks(document)
    assert document["schema"] == "modelguard/assessment/1"
    assert len(found) == len(document["questions"]) == 14
    assert found["unsafe-files"] == found["safe-formats"] == found["remote-code"] == 10
    assert found["publisher-identity"] == found["disclosure"] == found["license-clarity"] == 10
    assert found["responsiveness"] == found["fix-speed"] == 10
    assert found["namespace-continuity"] is None
    assert found["signed"] == 0
    assert document["score"] is not None
    assert ["downloads in 30 days", "5000"] in document["shown"]
    assert any(row["value"] == "SECURITY.md" for one in document["marks"] for row in one["evidence"])


def test_an_organization_is_assessed_by_its_models(hub: LocalHub, repository: Repository, home: Path) -> None:
    hub.repository("acme/code").commit(tiny_model() | {"modeling.py": b"x = 1"})
    hub.repository("stranger/tiny").commit(tiny_model())
    document = json.loads(run(hub, home, "assess", "acme", "--format", "json").stdout)
    assert marks(document)["remote-code"] == 8.0
    assert not hub.asked("/stranger/")


def test_a_locked_model_is_compared_with_the_lock(hub: LocalHub, repository: Repository, home: Path) -> None:
    run(hub, home, "lock", "acme/tiny")
    found = marks(json.loads(run(hub, home, "assess", "acme/tiny", "--format", "json").stdout))
    assert found["namespace-continuity"] == found["revision-integrity"] == 10
    hub.take_over("acme")
    hub.repository("acme/tiny").commit(tiny_model())
    found = marks(json.loads(run(hub, home, "assess", "acme/tiny", "--format", "json").stdout))
    assert found["namespace-continuity"] == found["revision-integrity"] == 0


def test_the_policy_makes_findings_of_low_marks(hub: LocalHub, repository: Repository, home: Path) -> None:
    (home / "modelguard.toml").write_text("[vendor]\nmin-scores = { signed = 5 }\n", "utf-8")
    done = run(hub, home, "assess", "acme/tiny", code=1)
    assert "medium: signed is 0 (acme/tiny: not signed); the policy asks for 5" in done.stdout
    (home / "modelguard.toml").write_text("[vendor]\nmin-scores = { unsafe-files = 5 }\nmin-score = 3\n", "utf-8")
    run(hub, home, "assess", "acme/tiny")


def test_without_a_policy_a_look_alike_is_noted(hub: LocalHub, home: Path) -> None:
    hub.repository("0penai/tiny").commit(tiny_model())
    done = run(hub, home, "assess", "0penai/tiny")
    assert "0penai can be taken for openai: looks the same" in done.stdout
    (home / "modelguard.toml").write_text("[vendor]\n", "utf-8")
    run(hub, home, "assess", "0penai/tiny", code=1)


@pytest.mark.parametrize(
    ("policy", "key"),
    [
        ("[vendor]\nmin-scores = { singed = 5 }\n", "vendor.min-scores.singed: unknown key; did you mean 'signed'?"),
        ("[vendor]\nmin-score = 11\n", "vendor.min-score: expected a number from 0 to 10"),
    ],
)
def test_a_wrong_table_is_an_error_with_the_key(
    policy: str, key: str, hub: LocalHub, repository: Repository, home: Path
) -> None:
    (home / "modelguard.toml").write_text(policy, "utf-8")
    assert key in run(hub, home, "assess", "acme/tiny", code=2).stderr


def test_a_hub_that_fails_gives_no_bad_marks(hub: LocalHub, repository: Repository, home: Path) -> None:
    hub.fail(500, times=50)
    document = json.loads(run(hub, home, "assess", "acme/tiny", "--format", "json", code=3).stdout)
    assert set(marks(document).values()) == {None}
    assert document["score"] is None
    assert document["unreached"]


def test_the_budget_of_requests_is_kept(hub: LocalHub, repository: Repository, home: Path) -> None:
    hub.requests.clear()
    run(hub, home, "assess", "acme/tiny", "--max-requests", "1", code=3)  # too few to know anything is no success
    assert len(hub.requests) <= 1
    run(hub, home, "assess", "acme", "--offline", code=3)


def test_the_record_for_a_risk_file_names_decision_and_formulas(
    hub: LocalHub, repository: Repository, home: Path
) -> None:
    words = ("--assessor", "Ann", "--decision", "accepted", "--reason", "pilot only")
    run(hub, home, "assess", "acme/tiny", "--format", "markdown", "--output", "acme.md", *words)
    record = (home / "acme.md").read_text("utf-8")
    assert "- **Decision:** accepted" in record
    assert "- **Assessor:** Ann" in record
    assert "## Evidence" in record
    assert record.count("\n- **") >= 14 + 5


def test_what_a_vendor_writes_stays_inert_in_records(hub: LocalHub, repository: Repository, home: Path) -> None:
    repository.discuss("malicious <script>alert(1)</script> | [x](https://evil.example) \x1b[31m", author="stranger")
    page = run(hub, home, "assess", "acme/tiny", "--format", "html").stdout
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    record = run(hub, home, "assess", "acme/tiny", "--format", "markdown").stdout
    assert "<script>" not in record
    assert "\\[x\\](https" in record or "\\[x](https" in record
    for document in (page, record, run(hub, home, "assess", "acme/tiny").stdout):
        assert "\x1b" not in document


def test_what_was_collected_is_assessed_again_without_the_network(
    hub: LocalHub, repository: Repository, home: Path
) -> None:
    words = ("assess", "acme/tiny", "--format", "json")
    first = run(hub, home, *words, "--save", "acme.json").stdout
    hub.requests.clear()
    assert run(hub, home, *words, "--from", "acme.json").stdout == first
    assert hub.requests == []
    assert "about acme/tiny, not about acme" in run(hub, home, "assess", "acme", "--from", "acme.json", code=2).stderr
    for text in ("{}", "[", '{"subject": "acme/tiny", "at": "x", "repositories": []}'):
        (home / "acme.json").write_text(text)
        assert (
            "not what `modelguard assess --save` writes" in run(hub, home, *words, "--from", "acme.json", code=2).stderr
        )


def test_what_the_lock_accepts_about_a_model_is_excused(hub: LocalHub, repository: Repository, home: Path) -> None:
    run(hub, home, "lock", "acme/tiny")
    (home / "modelguard.toml").write_text("[vendor]\nmin-scores = { signed = 5 }\n", "utf-8")
    run(hub, home, "assess", "acme/tiny", code=1)
    lock = Lock.read(home / "modelguard.lock")
    accepted = (Accepted(check="vendor-score-low", reason="a pilot", until="2999-01-01"),)
    entry = evolve(lock.entries["acme/tiny"], accepted=accepted)
    (home / "modelguard.lock").write_text(lock.with_entry(entry).text())
    run(hub, home, "assess", "acme/tiny")
    ended = evolve(entry, accepted=(evolve(accepted[0], until="2020-01-01"),))
    (home / "modelguard.lock").write_text(lock.with_entry(ended).text())
    run(hub, home, "assess", "acme/tiny", code=1)
