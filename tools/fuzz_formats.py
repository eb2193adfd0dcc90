"""Feeds random and damaged bytes to every format of the room and reports each reader that breaks its promise.

    python tools/fuzz_formats.py --seconds 60 --corpus DIRECTORY --seed 1 --keep DIRECTORY

A reader promises facts or a `ReadError`, in bounded time and memory, whatever the bytes are. Formats join by being in
the room. `--corpus` names a directory of seed files (any names, read whole up to 4 MiB each); without one, only random
bytes behind known beginnings are tried. `--keep` is where the inputs that failed are written, one file each.

Exit code 0: every promise was kept. 1: some were not. 2: nothing was tried.
"""

from __future__ import annotations

import argparse
import logging
import resource
import sys
from collections import Counter
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from random import Random
from time import monotonic

from attrs import define, field

from modelguard._registry import parts
from modelguard.collectors._walk import Reading
from modelguard.formats.format import Format
from modelguard.terms.artifact import Location
from modelguard.terms.content import Budget, Content
from modelguard.terms.facts import Unread

SEED_LIMIT = 4 << 20
SLOW = 20.0
"""Seconds that one small input may take, on a busy machine, before it counts as a failure."""

MEMORY = 6 << 30
"""Bytes of address space that the process may use: what is asked for beyond is a failure, not a dead machine."""

# Beginnings that lead past the first look of a reader.
BEGINNINGS = (
    b"PK\x03\x04", b"PK\x05\x06", b"\x80\x04", b"\x80\x02", b"\x80\x05\x95", b"(lp0\n", b"cos\nsystem\n",
    b"\x93NUMPY\x01\x00v\x00{", b"\x1f\x8b\x08\x00", b"BZh91AY&SY",
    b"\xfd7zXZ\x00\x00\x04", b"\x5d\x00\x00\x80\x00", b"\x78\x9c", b"ZF0x10 ",
    b"\x04\x22\x4d\x18", b"\x28\xb5\x2f\xfd", b"GGUF\x03\x00\x00\x00", b"\x89HDF\r\n\x1a\n", b"\x08\x08\x12",
    b'{"', b"[", b"{% ", b"---\n", b"\x7fELF", b"version https://git-lfs", b"\x18\x00\x00\x00TFL3", b"import os\n",
    b"7z\xbc\xaf\x27\x1c",
)  # fmt: skip
NAMES = (
    "model", "model.pt", "model.bin", "model.joblib", "model.pkl", "config.json", "model.safetensors", "model.gguf",
    "model.onnx", "model.h5", "model.keras", "chat_template.jinja", "README.md", "model.npz", "x.py", "model.yaml",
    "tokenizer.json", "saved_model.pb", "model.tflite", "model.nemo",
)  # fmt: skip


@define
class Tally:
    """What was tried and what failed."""

    tried: int = 0
    accepted: Counter[str] = field(factory=Counter)
    failures: Counter[str] = field(factory=Counter)
    slowest: float = 0.0


def inputs(random: Random, seeds: list[bytes]) -> Iterator[bytes]:
    """Yield inputs without end: random ones behind known beginnings, and damaged or joined seeds."""
    while True:
        if not seeds or random.random() < 0.25:
            yield random.choice(BEGINNINGS) + random.randbytes(random.choice((0, 4, 64, 512, 4096)))
            continue
        data = bytearray(random.choice(seeds))
        way = random.randrange(7)
        if way == 0:
            del data[random.randrange(len(data) + 1) :]
        elif way == 1:
            other = random.choice(seeds)
            data = data[: random.randrange(len(data) + 1)] + other[random.randrange(len(other) + 1) :]
        elif way == 2:
            data = bytearray(random.choice(seeds)) + data
        elif way == 3:
            start = random.randrange(len(data) + 1)
            data[start : start + random.randrange(64)] = random.randbytes(random.randrange(64))
        elif way == 4 and len(data) > 8:
            at = random.randrange(len(data) - 8)
            data[at : at + 8] = random.choice((b"\xff" * 8, bytes(8), b"\xff" * 7 + b"\x7f", b"\0\0\0\x80" * 2))
        else:
            for _ in range(random.randrange(1, 20)):
                if data:
                    data[random.randrange(len(data))] = random.randrange(256)
        yield bytes(data)


def try_one(data: bytes, name: str, formats: tuple[Format, ...], tally: Tally) -> str:
    """Read one input, and return what went wrong or an empty string."""
    reading = Reading(
        budget=Budget(opcodes=2_000_000, expanded=64 << 20, members=5_000, seconds=10.0),
        paths=frozenset({name}),
        formats=formats,
    )
    started = monotonic()
    wrong = ""
    try:
        for fact in reading.read(Content.of(data, Location(name))):
            if isinstance(fact, Unread) and fact.reason.startswith("internal fault"):
                wrong = wrong or f"{fact.format}: {fact.reason}"
            elif type(fact).__name__ == "Recognised":
                tally.accepted.update(getattr(fact, "formats", ()))
    except Exception as error:  # noqa: BLE001  # whatever leaves the walk is what is looked for
        wrong = f"the walk itself: {type(error).__name__}: {error}"
    taken = monotonic() - started
    tally.slowest = max(tally.slowest, taken)
    return wrong or (f"took {taken:.1f} seconds" if taken > SLOW else "")


def fuzz(seconds: float, seed: int, seeds: list[bytes], keep: Path | None) -> Tally:
    """Try inputs for some seconds."""
    random, tally = Random(seed), Tally()
    formats = parts("modelguard.formats", Format)
    end = monotonic() + seconds
    for data in inputs(random, seeds):
        if monotonic() > end:
            break
        wrong = try_one(data, random.choice(NAMES), formats, tally)
        tally.tried += 1
        if not wrong:
            continue
        tally.failures[wrong[:160]] += 1
        if keep is not None and tally.failures[wrong[:160]] == 1:
            keep.mkdir(parents=True, exist_ok=True)
            (keep / sha256(data).hexdigest()[:16]).write_bytes(data)
    return tally


def corpus(directory: Path | None) -> list[bytes]:
    """Return the seed files of a directory and all below it, cut to their first 4 MiB."""
    if directory is None:
        return []
    files = sorted(path for path in directory.rglob("*") if path.is_file())
    return [data for path in files if (data := path.read_bytes()[:SEED_LIMIT])]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--corpus", type=Path)
    parser.add_argument("--keep", type=Path)
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)  # the walk logs each fault with its traceback: here they are counted
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    seeds = corpus(options.corpus)
    tally = fuzz(options.seconds, options.seed, seeds, options.keep)
    print(f"{tally.tried} inputs from {len(seeds)} seeds, seed {options.seed}; slowest {tally.slowest:.2f} s")
    print("accepted:", ", ".join(f"{name} {count}" for name, count in sorted(tally.accepted.items())))
    for wrong, count in tally.failures.most_common():
        print(f"FAILED {count} times: {wrong}")
    if not tally.tried:
        return 2
    return 1 if tally.failures else 0


if __name__ == "__main__":
    sys.exit(main())
