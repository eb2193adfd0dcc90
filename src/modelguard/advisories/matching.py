"""Whether a record is about a version, a commit or a file: the evaluation of OSV, without any guess.

Source: https://ossf.github.io/osv-schema/#evaluation. A version is affected when it is listed or lies in a range,
before the limits of it. Versions of PyPI are compared as `packaging` orders them; commits by their place in a history.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cmp_to_key
from typing import TYPE_CHECKING, Literal, TypeAlias

from modelguard.advisories.record import Affected, Event, Range

if TYPE_CHECKING:
    from packaging.specifiers import SpecifierSet
    from packaging.version import Version

Answer: TypeAlias = Literal["yes", "no", "perhaps"]
Compare: TypeAlias = Callable[[str, str], int]
"""Tells the order of two versions by a number below, at or above zero, as `cmp` did."""

# Which events come first where several name one version: what begins there, then what ends there, so that an end wins.
_ORDER = {"introduced": 0, "last_affected": 1, "fixed": 2}


# --- packages --------------------------------------------------------------------------------------------------------


def is_affected(version: str, affected: Affected) -> Answer:
    """Tell whether a version of a PyPI package is affected; `perhaps` when a version cannot be compared.

    A local build (`2.5.1+cpu`) counts as its release: it would sort above `last_affected` and equal none in a list.
    """
    if any(_same(version, listed) for listed in affected.versions):
        return "yes"
    version = _release(version)
    if any(_same(version, listed) for listed in affected.versions):
        return "yes"
    answers = {_in_range(version, one) for one in affected.ranges if one.type != "GIT"}
    if "yes" in answers:
        return "yes"
    if not affected.versions and not answers:
        return "yes"  # a record about a package that names no version is about all of them
    return "perhaps" if "perhaps" in answers else "no"


def _in_range(version: str, one: Range) -> Answer:
    try:
        return "yes" if in_events(version, one.events, _compare) else "no"
    except ValueError:
        return "perhaps"


def in_events(version: str, events: Iterable[Event], compare: Compare) -> bool:
    """Tell whether a version lies in a range, as OSV evaluates it. Raises what `compare` raises."""
    events = tuple(events)
    limits = [event.version for event in events if event.kind == "limit"]
    if limits and not any(limit == "*" or compare(version, limit) < 0 for limit in limits):
        return False
    inside = False

    def order(one: Event, other: Event) -> int:
        return _order(one, other, compare)

    for event in sorted((event for event in events if event.kind != "limit"), key=cmp_to_key(order)):
        reached = event.version == "0" or compare(version, event.version) >= 0
        if event.kind == "introduced" and reached:
            inside = True
        elif (event.kind == "fixed" and reached) or (
            event.kind == "last_affected" and compare(version, event.version) > 0
        ):
            inside = False
    return inside


def _order(one: Event, other: Event, compare: Compare) -> int:
    if one.version == other.version:
        return _ORDER[one.kind] - _ORDER[other.kind]
    for event, sign in ((one, -1), (other, 1)):
        if event.version == "0":
            return sign
    return compare(one.version, other.version) or _ORDER[one.kind] - _ORDER[other.kind]


def _compare(one: str, other: str) -> int:
    """Compare as PyPI does. Raises `InvalidVersion`, a `ValueError`."""
    from packaging.version import Version  # only where versions are compared

    first, second = Version(one), Version(other)
    return (first > second) - (first < second)


def _release(version: str) -> str:
    """Return a version without its local part (PEP 440); one that cannot be read stays as it is."""
    from packaging.version import InvalidVersion, Version  # only where versions are compared

    try:
        return Version(version).public
    except InvalidVersion:
        return version


def _same(one: str, other: str) -> bool:
    try:
        return one == other or _compare(one, other) == 0
    except ValueError:
        return False


def requires_affected(specifier: str, affected: Affected) -> Answer:
    """Tell whether a requirement such as `torch<2.6` can be met by nothing but affected versions.

    A pinned version is looked up. Else the versions that the record lists decide: some of them fit, and no version
    that mends it does. A requirement that a good version meets is `no`: what is installed then is another question.
    """
    from packaging.specifiers import InvalidSpecifier, SpecifierSet  # only where versions are compared

    try:
        wanted = SpecifierSet(specifier)
    except InvalidSpecifier:
        return "perhaps"
    pins = [one.version for one in wanted if one.operator in {"==", "==="} and "*" not in one.version]
    if pins:
        return is_affected(pins[0], affected)
    if not specifier or not affected.fixed:
        return "no" if affected.fixed or specifier else is_every_version(affected)
    fits = any(_fits(wanted, version) for version in affected.versions)
    mended = any(_fits(wanted, version) for version in affected.fixed)
    return "yes" if fits and not mended else "no"


def is_every_version(affected: Affected) -> Answer:
    """Tell whether a record is about every version there is, as records of malicious packages are."""
    events = [event for one in affected.ranges if one.type != "GIT" for event in one.events]
    whole = [event.kind == "introduced" and event.version == "0" for event in events]
    return "yes" if (whole and all(whole)) or not (events or affected.versions) else "no"


def _fits(wanted: SpecifierSet, version: str | Version) -> bool:
    from packaging.version import InvalidVersion  # only where versions are compared

    try:
        return wanted.contains(version, prereleases=True)
    except InvalidVersion:
        return False


# --- repositories ----------------------------------------------------------------------------------------------------


def is_commit_affected(commit: str, affected: Affected, history: tuple[str, ...] = ()) -> Answer:
    """Tell whether a commit is affected. `history` are the commits up to it or beyond, newest first, in one line.

    Without a history only what needs none is answered: a listed commit, a range without an end, a commit that the
    range itself names.
    """
    if commit in affected.versions:
        return "yes"
    ranges = [one for one in affected.ranges if one.type == "GIT"]
    answers = {_in_commits(commit, one, history) for one in ranges}
    if "yes" in answers or not (ranges or affected.versions):
        return "yes"
    return "perhaps" if "perhaps" in answers else "no"


def _in_commits(commit: str, one: Range, history: tuple[str, ...]) -> Answer:
    kinds = {event.kind for event in one.events}
    if kinds == {"introduced"} and any(event.version == "0" for event in one.events):
        return "yes"
    for event in one.events:
        if event.version == commit and event.kind != "limit":
            return "no" if event.kind == "fixed" else "yes"
    named = {event.version for event in one.events} - {"0", "*"}
    if not {commit, *named} <= set(history):
        return "perhaps"
    age = {name: -index for index, name in enumerate(history)}
    return "yes" if in_events(commit, one.events, lambda first, second: age[first] - age[second]) else "no"
