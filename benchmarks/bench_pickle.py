"""Measures the reading of pickles against other scanners and `pickle.loads`, interleaved, and prints ratios.

    python benchmarks/bench_pickle.py [--venvs build/peers] [--files build/pickles] [--rounds 7] [--peer NAME]…

Each peer is installed from its package name into a virtual environment of its own below the folder, unless it is there,
and called through its Python interface on one file at a time in one process that stays. What is timed is the whole
call with the reading of the file, as CPU time of the process; the median of the rounds counts. Rounds go through all
tools before the next begins, so that noise meets all of them. A peer that fails on a class has no figure.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LONGEST = 120.0
"""Seconds after which a tool is stopped; it then has no figure for the class."""


# How each tool is called from Python: the statements that prepare, and the expression that scans `path`.
CALLS = {
    "picklescan": ("from picklescan.scanner import scan_file_path", "scan_file_path(path)"),
    "modelscan": (
        "from modelscan.modelscan import ModelScan\nfrom modelscan.settings import DEFAULT_SETTINGS",
        "ModelScan(settings=DEFAULT_SETTINGS).scan(path)",
    ),
    "fickling": ("import fickling", "fickling.is_likely_safe(path)"),
    "modelaudit": ("from modelaudit.core import scan_model_directory_or_file", "scan_model_directory_or_file(path)"),
    "hayward": (
        "from pathlib import Path\nfrom hayward import ModelFileScanner\nscanner = ModelFileScanner()",
        "scanner.scan_file(Path(path))",
    ),
    "modelguard": ("from bench_pickle_own import scan_path", "scan_path(path)"),
    "pickle.loads": (
        "from pathlib import Path\nfrom pickle_classes import load, stand_in_for_torch\nstand_in_for_torch()",
        "load(Path(path))",
    ),
}
OWN = ("modelguard", "pickle.loads")

RUNNER = """
import json, os, resource, signal, sys, time
os.environ["PROMPTFOO_DISABLE_TELEMETRY"] = os.environ["DO_NOT_TRACK"] = "1"
answers, sys.stdout = sys.stdout, sys.stderr
{prepare}
for line in sys.stdin:
    path = json.loads(line)
    signal.setitimer(signal.ITIMER_REAL, {longest})
    began = time.process_time()
    try:
        {call}
        took = time.process_time() - began
    except Exception as error:
        took = None
    signal.setitimer(signal.ITIMER_REAL, 0)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps([took, peak]), file=answers, flush=True)
"""


class Tool:
    """One scanner in a process of its own."""

    def __init__(self, name: str, python: Path, *, log: Path) -> None:
        prepare, call = CALLS[name]
        code = RUNNER.format(prepare=prepare, call=call, longest=LONGEST)
        if name in OWN:
            code = f"import sys; sys.path[:0] = {[str(ROOT / 'benchmarks'), str(ROOT / 'src')]}\n" + code
        self.name, self.failed = name, False
        self.arguments, self.log = [str(python), "-W", "ignore", "-c", code], log
        self.process = self._start()

    def _start(self) -> subprocess.Popen[str]:
        with self.log.open("a") as log:
            return subprocess.Popen(
                self.arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
            )

    def time(self, path: Path) -> tuple[float | None, float]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        try:
            self.process.stdin.write(json.dumps(str(path)) + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            self.process.wait()
            self.process = self._start()
            return None, 0.0
        took, peak = json.loads(line)
        return took, peak

    def restart(self) -> None:
        self.close()
        self.process = self._start()

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()


def install(package: str, folder: Path) -> Path:
    """Return the Python of a virtual environment that holds the package."""
    python = folder / package / "bin" / "python"
    if not python.exists():
        venv.create(folder / package, with_pip=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", package], check=True)
    return python


def measure(tools: list[Tool], path: Path, rounds: int) -> dict[str, list[float]]:
    """Return the times of each tool for one file; a tool that fails or is too slow is left out of later rounds."""
    times: dict[str, list[float]] = {tool.name: [] for tool in tools}
    alive = list(tools)
    for number in range(rounds + 1):
        for tool in list(alive):
            took, _ = tool.time(path)
            if took is None:
                alive.remove(tool)
                times[tool.name] = []
            elif number or took > 1:  # the first round warms up, unless it is long anyway
                times[tool.name].append(took)
                if took > LONGEST / 10 and len(times[tool.name]) > 1:
                    alive.remove(tool)
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--venvs", type=Path, default=Path("build/peers"))
    parser.add_argument("--files", type=Path, default=Path("build/pickles"))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--peer", action="append", choices=[name for name in CALLS if name not in OWN])
    parser.add_argument("--only", action="append", default=[])
    options = parser.parse_args()
    sys.path[:0] = [str(ROOT / "benchmarks")]
    from pickle_classes import make

    peers = options.peer or [name for name in CALLS if name not in OWN]
    options.venvs.mkdir(parents=True, exist_ok=True)
    log = options.venvs / "bench.log"
    pythons = {name: install(name, options.venvs) for name in peers}
    tools = [Tool(name, Path(sys.executable), log=log) for name in OWN] + [
        Tool(name, python, log=log) for name, python in pythons.items()
    ]
    names = [tool.name for tool in tools]
    print(f"{'class':26s}" + "".join(f"{name:>14s}" for name in names) + "   peer/ours  loads/ours")
    for label, path in make(options.files).items():
        if options.only and not any(word in label for word in options.only):
            continue
        times = measure(tools, path, options.rounds)
        medians = {name: statistics.median(values) for name, values in times.items() if values}
        ours = medians["modelguard"]
        fastest = min((medians[name] for name in peers if name in medians), default=float("nan"))
        cells = "".join(f"{medians[name] * 1e3:14.2f}" if name in medians else f"{'-':>14s}" for name in names)
        print(f"{label:26s}{cells}{fastest / ours:12.1f}{medians['pickle.loads'] / ours:12.2f}", flush=True)
    for tool in tools:
        tool.close()


if __name__ == "__main__":
    main()
