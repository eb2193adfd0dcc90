"""Keeps a load from the network: an audit hook as a net under the loaders' own settings.

The settings come first: loaders hand out local directories and say `local_files_only`. The hook is the net under them.

What the hook sees (PEP 578): the events in `REFUSED`, raised by the interpreter's own `socket`, `os` and `webbrowser`
modules before they act. A load that asks for one gets `ModelRefused` at that very call. A library that swallows the
error goes on without the network; the attempt is then in the log as a warning.

What it cannot see: native code that calls the C library itself (a CUDA library, the Rust part of the Hub client, an
onnxruntime custom operator), a child process, and a thread of a pool that was there before the load. A hook cannot be
removed; the one of the process (`auditing`) looks at nothing of this while no load is running.

Other threads are left alone. The confinement belongs to the context (`contextvars`) of the thread that loads, and
passes on to the threads started by it, until the load ends. Python 3.11 has no audit event for the start of a thread:
there, `threading.Thread.start` is wrapped once to see it.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from threading import Lock, Thread, current_thread
from typing import Any
from weakref import WeakKeyDictionary

from attrs import define, field

from modelguard.auditing import listen, silence
from modelguard.terms.artifact import printable
from modelguard.terms.errors import ModelRefused

log = logging.getLogger(__name__)

# Audit events that are refused during a load, with the reason for each. Starting a process in general is not here:
# frameworks ask `lscpu`, `ldconfig` and the like while they are imported. The events are listed in
# https://docs.python.org/3/library/audit_events.html
REFUSED: dict[str, str] = {
    "socket.connect": "a connection",
    "socket.bind": "a listening address",
    "socket.sendto": "a datagram",
    "socket.sendmsg": "a message over a socket",
    "socket.getaddrinfo": "a name lookup, which itself can carry data out",
    "socket.gethostbyname": "a name lookup, which itself can carry data out",
    "socket.gethostbyaddr": "a name lookup, which itself can carry data out",
    "socket.getnameinfo": "a name lookup, which itself can carry data out",
    "urllib.Request": "an address to fetch",
    "http.client.connect": "a web server",
    "ftplib.connect": "a file server",
    "imaplib.open": "a mail server",
    "poplib.connect": "a mail server",
    "smtplib.connect": "a mail server",
    "webbrowser.open": "a web page",
    "os.system": "a shell command",
    "os.exec": "another program in place of this one",
    "os.startfile": "another program",
    "pty.spawn": "another program",
}
_THREAD_EVENTS = frozenset({"_thread.start_new_thread", "_thread.start_joinable_thread"})

# What the environment says while a model is loaded, with the reason for each. Only what is asked for at each call:
# HF_HUB_OFFLINE and its like are read once, when a library is imported, so they would do nothing for a library that is
# there, stick to one that the load imports first, and be seen by other threads.
ENVIRONMENT: dict[str, str] = {
    "DISABLE_SAFETENSORS_CONVERSION": "1",  # transformers would ask a Space to convert a repository of pickles
}


@define(eq=False)
class Confinement:
    """One load: whether it still runs, and what it attempted."""

    running: bool = True
    attempts: list[str] = field(factory=list)


_current: ContextVar[Confinement | None] = ContextVar("modelguard_confinement", default=None)
_threads: WeakKeyDictionary[Thread, Confinement] = WeakKeyDictionary()
_lock = Lock()
_running = 0
_installed = False
_environment: dict[str, str | None] = {}


@contextmanager
def confined() -> Iterator[Confinement]:
    """Refuse the network to this thread, and to the threads that it starts, until the block ends.

    Raises `ModelRefused` inside the block, at the call that asks for one of `REFUSED`.
    """
    confinement = Confinement()
    _enter()
    token = _current.set(confinement)
    try:
        yield confinement
    finally:
        confinement.running = False
        _current.reset(token)
        _leave()
        for attempt in confinement.attempts:
            log.warning("refused while a model was loaded: %s", attempt)


def _enter() -> None:
    global _running, _installed  # noqa: PLW0603  # a hook and an environment are of the process, not of an object
    with _lock:
        if not _installed:
            if sys.version_info < (3, 12):
                _watch_thread_starts()
            _installed = True
        if _running == 0:
            listen("confinement", dict.fromkeys((*REFUSED, *_THREAD_EVENTS), _hook))
            for name, value in ENVIRONMENT.items():
                _environment[name] = os.environ.get(name)
                os.environ[name] = value
        _running += 1


def _leave() -> None:
    global _running  # noqa: PLW0603  # as above
    with _lock:
        _running -= 1
        if _running:
            return
        silence("confinement")
        for name, value in _environment.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        _environment.clear()


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    confinement = _confinement()
    if confinement is None:
        return
    if event in _THREAD_EVENTS:
        _inherit(getattr(arguments[0], "__self__", None), confinement)
        return
    attempt = f"{event}{printable(repr(_shown(arguments)))}"
    confinement.attempts.append(attempt)
    raise ModelRefused(
        f"while it was loaded, the model or its framework asked for {REFUSED[event]}: {attempt}",
        remedy="a load uses only the verified files; fetch what is missing beforehand and lock it",
    )


def _confinement() -> Confinement | None:
    """Return the running load that this thread belongs to, if any."""
    confinement = _current.get() or _threads.get(current_thread())
    return confinement if confinement is not None and confinement.running else None


def _inherit(thread: object, confinement: Confinement) -> None:
    if isinstance(thread, Thread):
        _threads[thread] = confinement


def _watch_thread_starts() -> None:
    start = Thread.start

    @wraps(start)
    def watched(thread: Thread) -> None:
        confinement = _confinement() if _running else None
        if confinement is not None:
            _inherit(thread, confinement)
        start(thread)

    Thread.start = watched  # type: ignore[method-assign,assignment]


def _shown(arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the arguments that are plain values: an event's first is often the socket itself."""
    return tuple(value for value in arguments if isinstance(value, str | bytes | int | tuple))


def within_load() -> bool:
    """Tell whether this thread is loading a model through a loader of this room."""
    return bool(_running) and _confinement() is not None
