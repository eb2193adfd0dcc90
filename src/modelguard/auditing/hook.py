"""Listens to audit events for others: in C where that was built, so that a process hardly notices it, else in Python.

A hook cannot be removed, so there is one, and what it looks at is switched here. Nothing that happens inside a listener
or a decision is told to listeners. Both hooks give the same answers; the tests compare them. MODELGUARD_PURE in the
environment chooses the one in Python, which belongs to one interpreter; the one in C sees all interpreters of the
process and refuses globals in those that are not the main one, unless the watch is open.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from threading import RLock, local
from typing import Any, TypeAlias

from attrs import field, frozen

log = logging.getLogger(__name__)

Listener: TypeAlias = Callable[[str, tuple[Any, ...]], object]
Rule: TypeAlias = frozenset[str] | set[str] | None
"""What is known of a module: None, plain names pass; a frozenset, plain names pass but these; a set, only these do."""

GLOBAL = "pickle.find_class"
INTERFACE = 1
"""The number of the agreement with `_hook.c`; a hook left over from another version is not used."""
MOST_MODULES = 65_536


@frozen
class Watch:
    """What is asked about the globals that unpicklers look up.

    `rule_of` tells the rule of a module when it is first named; what the rule does not pass is given to `decide`, which
    raises to refuse. A name passes as plain when it is an identifier of ASCII letters that is not one of `walks`.
    `closed` says that what cannot be asked about, in another interpreter or while this one ends, is refused.
    """

    rule_of: Callable[[str], Rule]
    decide: Callable[[object, object], None]
    walks: frozenset[str]
    closed: bool = True
    rules: dict[str, Rule] = field(factory=dict, init=False)


def _find() -> Any:
    if os.environ.get("MODELGUARD_PURE"):
        return None
    try:
        module = import_module("modelguard.auditing._hook")
    except ImportError:
        return None
    if getattr(module, "INTERFACE", 0) != INTERFACE:
        log.warning("the compiled audit hook is of another version and is not used: compile it again with `make fast`")
        return None
    return module


_compiled = _find()
COMPILED = _compiled is not None
_lock = RLock()
_owners: dict[str, Mapping[str, Listener]] = {}
_events: dict[str, Listener] = {}
_watch: Watch | None = None
_busy = local()
_installed = False


def listen(owner: str, events: Mapping[str, Listener]) -> None:
    """Call a listener at each of these events; it raises to refuse. What the owner listened to before is forgotten."""
    with _lock:
        _owners[owner] = events
        _arrange()


def silence(owner: str) -> None:
    """Call no listener of this owner any more."""
    with _lock:
        if _owners.pop(owner, None) is not None:
            _arrange()


def watch(wanted: Watch) -> None:
    """Look at the globals that any unpickler in the process looks up, in place of what was looked at before."""
    global _watch  # noqa: PLW0603  # a hook is of the process
    with _lock:
        _install()
        _watch = wanted
        if _compiled is not None:
            _compiled.watch(wanted.rules, wanted.rule_of, wanted.decide, wanted.walks, wanted.closed)


def unwatch() -> None:
    """Look at no globals."""
    global _watch  # noqa: PLW0603  # as above
    with _lock:
        _watch = None
        if _compiled is not None:
            _compiled.unwatch()


def _arrange() -> None:
    global _events  # noqa: PLW0603  # as above; exchanged as a whole, so that the hook never sees half of it
    found: dict[str, list[Listener]] = {}
    for events in _owners.values():
        for event, listener in events.items():
            found.setdefault(event, []).append(listener)
    _events = {event: many[0] if len(many) == 1 else _each(many) for event, many in found.items()}
    if _events:
        _install()
    if _compiled is not None and _installed:
        _compiled.listen(_events)


def _each(listeners: list[Listener]) -> Listener:
    def tell(event: str, arguments: tuple[Any, ...]) -> None:
        for listener in listeners:
            listener(event, arguments)

    return tell


def _install() -> None:
    global _installed  # noqa: PLW0603  # as above
    if _installed:
        return
    if _compiled is not None:
        _compiled.install()
    else:
        sys.addaudithook(_hook)
    _installed = True


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    """Do what `_hook.c` does."""
    if event == GLOBAL:
        if _watch is not None:
            _look_at(_watch, *(*arguments, None, None)[:2])
        return
    listener = _events.get(event)
    if listener is not None:
        _undisturbed(listener, event, arguments)


_hook.__cantrace__ = False  # type: ignore[attr-defined]  # the interpreter asks at each event: found is quicker than not


def _look_at(watch: Watch, module: object, name: object) -> None:
    if type(module) is str and type(name) is str:
        try:
            rule = watch.rules[module]
        except KeyError:
            rule = _undisturbed(watch.rule_of, module)
            if len(watch.rules) >= MOST_MODULES:
                watch.rules.clear()
            watch.rules[module] = rule
        if type(rule) is set:
            if name in rule:
                return
        elif (rule is None or name not in rule) and name.isascii() and name.isidentifier() and name not in watch.walks:
            return
    _undisturbed(watch.decide, module, name)


def _undisturbed(call: Callable[..., Any], *arguments: Any) -> Any:
    """Call, unless this thread is inside such a call already."""
    if getattr(_busy, "now", False):
        return None
    _busy.now = True
    try:
        return call(*arguments)
    finally:
        _busy.now = False
