"""Compares two scenes of one model and tells what happened in between: pure, one rule a kind of event.

The rules are in `RULES`, in the order in which their events are told. When somebody else's repository answers, that is
the one event: everything else would compare two different things.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

from attrs import evolve

from modelguard.monitor.event import Event, event
from modelguard.monitor.files import (
    CODE,
    PICKLES,
    can_run_code,
    compare,
    differ,
    is_license,
    is_safe_weights,
    same_files,
)
from modelguard.monitor.people import maintainers
from modelguard.monitor.scene import Ending, Scene
from modelguard.terms.artifact import printable
from modelguard.terms.finding import Severity
from modelguard.terms.upstream import Observation, Tip

Rule: TypeAlias = Callable[[Scene, Scene], Iterator[Event]]


def diff(before: Scene, after: Scene) -> tuple[Event, ...]:
    """Return the events between two scenes of one model; none when nothing that is watched differs."""
    taken_over = tuple(_namespace_reuse(before, after))
    if taken_over:  # what answers now is another repository: the one that was watched has not returned
        return (*(one for one in _absence(before, after) if one.kind != "repo-returned"), *taken_over)
    return tuple(one for rule in RULES for one in rule(before, after))


# --- whether it is there, and whose it is ----------------------------------------------------------------------


def _absence(before: Scene, after: Scene) -> Iterator[Event]:
    old = before.absence.kind if before.absence else ""
    new = after.absence.kind if after.absence else ""
    if old == new:
        return
    if after.absence is None:
        yield event("repo-returned", after.ref, "the repository is there again", before=old)
    elif new == "disabled":
        yield event("repo-disabled", after.ref, "the Hub has disabled the repository", before=old, after=new)
    else:
        message = {
            "hidden": "the Hub shows no such repository: it is removed, private, or hidden from this token",
            "refused": "the Hub does not let this token look at the repository",
        }[new]
        yield event("repo-unavailable", after.ref, message, before=old, after=new)


def _namespace_reuse(before: Scene, after: Scene) -> Iterator[Event]:
    old, new = before.seen, after.seen
    reason = ""
    if old.id and new.id and old.id != new.id:
        reason = f"the repository's identity was {old.id} and is {new.id}"
    elif not (old.id and new.id) and old.created_at and new.created_at and old.created_at < new.created_at:
        reason = f"the repository was created at {old.created_at} and is now from {new.created_at}"
    elif (
        old.owner and new.owner and old.owner.name == new.owner.name
        and old.owner.id and new.owner.id and old.owner.id != new.owner.id
    ):  # fmt: skip
        reason = f"the owner's identity was {old.owner.id} and is {new.owner.id}"
    if reason:
        yield event(
            "namespace-reuse", after.ref,
            f"somebody else's repository answers under this name: {printable(reason)}",
            before=_identity(old), after=_identity(new),
        )  # fmt: skip


def _identity(seen: Observation) -> str:
    return "/".join(((seen.owner.id if seen.owner else None) or "?", seen.id or "?", seen.created_at or "?"))


def _renamed(before: Scene, after: Scene) -> Iterator[Event]:
    old, new = before.seen, after.seen
    if not old.name or not new.name or old.name.lower() == new.name.lower():
        return
    moved = old.name.partition("/")[0].lower() != new.name.partition("/")[0].lower()
    yield event(
        "renamed", after.ref,
        f"{printable(old.name)} is now {printable(new.name)}" + (": it has another owner" if moved else ""),
        before=old.name, after=new.name, severity=Severity.HIGH if moved else None,
    )  # fmt: skip


def _standing(before: Scene, after: Scene) -> Iterator[Event]:
    """Tell of flags that the Hub shows: disabled, private, gated."""
    old, new = before.seen, after.seen
    if new.disabled and old.disabled is not True:
        yield event("repo-disabled", after.ref, "the Hub has disabled the repository", before="", after="disabled")
    if old.private is False and new.private:
        yield event(
            "repo-private", after.ref, "only its owner's members can see it now", before="public", after="private"
        )
    if old.private and new.private is False:
        yield event("repo-returned", after.ref, "the repository is public again", before="private", after="public")
    if old.disabled and new.disabled is False:
        yield event("repo-returned", after.ref, "the repository is enabled again", before="disabled")
    if old.gated is not None and new.gated is not None and old.gated != new.gated:
        yield event(
            "gated-changed", after.ref, f"gated: {old.gated} before, now {new.gated}", before=old.gated, after=new.gated
        )


# --- commits, branches and tags ----------------------------------------------------------------------------------


def _history(before: Scene, after: Scene) -> Iterator[Event]:
    """Tell of a rewritten history: what stood at the tip, or was locked, is not in it any more."""
    old_tip, lost = _tip(before), _lost(before, after)
    history = after.seen.history
    stood_still = (before.seen.sha, before.seen.history) == (after.seen.sha, history)
    whole = history is not None and history.complete and not stood_still
    rewritten = whole and history is not None and old_tip is not None and old_tip not in history
    if not rewritten and not lost:
        return
    where = lost or f"commit {old_tip} is not among the commits of the default branch any more"
    if same_files(before.seen.siblings, after.seen.siblings):
        count = "" if history is None else f" in {len(history.commits)} commits"
        yield event(
            "history-squashed", after.ref, f"the same files have another history{count}: {where}",
            before=old_tip or after.revision, after=after.seen.sha or "",
        )  # fmt: skip
        return
    change = compare(before.seen.siblings, after.seen.siblings)
    yield event(
        "history-rewritten", after.ref, where,
        before=old_tip or after.revision, after=after.seen.sha or "", details=change.lines,
    )  # fmt: skip


def _tip(scene: Scene) -> str | None:
    """Return the newest commit that is known to have been in the history."""
    history = scene.seen.history
    return history.commits[0].id if history is not None and history.commits else scene.seen.sha


def _lost(before: Scene, after: Scene) -> str:
    """Return what has become of the locked commit, if it was there before."""
    old, new = before.seen.locked, after.seen.locked
    if old is None or new is None or old.commit != new.commit:
        return ""
    if old.answers is not False and new.answers is False:
        return f"the locked commit {new.commit} is gone: the Hub no longer has it"
    if old.reachable is not False and new.reachable is False:
        return f"no branch or tag leads to the locked commit {new.commit} any more"
    return ""


def _revision(before: Scene, after: Scene) -> Iterator[Event]:
    old, new = before.seen, after.seen
    if old.sha is None or new.sha is None or old.sha == new.sha or any(_history(before, after)):
        return
    change = compare(old.siblings, new.siblings)
    touchy = [path for path in change.touched if can_run_code(path) or is_license(path)]
    what = f"; {len(touchy)} of the files can run code or are the license" if touchy else ""
    yield event(
        "revision-moved", after.ref,
        f"{len(change.lines)} files differ between {old.sha[:12]} and {new.sha[:12]}{what}",
        before=old.sha, after=new.sha, details=change.lines, severity=Severity.MEDIUM if touchy else None,
    )  # fmt: skip


def _refs(before: Scene, after: Scene) -> Iterator[Event]:
    """Tell of tags that moved or went, and of the locked branch when that is not the default one."""
    if after.seen.refs is None:
        return
    new = {(tip.kind, tip.name): tip.commit for tip in after.seen.refs}
    for tip in _known_tips(before, after):
        commit = new.get((tip.kind, tip.name), "")
        if commit == tip.commit:
            continue
        if tip.kind == "tag" and not commit:
            yield event(
                "tag-deleted", after.ref, f"tag {printable(tip.name)} is gone", subject=tip.name, before=tip.commit
            )
        elif tip.kind == "tag":
            message = f"tag {printable(tip.name)} pointed at {tip.commit} and points at {commit}"
            yield event("tag-moved", after.ref, message, subject=tip.name, before=tip.commit, after=commit)
        elif tip.kind == "branch" and tip.name == after.requested != "main":
            message = f"branch {printable(tip.name)} moved" if commit else f"branch {printable(tip.name)} is gone"
            yield event("revision-moved", after.ref, message, subject=tip.name, before=tip.commit, after=commit)


def _known_tips(before: Scene, after: Scene) -> tuple[Tip, ...]:
    """Return the tips before; from the lock alone, the tag or branch that was locked."""
    if before.seen.refs is not None:
        return before.seen.refs
    return tuple(
        Tip(kind=tip.kind, name=tip.name, commit=before.revision)
        for tip in after.seen.refs or ()
        if tip.name == before.requested and before.requested != "main" and before.revision
    )


# --- files -----------------------------------------------------------------------------------------------------


def _tampered(before: Scene, after: Scene) -> Iterator[Event]:
    """Tell of a commit with other content than before: between passes, or other than was locked."""
    old, new = before.seen, after.seen
    if old.sha is not None and old.sha == new.sha:
        change = compare(old.siblings, new.siblings)
        if old.refs_at is None:  # the lock may leave files out
            change = evolve(change, added=())
        for path in change.lines:
            yield _same_ref(after, old.sha, path)
    elif old.locked and new.locked and old.locked.commit == new.locked.commit and new.locked.siblings is not None:
        listed = {file.path: file for file in new.locked.siblings}
        for file in old.locked.siblings or ():
            if file.path not in listed or differ(file, listed[file.path]):
                yield _same_ref(after, new.locked.commit, f"~ {file.path}" if file.path in listed else f"- {file.path}")


def _same_ref(after: Scene, commit: str, line: str) -> Event:
    sign, _, path = line.partition(" ")
    what = {"+": "has a file that it had not", "-": "has lost a file", "~": "has another content"}[sign]
    files = {file.path: file for file in after.seen.siblings or ()}
    content = (files[path].content or "") if path in files else ""
    message = f"commit {commit} {what}: {printable(path)}"
    return event("file-changed-same-ref", after.ref, message, subject=path, before=commit, after=sign + content)


def _unsafe_files(before: Scene, after: Scene) -> Iterator[Event]:
    old, new = before.seen, after.seen
    if old.sha == new.sha:
        return  # the same commit with other files is another event
    for path in compare(old.siblings, new.siblings).added:
        if can_run_code(path):
            kind = "code" if path.lower().endswith(tuple(CODE)) else "a format that can run code when loaded"
            yield event(
                "unsafe-file-added", after.ref, f"{printable(path)} is new: {kind}", subject=path, after=new.sha or ""
            )
    if old.tags is not None and "custom_code" not in old.tags and "custom_code" in (new.tags or ()):
        yield event(
            "unsafe-file-added", after.ref, "it now asks for remote code", subject="custom_code", after=new.sha or ""
        )
    safe = [file.path for file in old.siblings or () if is_safe_weights(file.path)]
    if safe and new.siblings is not None and not any(is_safe_weights(file.path) for file in new.siblings):
        left = sorted(file.path for file in new.siblings if file.path.lower().endswith(tuple(PICKLES)))
        message = f"{', '.join(map(printable, safe[:3]))} and all other safe weights are gone"
        yield event(
            "format-regression", after.ref, message, before=old.sha or "", after=new.sha or "", details=tuple(left)
        )


def _license(before: Scene, after: Scene) -> Iterator[Event]:
    old, new = before.seen, after.seen
    if old.license is not None and new.license is not None and _terms(old) != _terms(new):
        message = f"declared {printable(_terms(old) or 'nothing')}, now {printable(_terms(new) or 'nothing')}"
        yield event("license-changed", after.ref, message, subject="declared", before=_terms(old), after=_terms(new))
    if old.sha == new.sha:
        return
    change = compare(old.siblings, new.siblings)
    for word, paths in (("added", change.added), ("removed", change.removed), ("changed", change.changed)):
        for path in filter(is_license, paths):
            yield event(
                "license-changed", after.ref, f"{printable(path)} was {word}",
                subject=path, before=old.sha or "", after=new.sha or "", severity=Severity.MEDIUM,
            )  # fmt: skip


def _terms(seen: Observation) -> str:
    """Return what the card declares, in one line."""
    return " ".join(filter(None, (*(seen.license or ()), seen.license_name, seen.license_link)))


# --- what others say -------------------------------------------------------------------------------------------


def _hub_scan(before: Scene, after: Scene) -> Iterator[Event]:
    new = after.seen.scan
    if new is None:
        return
    known = set(before.seen.scan.issues) if before.seen.scan is not None else set()
    for path, level in new.issues:
        if level in {"unsafe", "suspicious", "caution"} and (path, level) not in known:
            severity = Severity.HIGH if level == "unsafe" else Severity.MEDIUM
            message = f"the Hub's scanners call {printable(path)} {printable(level)}"
            yield event("hub-unsafe", after.ref, message, subject=path, after=level, severity=severity)


def _notices(before: Scene, after: Scene) -> Iterator[Event]:
    known = set(before.notices)
    for notice in after.notices:
        if notice not in known:
            level = {"low": Severity.LOW, "medium": Severity.MEDIUM, "critical": Severity.CRITICAL}
            message = f"{printable(notice.id)}: {printable(notice.summary)}"
            severity = level.get(notice.severity, Severity.HIGH)
            yield event("advisory-new", after.ref, message, subject=notice.id, after=notice.modified, severity=severity)


def _publisher(before: Scene, after: Scene) -> Iterator[Event]:
    if after.inactive_since is not None and before.inactive_since is None:
        message = f"the last change was on {after.inactive_since}"
        yield event("vendor-inactive", after.ref, message, after=after.inactive_since)
    old, new = before.seen.new_version, after.seen.new_version
    if new is not None and new != old:
        yield event(
            "successor", after.ref, f"its publisher names {printable(new)} as newer", before=old or "", after=new
        )


def _endings(before: Scene, after: Scene) -> Iterator[Event]:
    known = set(before.endings)
    for ending in after.endings:
        if ending not in known:
            yield event(f"{ending.kind}-expiring", after.ref, _ends(ending), subject=ending.subject, after=ending.until)


def _ends(ending: Ending) -> str:
    what = "the approval" if ending.kind == "approval" else f"the exception for {printable(ending.subject)}"
    return f"{what} ends on {ending.until}"


RULES: tuple[Rule, ...] = (
    _absence,
    _renamed,
    _standing,
    _history,
    _revision,
    _refs,
    _tampered,
    _unsafe_files,
    _license,
    maintainers,
    _hub_scan,
    _notices,
    _publisher,
    _endings,
)
