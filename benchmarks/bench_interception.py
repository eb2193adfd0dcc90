"""Measures what an interception costs a `pickle.loads` that has nothing to do with models.

    python benchmarks/bench_interception.py

20,000 globals: references to four classes as `pickle.dumps` writes them (a name is looked up once and then remembered);
objects of these; 20,000 different classes; an object of each; and, which no pickler writes, four names looked up anew
20,000 times.

A hook cannot be removed from a process, so each way is measured in a process of its own, and they take turns: without
any hook, with a hook that looks at nothing (what the interpreter itself takes to raise the events), with the
interception, and with the interception where nothing was compiled. Where the memory of a process lies makes ten percent
of difference: the processes are forks of one, which has made the pickles, and this is done `STARTS` times.
"""

from __future__ import annotations

import gc
import os
import pickle
import sys
import time
from collections.abc import Iterator
from multiprocessing import get_context
from multiprocessing.connection import Connection
from statistics import median
from types import ModuleType

from _table import Table, publish

NAMES = [("collections", "OrderedDict"), ("datetime", "date"), ("decimal", "Decimal"), ("fractions", "Fraction")]
COUNT = 20_000
STARTS, ROUNDS, LEAST = 15, 7, 0.02
"""Processes of each way, rounds in each, and the CPU seconds that a round takes at least: small loads are repeated."""
WAYS = {"without": "no hook", "idle": "idle hook", "with": "intercepted", "pure": "intercepted, hook in Python"}
PURPOSE = (
    "What `modelguard.intercept()` costs a `pickle.loads` of 20,000 globals that has nothing to do with models, beside"
    " the same load without a hook, and with an audit hook in C that looks at nothing: what the interpreter itself"
    " takes to raise its events as soon as any hook is there."
)


def four() -> list[type]:
    """Return `COUNT` references to four classes."""
    from collections import Counter, OrderedDict, deque
    from decimal import Decimal

    return [kind for _ in range(COUNT // 4) for kind in (OrderedDict, deque, Decimal, Counter)]


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
    "four classes": lambda: pickle.dumps(four()),
    "objects of four classes": lambda: pickle.dumps([kind() for kind in four()]),
    "different classes": lambda: pickle.dumps(classes()),
    "objects of different classes": lambda: pickle.dumps([kind() for kind in classes()]),
    "four names, each time anew": each_anew,
}


def serve(how: str, programs: dict[str, tuple[bytes, int]], pipe: Connection) -> None:
    """Answer each name of a program with the CPU seconds of one `pickle.loads`, until there is no name."""
    os.environ["MODELGUARD_PURE"] = "1" if how == "pure" else ""
    import modelguard
    from modelguard.auditing import COMPILED, hook

    assert (how != "pure") == COMPILED, "compile the hook first: python hatch_build.py"
    if how == "idle":
        hook._compiled.install()
    elif how != "without":
        modelguard.intercept()
    gc.collect()
    gc.freeze()
    while name := pipe.recv():
        pipe.send(_seconds(*programs[name]))


def _seconds(data: bytes, times: int) -> float:
    start = time.process_time()
    for _ in range(times):
        pickle.loads(data)
    return (time.process_time() - start) / times


def _repeats(data: bytes) -> int:
    return max(1, int(LEAST / min(_seconds(data, 1) for _ in range(3))))


def started(programs: dict[str, tuple[bytes, int]]) -> dict[str, dict[str, list[float]]]:
    """Fork a process for each way; return the seconds of each program in each, a figure for each round."""
    fork = get_context("fork")
    pipes = {}
    for how in WAYS:
        pipes[how], theirs = fork.Pipe()
        fork.Process(target=serve, args=(how, programs, theirs), daemon=True).start()
    found: dict[str, dict[str, list[float]]] = {}
    for name in programs:
        times: dict[str, list[float]] = {how: [] for how in WAYS}
        for number in range(ROUNDS + 1):
            for how, pipe in pipes.items():
                pipe.send(name)
                seconds = pipe.recv()
                if number:
                    times[how].append(seconds)
        found[name] = times
    for pipe in pipes.values():
        pipe.send("")
    return found


def measured() -> Iterator[Table]:
    programs = {name: (data, _repeats(data)) for name, data in ((name, make()) for name, make in PROGRAMS.items())}
    starts = [started(programs) for _ in range(STARTS)]
    note = f"CPU time of {STARTS} starts of each process, each with {ROUNDS} rounds that take turns."
    yield Table(
        title="20,000 references to: medians",
        columns=["", *WAYS.values()],
        rows=[[name, *_cells([[median(one[name][how]) for one in starts] for how in WAYS])] for name in programs],
        note=f"{note} The median of the starts' ratios, and in brackets their middle half.",
    )
    yield Table(
        title="20,000 references to: best",
        columns=["", *WAYS.values()],
        rows=[[name, *_cells([[min(min(one[name][how]) for one in starts)] for how in WAYS])] for name in programs],
        note="The fastest of all rounds of a way beside the fastest of the first column.",
    )


def _cells(ways: list[list[float]]) -> list[str]:
    """Return the milliseconds of the first way, and what each other one takes more, by the pairs of their figures."""
    plain = ways[0]
    cells = [f"{median(plain) * 1e3:.2f} ms"]
    for way in ways[1:]:
        over = sorted(100 * (one / other - 1) for one, other in zip(way, plain, strict=True))
        quarter = len(over) // 4
        spread = f" ({over[quarter]:+.1f} to {over[-1 - quarter]:+.1f})" if quarter else ""
        cells.append(f"{median(over):+.1f} %{spread}")
    return cells


if __name__ == "__main__":
    publish("interception", "Interception", PURPOSE, measured())
