"""What an alert channel is: a name, and how its part of `[monitor.channels]` becomes something that sends or writes.

A sender tells of each event once, and again until it has arrived. A writer shows how things stand: it is told after
every pass and replaces what it wrote before.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol, TypeAlias, runtime_checkable

from attrs import field, frozen

from modelguard._registry import parts
from modelguard.monitor.event import Event
from modelguard.terms.errors import ModelguardError, PolicyError
from modelguard.terms.section import Section


class ChannelFailed(ModelguardError):
    """An alert has not arrived. `may_pass` tells whether trying again soon may help."""

    def __init__(self, message: str, *, remedy: str = "", may_pass: bool = True) -> None:
        super().__init__(message, remedy=remedy)
        self.may_pass = may_pass


@frozen(kw_only=True)
class Standing:
    """How one model stands: its locked commit, the newest known, whether the Hub shows it, why it was not seen."""

    ref: str
    revision: str = ""
    newest: str = ""
    absence: str = ""
    trouble: str = ""
    locked_at: str = ""
    seen_at: str = ""


@frozen(kw_only=True)
class View:
    """How things stand after a pass: the models, the latest events, and those that nobody has answered yet."""

    now: datetime
    models: tuple[Standing, ...] = ()
    events: tuple[Event, ...] = ()
    open: tuple[Event, ...] = ()


@runtime_checkable
class Sender(Protocol):
    """Tells of events, at most `batch` at a time."""

    @property
    def batch(self) -> int: ...

    def send(self, events: Sequence[Event]) -> None:
        """Tell of events. Raises `ChannelFailed`."""
        ...


@runtime_checkable
class Writer(Protocol):
    """Shows how things stand."""

    def write(self, view: View) -> None:
        """Replace what was written before. Raises `ChannelFailed`."""
        ...


Target: TypeAlias = Sender | Writer


@frozen(kw_only=True)
class Surroundings:
    """Where relative paths start, and the environment that secrets come from."""

    home: Path
    environment: Mapping[str, str] = field(factory=lambda: dict(os.environ), repr=False)


@frozen(kw_only=True)
class Channel:
    """One way to tell people. `open` reads its table of the policy and raises `PolicyError`."""

    name: str
    open: Callable[[Section, Surroundings], Target]


def open_channels(table: Mapping[str, Any], surroundings: Surroundings) -> dict[str, Target]:
    """Return the channels that `[monitor.channels]` sets up, by name.

    Raises `PolicyError` with the key path, also when the environment lacks a secret that a channel needs.
    """
    known = {channel.name: channel for channel in parts("modelguard.monitor.channels", Channel)}
    whole = Section(table, "monitor.channels", PolicyError)
    opened: dict[str, Target] = {}
    for name in table:
        if name not in known:
            raise whole.fail(name, f"no such channel; there are {', '.join(sorted(known))}")
        section = whole.section(name)
        opened[name] = known[name].open(section, surroundings)
        section.finish()
    return opened


def secret(section: Section, key: str, surroundings: Surroundings, *, needed: bool = True) -> str:
    """Return the value of the environment variable that `key` names; secrets are never in the policy itself."""
    name = section.text(key) if needed else section.text(key, "")
    if not name:
        return ""
    value = surroundings.environment.get(name, "")
    if not value:
        raise section.fail(key, f"the environment has no {name}")
    return value
