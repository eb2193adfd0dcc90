"""Reads the table `[advisories]` of a policy: which feeds, how old they may be, and what is ignored.

[advisories]
max-age = "14 days"

[[advisories.feeds]]
name = "models"
path = "feeds/models.zip"                # a directory, a zip of JSON files, or one JSON file
url = "https://example.org/models.zip"   # where `modelguard feed update` fetches it from
signers = ["acme"]                       # names from [provenance.signers]

[[advisories.ignore]]
id = "GHSA-aaaa-bbbb-cccc"
model = "acme/*"
reason = "the affected loader is not used"
until = 2027-03-31
"""

from __future__ import annotations

import re

from modelguard.policy.settings import Policy
from modelguard.terms.advisory import AdvisoryRules, Feed, Ignore
from modelguard.terms.errors import PolicyError, RefError
from modelguard.terms.section import Section

_DAYS = re.compile(r"(\d{1,5}) days?\Z")
_NAME = re.compile(r"[a-z0-9]+(?:[-_.][a-z0-9]+)*\Z")


def read_advisories(policy: Policy) -> AdvisoryRules:
    """Return the policy's word about advisories; without the table there are no feeds.

    Raises `PolicyError` with the key path.
    """
    prefix = "tool.modelguard" if policy.origin.endswith("pyproject.toml") else ""
    table = Section(policy.tables, prefix, PolicyError).section("advisories")
    rules = AdvisoryRules(
        feeds=tuple(_feed(section) for section in table.sections("feeds")),
        max_age_days=_days(table),
        packages=table.flag("packages", default=True),
        ignores=tuple(_ignore(section) for section in table.sections("ignore")),
    )
    table.finish()
    names = [feed.name for feed in rules.feeds]
    for name in names:
        if names.count(name) > 1:
            raise table.fail("feeds", f"two feeds are named {name!r}")
    return rules


def _days(table: Section) -> int:
    text = table.text("max-age", f"{AdvisoryRules().max_age_days} days")
    match = _DAYS.match(text)
    if match is None:
        raise table.fail("max-age", f'expected a span such as "14 days", found {text!r}')
    return int(match[1])


def _feed(section: Section) -> Feed:
    feed = Feed(
        name=section.text("name"),
        path=section.text("path"),
        url=section.text("url", ""),
        signers=section.texts("signers"),
    )
    section.finish()
    if not _NAME.match(feed.name):
        raise section.fail("name", "expected lower-case letters, digits, and - _ . between them")
    if feed.url:
        _check_url(feed.url, section)
    return feed


def _check_url(url: str, section: Section) -> None:
    from modelguard.terms.artifact import UrlRef, parse_key  # beside its only use

    try:
        fit = isinstance(parse_key(url), UrlRef)
    except RefError as error:
        raise section.fail("url", error.message) from None
    if not fit:
        raise section.fail("url", "expected an https address of one file")


def _ignore(section: Section) -> Ignore:
    ignore = Ignore(
        id=section.text("id"),
        model=section.text("model", "*"),
        reason=section.text("reason"),
        until=section.day("until", ""),
        line=section.path("")[:-1],
    )
    section.finish()
    if not ignore.reason.strip():
        raise section.fail("reason", "says nothing; write why this does not count")
    return ignore
