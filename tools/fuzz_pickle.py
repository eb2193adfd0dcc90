"""Searches for a pickle whose globals an unpickler looks up and the scanner does not name.

    python tools/fuzz_pickle.py [--seconds 600] [--seed N] [--framework joblib|numpy|torch]... [--generator PYTHON]

Programs are assembled from opcodes and mutated; one that makes the scanner or an unpickler behave in a way not seen
before (another set of facts, another way to end) joins the corpus that later ones are mutated from. Each program goes
through the C and the Python unpickler of every CPython found, in child processes with inert globals. Property: the
globals looked up are among those reported, or the scanner refuses. `--generator` names the Python of a virtual
environment with the package pickle-fuzzer, whose programs then join. Ends with 1 when there was a violation.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path
from random import Random

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests" / "picklevm")]

from oracle import Oracle, facts_of, names_of, pythons, refuses  # noqa: E402
from pickle_programs import mutate, program, real  # noqa: E402

OUTSIDE = """
import sys
from pickle_fuzzer import Generator
for seed in range(int(sys.argv[1]), int(sys.argv[1]) + int(sys.argv[2])):
    for protocol in range(6):
        data = bytes(Generator(protocol=protocol, seed=seed).generate())
        sys.stdout.buffer.write(len(data).to_bytes(4, "little") + data)
"""


def outside(python: str, seed: int, count: int) -> list[bytes]:
    """Return programs of the package pickle-fuzzer, six protocols for each of `count` seeds."""
    made = subprocess.run([python, "-c", OUTSIDE, str(seed), str(count)], capture_output=True, check=True).stdout
    programs = []
    while made:
        length = int.from_bytes(made[:4], "little")
        programs.append(made[4 : 4 + length])
        made = made[4 + length :]
    return programs


class Campaign:
    """One run: the corpus, what was seen, and the violations."""

    def __init__(self, seed: int, oracles: list[Oracle], extra: list[bytes]) -> None:
        self.random = Random(seed)
        self.oracles = oracles
        self.corpus = real() + extra
        self.queue = list(self.corpus)
        self.behaviours: set[object] = set()
        self.runs = self.looked_up = self.not_refused = 0
        self.violations: list[bytes] = []

    def next(self) -> bytes:
        if self.queue:
            return self.queue.pop()
        random = self.random
        if random.random() < 0.4:
            return program(random)
        return mutate(random, random.choice(self.corpus), random.choice((program(random), random.choice(self.corpus))))

    def step(self) -> None:
        data = self.next()
        facts = facts_of(data)
        refused, names = refuses(facts), names_of(facts)
        behaviour: list[object] = [frozenset((type(fact).__name__, getattr(fact, "rule", "")) for fact in facts)]
        for oracle in self.oracles:
            seen, ended = oracle.ask(data)
            behaviour.append(frozenset(ended.items()))
            self.looked_up += bool(seen)
            self.not_refused += bool(seen) and not refused
            if not refused and seen - names:
                self.violations.append(data)
                print(f"VIOLATION {seen - names} by {oracle.command[0]}: {data!r}", flush=True)
        self.runs += 1
        key = tuple(behaviour)
        if key not in self.behaviours and len(data) < 4096:
            self.behaviours.add(key)
            self.corpus.append(data)

    def report(self) -> str:
        return (
            f"{self.runs} programs, {len(self.oracles)} interpreters, {self.looked_up} runs looked up a global, "
            f"{self.not_refused} of them not refused, corpus {len(self.corpus)}, "
            f"{sum(oracle.deaths for oracle in self.oracles)} children died, violations: {len(self.violations)}"
        )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--framework", action="append", default=[], choices=["joblib", "numpy", "torch"])
    parser.add_argument("--generator", help="the Python of an environment with pickle-fuzzer")
    options = parser.parse_args()
    oracles = [Oracle(python) for python in pythons()]
    if options.framework:
        oracles.append(Oracle(frameworks=tuple(options.framework)))
    extra = outside(options.generator, options.seed, 300) if options.generator else []
    campaign = Campaign(options.seed, oracles, extra)
    print(f"seed {options.seed}, {', '.join(oracle.command[0] for oracle in oracles)}", flush=True)
    end = time.monotonic() + options.seconds
    told = 0.0
    try:
        while time.monotonic() < end:
            campaign.step()
            if time.monotonic() - told > 30:
                told = time.monotonic()
                print(campaign.report(), flush=True)
    finally:
        for oracle in oracles:
            oracle.close()
        print(campaign.report(), flush=True)
    return 1 if campaign.violations else 0


if __name__ == "__main__":
    sys.exit(main())
