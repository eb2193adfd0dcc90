"""The scanners that are measured: how each is installed, called, and asked whether it found something.

Each runs in a process of its own, which stays, in a virtual environment of its own.
"""

from __future__ import annotations

import json
import subprocess
import sys
import venv
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BATCH = 0.02
"""Seconds of CPU time for which a quick call is repeated within one measurement."""

# How each tool is called from Python: statements that prepare, the call for `path`, and whether `found` is an alarm.
CALLS: dict[str, tuple[str, str, str]] = {
    "modelguard": (
        "from bench_pickle_own import scan_path",
        "scan_path(path)",
        "any(one.check == 'dangerous-call' for one in found)",
    ),
    "loads": (
        "from pathlib import Path\nfrom pickle_classes import load, stand_in_for_torch\nstand_in_for_torch()",
        "load(Path(path))",
        "False",
    ),
    "torch.load": ("import torch", "torch.load(path, weights_only=False)", "False"),
    "picklescan": (
        "from picklescan.scanner import scan_file_path",
        "scan_file_path(path)",
        "found.infected_files > 0",
    ),
    "modelscan": (
        "from modelscan.modelscan import ModelScan\nfrom modelscan.settings import DEFAULT_SETTINGS",
        "ModelScan(settings=DEFAULT_SETTINGS).scan(path)",
        "found['summary']['total_issues'] > 0",
    ),
    "fickling": ("import fickling", "fickling.is_likely_safe(path)", "not found"),
    "modelaudit": (
        "from modelaudit.core import scan_model_directory_or_file",
        "scan_model_directory_or_file(path)",
        "any('critical' in str(one.severity).lower() for one in found.issues)",
    ),
    "hayward": (
        "from pathlib import Path\nfrom hayward import ModelFileScanner\nscanner = ModelFileScanner()",
        "scanner.scan_file(Path(path))",
        "any('critical' in str(one.severity).lower() for one in found)",
    ),
}
OWN = ("modelguard", "loads", "torch.load") if find_spec("torch") else ("modelguard", "loads")
"""This one and the yardsticks, which run in the Python of the benchmark."""
PEERS = tuple(name for name in CALLS if name not in OWN)

RUNNER = """
import json, os, signal, sys, time
os.environ["PROMPTFOO_DISABLE_TELEMETRY"] = os.environ["DO_NOT_TRACK"] = "1"
answers, sys.stdout = sys.stdout, sys.stderr
{prepare}

class Late(BaseException):
    pass

def late(number, frame):
    raise Late

signal.signal(signal.SIGPROF, late)
for line in sys.stdin:
    path = json.loads(line)
    answer = {{}}
    signal.setitimer(signal.ITIMER_PROF, {longest}, 0.5)  # again where the tool catches it
    try:
        calls, began = 0, time.process_time()
        while True:
            found = {call}
            calls += 1
            took = time.process_time() - began
            if took > {longest}:
                raise Late
            if took > {batch}:
                break
        answer = {{"took": took / calls, "alarm": bool({alarm})}}
    except BaseException as error:
        answer = {{"failed": "late" if isinstance(error, Late) else type(error).__name__}}
    while True:  # a signal may come in between
        try:
            signal.setitimer(signal.ITIMER_PROF, 0)
            break
        except Late:
            continue
    with open("/proc/self/status") as status:  # ru_maxrss would also count the process that started this one
        answer["peak"] = next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM"))
    print(json.dumps(answer), file=answers, flush=True)
"""


class Tool:
    """One scanner in a process of its own."""

    def __init__(self, name: str, python: Path, *, log: Path, longest: float) -> None:
        prepare, call, alarm = CALLS[name]
        code = RUNNER.format(prepare=prepare, call=call, alarm=alarm, longest=longest, batch=BATCH)
        if name in OWN:
            code = f"import sys; sys.path[:0] = {[str(ROOT / 'benchmarks'), str(ROOT / 'src')]}\n" + code
        self.name = name
        self.arguments, self.log = [str(python), "-W", "ignore", "-c", code], log
        self.process = self._start()

    def _start(self) -> subprocess.Popen[str]:
        with self.log.open("a") as log:
            return subprocess.Popen(
                self.arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
            )

    def ask(self, path: Path) -> dict[str, object]:
        """Scan a file: `took` seconds of CPU time and `alarm`, or why it `failed`; `peak` megabytes of the process."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        try:
            self.process.stdin.write(json.dumps(str(path)) + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            self.close()
            self.process = self._start()
            return {"failed": "crash"}
        answer: dict[str, object] = json.loads(line)
        return answer

    def restart(self) -> None:
        """Begin anew, so that the peak of memory does."""
        self.close()
        self.process = self._start()

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()


def install(package: str, folder: Path) -> tuple[Path, str]:
    """Return the Python of a virtual environment that holds the package, and the package's version."""
    python = folder / package / "bin" / "python"
    if not python.exists():
        venv.create(folder / package, with_pip=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", package], check=True)
    code = f"import importlib.metadata as m; print(m.version({package!r}))"
    return python, subprocess.run([str(python), "-c", code], check=True, capture_output=True, text=True).stdout.strip()


def tools(peers: list[str], folder: Path, longest: float) -> dict[str, tuple[Tool, str]]:
    """Return the tools with their versions, this one and the yardstick first; installs what is not there."""
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "bench.log"
    found = {name: (Tool(name, Path(sys.executable), log=log, longest=longest), "") for name in OWN}
    for name in peers:
        python, version = install(name, folder)
        found[name] = (Tool(name, python, log=log, longest=longest), version)
    return found
