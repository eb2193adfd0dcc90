"""What holds of any two scenes whatever: over every field of every noun that a scene is made of.

The scenes are drawn from the types of the nouns' own fields, so that a field which somebody adds is drawn as well. What
is watched is put down a second time in `differences`, thing by thing and without a word about events: there is an event
exactly when one of these things differs. A field that is neither in it nor in `NOT_WATCHED` fails.
"""

from __future__ import annotations

from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

import attrs
from attrs import evolve
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelguard.monitor.differing import diff
from modelguard.monitor.event import Event
from modelguard.monitor.files import can_run_code, is_license, is_safe_weights
from modelguard.monitor.recording import read, written
from modelguard.monitor.scene import Ending, Notice, Scene
from modelguard.sources.answers import observation, tips
from modelguard.terms.upstream import (
    Absence,
    Account,
    Committed,
    History,
    LockedRevision,
    Observation,
    Scan,
    Sibling,
    Tip,
)

unhurried = settings(deadline=None, max_examples=150, suppress_health_check=list(HealthCheck))
COMMITS = ("a" * 40, "b" * 40, "c" * 40)
NAMES = st.sampled_from(["alice", "bob", "mallory"])

# Fields for which two values alike, or a word that a rule knows, should be drawn often.
DRAWN: dict[tuple[type, str], st.SearchStrategy[Any]] = {
    **{(kind, name): st.sampled_from(COMMITS) for kind, name in (
        (Observation, "sha"), (Tip, "commit"), (Committed, "id"), (LockedRevision, "commit"), (Scene, "revision"),
    )},
    (Observation, "repo"): st.just("acme/tiny"),
    (Scene, "ref"): st.just("acme/tiny"),
    (Observation, "name"): st.sampled_from(["acme/tiny", "Acme/Tiny", "acme/small", "other/tiny"]),
    (Observation, "tags"): st.sampled_from([(), ("custom_code",), ("custom_code", "x")]),
    (Scene, "requested"): st.sampled_from(["", "main", "v1"]),
    (Tip, "name"): st.sampled_from(["main", "v1", "v2"]),
    (Sibling, "path"): st.sampled_from(["model.safetensors", "model.bin", "LICENSE", "x.py", "README.md"]),
    (Scan, "issues"): st.lists(
        st.tuples(st.sampled_from(["x", "y"]), st.sampled_from(["unsafe", "suspicious", "caution", "queued"])),
        max_size=2, unique=True,
    ).map(tuple),
    (History, "commits"): st.lists(
        st.builds(Committed, id=st.sampled_from(COMMITS), authors=st.lists(NAMES, max_size=1).map(tuple)), max_size=6
    ).map(tuple),
    (Account, "members"): st.lists(NAMES, max_size=2, unique=True).map(lambda names: tuple(sorted(names))),
    (Notice, "severity"): st.sampled_from(["low", "medium", "high", "critical"]),
    (Ending, "kind"): st.sampled_from(["approval", "exception"]),
}  # fmt: skip
UNIQUE = {Sibling: lambda one: one.path, Tip: lambda one: (one.kind, one.name)}


def drawn(kind: Any) -> st.SearchStrategy[Any]:
    """Return values of a type as it is annotated."""
    origin = get_origin(kind)
    if origin in {Union, UnionType}:
        inner = [drawn(one) for one in get_args(kind) if one is not NoneType]
        return st.one_of(*([st.none()] if NoneType in get_args(kind) else []), *inner)
    if origin is tuple:
        of = get_args(kind)[0]
        return st.lists(drawn(of), max_size=3, unique_by=UNIQUE.get(of, repr)).map(tuple)
    if origin is Literal:
        return st.sampled_from(get_args(kind))
    if attrs.has(kind):
        fields = attrs.fields(attrs.resolve_types(kind))
        return st.builds(kind, **{one.name: field_of(kind, one) for one in fields})
    return {str: st.sampled_from(["", "1", "2"]), int: st.integers(0, 2), bool: st.booleans()}[kind]


def field_of(kind: type, one: Any) -> st.SearchStrategy[Any]:
    chosen = DRAWN.get((kind, one.name))
    if chosen is None:
        return drawn(one.type)
    return st.none() | chosen if NoneType in get_args(one.type) else chosen


