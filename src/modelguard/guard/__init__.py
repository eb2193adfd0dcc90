"""The one way through: fetch, gather, ask, judge, and only then load."""

from modelguard.guard.examining import examine, examine_snapshot
from modelguard.guard.gate import Gate
from modelguard.guard.loading import guarded, guarded_load, verified_snapshot
from modelguard.guard.partial import guarded_open
from modelguard.guard.pinning import Wish, pin

__all__ = [
    "Gate",
    "Wish",
    "examine",
    "examine_snapshot",
    "guarded",
    "guarded_load",
    "guarded_open",
    "pin",
    "verified_snapshot",
]
