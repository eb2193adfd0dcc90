"""Runs every benchmark, one after the other, each as a process of its own and for a bounded time.

    python benchmarks [NAME]…            load, hash, remote, …; without a name, all

Each prints its tables and writes its page; see `_table.py` for what sets sizes and times. One that fails
or takes longer than `MODELGUARD_BENCH_LIMIT` seconds (default 1800) is named at the end, and the others go on.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
# Benchmarks that are run by a target of their own, with the reason.
APART = {"pickle": "it installs other scanners first: make bench-pickle", "pickle_own": "a part of pickle"}


def main() -> int:
    limit = float(os.environ.get("MODELGUARD_BENCH_LIMIT") or 1800)
    names = sorted(path.stem.removeprefix("bench_") for path in HERE.glob("bench_*.py"))
    wanted = sys.argv[1:] or [name for name in names if name not in APART]
    failed = []
    for name in wanted:
        started = time.monotonic()
        print(f"\n=== {name}", flush=True)
        reason = run(HERE / f"bench_{name}.py", limit)
        print(f"=== {name}: {reason or 'done'} after {time.monotonic() - started:.0f} s", flush=True)
        failed += [f"{name} ({reason})"] if reason else []
    for name in sorted(set(names) - set(wanted)):
        print(f"left out: {name}{': ' + APART[name] if name in APART else ''}")
    if failed:
        print(f"not done: {', '.join(failed)}")
    return int(bool(failed))


def run(script: Path, limit: float) -> str:
    """Run a script and all that it starts; return why it did not end well, or nothing."""
    with subprocess.Popen([sys.executable, str(script)], start_new_session=True) as process:
        try:
            code = process.wait(limit)
        except subprocess.TimeoutExpired:
            return f"longer than {limit:.0f} s"
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
    return f"ended with {code}" if code else ""


if __name__ == "__main__":
    sys.exit(main())