SCENES = drawn(Scene)


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Scene, Scene]:
    """Draw two scenes that are alike but for a few fields: of any two, nearly everything would differ."""
    before, other = draw(SCENES), draw(SCENES)
    names = [one.name for one in attrs.fields(Scene) if one.name != "seen"]
    seen = [one.name for one in attrs.fields(Observation)]
    moved = draw(st.sets(st.sampled_from([*names, *(f"seen.{name}" for name in seen)]), min_size=1, max_size=4))
    changed = {name.removeprefix("seen."): getattr(other.seen, name[5:]) for name in moved if name.startswith("seen.")}
    whole = {name: getattr(other, name) for name in moved if not name.startswith("seen.")}
    return before, evolve(before, seen=evolve(before.seen, **changed), **whole)


# --- what is watched, put down a second time ------------------------------------------------------------------------

# Fields that may differ without an event, and why.
NOT_WATCHED = {
    "Scene.ref": "the same for both scenes: it says which model",
    "Scene.revision": "the lock's own: whoever changes the lock knows",
    "Observation.repo": "the name asked for",
    "Observation.host": "scenes of two Hubs are never compared",
    "Observation.at": "when it was seen",
    "Observation.last_modified": "moves with every like and scan; commits and files are watched",
    "Observation.base_models": "a change of the card is a new commit; the bases are watched themselves",
    "Observation.library_name": "a change of the card is a new commit",
    "Observation.downloads": "popularity is no event",
    "Observation.likes": "popularity is no event",
    "Observation.refs_at": "when it was seen",
    "Absence.repo": "the name asked for",
    "Absence.host": "as above",
    "Absence.at": "when it was seen",
    "Absence.reason": "the Hub's words; the kind is watched",
    "Account.kind": "an account with the same identity",
    "Account.created_at": "an account with the same identity",
    "Account.users": "the members are watched",
    "Account.followers": "popularity is no event",
    "Committed.title": "anyone may write anything",
    "Committed.date": "anyone may write anything",
    "Scan.done": "a scan that goes on says nothing yet",
}
WATCHED = {
    "Scene": "seen absence requested endings notices inactive_since",
    "Observation": "name id sha created_at private gated disabled license license_name license_link new_version tags "
    "siblings scan refs history locked owner",
    "Absence": "kind",
    "Sibling": "path size oid sha256",
    "Tip": "kind name commit",
    "Scan": "issues",
    "History": "commits complete",
    "Committed": "id authors",
    "LockedRevision": "commit answers reachable siblings",
    "Account": "name id verified members",
    "Ending": "kind subject until",
    "Notice": "id modified severity summary",
}


def test_each_field_is_watched_or_there_is_a_reason_why_not() -> None:
    nouns = (
        Scene,
        Observation,
        Absence,
        Sibling,
        Tip,
        Scan,
        History,
        Committed,
        LockedRevision,
        Account,
        Ending,
        Notice,
    )
    fields = {f"{noun.__name__}.{one.name}" for noun in nouns for one in attrs.fields(noun)}
    watched = {f"{noun}.{name}" for noun, names in WATCHED.items() for name in names.split()}
    assert not watched & NOT_WATCHED.keys()
    assert watched | NOT_WATCHED.keys() == fields


def other(old: Any, new: Any) -> bool:
    return old is not None and new is not None and old != new


def changed_files(old: Any, new: Any) -> set[tuple[str, str]]:
    """Return (sign, path) of files that are known to differ."""
    if old is None or new is None:
        return set()
    before, after = {one.path: one for one in old}, {one.path: one for one in new}
    found = {("+", path) for path in after.keys() - before.keys()} | {
        ("-", path) for path in before.keys() - after.keys()
    }
    for path in before.keys() & after.keys():
        known = [
            (getattr(before[path], name), getattr(after[path], name))
            for name in ("sha256", "oid", "size")
            if getattr(before[path], name) is not None and getattr(after[path], name) is not None
        ]
        if known and known[0][0] != known[0][1]:
            found.add(("~", path))
    return found


