"""One gate in front of every machine-learning model load.

The public names are loaded when they are first used, so that `import modelguard` costs next to nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from modelguard.guard import examine, guarded, guarded_load, guarded_open, verified_snapshot
    from modelguard.interception import Interception, intercept
    from modelguard.lock import Lock
    from modelguard.policy.settings import Policy
    from modelguard.pytest_plugin import assert_approved as assert_approved  # in no star import: see __all__
    from modelguard.terms.errors import LockError, ModelguardError, ModelRefused, PolicyError, RefError

_HOME = {
    "examine": "modelguard.guard",
    "guarded": "modelguard.guard",
    "guarded_load": "modelguard.guard",
    "guarded_open": "modelguard.guard.partial",
    "verified_snapshot": "modelguard.guard",
    "Interception": "modelguard.interception",
    "intercept": "modelguard.interception",
    "Lock": "modelguard.lock",
    "Policy": "modelguard.policy.settings",
    "assert_approved": "modelguard.pytest_plugin",
    "LockError": "modelguard.terms.errors",
    "ModelRefused": "modelguard.terms.errors",
    "ModelguardError": "modelguard.terms.errors",
    "PolicyError": "modelguard.terms.errors",
    "RefError": "modelguard.terms.errors",
}

# `from modelguard import *` must work where pytest is not: assert_approved, which needs it, is imported by its name.
__all__ = [
    "Interception",
    "Lock",
    "LockError",
    "ModelRefused",
    "ModelguardError",
    "Policy",
    "PolicyError",
    "RefError",
    "examine",
    "guarded",
    "guarded_load",
    "guarded_open",
    "intercept",
    "verified_snapshot",
]


def __getattr__(name: str) -> Any:
    """Import a public name from its home on first use (PEP 562)."""
    if name not in _HOME:
        raise AttributeError(f"module 'modelguard' has no attribute {name!r}")
    from importlib import import_module  # kept off the import path of `import modelguard`

    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})


def _start_interception() -> None:
    """Start what the environment variable MODELGUARD_INTERCEPT asks for (`modelguard/interception`)."""
    import os  # loaded by the interpreter itself

    if os.environ.get("MODELGUARD_INTERCEPT"):
        from importlib import import_module  # only where it was asked for

        import_module("modelguard.interception").from_environment()


_start_interception()
