"""Measures how fast files are hashed, beside the same bytes in memory and beside other libraries.

    python benchmarks/bench_hash.py

`in memory` is SHA-256 of bytes that the processor reads at the speed of memory: no file can be hashed faster. Peers
that are not installed are left out and named. The environment sets size and time: see `_table.py`.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from _table import Table, bytes_wanted, publish, take_turns

from modelguard.sources.hashing import BLOCK, at_once, hash_file

FILES = 4
PURPOSE = (
    "SHA-256 of a file in the page cache, as GB in a second of CPU time and as a share of hashing the same bytes in "
    "memory. *a user's file* may be changed by others while it is read, *the store's* may not. The second table hashes "
    f"{FILES} files of a quarter of the size and counts wall time."
)


def in_memory(data: memoryview) -> None:
    sha256 = hashlib.sha256()
    for start in range(0, len(data), BLOCK):
        sha256.update(data[start : start + BLOCK])


def file_digest(path: Path) -> None:
    with path.open("rb") as stream:
        hashlib.file_digest(stream, "sha256")


def hub_client(path: Path) -> None:
    from huggingface_hub.utils.sha import sha_fileobj

    with path.open("rb") as stream:
        sha_fileobj(stream)


def model_signing(path: Path) -> None:
    from model_signing._hashing import io, memory

    io.SimpleFileHasher(path, memory.SHA256()).compute()


def model_signing_all(paths: list[Path]) -> None:
    from model_signing import hashing

    hashing.Config().hash(paths[0].parent, files_to_hash=paths)


def together(paths: list[Path], *, ours: bool) -> None:
    at_once([partial(hash_file, path, ours=ours) for path in paths])


def peers(ways: dict[str, tuple[str, Callable[[], object]]]) -> tuple[dict[str, Callable[[], object]], str]:
    """Return the ways whose package is here, and a sentence about the others."""
    missing = sorted(name for name, (package, _) in ways.items() if find_spec(package) is None)
    found = {name: way for name, (_, way) in ways.items() if name not in missing}
    return found, f"Not installed: {', '.join(missing)}." if missing else ""


def tables(directory: Path) -> Iterator[Table]:
    size = bytes_wanted()
    tile = os.urandom(1 << 20)
    paths = [directory / f"{number}.bin" for number in range(FILES)]
    for path in paths:
        with path.open("wb") as file:
            for _ in range(size // FILES >> 20):
                file.write(tile)
    whole = directory / "whole.bin"
    with whole.open("wb") as file:
        for _ in range(size >> 20):
            file.write(tile)
    more, note = peers(
        {
            "huggingface_hub": ("huggingface_hub", partial(hub_client, whole)),
            "model-signing": ("model_signing", partial(model_signing, whole)),
        }
    )
    ways: dict[str, Callable[[], object]] = {
        "in memory": partial(in_memory, memoryview(whole.read_bytes())),
        "modelguard, a user's file": partial(hash_file, whole),
        "modelguard, the store's": partial(hash_file, whole, ours=True),
        "hashlib.file_digest": partial(file_digest, whole),
        **more,
    }
    times = take_turns(ways)
    ceiling = times["in memory"].median("cpu")
    rows = [
        [
            name,
            f"{size / one.median('cpu') / 1e9:.2f}",
            f"{ceiling / one.median('cpu'):.1%}",
            f"{one.spread('cpu'):.0%}",
        ]
        for name, one in times.items()
    ]
    rounds = len(times["in memory"].wall)
    columns = ["", "GB per CPU s", "of memory", "spread"]
    yield Table(title=f"One file of {size / 1e9:.2f} GB", columns=columns, rows=rows, note=_note(rounds, note))
    more, note = peers({"model-signing": ("model_signing", partial(model_signing_all, paths))})
    ways = {
        "one after the other": lambda: [hash_file(path) for path in paths],
        "modelguard, users' files": partial(together, paths, ours=False),
        "modelguard, the store's": partial(together, paths, ours=True),
        **more,
    }
    times = take_turns(ways)
    alone = times["one after the other"].median()
    rows = [
        [name, f"{size / one.median() / 1e9:.2f}", f"{alone / one.median():.2f}", f"{one.spread():.0%}"]
        for name, one in times.items()
    ]
    title = f"{FILES} files, {size / 1e9:.2f} GB in all"
    yield Table(title=title, columns=["", "GB per s", "times", "spread"], rows=rows, note=_note(rounds, note))


def _note(rounds: int, more: str) -> str:
    return f"Medians of {rounds} rounds that take turns. {more}".strip()


def main() -> None:
    with tempfile.TemporaryDirectory() as directory:
        packages = ["huggingface_hub", "model-signing"]
        publish("hash", "Hashing", PURPOSE, tables(Path(directory)), packages)


if __name__ == "__main__":
    main()
