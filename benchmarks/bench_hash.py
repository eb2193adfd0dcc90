"""Measures how fast files are hashed, as a share of hashing the same bytes in memory.

    python benchmarks/bench_hash.py [--megabytes 256] [--rounds 7] [--files 2]

Each round measures every way once, in turn, so that a busy machine slows all of them alike; the best round counts.
CPU seconds are those of the measuring thread; the last row hashes several files side by side and counts wall time.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from modelguard.sources.hashing import BLOCK, at_once, hash_file


def in_memory(data: bytes) -> None:
    view, sha256 = memoryview(data), hashlib.sha256()
    for start in range(0, len(data), BLOCK):
        sha256.update(view[start : start + BLOCK])


def file_digest(path: Path) -> None:
    with path.open("rb") as stream:
        hashlib.file_digest(stream, "sha256")


def side_by_side(paths: list[Path]) -> None:
    at_once([partial(hash_file, path, ours=True) for path in paths])


def measure(ways: dict[str, Callable[[], object]], rounds: int) -> dict[str, tuple[float, float]]:
    """Return the best CPU and wall seconds of each way."""
    best = dict.fromkeys(ways, (float("inf"), float("inf")))
    for _ in range(rounds):
        for name, way in ways.items():
            cpu, wall = time.thread_time(), time.perf_counter()
            way()
            cpu, wall = time.thread_time() - cpu, time.perf_counter() - wall
            best[name] = min(cpu, best[name][0]), min(wall, best[name][1])
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--files", type=int, default=2)
    settings = parser.parse_args()
    data = os.urandom(1 << 20) * settings.megabytes
    with tempfile.TemporaryDirectory() as directory:
        paths = [Path(directory, f"{number}.bin") for number in range(settings.files)]
        for path in paths:
            path.write_bytes(data)
        best = measure(
            {
                "in memory": partial(in_memory, data),
                "hashlib.file_digest": partial(file_digest, paths[0]),
                "hash_file (a user's file)": partial(hash_file, paths[0]),
                "hash_file (the store's)": partial(hash_file, paths[0], ours=True),
            },
            settings.rounds,
        )
        together = measure({"together": partial(side_by_side, paths)}, settings.rounds)["together"][1]
    ceiling = best["in memory"][0]
    print(f"{settings.megabytes} MiB, best of {settings.rounds}")
    for name, (cpu, wall) in best.items():
        print(f"{name:28} {len(data) / cpu / 1e9:5.2f} GB per CPU second  {ceiling / cpu:6.1%}  wall {wall:.3f} s")
    rate = settings.files * len(data) / together / 1e9
    print(f"{f'{settings.files} files side by side':28} {rate:5.2f} GB per second")


if __name__ == "__main__":
    main()
