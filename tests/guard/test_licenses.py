"""Licenses from the repository to the verdict: bases, texts, conditions, exceptions, and what the lock records."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from modelguard import ModelRefused, verified_snapshot
from modelguard.collectors._license_files import MOST_TEXTS
from modelguard.guard import Gate, Wish, pin
from modelguard.lock import Lock
from modelguard.terms.errors import PolicyError
from modelguard.terms.finding import Finding
from modelguard.terms.licensing import Licensed
from modelguard.terms.verdict import Examination, Refused
from modelguard.testing import LocalHub, Repository, tiny_model

APACHE = (Path(__file__).resolve().parent.parent.parent / "LICENSE").read_bytes()
Maker = Callable[..., Repository]
Writer = Callable[[str], None]


@pytest.fixture
def make(hub: LocalHub, project: Path, monkeypatch: pytest.MonkeyPatch) -> Maker:
    """Make a repository whose card says what is given, with more files."""
    monkeypatch.setenv("HF_ENDPOINT", hub.url)

    def maker(name: str, files: dict[str, bytes] | None = None, **card: Any) -> Repository:
        repository = hub.repository(name)
        repository.card = card
        front = "".join(f"{key}: {json.dumps(value)}\n" for key, value in card.items())
        repository.commit({**tiny_model(), "README.md": f"---\n{front}---\n# A model\n".encode(), **(files or {})})
        return repository

    return maker


@pytest.fixture
def policy(project: Path) -> Writer:
    def write(text: str) -> None:
        (project / "modelguard.toml").write_text(text)

    return write


def examined(ref: str) -> Examination:
    gate = Gate.open()
    return pin(gate.canonical(ref), gate, Wish())[1]


def license_findings(examination: Examination, check: str = "") -> list[Finding]:
    return [one for one in examination.findings if one.area == "license" and check in {"", one.check}]


def refused_licenses(examination: Examination) -> set[str]:
    verdict = examination.verdict
    because = verdict.because if isinstance(verdict, Refused) else ()
    return {one.finding.check for one in because if one.finding.area == "license"}


def meaning(examination: Examination) -> str:
    licensed = examination.dossier.first(Licensed)
    assert licensed is not None
    return licensed.meaning.expression


def test_a_fine_tune_that_drops_its_bases_license_is_refused_with_the_way_to_it(make: Maker, policy: Writer) -> None:
    make("meta/llama-8b", license="llama3.1")
    make("acme/chat", license="apache-2.0", base_model="meta/llama-8b")
    make("acme/chat-gguf", license="apache-2.0", base_model="acme/chat", base_model_relation="quantized")
    assert examined("acme/chat-gguf").allowed
    policy('[licenses]\nallow = ["Apache-2.0", "llama3.1"]\n')
    examination = examined("acme/chat-gguf")
    assert not examination.allowed
    [finding] = license_findings(examination, "license-conflict")
    assert "acme/chat-gguf → acme/chat → meta/llama-8b" in finding.message
    assert "restriction-dropped" in finding.message


def test_an_adapter_of_a_noncommercial_base_is_refused_for_commercial_use(make: Maker, policy: Writer) -> None:
    make("acme/base", license="cc-by-nc-4.0")
    adapter = {"adapter_config.json": json.dumps({"base_model_name_or_path": "acme/base"}).encode()}
    make("acme/adapter", adapter, license="cc-by-nc-4.0")
    policy("[licenses]\nuse = { commercial = false, redistribution = false }\n")
    assert refused_licenses(examined("acme/adapter")) == set()
    policy("[licenses]\nuse = { commercial = true, redistribution = false }\n")
    examination = examined("acme/adapter")
    assert refused_licenses(examination) == {"license-denied"}
    messages = [one.message for one in license_findings(examination, "license-denied")]
    assert any("imposed through acme/adapter → acme/base" in message for message in messages)


def test_the_lock_records_the_license_and_the_bases_and_a_check_needs_no_network(
    make: Maker, policy: Writer, hub: LocalHub, lock_model: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    make("meta/llama-8b", license="llama3.1")
    make("acme/Llama-chat", {"LICENSE": APACHE}, license="apache-2.0", base_model="meta/llama-8b")
    entry = lock_model("acme/Llama-chat")
    assert (entry.license.expression, entry.license.confidence) == ("Apache-2.0", "exact")
    assert [(row.id, row.of, row.license) for row in entry.license.bases] == [
        ("meta/llama-8b", "acme/Llama-chat", "LicenseRef-hf-llama3.1")
    ]
    gate = Gate.open()
    assert Lock.read(gate.lock_path).text() == gate.lock_path.read_text()
    assert lock_model("acme/Llama-chat") == entry
    hub.delete("meta/llama-8b")
    hub.requests.clear()
    with verified_snapshot("acme/Llama-chat"):
        pass
    policy("[licenses]\n")
    with pytest.raises(ModelRefused, match="license-conflict"), verified_snapshot("acme/Llama-chat"):
        pass
    assert hub.requests == []


def test_a_base_that_is_gone_is_not_known(make: Maker, policy: Writer) -> None:
    make("acme/chat", license="mit", base_model="gone/base")
    policy("[licenses]\n")
    examination = examined("acme/chat")
    assert not examination.allowed
    assert [one.subject for one in license_findings(examination, "unknown-base")] == ["gone/base"]


def test_a_base_whose_card_says_other_is_known_by_its_text(make: Maker, policy: Writer) -> None:
    make("acme/base", {"LICENSE": APACHE}, license="other", license_link="LICENSE")
    make("acme/chat", license="apache-2.0", base_model="acme/base")
    policy("[licenses]\n")
    assert examined("acme/chat").allowed


@pytest.mark.parametrize("card", [{}, {"license": "other"}, {"license": "unknown"}, {"license": ["mit", "acme"]}])
def test_an_unclear_license_refuses_once_there_is_a_table(make: Maker, policy: Writer, card: dict[str, Any]) -> None:
    make("acme/tiny", **card)
    assert examined("acme/tiny").allowed
    policy("[licenses]\n")
    examination = examined("acme/tiny")
    assert not examination.allowed
    assert license_findings(examination, "unclear-license")


def test_a_text_decides_what_the_card_leaves_open(make: Maker, policy: Writer) -> None:
    make("acme/tiny", {"LICENSE": APACHE}, license="other")
    policy('[licenses]\nallow = ["Apache-2.0"]\n')
    examination = examined("acme/tiny")
    assert examination.allowed
    assert meaning(examination) == "Apache-2.0"


def test_a_text_that_is_not_the_declared_license_is_refused_and_both_apply(make: Maker, policy: Writer) -> None:
    make("acme/tiny", {"LICENSE": APACHE}, license="mit")
    policy('[licenses]\nallow = ["MIT", "Apache-2.0"]\n')
    examination = examined("acme/tiny")
    assert license_findings(examination, "license-mismatch")
    assert meaning(examination) == "MIT AND Apache-2.0"
    assert not examination.allowed


def test_an_amended_text_under_the_declared_name_is_unclear(make: Maker, policy: Writer) -> None:
    make("acme/tiny", {"LICENSE": APACHE + b"\nThis model must not be used commercially.\n"}, license="apache-2.0")
    policy('[licenses]\nallow = ["Apache-2.0"]\n')
    [finding] = [one for one in license_findings(examined("acme/tiny")) if one.check == "unclear-license"]
    assert "near to it" in finding.message


def test_a_family_becomes_the_member_that_the_text_shows(make: Maker, policy: Writer) -> None:
    from importlib.metadata import distribution

    text = next(one for one in distribution("click").files or () if one.name == "LICENSE.txt").read_binary()
    make("acme/tiny", {"LICENSE": text}, license="bsd")
    policy('[licenses]\nallow = ["BSD-3-Clause"]\n')
    examination = examined("acme/tiny")
    assert meaning(examination) == "BSD-3-Clause"
    assert examination.allowed


def clarified(data: bytes) -> str:
    digest = hashlib.sha256(data).hexdigest()
    return f"""
