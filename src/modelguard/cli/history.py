"""`modelguard history`: what was decided about a model, and what has happened to it upstream."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from modelguard.cli._speaking import json_option, say, tell_json
from modelguard.cli.command import Subcommand

if TYPE_CHECKING:
    from modelguard.lock import Entry

COMMITS = 200
"""Commits of the lock that are looked through."""


@click.command(short_help="Show decisions and events about a model", epilog="Example: modelguard history org/name")
@click.argument("ref")
@click.option("--state", type=click.Path(path_type=Path, dir_okay=False), help="State file of the monitor.")
@click.option("--policy", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="Policy file.")
@click.option("--lock", "lock_path", type=click.Path(path_type=Path, dir_okay=False), help="Lock file.")
@json_option
def history(ref: str, as_json: bool, **options: Any) -> int:
    """Show decisions and events about one model, oldest first.

    Decisions are read from the lock and from its commits in git; events are those that `modelguard monitor` remembers.
    """
    from modelguard.cli._deciding import known  # only once the command runs
    from modelguard.guard import Gate
    from modelguard.monitor.running import recorded_events
    from modelguard.terms.artifact import printable

    gate = Gate.open(policy=options["policy"], lock=options["lock_path"], offline=True)
    key = gate.canonical(ref).key
    lock = gate.read_lock()
    entry = lock.entries.get(key) if lock is not None else None
    decided = dict.fromkeys(_decision(one) for one in (*_committed(gate.lock_path, key), *([entry] if entry else [])))
    events = [
        (one.at.replace("+00:00", "Z"), f"{one.kind} ({one.severity}): {one.message}")
        for one in recorded_events(gate, key, options["state"])
    ]
    rows = sorted([*decided, *events])
    if as_json and rows:
        tell_json("history", {"model": key, "rows": [{"at": at or None, "text": text} for at, text in rows]})
        return 0
    for at, text in rows:
        say(f"{at or 'no date':20}  {printable(text)}", indent=22)
    if not rows:
        known(gate.require_lock(), key)  # tells that there is no such entry
    return 0


def _decision(entry: Entry) -> tuple[str, str]:
    approval = entry.approval
    words = [approval.state, f"at {entry.revision or entry.tree_digest}"]
    words += [f"{word} {value}" for word, value in (("by", approval.by), ("until", approval.until)) if value]
    return approval.at, " ".join(words) + (f": {approval.reason}" if approval.reason else "")


def _committed(lock_path: Path, key: str) -> Iterator[Entry]:
    """Yield the entry as each commit of the lock had it; nothing where there is no git."""
    from modelguard.lock import Lock  # as above
    from modelguard.terms.errors import LockError

    listed = _git(lock_path.parent, "log", f"--max-count={COMMITS}", "--format=%H", "--", lock_path.name)
    for commit in reversed(listed.decode("ascii", "replace").split()):
        text = _git(lock_path.parent, "show", f"{commit}:./{lock_path.name}")
        try:
            entry = Lock.parse(text, name=commit).entries.get(key)
        except LockError:
            continue  # a lock of another version, or one that was broken for a while
        if entry is not None:
            yield entry


def _git(directory: Path, *words: str) -> bytes:
    try:
        command = ["git", "-C", str(directory), *words]
        done = subprocess.run(command, capture_output=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return b""
    return done.stdout if done.returncode == 0 else b""


COMMAND = Subcommand(history, "decide")
