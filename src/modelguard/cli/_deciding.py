"""Who decides, why and until when: what the commands that change the lock's decisions share."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from modelguard.cli._speaking import note

if TYPE_CHECKING:
    from modelguard.lock import Entry, Lock
    from modelguard.lock.entry import State


def day(text: str, option: str = "--until") -> str:
    """Return an ISO 8601 day, or nothing. Raises `click.UsageError`."""
    from datetime import date  # beside its only use

    if not text:
        return ""
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise click.UsageError(f"{option}: expected a day such as 2027-01-31, found {text!r}") from None


def who() -> str:
    """Return git's idea of who works here, or nothing: never a guess."""
    import subprocess  # only when something is decided

    try:
        command = ["git", "config", "user.email"]
        answer = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return answer.stdout.strip()


def decide(refs: tuple[str, ...], state: State, options: dict[str, Any]) -> None:
    """Write a decision into the entries that `refs` name; all of them or none.

    Raises `click.UsageError` for a decision without a reason, `LockError` when an entry or the lock is missing.
    """
    from attrs import evolve  # with the house, only once a command runs

    from modelguard import __version__
    from modelguard.guard import Gate
    from modelguard.lock import Decided, update

    if not options["reason"].strip():
        raise click.UsageError("--reason may not be empty: a decision without one cannot be reviewed")
    gate = Gate.open(policy=options["policy"], lock=options["lock_path"], offline=True)
    keys = [gate.canonical(ref).key for ref in refs]
    decided = Decided(
        state=state,
        by=who() if options["by"] is None else options["by"],
        at=datetime.now(UTC).replace(tzinfo=None, microsecond=0).isoformat() + "Z",
        reason=options["reason"],
        until=day(options.get("until", "")),
    )

    def change(lock: Lock) -> Lock:
        for key in keys:
            lock = lock.with_entry(evolve(known(lock, key), approval=decided))
        return lock

    known(gate.require_lock(), keys[0])  # so that a lock that does not exist is not made
    update(gate.lock_path, change, created_by=f"modelguard {__version__}")
    for key in keys:
        note(f"{state}: {key}")


def known(lock: Lock, key: str) -> Entry:
    """Return the entry of a key. Raises `LockError` when there is none."""
    from modelguard.terms.artifact import printable  # as above
    from modelguard.terms.errors import LockError

    if key not in lock.entries:
        raise LockError(f"the lock has no entry {printable(key)!r}", remedy=f"modelguard lock {printable(key)}")
    return lock.entries[key]