[licenses]
allow = ["Apache-2.0"]
[[licenses.clarify]]
model = "acme/tiny"
expression = "Apache-2.0"
files = [{{ path = "LICENSE", sha256 = "{digest}" }}]
reason = "read by legal"
"""


def test_a_clarification_holds_for_exactly_the_files_that_were_read(make: Maker, policy: Writer) -> None:
    make("acme/tiny", {"LICENSE": b"You may use this as if it were under Apache 2."}, license="other")
    policy(clarified(b"You may use this as if it were under Apache 2."))
    assert examined("acme/tiny").allowed
    policy(clarified(b"an earlier text"))
    examination = examined("acme/tiny")
    assert not examination.allowed
    assert "LICENSE has changed" in license_findings(examination, "unclear-license")[0].message


def test_a_clarification_does_not_hold_for_a_license_file_that_came_later(make: Maker, policy: Writer) -> None:
    read = b"You may use this as if it were under Apache 2."
    make("acme/tiny", {"LICENSE": read, "LICENSE-ADDENDUM": b"Not for commercial use. " * 40}, license="other")
    policy(clarified(read))
    examination = examined("acme/tiny")
    assert not examination.allowed
    assert "nobody has read LICENSE-ADDENDUM" in license_findings(examination, "unclear-license")[0].message


def test_a_license_that_is_hidden_behind_many_others_is_not_passed_over(make: Maker, policy: Writer) -> None:
    policy('[licenses]\nallow = ["MIT"]')
    crowd = {f"LICENSE.{number:03}": b"See the card." for number in range(MOST_TEXTS)}
    make("acme/tiny", {**crowd, "LICENSE.999": b"Not for commercial use. " * 40}, license="mit")
    examination = examined("acme/tiny")
    assert not examination.allowed
    assert "1 of its files with a license are more than are read" in str(
        license_findings(examination, "unclear-license")
    )


@pytest.mark.parametrize(
    ("rules", "allowed"),
    [
        ('conditional = ["llama3.2"]', False),
        ('conditional = [{ license = "llama3.2", accept = ["*"] }]', True),
        ('conditional = [{ license = "llama3.2", accept = ["use-policy"] }]\nuse = { redistribution = false }', False),
        (
            'conditional = [{ license = "llama3.2", accept = ["use-policy"] }]\n'
            'use = { redistribution = false, users = 1_000_000, regions = ["US"] }',
            True,
        ),
        ('conditional = [{ license = "llama3.2", accept = ["*"] }]\nuse = { regions = ["DE"] }', False),
        ('conditional = [{ license = "llama3.2", accept = ["*"] }]\nuse = { users = 800_000_000 }', False),
        ('allow = ["llama3.2"]', True),
        ('allow = ["category:use-restricted"]', True),
        ('allow = ["category:use-restricted"]\ndeny = ["llama3.2"]', False),
        ('deny = ["category:use-restricted"]', False),
        ('allow = ["MIT"]', False),
        ("", False),
    ],
)
def test_conditions_of_a_community_license(make: Maker, policy: Writer, rules: str, allowed: bool) -> None:
    make("acme/tiny", license="llama3.2")
    policy(f"[licenses]\n{rules}\n")
    assert examined("acme/tiny").allowed is allowed


@pytest.mark.parametrize(("until", "allowed"), [("2999-01-01", True), ("2020-01-01", False)])
def test_an_exception_is_for_one_model_and_ends(make: Maker, policy: Writer, until: str, allowed: bool) -> None:
    make("acme/tiny", license="cc-by-nc-4.0")
    make("acme/other", license="cc-by-nc-4.0")
    policy(
        '[licenses]\nuse = { commercial = true }\n[[licenses.exceptions]]\nmodel = "acme/tiny"\n'
        f'allow = ["CC-BY-NC-4.0"]\nreason = "bought"\nuntil = {until}\n'
    )
    assert examined("acme/tiny").allowed is allowed
    assert not examined("acme/other").allowed


def test_an_ambiguous_gpl_is_allowed_only_if_both_readings_are(make: Maker, policy: Writer) -> None:
    make("acme/tiny", license="gpl-3.0")
    policy('[licenses]\nallow = ["GPL-3.0-only"]\n')
    assert not examined("acme/tiny").allowed
    policy('[licenses]\nallow = ["gpl-3.0"]\n')
    assert examined("acme/tiny").allowed


def test_a_choice_is_allowed_when_one_side_is(make: Maker, policy: Writer) -> None:
    make("acme/tiny", license="MIT OR GPL-3.0-only")
    policy('[licenses]\nallow = ["MIT"]\n')
    assert examined("acme/tiny").allowed


def test_an_id_that_nobody_knows_in_the_policy_is_an_error(make: Maker, policy: Writer) -> None:
    make("acme/tiny", license="mit")
    policy('[licenses]\ndeny = ["GPL-3.0-onli"]\n')
    with pytest.raises(PolicyError, match=r"did you mean 'GPL-3\.0-only'"):
        examined("acme/tiny")


def test_a_license_that_changed_since_it_was_locked_is_told(make: Maker, lock_model: Callable[..., Any]) -> None:
    make("acme/tiny", license="mit")
    lock_model("acme/tiny")
    make("acme/tiny", license="gemma")
    gate = Gate.open()
    name = gate.canonical("acme/tiny")
    entry, examination = pin(name, gate, Wish(upgrade=True), gate.require_lock().find(name))
    [finding] = license_findings(examination, "license-changed")
    assert "was MIT when it was locked, now it is LicenseRef-hf-gemma" in finding.message
    assert entry.license.expression == "LicenseRef-hf-gemma"


def test_a_card_that_says_its_license_twice_is_unclear(make: Maker, policy: Writer) -> None:
    make("acme/tiny", {"README.md": b"---\nlicense: cc-by-nc-4.0\nlicense: mit\n---\n"})
    policy('[licenses]\nallow = ["MIT"]\n')
    [finding] = license_findings(examined("acme/tiny"), "unclear-license")
    assert "more than once" in finding.message


def test_a_base_that_the_configuration_hints_at_is_noted(make: Maker, policy: Writer) -> None:
    make("acme/tiny", {"config.json": b'{"model_type": "bert", "_name_or_path": "acme/hidden"}'}, license="mit")
    policy('[licenses]\nallow = ["MIT"]\n')
    examination = examined("acme/tiny")
    assert [one.subject for one in license_findings(examination, "unknown-base")] == ["acme/hidden"]
    assert examination.allowed


def test_metadata_of_a_weight_file_that_contradicts_the_card_is_unclear(make: Maker, policy: Writer) -> None:
    from modelguard.testing.models import tiny_safetensors

    weights = {"model.safetensors": tiny_safetensors(metadata={"format": "pt", "license": "cc-by-nc-4.0"})}
    make("acme/tiny", weights, license="mit")
    policy('[licenses]\nallow = ["MIT", "CC-BY-NC-4.0"]\n')
    [finding] = license_findings(examined("acme/tiny"), "unclear-license")
    assert "contradict each other" in finding.message
