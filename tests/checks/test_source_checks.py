"""The checks of sources, asked with literal facts: the example of each page is what the check really says."""

from __future__ import annotations

from typing import Any

import pytest

from modelguard.checks import denied_model, unlisted_host, unlisted_organization
from modelguard.checks.check import Check
from modelguard.terms.artifact import HubRef, Location, Snapshot
from modelguard.terms.facts import Dossier
from modelguard.terms.finding import Finding, Severity
from modelguard.terms.origin import Origin, SourcesRuled


def ask(check: Check, name: str, rules: dict[str, Any], **origin: Any) -> list[Finding]:
    location = Location(name)
    owner, _, repo = name.partition("/")
    settings = {"kind": "hub", "host": "huggingface.co", "owner": owner, **origin}
    facts = (Origin(location=location, **settings), SourcesRuled(location=location, **rules))
    return list(check.ask(Dossier(snapshot=Snapshot(ref=HubRef(owner, repo)), facts=facts)))


def example(finding: Finding) -> str:
    return f"{finding.location}: {finding.message}"


def test_the_example_of_denied_model() -> None:
    rules = {"denied": (("acme/old-*", "replaced by acme/tiny"),)}
    [finding] = ask(denied_model.CHECK, "acme/old-tiny", rules)
    assert example(finding) in denied_model.CHECK.page
    assert finding.severity == Severity.CRITICAL
    assert not ask(denied_model.CHECK, "acme/tiny", rules)


def test_the_example_of_unlisted_host() -> None:
    [finding] = ask(unlisted_host.CHECK, "acme/tiny", {"hosts": ("huggingface.co",)}, host="hub.evil.example")
    assert example(finding) in unlisted_host.CHECK.page


def test_the_example_of_unlisted_organization() -> None:
    rules = {"organizations": (("acme", ""),), "unlisted": "refuse"}
    [finding] = ask(unlisted_organization.CHECK, "acne/tiny", rules)
    assert example(finding) in unlisted_organization.CHECK.page


@pytest.mark.parametrize(
    ("host", "rule", "listed"),
    [
        ("huggingface.co", "huggingface.co", True),
        ("HuggingFace.co", "huggingface.co", True),
        ("huggingface.co:8443", "huggingface.co", False),
        ("huggingface.co.evil.example", "huggingface.co", False),
        ("evil-huggingface.co", "huggingface.co", False),
        ("hub.example.com/team/a", "hub.example.com", True),
        ("hub.example.com/team/a", "hub.example.com/team", True),
        ("hub.example.com/teams", "hub.example.com/team", False),
        ("hub.example.com", "hub.example.com/team", False),
        ("", "huggingface.co", False),
    ],
)
def test_a_host_is_compared_as_a_whole(host: str, rule: str, listed: bool) -> None:
    assert bool(ask(unlisted_host.CHECK, "acme/tiny", {"hosts": (rule,)}, host=host)) is not listed


@pytest.mark.parametrize(
    ("listed", "found", "fine"),
    [("", "1", True), ("", "", True), ("1", "1", True), ("1", "2", False), ("1", "", False)],
)
def test_an_identity_that_the_policy_names_has_to_be_the_owners(listed: str, found: str, fine: bool) -> None:
    rules = {"organizations": (("acme", listed),), "unlisted": "refuse"}
    assert (not ask(unlisted_organization.CHECK, "acme/tiny", rules, owner_id=found)) is fine


def test_an_address_has_no_organization_that_could_be_listed() -> None:
    rules = {"organizations": (("acme", ""),), "unlisted": "refuse"}
    [finding] = ask(unlisted_organization.CHECK, "https://x.example/acme/m.bin", rules, kind="address", owner="")
    assert "tells no organization" in finding.message
    assert not ask(unlisted_organization.CHECK, "file:m.bin", rules, kind="local", owner="")
