"""Measures what starting costs: importing modelguard, `--help`, and the first examination of a small file.

Prints medians in milliseconds of wall time over interleaved rounds, beside an interpreter that does nothing.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROUNDS = 15


def main() -> None:
    """Run every command in turn, ROUNDS times, and print the table."""
    with tempfile.TemporaryDirectory() as directory:
        target = Path(directory) / "small.pkl"
        target.write_bytes(b"\x80\x04}\x94.")
        commands = {
            "python -c pass": ["-c", "pass"],
            "import modelguard": ["-c", "import modelguard"],
            "import guarded_load": ["-c", "from modelguard import guarded_load"],
            "modelguard --help": ["-m", "modelguard", "--help"],
            "modelguard scan FILE": ["-m", "modelguard", "scan", str(target)],
        }
        taken: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(ROUNDS):
            for name, words in commands.items():
                started = time.perf_counter()
                subprocess.run([sys.executable, *words], check=True, stdout=subprocess.DEVNULL)
                taken[name].append((time.perf_counter() - started) * 1000)
    nothing = statistics.median(taken["python -c pass"])
    print(f"{'command':24}{'median ms':>12}{'minus python':>14}{'fastest':>10}")
    for name, times in taken.items():
        median = statistics.median(times)
        print(f"{name:24}{median:12.1f}{median - nothing:14.1f}{min(times):10.1f}")


if __name__ == "__main__":
    main()
