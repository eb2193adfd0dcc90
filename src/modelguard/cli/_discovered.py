"""What a code base uses, with what the rules hold against it and what the policy excuses: shared by three commands."""

from __future__ import annotations

import gc
import os
from collections.abc import Collection, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from modelguard.discovery.rules import Remark
    from modelguard.discovery.use import Discovered, Use
    from modelguard.guard import Gate
    from modelguard.policy.settings import Excuse
    from modelguard.terms.artifact import ModelRef


def look(places: Sequence[Path]) -> Discovered:
    """Return what the programs below the places use; the working directory if none is named."""
    from modelguard.discovery.tree import discover  # reads the room: only once a command runs

    gc.disable()  # syntax trees have no cycles, and looking for some takes a quarter of the time
    try:
        return discover(places or (Path(),), home=Path.cwd())
    finally:
        gc.enable()


def judged(found: Discovered, gate: Gate, *, to_be_locked: Collection[str] = ()) -> tuple[Remark, ...]:
    """Return what is held against the uses; what the policy excuses carries the reason.

    `to_be_locked` are ids of entries that the lock does not hold yet.
    """
    from attrs import evolve  # as above

    from modelguard.discovery.rules import remarks

    lock = gate.read_lock()
    locked = {*(lock.entries if lock else ()), *to_be_locked}
    counting = [excuse for excuse in gate.policy.excused_uses if _counts(excuse, gate)]
    made = []
    for one in remarks(found, locked, lambda use, ref: key_of(gate, use, ref)):
        excuse = next((excuse for excuse in counting if covers(excuse, one, gate)), None)
        made.append(evolve(one, excuse=excuse.reason) if excuse else one)
    return tuple(made)


def covers(excuse: Excuse, remark: Remark, gate: Gate) -> bool:
    """Tell whether an excuse is about this finding. Its path starts at the directory of the policy."""
    return excuse.covers(check=remark.rule.name, model="", path=path_in_policy(remark, gate), subject=remark.subject)


def path_in_policy(remark: Remark, gate: Gate) -> str:
    """Return the path of a finding from the directory of the policy."""
    base = Path(gate.policy.origin).absolute().parent if gate.policy.origin else Path.cwd()
    path = Path(os.path.normpath(Path(remark.path).absolute()))
    return path.relative_to(base).as_posix() if path.is_relative_to(base) else path.as_posix()


def key_of(gate: Gate, use: Use, ref: ModelRef) -> str:
    """Return the id under which the lock files a reference; a local one may be relative to its file or to us."""
    from modelguard.terms.artifact import LocalRef  # as above

    if not isinstance(ref, LocalRef):
        return ref.key
    beside = Path(use.path).parent / ref.path
    near = not os.path.exists(ref.path) and beside.exists()  # noqa: PTH110  # a "~" is no home here, as in frameworks
    return gate.canonical(LocalRef(beside.as_posix()) if near else ref).key


def _counts(excuse: Excuse, gate: Gate) -> bool:
    """Tell whether an excuse has not ended, and ends as early as the policy wants."""
    if excuse.ended(gate.today.isoformat()):
        return False
    longest = gate.policy.max_excuse_days
    latest = gate.today + timedelta(days=longest)
    return not longest or (bool(excuse.until) and excuse.until <= latest.isoformat())
