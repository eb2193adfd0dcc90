"""The one way through: fetch, gather, ask, judge, and only then load.

The names are loaded when they are first used: a scan needs neither loaders nor pins.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from modelguard.guard.examining import examine, examine_snapshot
    from modelguard.guard.gate import Gate
    from modelguard.guard.loading import guarded, guarded_load, verified_snapshot
    from modelguard.guard.partial import guarded_open
    from modelguard.guard.pinning import Wish, pin

_HOME = {
    "Gate": "gate",
    "Wish": "pinning",
    "examine": "examining",
    "examine_snapshot": "examining",
    "guarded": "loading",
    "guarded_load": "loading",
    "guarded_open": "partial",
    "pin": "pinning",
    "verified_snapshot": "loading",
}

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


def __getattr__(name: str) -> Any:
    """Import a name from its home on first use (PEP 562)."""
    if name not in _HOME:
        raise AttributeError(f"module 'modelguard.guard' has no attribute {name!r}")
    from importlib import import_module  # only here

    value = getattr(import_module(f"modelguard.guard.{_HOME[name]}"), name)
    globals()[name] = value
    return value
