"""Measures what starting costs, in time and in memory: importing modelguard, `--help`, the first scan, a guarded load.

    python benchmarks/bench_startup.py

Every command is a process of its own. Peak memory is what the kernel counts as resident, mapped files with it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from _table import Table, bytes_wanted, publish, take_turns

ROUNDS = 11
PURPOSE = (
    "What the first use costs: fresh processes, wall time and peak memory, beside an interpreter that does nothing."
)
LOADS = {
    "raw": "import safetensors.torch as s; s.load_file('model.safetensors')",
    "guarded, always": "from modelguard import guarded_load as g; g('./model.safetensors', loader='safetensors.torch')",
    "guarded, strict": (
        "from modelguard import guarded_load as g; g('./model.safetensors', loader='safetensors.torch', strict=True)"
    ),
}


def run(words: list[str]) -> None:
    subprocess.run([sys.executable, *words], check=True, stdout=subprocess.DEVNULL)


def peak(words: list[str]) -> float:
    """Return the peak memory of a process in MB, asked of the kernel when it ends."""
    process = subprocess.Popen([sys.executable, *words], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{words} ended with {process.returncode}")
    return usage.ru_maxrss / 1024


def started() -> Table:
    Path("small.pkl").write_bytes(b"\x80\x04}\x94.")
    commands = {
        "python -c pass": ["-c", "pass"],
        "import modelguard": ["-c", "import modelguard"],
        "import guarded_load": ["-c", "from modelguard import guarded_load"],
        "modelguard --help": ["-m", "modelguard", "--help"],
        "modelguard scan FILE": ["-m", "modelguard", "scan", "small.pkl"],
    }
    times = take_turns({name: partial(run, words) for name, words in commands.items()}, rounds=ROUNDS)
    nothing = times["python -c pass"].median()
    rows = [
        [
            name,
            f"{one.median() * 1e3:.0f}",
            f"{(one.median() - nothing) * 1e3:.0f}",
            f"{min(one.wall) * 1e3:.0f}",
            f"{peak(commands[name]):.0f}",
        ]
        for name, one in times.items()
    ]
    columns = ["command", "median ms", "minus python", "fastest ms", "peak MB"]
    return Table(title="Start-up", columns=columns, rows=rows)


def loaded() -> Iterator[Table]:
    """Peak memory of a load that is not used further, raw and guarded."""
    if find_spec("torch") is None or find_spec("safetensors") is None:
        return
    import numpy as np
    from safetensors.numpy import save_file

    size = bytes_wanted()
    save_file({"w": np.ones(size // 4, dtype=np.float32)}, "model.safetensors")
    subprocess.run([sys.executable, "-m", "modelguard", "lock", "./model.safetensors"], check=True, capture_output=True)
    rows = [[name, f"{peak(['-c', code]):.0f}"] for name, code in LOADS.items()]
    note = "Sealed memory of `strict` belongs to no process alone: the kernel counts it as resident where it is mapped."
    yield Table(title=f"A load of {size / 1e6:.0f} MB", columns=["", "peak MB"], rows=rows, note=note)


def main() -> None:
    with tempfile.TemporaryDirectory() as home:
        os.environ["MODELGUARD_STORE"] = str(Path(home, "store"))
        before = Path.cwd()
        os.chdir(home)
        publish("startup", "Start-up and memory", PURPOSE, [started(), *loaded()], ["torch", "safetensors"])
        os.chdir(before)


if __name__ == "__main__":
    main()
