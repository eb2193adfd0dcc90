"""Feeds damaged files to the reader of every format and reports each that breaks its promise.

    python tools/fuzz_formats.py --seconds 600 --seed 1 --keep DIRECTORY [--reader NAME]... [--corpus DIRECTORY]

A reader promises facts or a `ReadError`, in bounded time and memory, whatever the bytes are. Readers join by being in
the room; their samples come from tests/formats/format_samples.py, and a reader without any is a failure. The time is
shared out among the readers. Three of four inputs are read by the reader alone, the fourth by the whole walk.
`--corpus` names a directory of further files, each of which is a sample for every reader that accepts it; `--keep` is
where inputs that failed are written.

Exit code 0: every promise was kept. 1: some were not, or a reader accepted none of its inputs. 2: nothing was tried.
"""

from __future__ import annotations

import argparse
import logging
import resource
import sys
import tracemalloc
from collections import Counter
from hashlib import sha256
from pathlib import Path
from random import Random
from time import process_time

from attrs import define, field
from fuzz_mutations import mutated

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / folder) for folder in ("tests", "tests/formats", "tests/picklevm")]

from format_samples import FORMATS, Sample, samples  # noqa: E402  # the tests' folders have to be known first

from modelguard.collectors._walk import Reading  # noqa: E402
from modelguard.terms.artifact import Location  # noqa: E402
from modelguard.terms.content import Budget, Content  # noqa: E402
from modelguard.terms.facts import Recognised, Unread  # noqa: E402

SEED_LIMIT = 1 << 20
SLOW = 10.0
"""CPU seconds that one input of at most a MiB may take before it counts as a failure."""

MEMORY = 96 << 20
"""Bytes that the interpreter may hold at once for one input, beyond 64 times its length, before it counts as one."""

ADDRESS_SPACE = 6 << 30
"""Bytes that the process may use: what is asked for beyond is a failure, not a dead machine."""


@define
class Tally:
    """What one reader was given and what failed. Memory is measured for every eighth input."""

    tried: int = 0
    accepted: int = 0
    slowest: float = 0.0
    highest: int = 0
    failures: Counter[str] = field(factory=Counter)


def try_one(data: bytes, path: str, reader: str, tally: Tally, *, alone: bool, measured: bool) -> str:
    """Read one input, and return what went wrong or an empty string."""
    reading = Reading(
        budget=Budget(opcodes=2_000_000, expanded=64 << 20, members=5_000, seconds=SLOW),
        paths=frozenset({path}),
        formats=(FORMATS[reader],) if alone else tuple(FORMATS.values()),
    )
    wrong = ""
    recognised: frozenset[str] = frozenset()
    if measured:
        tracemalloc.start()
    started = process_time()
    try:
        for fact in reading.read(Content.of(data, Location(path))):
            if isinstance(fact, Unread) and fact.reason.startswith("internal fault"):
                wrong = wrong or f"{fact.format}: {fact.reason}"
            elif isinstance(fact, Recognised) and not fact.location.members:
                recognised = frozenset(fact.formats)
    except Exception as error:  # noqa: BLE001  # whatever leaves the walk is what is looked for
        wrong = f"the walk itself: {type(error).__name__}: {error}"
    taken = process_time() - started
    tally.accepted += reader in recognised
    if data and reader not in recognised and not wrong and FORMATS[reader].accepts(Content.of(data, Location(path))):
        wrong = "its clue hides it: it accepts the bytes, and the walk does not ask it"
    tally.slowest = max(tally.slowest, taken)
    if measured:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        tally.highest = max(tally.highest, peak)
        if peak > MEMORY + 64 * len(data):
            wrong = wrong or f"held {peak >> 20} MiB for {len(data)} bytes"
    tally.tried += 1
    return wrong or (f"took {taken:.1f} seconds for {len(data)} bytes" if taken > 2 * SLOW else "")


def fuzz(
    reader: str, seeds: tuple[Sample, ...], others: list[bytes], random: Random, seconds: float, keep: Path | None
) -> Tally:
    """Try inputs made of the samples of one reader for some CPU seconds."""
    tally, end = Tally(), process_time() + seconds
    while process_time() < end or not tally.tried:
        seed = random.choice(seeds)
        data = mutated(random, seed.data, others)
        path = seed.path if random.random() < 0.8 else random.choice(("model", "model.bin", "config.json", "x.pt"))
        wrong = try_one(data, path, reader, tally, alone=random.random() < 0.75, measured=not random.randrange(8))
        if wrong:
            tally.failures[wrong[:200]] += 1
        if wrong and keep is not None and tally.failures[wrong[:200]] == 1:
            keep.mkdir(parents=True, exist_ok=True)
            (keep / f"{reader}-{sha256(data).hexdigest()[:12]}").write_bytes(data)
    return tally


def seeds(directory: Path | None) -> dict[str, tuple[Sample, ...]]:
    """Return the samples of each reader, and the files below a directory of at most a MiB that it accepts."""
    found = {reader: list(some) for reader, some in samples().items()}
    for file in sorted(path for path in directory.rglob("*") if path.is_file()) if directory else []:
        data = file.read_bytes()
        content = Content.of(data, Location(file.name))
        for reader, format_ in FORMATS.items() if 0 < len(data) <= SEED_LIMIT else ():
            if format_.accepts(content):
                found.setdefault(reader, []).append(Sample(format=reader, path=file.name, data=data))
    return {reader: tuple(some) for reader, some in found.items()}


def campaign(
    readers: list[str], seconds: float, seed: int, found: dict[str, tuple[Sample, ...]], keep: Path | None
) -> dict[str, Tally]:
    """Fuzz each reader for its share of the time; print a line about each."""
    others = [sample.data for some in found.values() for sample in some]
    tallies = {}
    for reader in readers:
        if not found.get(reader):
            tallies[reader] = Tally(failures=Counter({"no sample to begin with": 1}))
            continue
        random = Random(f"{seed} {reader}")
        tally = tallies[reader] = fuzz(reader, found[reader], others, random, seconds / len(readers), keep)
        if not tally.accepted:
            tally.failures["accepted none of its inputs"] += 1
        print(
            f"{reader:24} {tally.tried:8} inputs {tally.accepted:8} accepted {sum(tally.failures.values()):4} faults"
            f"  slowest {tally.slowest:6.3f} s  highest {tally.highest >> 20:3} MiB",
            flush=True,
        )
    return tallies


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--reader", action="append", choices=sorted(FORMATS), default=None)
    parser.add_argument("--corpus", type=Path)
    parser.add_argument("--keep", type=Path)
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)  # the walk logs each fault with its traceback: here they are counted
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    readers = options.reader or sorted(FORMATS)
    tallies = campaign(readers, options.seconds, options.seed, seeds(options.corpus), options.keep)
    tried = sum(tally.tried for tally in tallies.values())
    faults = [(reader, wrong, count) for reader, tally in tallies.items() for wrong, count in tally.failures.items()]
    print(
        f"{tried} inputs for {len(tallies)} readers, seed {options.seed}; {sum(count for *_, count in faults)} faults"
    )
    for reader, wrong, count in faults:
        print(f"FAILED {count} times: {reader}: {wrong}")
    if not tried:
        return 2
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
