"""The table `[sources]`: models from other hosts, of other owners, and denied ones, are refused wherever they are."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from modelguard import ModelRefused, guarded_load
from modelguard.guard import Gate, Wish, examine, pin
from modelguard.terms.artifact import HubRef
from modelguard.terms.errors import PolicyError
from modelguard.terms.verdict import Examination, Refused
from modelguard.testing import LocalHub
from modelguard.testing.models import tiny_config, tiny_safetensors

Locker = Callable[..., Any]
FILES = {"config.json": tiny_config(), "model.safetensors": tiny_safetensors()}


@pytest.fixture
def model(project: Path, hub: LocalHub, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    hub.repository("acme/tiny").commit(FILES)
    return "acme/tiny"


def write(project: Path, sources: str) -> None:
    (project / "modelguard.toml").write_text(f"version = 1\n[sources]\n{sources}\n")


def refused(examination: Examination) -> set[str]:
    verdict = examination.verdict
    return {one.finding.check for one in verdict.because} if isinstance(verdict, Refused) else set()


def pinned(ref: str) -> Examination:
    gate = Gate.open()
    return pin(gate.canonical(ref), gate, Wish())[1]


def load(ref: str) -> Any:
    return guarded_load(ref, file="model.safetensors", loader="safetensors.numpy")


CASES = [
    ('allow-hosts = ["https://huggingface.co"]', "unlisted-host"),
    ('allow-organizations = ["other"]', "unlisted-organization"),
    ('allow-organizations = ["acm", "acme2"]', "unlisted-organization"),
    ('unknown-organization = "refuse"', "unlisted-organization"),
    ('allow-organizations = [{ name = "acme", owner-id = "5dd96eb166059660ed1ee413" }]', "unlisted-organization"),
    ('deny = [{ model = "acme/*", reason = "taken over" }]', "denied-model"),
    ('deny = [{ model = "ACME/Tiny", reason = "taken over" }]', "denied-model"),
]


@pytest.mark.parametrize(("sources", "check"), CASES)
def test_a_model_from_elsewhere_is_not_locked(model: str, project: Path, sources: str, check: str) -> None:
    write(project, sources)
    assert refused(pinned(model)) == {check}
    assert refused(examine(HubRef("acme", "tiny"), Gate.open())) == {check}


@pytest.mark.parametrize(("sources", "check"), CASES)
def test_a_locked_model_is_not_loaded_once_its_source_is_ruled_out(
    model: str, project: Path, lock_model: Locker, sources: str, check: str
) -> None:
    lock_model(model)
    assert load(model)["head.bias"].tolist() == [0.25]
    write(project, sources)
    with pytest.raises(ModelRefused) as caught:
        load(model)
    assert caught.value.examination is not None
    assert refused(caught.value.examination) == {check}


def test_a_listed_source_is_allowed(model: str, project: Path, lock_model: Locker, hub: LocalHub) -> None:
    entry = lock_model(model)
    owner = json.dumps([{"name": "acme", "owner-id": entry.owner_id}]).replace(":", " =").replace('"name"', "name")
    owner = owner.replace('"owner-id"', "owner-id")
    write(
        project,
        f'allow-hosts = ["{hub.url}/"]\nallow-organizations = {owner}\ndeny = [{{ model = "x/*", reason = "y" }}]',
    )
    assert load(model)["head.bias"].tolist() == [0.25]


def test_an_owner_who_is_not_listed_is_only_noted_where_the_policy_says_so(model: str, project: Path) -> None:
    write(project, 'allow-organizations = ["other"]\nunknown-organization = "note"')
    found = pinned(model)
    assert found.allowed
    assert "unlisted-organization" in {one.check for one in found.findings}
    write(project, 'allow-organizations = ["other"]\nunknown-organization = "allow"')
    assert "unlisted-organization" not in {one.check for one in pinned(model).findings}


def test_without_the_table_nothing_is_asked_about_sources(model: str) -> None:
    found = pinned(model)
    assert found.allowed
    assert not {one.area for one in found.findings} & {"source"}


def test_what_lies_on_this_machine_has_no_host_and_no_owner_but_can_be_denied(project: Path) -> None:
    (project / "model.safetensors").write_bytes(tiny_safetensors())
    write(project, 'allow-hosts = ["https://huggingface.co"]\nallow-organizations = ["acme"]')
    assert pinned("./model.safetensors").allowed
    write(project, 'deny = [{ model = "file:*", reason = "only from the Hub" }]')
    assert refused(pinned("./model.safetensors")) == {"denied-model"}


@pytest.mark.parametrize(
    ("sources", "message"),
    [
        ('allow-organizations = "acme"', "sources.allow-organizations: expected a list, found 'acme'"),
        ("allow-organizations = false", "sources.allow-organizations: expected a list, found False"),
        ('allow-hosts = ["https://*.example.com"]', "sources.allow-hosts[0]: expected a host"),
        ('allow-hosts = ["ftp://hub.example.com"]', "sources.allow-hosts[0]: expected a host"),
        ('allow-hosts = [""]', "sources.allow-hosts[0]: expected a host"),
    ],
)
def test_a_rule_that_would_match_nothing_is_an_error(project: Path, sources: str, message: str) -> None:
    write(project, sources)
    with pytest.raises(PolicyError) as caught:
        Gate.open()
    assert message in caught.value.message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[checks]\nunknwon-bytes = "refuse"', "checks.unknwon-bytes: there is no check 'unknwon-bytes'; did you mean"),
        (
            '[[excuses]]\ncheck = "unknown-byte"\nmodel = "acme/*"\nreason = "r"',
            "excuses[0].check: there is no check 'unknown-byte'; did you mean 'unknown-bytes'?",
        ),
    ],
)
def test_a_name_that_no_check_has_is_an_error(project: Path, text: str, message: str) -> None:
    (project / "model.safetensors").write_bytes(tiny_safetensors())
    (project / "modelguard.toml").write_text(f"version = 1\n{text}\n")
    with pytest.raises(PolicyError) as caught:
        examine("./model.safetensors", Gate.open())
    assert message in caught.value.message


def test_the_names_of_findings_about_excuses_can_be_set(project: Path) -> None:
    (project / "model.safetensors").write_bytes(tiny_safetensors())
    (project / "modelguard.toml").write_text(
        'version = 1\n[checks]\nexpired-excuse = "refuse"\nunknown-bytes = "note"\n'
    )
    assert examine("./model.safetensors", Gate.open()).allowed


def test_a_model_of_the_same_name_on_another_host_is_not_taken_for_the_approved_one(
    model: str, lock_model: Locker, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = lock_model(model)
    with LocalHub() as other:
        other.repository("acme/tiny").commit({**FILES, "notes.txt": b"from elsewhere\n"})
        monkeypatch.setenv("HF_ENDPOINT", other.url)
        gate = Gate.open()
        after, found = pin(gate.canonical(model), gate, Wish(upgrade=True), entry)
    assert (after.repo_id, after.owner_id) == (entry.repo_id, entry.owner_id)  # which a host can claim
    assert refused(found) == {"identity-changed"}
    assert {one.subject for one in found.findings if one.check == "identity-changed"} == {"host"}
