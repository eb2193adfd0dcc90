"""Measures how much faster more workers examine many models: processes and threads, one to as many as there are cores.

python benchmarks/bench_fleet.py
"""

from __future__ import annotations

import os
import pickle
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from _table import Table, publish, take_turns

from modelguard.fleet import Setting, examine_many
from modelguard.fleet.running import Opener, processes, threads

MODELS = 64
PURPOSE = (
    f"{MODELS} local pickles of a million small objects in all, examined by one worker and by several. A pool of "
    "processes takes about a second to start, which is in the figures: it is what a run pays."
)


def make(directory: Path) -> list[str]:
    """Write pickles with much to read and nothing to find."""
    for number in range(MODELS):
        words = {f"token-{number}-{index}": [index, float(index)] for index in range(1_000_000 // MODELS)}
        Path(directory, f"{number}.pkl").write_bytes(pickle.dumps(words))
    return [f"./{number}.pkl" for number in range(MODELS)]


def run(targets: list[str], home: Path, opener: Opener) -> None:
    outcomes = list(examine_many(targets, Setting(start=home, store=home / "store"), opener))
    assert len(outcomes) == len(targets)


def main() -> None:
    cores = len(os.sched_getaffinity(0))
    counts = sorted({1, 2, cores})
    with tempfile.TemporaryDirectory() as directory:
        os.chdir(directory)
        home = Path(directory)
        targets = make(home)
        ways: dict[str, Callable[[], object]] = {
            f"{count} {kind}": partial(run, targets, home, opener(count))
            for kind, opener in (("processes", processes), ("threads", threads))
            for count in counts
        }
        times = take_turns(ways, rounds=3)
        os.chdir("/")
    one = times["1 processes"].median()
    rows = [
        [name, f"{value.median():.2f}", f"{MODELS / value.median():.1f}", f"{one / value.median():.2f}"]
        for name, value in times.items()
    ]
    columns = ["workers", "wall s", "models per s", "times"]
    publish("fleet", "Many models", PURPOSE, [Table(title=f"{MODELS} models", columns=columns, rows=rows)])


if __name__ == "__main__":
    main()