def differences(a: Scene, b: Scene) -> set[str]:
    """Return what is watched and differs; where one side does not know, nothing does."""
    old, new = a.seen, b.seen
    found = set()
    if (a.absence and a.absence.kind) != (b.absence and b.absence.kind):
        found.add("whether it is there")
    same_owner = old.owner and new.owner and old.owner.name == new.owner.name
    if old.id and new.id:
        taken = old.id != new.id
    else:
        taken = bool(old.created_at and new.created_at and old.created_at < new.created_at)
    if taken or (same_owner and old.owner.id and new.owner.id and old.owner.id != new.owner.id):
        return {*found, "whose it is"}
    return found | of_the_description(a, b) | of_commits(a, b) | of_files(a, b) | of_others(a, b)


def of_the_description(a: Scene, b: Scene) -> set[str]:
    old, new = a.seen, b.seen
    rows = {
        "name": bool(old.name and new.name) and old.name.lower() != new.name.lower(),
        "disabled": (new.disabled is True) != (old.disabled is True) and new.disabled is not None,
        "private": other(old.private, new.private),
        "gated": other(old.gated, new.gated),
        "license": None not in {old.license, new.license} and named(old) != named(new),
        "successor": new.new_version is not None and old.new_version != new.new_version,
        "sha": other(old.sha, new.sha),
    }
    return {name for name, differs in rows.items() if differs}


def named(seen: Observation) -> tuple[str, ...]:
    return tuple(filter(None, (*(seen.license or ()), seen.license_name, seen.license_link)))


def of_commits(a: Scene, b: Scene) -> set[str]:
    old, new = a.seen, b.seen
    found = set()
    if old.locked and new.locked and old.locked.commit == new.locked.commit:
        for name in ("answers", "reachable"):
            if getattr(old.locked, name) is not False and getattr(new.locked, name) is False:
                found.add(f"locked.{name}")
    tip = old.history.commits[0].id if old.history and old.history.commits else old.sha
    moved = (old.sha, old.history) != (new.sha, new.history)
    if new.history and new.history.complete and moved and tip and tip not in [one.id for one in new.history.commits]:
        found.add("history")
    if old.history and new.history and len(old.history.commits) >= 5:
        before = {name for one in old.history.commits for name in one.authors}
        if {name for one in new.history.commits for name in one.authors} - before:
            found.add("authors")
    if new.refs is not None:
        now = {(tip.kind, tip.name): tip.commit for tip in new.refs}
        locked = {key: a.revision for key in now if key[1] == a.requested not in {"", "main"} and a.revision}
        then = locked if old.refs is None else {(tip.kind, tip.name): tip.commit for tip in old.refs}
        for (kind, name), commit in then.items():
            followed = kind == "tag" or (kind == "branch" and name == b.requested != "main")
            if followed and now.get((kind, name)) != commit:
                found.add(f"{kind} {name}")
    return found


def of_files(a: Scene, b: Scene) -> set[str]:
    old, new = a.seen, b.seen
    changed = changed_files(old.siblings, new.siblings)
    if old.sha == new.sha:
        since = {row for row in changed if old.refs_at is not None or row[0] != "+"}
        if old.sha is not None:
            return {"content of a commit"} if since else set()
    found = {"license file" for _, path in changed if is_license(path) and old.sha != new.sha}
    if old.sha != new.sha:
        found |= {"code" for sign, path in changed if sign == "+" and can_run_code(path)}
        if old.tags is not None and "custom_code" in set(new.tags or ()) - set(old.tags):
            found.add("custom_code")
        safe = [any(is_safe_weights(one.path) for one in seen.siblings or ()) for seen in (old, new)]
        if safe == [True, False] and new.siblings is not None:
            found.add("safe weights")
    if old.locked and new.locked and old.locked.commit == new.locked.commit and old.locked.siblings is not None:
        rows = changed_files(old.locked.siblings, new.locked.siblings)
        found |= {"content of the locked commit" for sign, _ in rows if sign != "+"}
    return found


