"""Answers the pickle machine: who grants a global, what danger is known of it, and what its use breaks.

The names are those after protocol-2 mapping. Everything here is a table lookup on the exact module and the exact
qualified name; a name that no table lists is granted by nobody.
"""

from __future__ import annotations

from modelguard.picklevm.knowledge import arguments as _arguments
from modelguard.picklevm.knowledge import states as _states
from modelguard.picklevm.knowledge.grants_table import grants
from modelguard.picklevm.knowledge.hazards import Hazard, danger_of
from modelguard.picklevm.knowledge.profiles import PROFILES, Profile
from modelguard.picklevm.values import Value

__all__ = [
    "PROFILES",
    "Hazard",
    "Profile",
    "argument_fault",
    "argument_rules",
    "grants_for",
    "hazard_of",
    "may_be_kept",
    "needs_arguments",
    "needs_state",
    "state_fault",
    "state_rules",
    "takes_items",
]


_FILLED_BY = {"APPEND": _states.LISTS, "APPENDS": _states.LISTS, "ADDITEMS": _states.SETS}


def grants_for(module: str, name: str) -> tuple[str, ...]:
    """Return the profiles that list exactly this global, in the order of `PROFILES`."""
    return tuple(grant.profile for grant in grants(module, name))


def hazard_of(module: str, name: str) -> Hazard | None:
    """Return what is known against a global that no profile grants. It rates and explains; it never decides."""
    current = "builtins" if module == "__builtin__" else module  # the name that it had in Python 2
    return None if grants(current, name) else danger_of(module, name)


def argument_rules(module: str, name: str) -> frozenset[str]:
    """Return the names of the rules by which `argument_fault` would look at a call of this global."""
    return frozenset(grant.rule for grant in grants(module, name) if grant.rule != "any")


def needs_arguments(module: str, name: str) -> bool:
    """Tell whether `argument_fault` would look at the opcode or the arguments of a call of this global."""
    return bool(argument_rules(module, name))


def argument_fault(module: str, name: str, arguments: tuple[Value, ...], opcode: str) -> str:
    """Return what a call of a granted global breaks, as one clause, or "" when it is fine.

    `arguments` are those of the call without the class; for NEWOBJ_EX with keyword arguments a `Table` of them comes
    last. `opcode` is REDUCE, INST, OBJ, NEWOBJ or NEWOBJ_EX. A call of a global that nobody grants breaks no rule of
    a table: the import says it all.
    """
    faults = [_arguments.fault(grant, module, name, arguments, opcode) for grant in grants(module, name)]
    return next((fault for fault in faults if fault), "")


def state_rules(module: str, name: str) -> frozenset[str]:
    """Return the names of the rules by which `state_fault` would look at a BUILD on an instance of this global."""
    return frozenset(grant.state for grant in grants(module, name) if grant.state)


def needs_state(module: str, name: str) -> bool:
    """Tell whether `state_fault` would look at what BUILD puts into an instance made by this global."""
    return bool(state_rules(module, name))


def state_fault(module: str, name: str, state: Value, arguments: tuple[Value, ...] | None = None) -> str:
    """Return what is wrong with the state that BUILD puts into an instance of a granted class, or "".

    `arguments` are those with which the instance was made, None when that is not known.
    """
    filling = _states.Filling(f"{module}.{name}", state, arguments)
    faults = [_states.fault(grant, filling) for grant in grants(module, name)]
    return next((fault for fault in faults if fault), "")


def may_be_kept(module: str, name: str) -> bool:
    """Tell whether a global may stand in a container, so that its later calls are checked by nobody.

    A global that nobody grants may: its import says it all.
    """
    return _arguments.may_be_kept(module, name)


def takes_items(module: str, name: str, opcode: str) -> bool:
    """Tell whether a library writes items into what this global makes, or nobody knows what it makes.

    Items set on other objects run whatever code those have for it: one of a file in memory writes to the file, and
    APPEND calls an attribute `append` that the file has put into an object without such a method.
    """
    rows = grants(module, name)
    if (module, name) in _FILLED_BY.get(opcode, _states.DICTS):
        return True
    return not any(PROFILES[row.profile].default for row in rows)
