"""Measures what an interception costs a `pickle.loads` that has nothing to do with models.

    python benchmarks/bench_interception.py [--rounds 61]

20,000 globals: references to four classes as `pickle.dumps` writes them (a name is looked up once and then remembered);
20,000 different classes; an object of each; and, which no pickler writes, four names looked up anew 20,000 times.

A hook cannot be removed from a process, so each way is measured in a process of its own, and they take turns: without
any hook, with a hook that looks at nothing (what the interpreter itself takes to raise the events), with the
interception, and with the interception where nothing was compiled. CPU time counts, best and median.
"""

from __future__ import annotations

import argparse
import gc
import os
import pickle
import statistics
import subprocess
import sys
import time
from types import ModuleType

NAMES = [("collections", "OrderedDict"), ("datetime", "date"), ("decimal", "Decimal"), ("fractions", "Fraction")]
COUNT = 20_000


def four() -> bytes:
    """Return what `pickle.dumps` makes of `COUNT` references to four classes."""
    from collections import OrderedDict
    from datetime import date
    from decimal import Decimal
    from fractions import Fraction

    return pickle.dumps([kind for _ in range(COUNT // 4) for kind in (OrderedDict, date, Decimal, Fraction)])


def classes() -> list[type]:
    """Return `COUNT` different classes of one module."""
    module = ModuleType("many_classes")
    sys.modules[module.__name__] = module
    for number in range(COUNT):
        name = f"Name{number:05}"
        setattr(module, name, type(name, (), {"__module__": module.__name__}))
    return [getattr(module, f"Name{number:05}") for number in range(COUNT)]


def each_anew() -> bytes:
    """Return a pickle that looks up `COUNT` globals and builds one list of them."""
    lookups = b"".join(
        pickle.GLOBAL + f"{module}\n{name}\n".encode() for _ in range(COUNT // len(NAMES)) for module, name in NAMES
    )
    return pickle.PROTO + b"\x04" + pickle.MARK + lookups + pickle.LIST + pickle.STOP


PROGRAMS = {
    "four classes": four,
    "different classes": lambda: pickle.dumps(classes()),
    "objects of different classes": lambda: pickle.dumps([kind() for kind in classes()]),
    "four names, each time anew": each_anew,
}


def serve(how: str) -> None:
    """Answer each line on stdin, the name of a program, with the CPU seconds of one `pickle.loads`."""
    programs = {name: make() for name, make in PROGRAMS.items()}
    if how == "idle":
        from modelguard.auditing import hook

        hook._compiled.install()
    elif how != "without":
        import modelguard
        from modelguard.auditing import COMPILED

        assert (how == "with") == COMPILED, "compile the hook first: python hatch_build.py"
        modelguard.intercept()
    gc.collect()
    gc.freeze()
    for name in sys.stdin:
        data = programs[name.strip()]
        start = time.process_time()
        pickle.loads(data)
        print(time.process_time() - start, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=61)
    parser.add_argument("--serve", default="")
    chosen = parser.parse_args()
    if chosen.serve:
        serve(chosen.serve)
        return
    servers = {
        how: subprocess.Popen(
            [sys.executable, __file__, "--serve", how],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "MODELGUARD_PURE": "1" if how == "pure" else "", "PYTHONHASHSEED": "0"},
        )
        for how in ("without", "idle", "with", "pure")
    }
    for name in PROGRAMS:
        times: dict[str, list[float]] = {how: [] for how in servers}
        for number in range(chosen.rounds + 2):
            for how, server in servers.items():
                assert server.stdin is not None
                assert server.stdout is not None
                server.stdin.write(f"{name}\n")
                server.stdin.flush()
                seconds = float(server.stdout.readline())
                if number > 1:
                    times[how].append(seconds)
        print(name)
        for how, values in times.items():
            over = [100 * (of(values) / of(times["without"]) - 1) for of in (statistics.median, min)]
            print(
                f"  {how:8} median {statistics.median(values) * 1e3:7.2f} ms {over[0]:+6.1f} %"
                f"   best {min(values) * 1e3:7.2f} ms {over[1]:+6.1f} %"
            )
    for server in servers.values():
        server.communicate()


if __name__ == "__main__":
    main()
