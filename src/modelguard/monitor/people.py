"""Tells when other people than before can change a model, or have changed it."""

from __future__ import annotations

from collections.abc import Iterator

from modelguard.monitor.event import Event, event
from modelguard.monitor.scene import Scene
from modelguard.terms.artifact import printable
from modelguard.terms.finding import Severity

ESTABLISHED = 5
"""Earlier commits from which a first commit of somebody new is worth telling."""


def maintainers(before: Scene, after: Scene) -> Iterator[Event]:
    """Yield changes of the owner's members, of the Hub's mark that the owner is verified, and of commit authors."""
    yield from _members(before, after)
    yield from _verified(before, after)
    yield from _authors(before, after)


def _members(before: Scene, after: Scene) -> Iterator[Event]:
    old, new = before.seen.owner, after.seen.owner
    if not old or not new or old.name != new.name or old.members is None or new.members is None:
        return
    joined, left = sorted(set(new.members) - set(old.members)), sorted(set(old.members) - set(new.members))
    if joined or left:
        lines = (*(f"+ {printable(name)}" for name in joined), *(f"- {printable(name)}" for name in left))
        yield event(
            "maintainers-changed", after.ref, f"members of {printable(new.name)}: {', '.join(lines)}",
            subject="members", before=" ".join(old.members), after=" ".join(new.members), details=lines,
        )  # fmt: skip


def _verified(before: Scene, after: Scene) -> Iterator[Event]:
    old, new = before.seen.owner, after.seen.owner
    if (
        old
        and new
        and old.name == new.name
        and None not in {old.verified, new.verified}
        and old.verified != new.verified
    ):
        yield event(
            "maintainers-changed", after.ref,
            f"the Hub {'now calls' if new.verified else 'no longer calls'} {printable(new.name)} verified",
            subject="verified", before=str(old.verified).lower(), after=str(new.verified).lower(),
            severity=Severity.LOW if new.verified else None,
        )  # fmt: skip


def _authors(before: Scene, after: Scene) -> Iterator[Event]:
    """Yield people who commit for the first time where others have done so for a while."""
    old, new = before.seen.history, after.seen.history
    if old is None or new is None or len(old.commits) < ESTABLISHED:
        return
    known = {author for commit in old.commits for author in commit.authors}
    for commit in reversed(new.commits):
        for author in commit.authors:
            if author not in known:
                known.add(author)
                message = f"{printable(author)} has committed here for the first time: {printable(commit.title)}"
                yield event("maintainers-changed", after.ref, message, subject=f"author:{author}", after=commit.id)
