"""The table [licenses] of a policy."""

from __future__ import annotations

import tomllib
from datetime import date

import pytest

from modelguard.policy.licenses import read_licenses
from modelguard.policy.reading import read_policy
from modelguard.terms.errors import PolicyError
from modelguard.terms.licensing import LicenseRules

WHOLE = """
[licenses]
allow = ["Apache-2.0", "category:public-domain"]
deny = ["category:research-only"]
conditional = ["gemma", { license = "llama3.1", accept = ["use-policy", "*"] }]
use = { commercial = true, redistribution = false, users = 2_000_000, regions = ["EU", "KR"] }
[[licenses.exceptions]]
model = "acme/*"
allow = ["CC-BY-NC-4.0"]
reason = "evaluation"
until = 2027-03-01
[[licenses.clarify]]
model = "acme/tiny"
expression = "MIT"
files = [{ path = "LICENSE", sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" }]
reason = "read it"
"""


def read(text: str) -> LicenseRules | None:
    return read_licenses(read_policy(tomllib.loads(text)))


def test_a_whole_table_is_read() -> None:
    rules = read(WHOLE)
    assert rules is not None
    assert [one.license for one in rules.conditional] == ["gemma", "llama3.1"]
    assert rules.use.commercial is True
    assert rules.use.redistribution is False
    assert rules.exceptions[0].until == date(2027, 3, 1)
    assert rules.clarification_for("acme/tiny") == rules.clarifications[0]
    assert rules.clarification_for("acme/other") is None


def test_without_the_table_nothing_is_said() -> None:
    assert read("") is None
    assert read("[licenses]") == LicenseRules()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('allow = ["category:permisive"]', r"licenses.allow\[0\]"),
        ('allow = "MIT"', "licenses.allow: expected a list"),
        ('alow = ["MIT"]', "did you mean 'allow'"),
        ('use = { regions = ["Europe"] }', r"licenses.use.regions\[0\]"),
        ('use = { comercial = true }', "did you mean 'commercial'"),
        ('conditional = [{ license = "gemma", accept = ["use policy"] }]', r"conditional\[0\].accept\[0\]"),
        ('exceptions = [{ model = "a/b", allow = ["MIT"] }]', "reason: is missing"),
        ('exceptions = [{ model = "a/b", allow = ["MIT"], reason = " " }]', "says nothing"),
        ('exceptions = [{ model = "a/b", reason = "x" }]', "allow: is empty"),
        ('clarify = [{ model = "a/b", expression = "MIT", reason = "x" }]', "files: is missing"),
        ('clarify = [{ model = "a/b", expression = "MIT", reason = "x", files = [{ path = "L", sha256 = "0" }] }]',
         "sha256"),
    ],
)  # fmt: skip
def test_a_mistake_is_an_error_with_its_place(text: str, message: str) -> None:
    with pytest.raises(PolicyError, match=message):
        read(f"[licenses]\n{text}")