def of_others(a: Scene, b: Scene) -> set[str]:
    old, new = a.seen, b.seen
    found = set()
    if old.owner and new.owner and old.owner.name == new.owner.name:
        for name in ("members", "verified"):
            before, after = getattr(old.owner, name), getattr(new.owner, name)
            if (
                other(set(before), set(after))
                if name == "members" and None not in {before, after}
                else (name == "verified" and other(before, after))
            ):
                found.add(f"owner.{name}")
    bad = {row for row in (new.scan.issues if new.scan else ()) if row[1] in {"unsafe", "suspicious", "caution"}}
    if bad - set(old.scan.issues if old.scan else ()):
        found.add("scan")
    if set(b.notices) - set(a.notices):
        found.add("advisories")
    if set(b.endings) - set(a.endings):
        found.add("endings")
    if b.inactive_since is not None and a.inactive_since is None:
        found.add("inactive")
    return found


# --- the properties -------------------------------------------------------------------------------------------------


@unhurried
@given(SCENES)
def test_a_scene_does_not_differ_from_itself(scene: Scene) -> None:
    assert diff(scene, scene) == ()
    assert differences(scene, scene) == set()


@unhurried
@given(pairs())
def test_there_is_an_event_exactly_when_something_watched_differs(pair: tuple[Scene, Scene]) -> None:
    assert bool(diff(*pair)) == bool(differences(*pair))


@unhurried
@given(pairs())
def test_what_is_written_down_in_between_changes_no_event(pair: tuple[Scene, Scene]) -> None:
    told = diff(*pair)
    assert diff(*(read(Scene, written(scene)) for scene in pair)) == told
    assert [read(Event, written(one)) for one in told] == list(told)


JSON_NAMES = {
    "id", "_id", "sha", "createdAt", "lastModified", "private", "gated", "disabled", "cardData", "tags", "downloads",
    "likes", "library_name", "siblings", "securityRepoStatus",
}  # fmt: skip
JSON_VALUES = st.none() | st.booleans() | st.integers(0, 3) | st.sampled_from(["", "x", "y"])
FILES = st.fixed_dictionaries(
    {"rfilename": st.sampled_from(["a", "b", "c"])},
    optional={
        "size": st.integers(0, 3),
        "blobId": st.just("1"),
        "lfs": st.fixed_dictionaries({"sha256": st.just("2")}),
    },
)
ABOUT = st.fixed_dictionaries({}, optional=dict.fromkeys(JSON_NAMES, JSON_VALUES) | {
    "siblings": st.lists(FILES, max_size=3, unique_by=lambda one: one["rfilename"]),
    "tags": st.lists(st.sampled_from(["license:mit", "license:other", "custom_code"]), max_size=3),
    "cardData": st.fixed_dictionaries({}, optional={
        "license": st.lists(st.sampled_from(["mit", "other"]), max_size=2) | JSON_VALUES,
        "base_model": st.lists(st.sampled_from(["a/b", "c/d"]), max_size=2), "new_version": JSON_VALUES,
    }),
    "securityRepoStatus": st.fixed_dictionaries({}, optional={"scansDone": JSON_VALUES, "filesWithIssues": st.lists(
        st.fixed_dictionaries({"path": st.sampled_from(["a", "b"]), "level": st.just("unsafe")}), max_size=2)}),
})  # fmt: skip
REFS = st.fixed_dictionaries({}, optional={group: st.lists(
    st.fixed_dictionaries({"name": st.sampled_from(["v1", "v2"]), "targetCommit": st.sampled_from(COMMITS)}),
    max_size=2, unique_by=lambda one: one["name"]) for group in ("branches", "tags", "converts")})  # fmt: skip


def shuffled(value: Any, random: Any) -> Any:
    """Return JSON in which keys and rows stand in another order."""
    if isinstance(value, dict):
        return {key: shuffled(value[key], random) for key in random.sample(list(value), len(value))}
    if isinstance(value, list):
        return [shuffled(one, random) for one in random.sample(value, len(value))]
    return value


@unhurried
@given(ABOUT, REFS, st.randoms(use_true_random=False))
def test_what_the_hub_says_does_not_depend_on_the_order_in_which_it_says_it(
    about: dict[str, Any], refs: dict[str, Any], random: Any
) -> None:
    place = {"repo": "acme/tiny", "host": "hub", "at": ""}
    assert observation(shuffled(about, random), **place) == observation(about, **place)
    assert tips(shuffled(refs, random)) == tips(refs)
