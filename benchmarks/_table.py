"""What the benchmarks share: the machine in a line, rounds that take turns, tables of medians and ratios, pages.

A benchmark gives its ways to `take_turns`, makes a `Table` of what came, and hands its tables to `publish`, which
prints them and writes `docs/reference/benchmarks/<name>.md`. The environment sets how much is measured:

    MODELGUARD_BENCH_GIB      size of a model in GiB (default 0.25; the published pages say what was used)
    MODELGUARD_BENCH_SECONDS  wall time after which a set of ways begins no further round (default 60)
    MODELGUARD_BENCH_PAGES    directory of the pages (default docs/reference/benchmarks; empty: none is written)
"""

from __future__ import annotations

import gc
import os
import platform
import resource
import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib import metadata
from pathlib import Path

from attrs import field, frozen

ROOT = Path(__file__).resolve().parent.parent
ROUNDS = 5
FEWEST = 3
"""Rounds that are measured however long they take: a median of fewer says nothing."""


def bytes_wanted(default: float = 0.25) -> int:
    """Return the bytes of a model that a benchmark makes, a multiple of 64 MiB."""
    size = int(float(os.environ.get("MODELGUARD_BENCH_GIB") or default) * (1 << 30))
    return max(size >> 26, 1) << 26


def seconds_wanted(default: float = 60.0) -> float:
    """Return the wall time after which no further round is begun."""
    return float(os.environ.get("MODELGUARD_BENCH_SECONDS") or default)


def machine(packages: Iterable[str] = ()) -> str:
    """Describe what the figures depend on: processor, memory, kernel, Python, the load now, versions of packages."""
    kilobytes = _first("/proc/meminfo", "MemTotal").split()[0] or "0"
    words = [
        _first("/proc/cpuinfo", "model name") or platform.machine(),
        f"{len(os.sched_getaffinity(0))} cores",
        f"{int(kilobytes) / (1 << 20):.0f} GiB of memory",
        f"{platform.system()} {platform.release()}",
        f"Python {platform.python_version()}",
        f"load average {os.getloadavg()[0]:.1f} at the start",
    ]
    for name in packages:
        try:
            words.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            words.append(f"{name} not installed")
    return ", ".join(words)


def _first(file: str, key: str) -> str:
    try:
        lines = Path(file).read_text().splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(key)), "")


@frozen(kw_only=True)
class Times:
    """Seconds that one way took, a figure for each round: wall time, and CPU time of all threads and of children."""

    wall: list[float] = field(factory=list)
    cpu: list[float] = field(factory=list)

    def median(self, clock: str = "wall") -> float:
        return statistics.median(getattr(self, clock))

    def spread(self, clock: str = "wall") -> float:
        """Return how far apart the middle half of the rounds lies, as a share of the median."""
        values = sorted(getattr(self, clock))
        quarter = len(values) // 4
        return (values[-1 - quarter] - values[quarter]) / (self.median(clock) or 1.0)


def take_turns(
    ways: Mapping[str, Callable[[], object]],
    *,
    rounds: int = ROUNDS,
    seconds: float | None = None,
    warm: bool = True,
) -> dict[str, Times]:
    """Run every way once a round, in turn, so that a busy machine slows all of them alike; return what each took.

    A round before the first one (`warm`) is not counted: it imports and fills caches. Each round begins with another
    way. After `seconds`, no further round begins once there are `FEWEST`.
    """
    limit = time.monotonic() + (seconds_wanted() if seconds is None else seconds)
    names, times = list(ways), {name: Times() for name in ways}
    for number in range(-1 if warm else 0, rounds):
        if number >= FEWEST and time.monotonic() > limit:
            break
        first = max(number, 0) % len(names)
        for name in (*names[first:], *names[:first]):
            wall, cpu = measured(ways[name])
            if number >= 0:
                times[name].wall.append(wall)
                times[name].cpu.append(cpu)
    return times


def measured(work: Callable[[], object]) -> tuple[float, float]:
    """Return the wall and CPU seconds of some work; what it returns is dropped before the clocks are read."""
    gc.collect()
    wall, cpu = time.perf_counter(), _cpu()
    work()
    return time.perf_counter() - wall, _cpu() - cpu


def _cpu() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


@frozen(kw_only=True)
class Table:
    """Rows under a title; every cell is text. `note` is printed below: what counts as what, how many rounds."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""

    def text(self) -> str:
        """Return the table as Markdown, padded so that it reads well in a terminal too."""
        cells = [list(self.columns), *map(list, self.rows)]
        widths = [max(len(row[column]) for row in cells) for column in range(len(self.columns))]
        lines = ["| " + " | ".join(_padded(row, widths)) + " |" for row in cells]
        ruler = "|".join(["", "-" * (widths[0] + 2), *(f"{'-' * (width + 1)}:" for width in widths[1:]), ""])
        note = f"\n\n{self.note}" if self.note else ""
        return "\n".join([f"## {self.title}\n", lines[0], ruler, *lines[1:]]) + note


def _padded(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    """Return the first cell flush left and the figures flush right."""
    return [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]


def table_of_ratios(title: str, times: Mapping[str, Times], to: Sequence[str] = (), note: str = "") -> Table:
    """Return a row a way: median wall and CPU milliseconds, and each as a multiple of the ways named in `to`."""
    to = [name for name in to if name in times]
    columns = ["", "wall ms", *(f"/ {name}" for name in to), "CPU ms", *(f"/ {name}" for name in to), "spread"]
    rows = []
    for name, one in times.items():
        row = [name]
        for clock in ("wall", "cpu"):
            row.append(f"{one.median(clock) * 1e3:.1f}")
            row += [f"{one.median(clock) / (times[base].median(clock) or 1e-9):.3f}" for base in to]
        rows.append([*row, f"{one.spread():.0%}"])
    rounds = len(next(iter(times.values())).wall)
    words = f"Medians of {rounds} rounds that take turns; spread is that of the middle half of the wall times."
    return Table(title=title, columns=columns, rows=rows, note=f"{words} {note}".strip())


def publish(name: str, title: str, purpose: str, tables: Iterable[Table], packages: Iterable[str] = ()) -> None:
    """Print tables as each is made, then write the page `name` with the machine described."""
    described = f"Measured on: {machine(packages)}."
    print(f"# {title}\n\n{purpose}\n\n{described}", flush=True)
    made = []
    for table in tables:
        made.append(table.text())
        print(f"\n{made[-1]}", flush=True)
    pages = os.environ.get("MODELGUARD_BENCH_PAGES", str(ROOT / "docs" / "reference" / "benchmarks"))
    if not pages:
        return
    head = f"# {title}\n\n{purpose}\n\n{described} `python benchmarks/bench_{name}.py` prints this page."
    place = Path(pages, f"{name}.md")
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text("\n\n".join([head, *made]) + "\n", "utf-8")
