"""Measures the reading of pickles against other scanners and `pickle.loads`, interleaved, and prints ratios.

    python benchmarks/bench_pickle.py [--venvs build/peers] [--files build/pickles] [--rounds 7] [--peer NAME]…

Each peer is installed from its package name into a virtual environment of its own below the folder, unless it is there,
and called through its Python interface on one file at a time in one process that stays. What is timed is the whole call
with the reading of the file, as CPU time of the process; the median of the rounds counts. Rounds go through all tools
before the next begins, so that noise meets all of them. `--page` writes the table to a page of the documentation.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
from pathlib import Path

from container_classes import make_twins
from pickle_classes import make
from pickle_peers import BATCH, OWN, PEERS, Tool, tools

TORCH = (".pt", ".pth")
SLOW = 3.0
"""Seconds after which a tool is measured once on a file, not in every round."""

NOTES = f"""\
Milliseconds of CPU time for one file, the medians of {{rounds}} rounds that went through all tools in turn; calls
that take less than {BATCH * 1000:.0f} ms are repeated within a round. modelguard is the whole scan in the process:
opening the file, every format, every check; without hashing the file and without writing a report. `loads` is
`pickle.loads`, for joblib's files `joblib.load`; for torch's containers it unpickles their pickles and reads the
bytes of all storages, a part of what `torch.load` does, which is measured where torch is installed. `peer/ours`
compares with the fastest peer, `loads/ours` with `torch.load` or `loads`.

In brackets: the tool misses `os.system` in a small file of the same kind, so it does not read such files and the
figure does not count. *false alarm*: it says of a harmless file what it says of a harmful one. *late*: stopped after
{{longest:.0f}} seconds; another word is the error with which the tool stopped. A tool that takes more than {SLOW:.0f}
seconds for a file is measured once.
"""
REPEAT = """\
To repeat it, run `make bench-pickle`: it installs the peers into `build/peers`, makes the files and writes this page.
"""


def measure(all_tools: list[Tool], path: Path, rounds: int) -> dict[str, list[float] | str]:
    """Return the times of each tool for one file, or why it has none; slow tools go through one round only."""
    results: dict[str, list[float] | str] = {tool.name: [] for tool in all_tools}
    alive = list(all_tools)
    for number in range(rounds + 1):
        for tool in list(alive):
            answer = {"failed": "-"} if tool.name == "torch.load" and path.suffix not in TORCH else tool.ask(path)
            times = results[tool.name]
            took = answer.get("took")
            if not isinstance(took, float) or isinstance(times, str):
                results[tool.name] = str(answer.get("failed", ""))
                alive.remove(tool)
            elif answer.get("alarm"):  # about a harmless file: it would say so of any
                results[tool.name] = "false alarm"
                alive.remove(tool)
            elif took > SLOW:
                times.append(took)
                alive.remove(tool)
            elif number:  # the first round warms up
                times.append(took)
    return results


def row(label: str, results: dict[str, list[float] | str], blind: set[str]) -> list[str]:
    """Return the cells of one class: the times in milliseconds and the two ratios."""
    medians = {name: statistics.median(times) * 1e3 for name, times in results.items() if not isinstance(times, str)}
    seeing = [medians[name] for name in medians if name not in OWN and name not in blind]
    cells = [label]
    for name, times in results.items():
        text = times if isinstance(times, str) else _short(medians[name])
        cells.append(f"({text})" if name in blind else text)
    ours = medians["modelguard"]
    cells.append(f"{min(seeing) / ours:.1f}" if seeing else "-")
    loads = medians.get("torch.load", medians["loads"])
    cells.append(f"{loads / ours:.2f}")
    return cells


def _short(milliseconds: float) -> str:
    return f"{milliseconds:.0f}" if milliseconds >= 100 else f"{milliseconds:#.3g}".rstrip(".")


def peak_of(tool: Tool, path: Path) -> float:
    """Return the peak of memory in megabytes of a new process that scans one file."""
    tool.restart()
    peak = tool.ask(path)["peak"]
    assert isinstance(peak, float)
    return peak


def machine() -> str:
    """Return one line about the machine."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    cpu = next((line.partition(":")[2].strip() for line in lines if "model name" in line), platform.processor())
    return f"{cpu}, {os.cpu_count()} cores (load {os.getloadavg()[0]:.1f}), Python {platform.python_version()}"


def write_page(page: Path, lines: list[list[str]], notes: str, measured: str) -> None:
    """Write the table with its notes; `measured` says where and when."""
    table = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(f"# Pickles: speed beside other scanners\n\n{notes}\n{table}\n\n{measured}\n\n{REPEAT}")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--venvs", type=Path, default=Path("build/peers"))
    parser.add_argument("--files", type=Path, default=Path("build/pickles"))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--peer", action="append", choices=PEERS)
    parser.add_argument("--only", action="append", default=[""])
    parser.add_argument("--longest", type=float, default=120.0, help="seconds of CPU time until a call is stopped")
    parser.add_argument("--page", type=Path)
    return parser.parse_args()


def main() -> None:
    options = arguments()
    files, twins = make(options.files), make_twins(options.files)
    found = tools(options.peer or list(PEERS), options.venvs, options.longest)
    all_tools = [tool for tool, _ in found.values()]
    scanners = [tool for tool in all_tools if "load" not in tool.name]  # those would run what they load
    blind = {at: {tool.name for tool in scanners if not tool.ask(path).get("alarm")} for at, path in twins.items()}
    names = [f"{name} {version}".strip() for name, (_, version) in found.items()]
    lines = [["class", *names, "peer/ours", "loads/ours"], ["---", *["---:"] * (len(names) + 2)]]
    memory = (
        f"{peak_of(found['modelguard'][0], files['array 200 MB']):.0f} MB is the peak of memory for the 200 MB file."
    )
    measured = f"{memory}\n\nMeasured on {machine()}."
    print(measured)
    for label, path in files.items():
        if any(word in label for word in options.only[1:] or options.only):
            lines.append(row(label, measure(all_tools, path, options.rounds), blind.get(label, blind[""])))
            print("  ".join(f"{cell:>16s}" for cell in lines[-1]), flush=True)
            if options.page:  # as far as it has come
                write_page(options.page, lines, NOTES.format(**vars(options)), measured)
    for tool in all_tools:
        tool.close()


if __name__ == "__main__":
    main()
