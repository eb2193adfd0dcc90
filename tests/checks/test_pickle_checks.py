"""The checks about pickles: three lines of facts in, findings out."""

from __future__ import annotations

import pytest

from modelguard.checks import (
    broken_argument,
    dangerous_call,
    dropped_result,
    nested_program,
    state_injection,
    ungranted_import,
    unresolved_name,
)
from modelguard.checks.check import Check
from modelguard.terms.artifact import LocalRef, Location, Snapshot
from modelguard.terms.facts import Build, Call, Dossier, Fact, Import, Nested, Unresolved
from modelguard.terms.finding import Finding, Severity

HERE = Location("model.pkl").at(13)
ALL = (
    broken_argument, dangerous_call, dropped_result, nested_program, state_injection, ungranted_import, unresolved_name,
)  # fmt: skip


def asked(check: Check, *facts: Fact) -> list[Finding]:
    return list(check.ask(Dossier(snapshot=Snapshot(ref=LocalRef("model.pkl")), facts=facts)))


def imported(name: str = "system", *, module: str = "os", hazard: str = "", profiles: tuple[str, ...] = ()) -> Import:
    why = "it starts another program" if hazard else ""
    return Import(location=HERE, module=module, name=name, hazard=hazard, why=why, profiles=profiles)


def called(**properties: object) -> Call:
    settings: dict[str, object] = {"target": "os.system", "opcode": "REDUCE", "arguments": "('echo pwned')"}
    return Call(location=HERE, **{**settings, **properties})  # type: ignore[arg-type]  # literals of the test


@pytest.mark.parametrize(
    ("hazard", "severity"),
    [
        ("process", Severity.CRITICAL), ("code-execution", Severity.CRITICAL), ("file-write", Severity.CRITICAL),
        ("file-read", Severity.CRITICAL), ("network", Severity.CRITICAL), ("nested-load", Severity.CRITICAL),
        ("import", Severity.CRITICAL), ("attribute-walk", Severity.CRITICAL), ("one of tomorrow", Severity.CRITICAL),
        ("callable-combinator", Severity.HIGH), ("exhaustion", Severity.MEDIUM), ("", Severity.MEDIUM),
    ],
)  # fmt: skip
def test_an_import_is_as_bad_as_what_is_known_of_it(hazard: str, severity: Severity) -> None:
    (finding,) = asked(ungranted_import.CHECK, imported(hazard=hazard))
    assert finding.severity == severity
    assert finding.subject == "os.system"
    assert finding.profiles == ()
    assert finding.location == HERE


def test_an_import_that_profiles_grant_carries_them_for_the_policy() -> None:
    (finding,) = asked(ungranted_import.CHECK, imported("Linear", module="torch.nn", profiles=("torch-modules",)))
    assert finding.profiles == ("torch-modules",)
    assert "torch-modules" in finding.remedy


def test_an_unknown_import_is_told_with_the_command_that_approves_it() -> None:
    (finding,) = asked(ungranted_import.CHECK, imported("Model", module="someone"))
    assert "modelguard lock" in finding.remedy
    assert "--accept ungranted-import:someone.Model --reason" in finding.remedy


def test_a_name_with_control_characters_is_escaped_in_what_people_read() -> None:
    (finding,) = asked(ungranted_import.CHECK, imported("sys\u202etem", module="os\r"))
    assert finding.message.isprintable()
    assert finding.remedy.isprintable()


def test_a_dangerous_call_is_critical_and_says_what_would_be_called_and_why_that_is_bad() -> None:
    (finding,) = asked(dangerous_call.CHECK, imported(hazard="process"), called(hazard="process"))
    assert finding.severity == Severity.CRITICAL
    assert "os.system" in finding.message
    assert "echo pwned" in finding.message
    assert "starts another program" in finding.message


def test_a_call_without_a_hazard_or_of_a_dropped_result_is_no_dangerous_call() -> None:
    assert asked(dangerous_call.CHECK, called(), called(hazard="process", result_dropped=True)) == []


def test_a_broken_argument_says_which_rule_it_breaks() -> None:
    (finding,) = asked(broken_argument.CHECK, called(target="torch.f", broken="a tensor reaches too far"))
    assert finding.severity == Severity.HIGH
    assert finding.message == "A call of torch.f breaks its rule: a tensor reaches too far."


def test_a_call_that_keeps_its_rules_is_fine() -> None:
    assert asked(broken_argument.CHECK, called(target="torch.f")) == []


@pytest.mark.parametrize(
    ("hazard", "known", "severity"),
    [("process", False, Severity.CRITICAL), ("", False, Severity.HIGH), ("", True, Severity.INFO)],
)
def test_a_dropped_result_is_as_bad_as_the_function(hazard: str, known: bool, severity: Severity) -> None:
    profiles = ("numpy",) if known else ()
    call = called(target="numpy.dtype", result_dropped=True, hazard=hazard)
    (finding,) = asked(dropped_result.CHECK, imported("dtype", module="numpy", profiles=profiles), call)
    assert finding.severity == severity


def test_a_result_that_is_kept_is_no_dropped_result() -> None:
    assert asked(dropped_result.CHECK, called()) == []


@pytest.mark.parametrize(
    ("what", "severity"),
    [
        ("computed-global", Severity.CRITICAL), ("computed-callable", Severity.CRITICAL),
        ("extension-code", Severity.HIGH), ("persistent-id", Severity.HIGH), ("unknown-memo", Severity.HIGH),
        ("out-of-band-buffer", Severity.MEDIUM), ("something-new", Severity.CRITICAL),
    ],
)  # fmt: skip
def test_whatever_cannot_be_named_is_reported(what: str, severity: Severity) -> None:
    (finding,) = asked(unresolved_name.CHECK, Unresolved(location=HERE, what=what, detail="a detail"))
    assert finding.severity == severity
    assert "a detail" in finding.message


@pytest.mark.parametrize(
    ("manner", "severity"),
    [
        ("on-class", Severity.CRITICAL), ("on-module", Severity.CRITICAL), ("on-function", Severity.CRITICAL),
        ("setstate-key", Severity.CRITICAL), ("item-on-class", Severity.CRITICAL), ("dunder-key", Severity.HIGH),
        ("slot-state", Severity.HIGH), ("broken-state", Severity.HIGH), ("item-on-tensor", Severity.HIGH),
        ("item-on-object", Severity.HIGH), ("kept-function", Severity.HIGH),
        ("something-new", Severity.CRITICAL),
    ],
)  # fmt: skip
def test_every_manner_of_injecting_state_is_reported(manner: str, severity: Severity) -> None:
    (finding,) = asked(state_injection.CHECK, Build(location=HERE, target="a.B", manner=manner, detail="__reduce__"))
    assert finding.severity == severity
    assert "a.B" in finding.message
    assert "__reduce__" in finding.message


def test_a_nested_program_is_reported() -> None:
    (finding,) = asked(nested_program.CHECK, Nested(location=HERE, format="pickle", carrier="bytes"))
    assert finding.message == "The file carries another pickle inside its bytes."
    assert finding.severity == Severity.HIGH


@pytest.mark.parametrize("module", ALL, ids=[module.CHECK.name for module in ALL])
def test_a_check_about_pickles_has_a_page_with_four_parts_and_is_silent_without_facts(module: object) -> None:
    check: Check = module.CHECK  # type: ignore[attr-defined]  # each of the modules binds one
    for part in ("Why it matters\n", "What to do\n", "Example\n"):
        assert f"\n{part}" in check.page
    assert check.page.splitlines()[0].endswith(".")
    assert check.name in check.page
    assert check.area == "content"
    assert asked(check) == []
