"""Answers what the tables know about a global: profiles that grant it, its hazard, the rule for its arguments.

This is the empty table: nothing is granted and nothing is known.
"""

from __future__ import annotations

from attrs import frozen

from modelguard.picklevm.values import Value


@frozen(kw_only=True)
class Hazard:
    """The class of danger of a known gadget, and why."""

    danger: str
    why: str


def grants_for(module: str, name: str) -> tuple[str, ...]:
    """Return the names of the profiles whose tables list this exact global."""
    del module, name
    return ()


def hazard_of(module: str, name: str) -> Hazard | None:
    """Return what is known to be dangerous about this exact global, or None."""
    del module, name
    return None


def needs_arguments(module: str, name: str) -> bool:
    """Tell whether a rule about the arguments of this global exists."""
    del module, name
    return False


def argument_fault(module: str, name: str, arguments: tuple[Value, ...], opcode: str) -> str:
    """Return which rule the arguments of a call break, or an empty string."""
    del module, name, arguments, opcode
    return ""


def needs_state(module: str, name: str) -> bool:
    """Tell whether a rule about the state of instances made by this global exists."""
    del module, name
    return False


def state_fault(module: str, name: str, state: Value, arguments: tuple[Value, ...] | None = None) -> str:
    """Return what is wrong with the state that BUILD puts into an instance, or an empty string."""
    del module, name, state, arguments
    return ""
