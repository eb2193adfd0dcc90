"""The checks of what a model asks for: each kind is judged once, by its class of danger, with a command that works."""

from __future__ import annotations

import shlex
from fnmatch import fnmatchcase
from importlib import import_module
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from repository_builders import facts_of

from modelguard._registry import parts
from modelguard.checks._remedies import acceptance
from modelguard.checks.check import Check
from modelguard.terms.artifact import HubRef, LocalRef, Location, Snapshot
from modelguard.terms.facts import Asks, Dossier, Fact, Permission, Secret
from modelguard.terms.finding import Finding, Severity

HERE = Location("config.json")
DOSSIER = Dossier(snapshot=Snapshot(ref=HubRef("org", "name", "v1")), facts=())

CHECK_OF: dict[str, str] = {
    "remote-code": "remote-code",
    "native-code": "native-code",
    "external-files": "external-files",
    "other-models": "other-models",
    "custom-ops": "custom-operators",
    "ops": "file-or-network-operators",
    "templates": "template-escape",
    "configuration": "unsafe-configuration",
    "install": "install-instructions",
    "network": "network-addresses",
}


def asks(permission: str, name: str = "x", hazard: str = "", **more: object) -> Asks:
    return Asks(location=HERE, permission=permission, name=name, hazard=hazard, **more)  # type: ignore[arg-type]


def findings(*facts: Fact) -> list[Finding]:
    """Return what all checks of the content area say about some facts."""
    dossier = Dossier(snapshot=Snapshot(ref=LocalRef("x")), facts=facts)
    mine = {*CHECK_OF.values(), "secret-in-model"}
    checks = [check for check in parts("modelguard.checks", Check) if check.name in mine]
    assert len(checks) == len(mine)
    return [finding for check in checks for finding in check.ask(dossier)]


def severity_of(permission: str, hazard: str) -> Severity:
    [finding] = findings(asks(permission, hazard=hazard))
    return finding.severity


def test_there_is_a_check_for_every_permission() -> None:
    assert set(CHECK_OF) == set(get_args(Permission))


@pytest.mark.parametrize(("permission", "check"), CHECK_OF.items())
def test_each_kind_is_judged_by_one_check_alone(permission: str, check: str) -> None:
    [finding] = findings(asks(permission, "the name", detail="the detail", profiles=("some-profile",)))
    assert (finding.check, finding.area, finding.subject) == (check, "content", "the name")
    assert finding.profiles == ("some-profile",)
    assert finding.location == HERE
    assert "the name: the detail" in finding.message
    assert "enable the profile some-profile" in finding.remedy


@pytest.mark.parametrize("permission", CHECK_OF)
def test_a_class_of_danger_that_nobody_has_rated_is_critical(permission: str) -> None:
    assert severity_of(permission, "never-heard-of") == Severity.CRITICAL


@pytest.mark.parametrize(
    ("permission", "hazard", "severity"),
    [
        ("remote-code", "", Severity.HIGH),
        ("remote-code", "process", Severity.CRITICAL),
        ("remote-code", "code-execution", Severity.CRITICAL),
        ("remote-code", "network", Severity.CRITICAL),
        ("remote-code", "other-repository", Severity.CRITICAL),
        ("remote-code", "obfuscation", Severity.CRITICAL),
        ("remote-code", "unpickling", Severity.HIGH),
        ("remote-code", "notebook", Severity.LOW),
        ("remote-code", "script", Severity.LOW),
        ("remote-code", "script-code-execution", Severity.HIGH),
        ("native-code", "", Severity.HIGH),
        ("native-code", "other-repository", Severity.CRITICAL),
        ("external-files", "", Severity.MEDIUM),
        ("external-files", "path-escape", Severity.HIGH),
        ("external-files", "file-write", Severity.CRITICAL),
        ("other-models", "", Severity.MEDIUM),
        ("other-models", "path-escape", Severity.HIGH),
        ("custom-ops", "", Severity.MEDIUM),
        ("ops", "file-read", Severity.HIGH),
        ("ops", "file-write", Severity.CRITICAL),
        ("templates", "sandbox-escape", Severity.CRITICAL),
        ("templates", "denial-of-service", Severity.MEDIUM),
        ("configuration", "", Severity.MEDIUM),
        ("configuration", "call-by-name", Severity.HIGH),
        ("configuration", "process", Severity.CRITICAL),
        ("install", "", Severity.INFO),
        ("install", "other-index", Severity.MEDIUM),
        ("network", "network", Severity.HIGH),
    ],
)
def test_severity_follows_the_class_of_danger(permission: str, hazard: str, severity: Severity) -> None:
    assert severity_of(permission, hazard) == severity


