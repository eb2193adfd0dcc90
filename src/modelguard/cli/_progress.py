"""Bars on stderr for work that takes long; nothing where stderr is not a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING

from modelguard.cli._speaking import is_quiet

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

    from modelguard.sources.source import Progress

SHOWN_FROM = 32 << 20
"""Work of fewer bytes than this is over before anyone could read a bar."""


@contextmanager
def bars() -> Iterator[Progress]:
    """Give a `Progress` that draws bars with rates and remaining time while the block runs."""
    if not sys.stderr.isatty() or is_quiet():
        from modelguard.sources.source import Quiet  # the nouns of sources: only once a command runs

        yield Quiet()
        return
    from rich.console import Console  # only where somebody looks
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn, TransferSpeedColumn
    from rich.progress import Progress as RichProgress

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    # Only stderr is the bars' business: left to itself rich would send what is printed meanwhile to stderr as well.
    shown = RichProgress(
        *columns, console=Console(stderr=True), transient=True, redirect_stdout=False, redirect_stderr=False
    )
    try:
        yield _Drawn(shown)
    finally:
        shown.stop()


class _Drawn:
    """Draws a bar for each piece of work that is worth one, and nothing before the first."""

    def __init__(self, shown: Bars) -> None:
        self._shown = shown
        self._tasks: dict[str, TaskID] = {}
        self._guard = Lock()

    def start(self, name: str, total: int | None) -> None:
        if total is None or total >= SHOWN_FROM:
            with self._guard:
                self._shown.start()
                self._tasks[name] = self._shown.add_task(name, total=total)

    def advance(self, name: str, count: int) -> None:
        task = self._tasks.get(name)
        if task is not None:
            self._shown.advance(task, count)

    def finish(self, name: str) -> None:
        with self._guard:
            task = self._tasks.pop(name, None)
            if task is not None:
                self._shown.remove_task(task)
            if task is not None and not self._tasks:
                self._shown.stop()  # what is printed between two bars stands on lines of its own
