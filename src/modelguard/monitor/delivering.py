"""Sends what waits in the outbox, and rewrites the channels that show how things stand."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

from modelguard.monitor.channels.channel import ChannelFailed, Sender, Target, View, Writer
from modelguard.monitor.event import Event
from modelguard.monitor.state import State
from modelguard.monitor.watching import iso

log = logging.getLogger(__name__)

TRIES = 3
"""Times that one run tries to send an alert; what still waits then is tried by the next run."""


def deliver(
    state: State,
    targets: Mapping[str, Target],
    view: View,
    *,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    sleep: Callable[[float], None] = time.sleep,
) -> tuple[tuple[str, str], ...]:
    """Send everything that is due through each channel; return the channels that failed, with the reason.

    An alert is marked as sent after it has arrived: after a kill in between it is sent again, with the same id.
    """
    trouble = []
    for name, target in targets.items():
        try:
            if isinstance(target, Writer):
                target.write(view)
            else:
                _empty(state, name, target, now, sleep)
        except ChannelFailed as error:
            log.warning("%s: %s", name, error.message)
            trouble.append((name, error.message))
    return tuple(trouble)


def _empty(
    state: State, name: str, target: Sender, now: Callable[[], datetime], sleep: Callable[[float], None]
) -> None:
    """Send what is due through one channel. Raises `ChannelFailed` with the first failure, after trying the rest."""
    due = state.waiting(name, iso(now()))
    batches = [due[start : start + target.batch] for start in range(0, len(due), target.batch)]
    first: ChannelFailed | None = None
    for batch in batches:
        places = [place for place, _ in batch]
        try:
            _send(target, [one for _, one in batch], sleep, tries=TRIES if first is None else 1)
        except ChannelFailed as error:
            state.failed(places, iso(now()), error.message)
            first = first or error
        else:
            state.sent(places, iso(now()))
    if first is not None:
        raise first


def _send(target: Sender, events: Sequence[Event], sleep: Callable[[float], None], tries: int) -> None:
    for number in range(1, tries + 1):
        try:
            target.send(events)
        except ChannelFailed as error:
            if number == tries or not error.may_pass:
                raise
            sleep(0.5 * 2 ** (number - 1))
        else:
            return
