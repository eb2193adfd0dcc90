"""Questions about who a vendor is and what it writes down: identity, disclosure, model cards, licenses."""

from __future__ import annotations

import re
from datetime import date

from modelguard.terms.vendor import Collected, Evidence, Vendor
from modelguard.vendors.question import Answer, days_since, per_repository, seen_at, unknown

_CONTACT = re.compile(
    r"report(?:ing)?\s+(?:a\s+|any\s+)?(?:security|vulnerabilit)|security@[\w.-]+\.\w+|security (?:contact|policy)",
    re.IGNORECASE,
)
_MAIL = re.compile(r"[\w.+-]+@[\w-]+\.[\w.]+|https://\S+/security", re.IGNORECASE)
_LICENSE = re.compile(r"(?:.*/)?(?:licen[cs]e|copying)(?:[.-].*)?\Z", re.IGNORECASE)

# What a card should say, after the annotated model card of the Hub's documentation; each part counts one tenth.
CARD_PARTS: dict[str, re.Pattern[str]] = {
    "license": re.compile(r"^license:", re.MULTILINE),
    "language": re.compile(r"^language:", re.MULTILINE),
    "datasets": re.compile(r"^datasets:|^#+.*\bdatasets?\b|^#+.*training data", re.MULTILINE | re.IGNORECASE),
    "base model": re.compile(r"^base_model:|from scratch", re.MULTILINE | re.IGNORECASE),
    "library": re.compile(r"^library_name:", re.MULTILINE),
    "intended use": re.compile(r"^#+.*\b(?:intended|uses?|usage)\b", re.MULTILINE | re.IGNORECASE),
    "limits": re.compile(r"^#+.*\b(?:limitations?|bias|risks?|out-of-scope)\b", re.MULTILINE | re.IGNORECASE),
    "training": re.compile(r"^#+.*\btraining\b", re.MULTILINE | re.IGNORECASE),
    "evaluation": re.compile(
        r"^model-index:|^#+.*\b(?:evaluation|results|benchmarks?)\b", re.MULTILINE | re.IGNORECASE
    ),
    "citation": re.compile(r"^#+.*\bcitation\b|@(?:article|misc|inproceedings)\{", re.MULTILINE | re.IGNORECASE),
}


def publisher_identity(vendor: Vendor, today: date) -> Answer:
    """Ask who the account is: verified by the Hub, of several people, and for how long."""
    owner = vendor.owner
    if owner is None or owner.kind is None:
        return unknown("the account is not known")
    age = days_since(owner.created_at, today)
    rows = [("kind", owner.kind), ("isVerified", owner.verified), ("numUsers", owner.users), ("age in days", age)]
    evidence = tuple(
        Evidence(source=owner.name, name=name, value=str(value)) for name, value in rows if value is not None
    )
    if owner.kind == "user":
        if age is None:
            return unknown("an account of one person, of unknown age", evidence)
        value = 2.0 if age < 90 else 5.0 if age >= 365 else 3.0
        return Answer(value=value, reason=f"an account of one person, {age} days old", evidence=evidence)
    if owner.verified is None:
        return unknown("whether the organization is verified is not known", evidence)
    people = owner.users if owner.users is not None else len(owner.members or ())
    old = age is not None and age >= 365
    value = 5.0 * owner.verified + 2.0 * (people >= 3) + 3.0 * old
    words = [
        "verified" if owner.verified else "not verified",
        f"{people} members",
        "of unknown age" if age is None else f"{age} days old",
    ]
    if age is not None and age < 90 and not owner.verified:
        value = min(value, 2.0)
    return Answer(value=value, reason="an organization, " + ", ".join(words), evidence=evidence)


def disclosure(vendor: Vendor, today: date) -> Answer:  # noqa: ARG001  # every question is asked alike
    """Ask whether somebody who finds a fault is told where to go; the best repository decides."""
    return per_repository(vendor, _disclosure, max)


def _disclosure(one: Collected) -> Answer:
    if one.seen.siblings is None:
        return unknown(f"{one.seen.repo}: the files are not known")
    policy, card = one.texts.get("SECURITY.md"), one.texts.get("README.md", "")
    if policy is not None:
        value = 10.0 if _MAIL.search(policy) else 7.0
        how = "with" if value == 10 else "without"
        row = (seen_at(one.seen, "file", "SECURITY.md"),)
        return Answer(value=value, reason=f"{one.seen.repo}: a security policy {how} a contact", evidence=row)
    if _CONTACT.search(card):
        return Answer(
            value=5.0,
            reason=f"{one.seen.repo}: the card says where to report",
            evidence=(seen_at(one.seen, "file", "README.md"),),
        )
    if "README.md" not in one.texts and one.seen.sibling("README.md") is not None:
        return unknown(f"{one.seen.repo}: the card could not be read")
    return Answer(value=0.0, reason=f"{one.seen.repo}: nothing about reporting security problems")


def card_completeness(vendor: Vendor, today: date) -> Answer:  # noqa: ARG001  # as above
    """Ask how much of what a model card should say is there."""
    return per_repository(vendor, _card)


def _card(one: Collected) -> Answer:
    card = one.texts.get("README.md")
    if card is None:
        if one.seen.siblings is not None and one.seen.sibling("README.md") is None:
            return Answer(value=0.0, reason=f"{one.seen.repo}: no model card")
        return unknown(f"{one.seen.repo}: the card could not be read")
    missing = [part for part, pattern in CARD_PARTS.items() if not pattern.search(card)]
    reason = f"{one.seen.repo}: the card lacks {', '.join(missing)}" if missing else f"{one.seen.repo}: a full card"
    return Answer(value=10 * (1 - len(missing) / len(CARD_PARTS)), reason=reason)


def license_clarity(vendor: Vendor, today: date) -> Answer:  # noqa: ARG001  # as above
    """Ask whether the license is declared, and its text there."""
    return per_repository(vendor, _license)


def _license(one: Collected) -> Answer:
    seen = one.seen
    if seen.siblings is None:
        return unknown(f"{seen.repo}: the files are not known")
    text = next((file.path for file in seen.siblings if _LICENSE.match(file.path)), None)
    declared = [name for name in seen.license or () if name not in {"unknown", ""}]
    named = declared and declared != ["other"]
    evidence = tuple(seen_at(seen, name, value) for name, value in (("license", declared), ("file", text)) if value)
    if named:
        value, reason = (10.0, "declared, and its text is there") if text else (6.0, "declared, without its text")
    elif declared and (text or seen.license_link or seen.license_name):
        value, reason = 3.0, "one of its own, named or linked"
    else:
        value, reason = (3.0, "not declared, but a text is there") if text else (0.0, "no license")
    return Answer(value=value, reason=f"{seen.repo}: {reason}", evidence=evidence)
