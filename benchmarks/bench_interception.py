"""Measures what an interception costs a `pickle.loads` that has nothing to do with models.

    python benchmarks/bench_interception.py [--rounds 31]

20,000 globals, twice: as `pickle.dumps` writes them (a name is looked up once and then remembered), and each looked up
anew, which is the most that a hook can cost and no ordinary pickle. A hook cannot be removed from a process, so
`without` and `with` are measured in processes of their own, which take turns; CPU time counts, best and median.
"""

from __future__ import annotations

import argparse
import pickle
import statistics
import subprocess
import sys
import time

NAMES = [("collections", "OrderedDict"), ("datetime", "date"), ("decimal", "Decimal"), ("fractions", "Fraction")]
COUNT = 20_000


def ordinary() -> bytes:
    """Return what `pickle.dumps` makes of `COUNT` objects of four classes."""
    from collections import OrderedDict
    from datetime import date
    from decimal import Decimal
    from fractions import Fraction

    return pickle.dumps([kind for _ in range(COUNT // 4) for kind in (OrderedDict, date, Decimal, Fraction)])


def each_anew() -> bytes:
    """Return a pickle that looks up `COUNT` globals and builds one list of them."""
    lookups = b"".join(
        pickle.GLOBAL + f"{module}\n{name}\n".encode() for _ in range(COUNT // len(NAMES)) for module, name in NAMES
    )
    return pickle.PROTO + b"\x04" + pickle.MARK + lookups + pickle.LIST + pickle.STOP


PROGRAMS = {"ordinary": ordinary, "each-anew": each_anew}


def serve(how: str) -> None:
    """Answer each line on stdin, the name of a program, with the CPU seconds of one `pickle.loads`."""
    if how == "with":
        import modelguard

        modelguard.intercept()
    programs = {name: make() for name, make in PROGRAMS.items()}
    for name in sys.stdin:
        data = programs[name.strip()]
        start = time.process_time()
        pickle.loads(data)
        print(time.process_time() - start, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=31)
    parser.add_argument("--serve", default="")
    chosen = parser.parse_args()
    if chosen.serve:
        serve(chosen.serve)
        return
    servers = {
        how: subprocess.Popen(
            [sys.executable, __file__, "--serve", how], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for how in ("without", "with")
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
            print(f"  {how:8} median {statistics.median(values) * 1e3:7.2f} ms   best {min(values) * 1e3:7.2f} ms")
        for label, of in (("median", statistics.median), ("best", min)):
            print(f"  overhead by {label}: {100 * (of(times['with']) / of(times['without']) - 1):+.1f} %")
    for server in servers.values():
        server.communicate()


if __name__ == "__main__":
    main()
