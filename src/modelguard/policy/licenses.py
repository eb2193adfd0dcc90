"""Reads the table `[licenses]` of a policy.

[licenses]
allow = ["Apache-2.0", "MIT", "category:public-domain"]
deny = ["category:research-only"]                    # always wins, except over an exception for one model
conditional = [{ license = "llama3.1", accept = ["use-policy", "flow-down", "user-limit"] }]
use = { commercial = true, redistribution = false, users = 2_000_000, regions = ["EU"] }

[[licenses.exceptions]]
model = "acme/old"
allow = ["CC-BY-NC-4.0"]
reason = "evaluation only"
until = 2027-03-01

[[licenses.clarify]]
model = "acme/tiny"
expression = "Apache-2.0"
files = [{ path = "LICENSE", sha256 = "…" }]
reason = "the card says other, the text is Apache"
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

from modelguard.policy.settings import Policy
from modelguard.terms.artifact import Digest
from modelguard.terms.errors import PolicyError, RefError
from modelguard.terms.licensing import (
    CATEGORIES,
    OBLIGATIONS,
    Clarification,
    Condition,
    LicenseException,
    LicenseRules,
    LicenseUse,
)
from modelguard.terms.section import Section

_REGION = re.compile(r"EU|[A-Z]{2}\Z")


def read_licenses(policy: Policy) -> LicenseRules | None:
    """Return what the policy says about licenses, or None when it has no such table.

    Whether the ids exist is not asked here. Raises `PolicyError` with the key path.
    """
    if "licenses" not in policy.present:
        return None
    prefix = "tool.modelguard" if policy.origin.endswith("pyproject.toml") else ""
    table = Section(policy.tables, prefix, PolicyError).section("licenses")
    rules = LicenseRules(
        allow=_named(table, "allow"),
        deny=_named(table, "deny"),
        conditional=tuple(_conditions(table)),
        use=_use(table.section("use")),
        clarifications=tuple(_clarification(part) for part in table.sections("clarify")),
        exceptions=tuple(_exception(part) for part in table.sections("exceptions")),
    )
    table.finish()
    return rules


def _named(table: Section, key: str) -> tuple[str, ...]:
    """Read ids and categories; a category that nobody defines would silently match nothing."""
    for index, text in enumerate(found := table.texts(key)):
        kind, colon, name = text.partition(":")
        if not text.strip() or (colon and (kind != "category" or name not in CATEGORIES)):
            known = ", ".join(CATEGORIES)
            raise table.fail(f"{key}[{index}]", f"expected an id or category:NAME ({known}), found {text!r}")
    return found


def _conditions(table: Section) -> Iterator[Condition]:
    for index, value in enumerate(table.items("conditional")):
        where = f"conditional[{index}]"
        if isinstance(value, str):
            yield Condition(license=value, line=table.path(where))
        elif isinstance(value, dict):
            part = Section(value, table.path(where), PolicyError)
            yield Condition(license=part.text("license"), accept=_obligations(part), line=table.path(where))
            part.finish()
        else:
            raise table.fail(where, "expected an id, or a table with license and accept")


def _obligations(part: Section) -> tuple[str, ...]:
    for index, name in enumerate(found := part.texts("accept")):
        if name not in OBLIGATIONS and name != "*":
            raise part.fail(f"accept[{index}]", f"expected one of {', '.join(OBLIGATIONS)} or *, found {name!r}")
    return found


def _use(section: Section) -> LicenseUse:
    regions = section.texts("regions")
    for index, region in enumerate(regions):
        if not _REGION.fullmatch(region):
            raise section.fail(f"regions[{index}]", f"expected EU or a country of two letters, found {region!r}")
    use = LicenseUse(
        commercial=_flag(section, "commercial"),
        redistribution=_flag(section, "redistribution"),
        users=_number(section, "users"),
        revenue=_number(section, "revenue"),
        regions=regions,
    )
    section.finish()
    return use


def _flag(section: Section, key: str) -> bool | None:
    """Read true or false; None is not said, which is neither."""
    return None if section.raw(key) is None else section.flag(key)


def _number(section: Section, key: str) -> int | None:
    return None if section.raw(key) is None else section.integer(key)


def _clarification(section: Section) -> Clarification:
    files = tuple(_file(part) for part in section.sections("files"))
    if not files:
        raise section.fail("files", "is missing: a clarification holds for exactly the license files that were read")
    found = Clarification(
        model=section.text("model"),
        expression=section.text("expression"),
        files=files,
        reason=_reason(section),
        line=section.path("")[:-1],
    )
    section.finish()
    return found


def _file(section: Section) -> tuple[str, Digest]:
    text = section.text("sha256")
    try:
        found = section.text("path"), Digest.sha256(text.removeprefix("sha256:"))
    except RefError as error:
        raise section.fail("sha256", error.message) from None
    section.finish()
    return found


def _exception(section: Section) -> LicenseException:
    until = section.day("until", "")
    found = LicenseException(
        model=section.text("model"),
        allow=section.texts("allow"),
        reason=_reason(section),
        until=date.fromisoformat(until) if until else None,
        line=section.path("")[:-1],
    )
    if not found.allow:
        raise section.fail("allow", "is empty: name the licenses that this model may have")
    section.finish()
    return found


def _reason(section: Section) -> str:
    text = section.text("reason")
    if not text.strip():
        raise section.fail("reason", "says nothing; write why")
    return text
