"""Many models at once: over processes, threads or a cluster, with every result kept as it comes.

The names are loaded when they are first used: a scan of one model starts no processes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from modelguard.fleet.results import Results
    from modelguard.fleet.running import Failed, Outcome, Setting, examine_many
    from modelguard.fleet.targets import expand

_HOME = {
    "Failed": "running",
    "Outcome": "running",
    "Results": "results",
    "Setting": "running",
    "examine_many": "running",
    "expand": "targets",
}

__all__ = ["Failed", "Outcome", "Results", "Setting", "examine_many", "expand"]


def __getattr__(name: str) -> Any:
    """Import a name from its home on first use (PEP 562)."""
    if name not in _HOME:
        raise AttributeError(f"module 'modelguard.fleet' has no attribute {name!r}")
    from importlib import import_module  # only here

    value = getattr(import_module(f"modelguard.fleet.{_HOME[name]}"), name)
    globals()[name] = value
    return value
