"""Measure `modelguard discover` beside bandit's B614 (torch.load) and B615 (Hub downloads) on the same trees.

`python benchmarks/bench_discover.py [TREE…] [--bandit PROGRAM] [--runs N]`: without TREE the packages of this Python
that load models; without PROGRAM bandit is installed into build/bandit. Prints the median CPU seconds, their ratio, and
which places of bandit's discover does not list; exits with 1 if there is one.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("transformers", "sentence_transformers", "torch", "huggingface_hub", "sklearn", "scipy", "numpy", "joblib")


def bandit_program() -> Path:
    """Return bandit from a virtual environment of its own, made when it is first wanted."""
    home = ROOT / "build" / "bandit"
    program = home / "bin" / "bandit"
    if not program.exists():
        venv.create(home, with_pip=True)
        subprocess.run([home / "bin" / "pip", "install", "--quiet", "bandit"], check=True)
    return program


def timed(command: list[str], output: Path) -> float:
    """Run a command with its output in a file and return its CPU seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with output.open("wb") as file:
        subprocess.run(command, stdout=file, stderr=subprocess.DEVNULL, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime)


def places_of_bandit(report: Path) -> set[tuple[str, int]]:
    results = json.loads(report.read_text("utf-8"))["results"]
    return {(str(Path(one["filename"]).resolve()), line) for one in results for line in one["line_range"][:1]}


def places_of_discover(report: Path) -> set[tuple[str, int]]:
    return {(str(Path(one["path"]).resolve()), one["line"]) for one in json.loads(report.read_text("utf-8"))["uses"]}


def main() -> None:
    """Run both alternately and print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("trees", nargs="*", type=Path)
    parser.add_argument("--bandit", type=Path)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    installed = Path(sysconfig.get_path("purelib"))
    trees = options.trees or [installed / name for name in PACKAGES if (installed / name).is_dir()]
    words = [str(tree.resolve()) for tree in trees]
    bandit = str(options.bandit or bandit_program())
    work = ROOT / "build" / "bench-discover"
    work.mkdir(parents=True, exist_ok=True)
    theirs, ours = work / "bandit.json", work / "discover.json"
    commands = {
        theirs: [bandit, "-q", "-r", *words, "-t", "B614,B615", "-f", "json"],
        ours: [sys.executable, "-m", "modelguard", "discover", *words, "--format", "json", "--fail-from", "never"],
    }
    times: dict[Path, list[float]] = {theirs: [], ours: []}
    for _ in range(options.runs):
        for output, command in commands.items():
            times[output].append(timed(command, output))
    files = sum(1 for word in words for _ in Path(word).rglob("*.py"))
    slow, fast = (statistics.median(times[output]) for output in (theirs, ours))
    print(f"{files} Python files; median of {options.runs} runs, CPU seconds")
    print(f"  bandit B614, B615      {slow:8.2f}   {len(places_of_bandit(theirs))} places")
    print(f"  modelguard discover    {fast:8.2f}   {len(places_of_discover(ours))} places")
    print(f"  ratio                  {slow / fast:8.1f}")
    missed = places_of_bandit(theirs) - places_of_discover(ours)
    for path, line in sorted(missed):
        print(f"  not listed: {path}:{line}")
    print("all found" if not missed else f"{len(missed)} not listed")
    sys.exit(bool(missed))


if __name__ == "__main__":
    main()
