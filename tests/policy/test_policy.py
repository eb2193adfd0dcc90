"""Reading a policy and judging by it."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from modelguard.policy.judging import Circumstances, judge, unused_excuses
from modelguard.policy.provenance import read_provenance
from modelguard.policy.reading import find_policy, load_policy, read_policy
from modelguard.policy.settings import Policy
from modelguard.policy.template import policy_text
from modelguard.terms.artifact import Location
from modelguard.terms.errors import PolicyError
from modelguard.terms.finding import Area, Finding, Severity
from modelguard.terms.verdict import Allowed, Refused

HERE = Circumstances(model="acme/tiny", today="2026-06-01", profiles=frozenset({"core"}))


def finding(check: str = "unknown-bytes", severity: str = "medium", area: Area = "content", **more: object) -> Finding:
    keywords = {"location": Location("x.bin"), "message": "m", "subject": "x.bin", **more}
    return Finding(check=check, area=area, severity=Severity.parse(severity), **keywords)


def policy(text: str) -> Policy:
    return read_policy(tomllib.loads(text))


def test_the_written_policy_reads_back_without_a_complaint() -> None:
    own = read_policy(tomllib.loads(policy_text(in_pyproject=False)))
    project = tomllib.loads(policy_text(in_pyproject=True))["tool"]["modelguard"]
    assert read_policy(project) == own
    assert own.cooldown_days == 7


def test_every_key_that_the_written_policy_shows_is_known() -> None:
    shown = policy_text(in_pyproject=False)
    uncommented = "\n".join(
        line.removeprefix("# ")
        for line in shown.splitlines()
        if not line.startswith("# ") or "=" in line or "[" in line
    )
    read_policy(tomllib.loads(uncommented))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("mod = 'warn'", "mod: unknown key; did you mean 'mode'?"),
        ("mode = 'off'", "mode: expected one of enforce, warn"),
        ("version = 2", "version: this modelguard reads version 1"),
        ("cooldown = 7", "cooldown: expected text"),
        ("cooldown = 'a week'", 'cooldown: expected a span such as "7 days"'),
        ("[content]\nrefuse-from = 'lots'", "content.refuse-from: expected one of"),
        ("[content]\nprofile = ['x']", "content.profile: unknown key; did you mean 'profiles'?"),
        ("[[excuses]]\ncheck = 'a'\nmodel = 'b'", "excuses[0].reason: is missing"),
        ("[[excuses]]\ncheck = 'a'\nmodel = 'b'\nreason = ' '", "excuses[0].reason: says nothing"),
        ("[[excuses]]\ncheck = 'a'\nmodel = 'b'\nreason = 'c'\nuntil = 'x'", "excuses[0].until: expected a date"),
        ("[sources]\nallow-organizations = [1]", "sources.allow-organizations[0]: expected a name or a table"),
        ("[checks]\nunknown-bytes = 'off'", "checks.unknown-bytes: expected one of refuse, note"),
    ],
)
def test_a_wrong_policy_is_an_error_that_names_the_key(text: str, message: str) -> None:
    with pytest.raises(PolicyError) as caught:
        policy(text)
    assert message in caught.value.message


@pytest.mark.parametrize(
    ("area", "refused"), [("content", True), ("lock", True), ("license", False), ("vendor", False)]
)
def test_without_a_policy_content_refuses_and_the_rest_is_noted(area: Area, refused: bool) -> None:
    assert isinstance(judge([finding(area=area)], Policy(), HERE), Refused) is refused


def test_writing_a_table_makes_its_findings_refuse() -> None:
    verdict = judge([finding("license-denied", area="license")], policy("[licenses]"), HERE)
    assert isinstance(verdict, Refused)
    assert verdict.because[0].line == "[licenses] is set"


def test_a_finding_below_the_threshold_is_noted() -> None:
    assert isinstance(judge([finding(severity="low")], Policy(), HERE), Allowed)
    assert isinstance(judge([finding(severity="low")], policy("[content]\nrefuse-from = 'low'"), HERE), Refused)


def test_a_granted_finding_is_not_held_against_the_model() -> None:
    asked = finding("ungranted-import", profiles=("torch-modules",))
    assert isinstance(judge([asked], Policy(), HERE), Refused)
    assert judge([asked], policy("[content]\nprofiles = ['torch-modules']"), HERE) == Allowed()
    assert judge([finding("ungranted-import", profiles=("core",))], Policy(), HERE) == Allowed()


EXCUSE = "[[excuses]]\ncheck = 'unknown-bytes'\nmodel = 'acme/*'\nsubject = 'x.bin'\nreason = 'known'\n"


def test_an_excuse_covers_exactly_what_it_names() -> None:
    verdict = judge([finding()], policy(EXCUSE), HERE)
    assert isinstance(verdict, Allowed)
    assert verdict.excused[0].line == "excuses[0]: known"
    assert isinstance(judge([finding(subject="y.bin")], policy(EXCUSE), HERE), Refused)
    assert isinstance(judge([finding("unread-bytes")], policy(EXCUSE), HERE), Refused)


def test_an_excuse_that_has_ended_no_longer_covers_and_is_named() -> None:
    verdict = judge([finding()], policy(EXCUSE + "until = 2026-05-31"), HERE)
    assert isinstance(verdict, Refused)
    assert [decision.finding.check for decision in verdict.noted] == ["expired-excuse"]
    assert isinstance(judge([finding()], policy(EXCUSE + "until = 2026-06-01"), HERE), Allowed)


def test_an_excuse_without_an_end_is_a_finding_when_the_policy_wants_one() -> None:
    endless = judge([finding()], policy("max-excuse-days = 30\n" + EXCUSE), HERE)
    assert isinstance(endless, Refused)
    assert endless.because[0].finding.check == "endless-excuse"
    assert isinstance(
        judge([finding()], policy("max-excuse-days = 30\n" + EXCUSE + "until = 2026-06-30"), HERE), Allowed
    )


def test_an_excuse_that_covers_nothing_is_named() -> None:
    own = EXCUSE.replace("acme/*", "acme/tiny")
    verdict = judge([], policy(own), HERE)
    assert [decision.finding.check for decision in verdict.noted] == ["unused-excuse"]
    assert unused_excuses(policy(EXCUSE), [("acme/tiny", [])]) == policy(EXCUSE).excuses
    assert unused_excuses(policy(EXCUSE), [("acme/tiny", [finding()])]) == ()


def test_a_check_can_be_turned_to_note_or_refuse() -> None:
    verdict = judge([finding()], policy("[checks]\nunknown-bytes = 'note'"), HERE)
    assert isinstance(verdict, Allowed)
    assert verdict.noted[0].line == 'checks.unknown-bytes = "note"'
    low = judge([finding(severity="low", area="vendor")], policy("[checks]\nunknown-bytes = 'refuse'"), HERE)
    assert isinstance(low, Refused)


def test_warning_mode_allows_and_says_so() -> None:
    verdict = judge([finding()], policy("mode = 'warn'"), HERE)
    assert isinstance(verdict, Allowed)
    assert verdict.noted[0].line.startswith('mode = "warn"')


def test_the_environment_can_only_tighten(tmp_path: Path) -> None:
    path = tmp_path / "modelguard.toml"
    path.write_text("mode = 'warn'")
    assert load_policy(path, {"MODELGUARD_MODE": "enforce"}).mode == "enforce"
    path.write_text("mode = 'enforce'")
    assert load_policy(path, {"MODELGUARD_MODE": "warn"}).mode == "enforce"
    with pytest.raises(PolicyError):
        load_policy(path, {"MODELGUARD_MODE": "off"})


def test_the_nearest_policy_is_found(tmp_path: Path) -> None:
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    (tmp_path / "pyproject.toml").write_text("[tool.modelguard]\n")
    (tmp_path / "a" / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    assert find_policy(below) == tmp_path / "pyproject.toml"
    (below / "modelguard.toml").write_text("")
    assert find_policy(below) == below / "modelguard.toml"


def test_a_policy_that_is_not_toml_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "modelguard.toml"
    path.write_text("mode = ")
    with pytest.raises(PolicyError, match=r"modelguard\.toml"):
        load_policy(path, {})


def test_the_signers_that_the_written_policy_shows_are_read() -> None:
    shown = policy_text(in_pyproject=False).splitlines()
    start = next(number for number, line in enumerate(shown) if "[provenance.signers" in line)
    text = "\n".join(line.removeprefix("# ") for line in shown[start : start + 7])
    found = read_provenance(policy(text))
    assert [signer.name for signer in found.signers] == ["acme"]
    assert found.rules[0].signers == ("acme",)


@pytest.mark.parametrize("make", [lambda own: own.symlink_to("gone.toml"), lambda own: own.mkdir(), os.mkfifo])
def test_a_policy_that_is_no_file_is_an_error_and_not_the_defaults(
    tmp_path: Path, make: Callable[[Path], None]
) -> None:
    make(tmp_path / "modelguard.toml")
    with pytest.raises(PolicyError, match="no policy can be read"):
        find_policy(tmp_path)


def test_a_link_to_a_policy_is_a_policy(tmp_path: Path) -> None:
    (tmp_path / "shared.toml").write_text("version = 1")
    (tmp_path / "modelguard.toml").symlink_to("shared.toml")
    assert find_policy(tmp_path) == tmp_path / "modelguard.toml"


def test_a_project_whose_tools_are_no_table_has_no_policy(tmp_path: Path) -> None:
    (tmp_path / "modelguard.toml").write_text("version = 1")
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "pyproject.toml").write_text('tool = "modelguard"')
    assert find_policy(tmp_path / "inner") == tmp_path / "modelguard.toml"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make files of another user")
@pytest.mark.parametrize(
    ("mode", "owner", "fine"),
    [(0o1777, 65534, False), (0o1777, 0, True), (0o777, 65534, True), (0o755, 65534, True), (0o1755, 65534, True)],
)
def test_a_policy_that_another_user_has_put_into_a_shared_directory_is_an_error(
    tmp_path: Path, mode: int, owner: int, fine: bool
) -> None:
    shared = tmp_path / "shared"
    (shared / "mine").mkdir(parents=True)
    own = shared / "modelguard.toml"
    own.write_text('mode = "warn"')
    os.chown(own, owner, owner)
    shared.chmod(mode)
    if fine:
        assert find_policy(shared / "mine") == own
        return
    with pytest.raises(PolicyError, match="belongs to user 65534, in a directory that all users share"):
        find_policy(shared / "mine")
