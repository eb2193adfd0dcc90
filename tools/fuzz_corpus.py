"""Writes seed files for the fuzz harness: the cases of the tests of formats, one file each.

    python tools/fuzz_corpus.py DIRECTORY

Every `CASES` or `SAMPLE` of a module `tests/formats/test_*.py` becomes seeds: the bytes that stand in it at any depth.
The tests' own folders have to be importable; this file sees to that.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from hashlib import sha256
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("tests", "tests/formats", "tests/picklevm")
NAMES = ("CASES", "SAMPLE", "SAMPLES", "SOUND", "SEALED", "FRONTS", "SEEDS")


def seeds_in(value: object) -> Iterator[bytes]:
    """Yield the bytes in a value and in what it holds."""
    if isinstance(value, bytes):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from seeds_in(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from seeds_in(item)


def main() -> int:
    if len(sys.argv) != 2:
        print(__doc__)
        return 2
    target = Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    sys.path[:0] = [str(ROOT / folder) for folder in FOLDERS]
    count = 0
    for path in sorted((ROOT / "tests" / "formats").glob("test_*.py")):
        module = import_module(path.stem)
        for seed in (seed for name in NAMES for seed in seeds_in(getattr(module, name, None)) if seed):
            (target / f"{path.stem}-{sha256(seed).hexdigest()[:12]}").write_bytes(seed)
            count += 1
    print(f"{count} seeds in {target}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