@pytest.mark.parametrize(("kind", "severity"), [("Hugging Face token", Severity.MEDIUM), ("Slack token", Severity.LOW)])
def test_a_credential_is_reported_by_kind(kind: str, severity: Severity) -> None:
    [finding] = findings(Secret(location=HERE, kind=kind, sample="hf_A… (37 characters)"))
    assert (finding.check, finding.severity, finding.subject) == ("secret-in-model", severity, kind)
    assert "hf_A…" in finding.message


def test_nothing_asked_for_is_nothing_found() -> None:
    assert not findings()


def test_names_are_escaped_for_a_terminal() -> None:
    [finding] = findings(asks("remote-code", "a\u202eb\x1b[31m", detail="c\x07d"))
    assert finding.message.isprintable()
    assert finding.remedy.isprintable()
    assert finding.subject == "a\u202eb\x1b[31m"


@pytest.mark.parametrize("name", ["*", "a*b", "[x]", "a?b", "'; echo pwned #", "$(echo pwned)", "-x", "a b", "…"])
def test_the_command_accepts_this_name_and_no_other(name: str) -> None:
    command = acceptance(DOSSIER, "remote-code", name)
    words = shlex.split(command)
    assert words[:4] == ["modelguard", "lock", "org/name@v1", "--accept"]
    assert len(words) == 7
    check, _, pattern = words[4].partition(":")
    assert check == "remote-code"
    assert fnmatchcase(name, pattern)
    assert not fnmatchcase(f"{name}x", pattern)
    assert not fnmatchcase("anything", pattern)


@settings(deadline=5000)
@given(st.text(min_size=1))
def test_the_command_is_one_command_for_any_name(name: str) -> None:
    words = shlex.split(acceptance(DOSSIER, "remote-code", name))
    assert len(words) == 7
    assert fnmatchcase(name, words[4].removeprefix("remote-code:"))


PAGES = [*(name.replace("-", "_") for name in CHECK_OF.values()), "secret_in_model"]


@pytest.mark.parametrize("module", PAGES)
def test_every_page_has_its_four_parts(module: str) -> None:
    check = import_module(f"modelguard.checks.{module}").CHECK
    lines = check.page.splitlines()
    assert lines[0].endswith(".")
    for heading in ("Why it matters", "What to do", "Example"):
        assert heading in lines


def example_of(module: str) -> str:
    """Return the example of a page as one line."""
    page = import_module(f"modelguard.checks.{module}").CHECK.page
    return " ".join(page.partition("\nExample\n")[2].split())


EXAMPLES: dict[str, tuple[str, str]] = {
    "remote_code": ("modeling_x.py", "import torch, os\nos.system('echo pwned')\n"),
    "native_code": ("config.json", '{"_attn_implementation": "org/kernel"}'),
    "external_files": ("model.safetensors.index.json", '{"weight_map": {"a": "../../x.safetensors"}}'),
    "other_models": ("adapter_config.json", '{"base_model_name_or_path": "org/base"}'),
    "template_escape": ("chat_template.jinja", "{{ ''.__class__ }}"),
    "unsafe_configuration": ("model_config.yaml", "_target_: os.system\n"),
    "install_instructions": ("requirements.txt", "git+https://x.example/y\n"),
    "secret_in_model": (".env", "HF_TOKEN=hf_" + "qWmZrTkLpXvNsHdYbGfJcQaEuIoKzMwRtL" + "\n"),
}


@pytest.mark.parametrize(("module", "file"), EXAMPLES.items(), ids=EXAMPLES)
def test_the_example_of_a_page_is_what_is_really_said(module: str, file: tuple[str, str]) -> None:
    said = [f"{finding.location}: {finding.message}" for finding in findings(*facts_of(*file))]
    assert example_of(module) in said


GRAPH_EXAMPLES = {
    "custom_operators": Asks(location=Location("model.onnx"), permission="custom-ops", name="com.example.Op"),
    "file_or_network_operators": Asks(
        location=Location("saved_model.pb"),
        permission="ops",
        name="ReadFile",
        detail="reads any file",
        hazard="file-read",
    ),
    "network_addresses": Asks(
        location=Location("model.keras"),
        permission="network",
        name="https://x.example/vocab.txt",
        detail="StringLookup reads its vocabulary from there",
        hazard="network",
    ),
}


@pytest.mark.parametrize(("module", "fact"), GRAPH_EXAMPLES.items(), ids=GRAPH_EXAMPLES)
def test_the_example_about_a_graph_is_what_is_really_said(module: str, fact: Asks) -> None:
    [finding] = findings(fact)
    assert example_of(module) == f"{finding.location}: {finding.message}"
