"""Counts what scanners let through and what they stop for nothing, side by side, as a gate would see it: by exit code.

    python benchmarks/compare_scanners.py [--venvs build/peers] [--each 8]

Three heaps of files are written: pickles that call one of the dangerous names of `picklevm/knowledge/hazards.txt`
(every eighth unless `--each` says otherwise), pickles that go a known way round a scanner (`tests/picklevm`, none does
more than echo), and files that pickle, joblib and torch write of ordinary objects. Each scanner is installed from its
package name into an environment of its own, run with its default settings on one file at a time, and is said to let a
file through when its exit code is 0. Nothing is unpickled. Only sums are printed: which file passes which tool is a
recipe.

Needs the frameworks of `requirements/frameworks.txt` for the third heap.
"""

from __future__ import annotations

import argparse
import io
import os
import pickle
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from _table import Table, publish
from attrs import frozen
from pickle_peers import install

import modelguard

ROOT = Path(__file__).resolve().parent.parent
LONGEST = 120.0
"""Seconds after which a tool is stopped; the file then counts as not let through."""
Files = Iterator[tuple[str, bytes]]


@frozen(kw_only=True)
class Peer:
    """A scanner: its package, what it needs beside it to read all that it knows, and its words before the file."""

    package: str
    command: tuple[str, ...]
    beside: tuple[str, ...] = ()


PEERS = (
    Peer(package="picklescan", command=("picklescan", "--path"), beside=("numpy",)),
    Peer(package="modelscan", command=("modelscan", "--path")),
    Peer(package="fickling", command=("fickling", "--check-safety"), beside=("typing-extensions", "numpy")),
    Peer(package="modelaudit", command=("modelaudit", "scan")),
    Peer(package="hayward", command=("hayward", "scan")),
)
QUIET = {"PROMPTFOO_DISABLE_TELEMETRY": "1", "DO_NOT_TRACK": "1", "NO_COLOR": "1"}


def dangerous_names(each: int) -> Files:
    """Yield pickles that look up a dangerous name and call it with a harmless text."""
    from pickle_builders import ECHO, call, named, program, qualified
    from test_gadgets import NAMES

    for name, _ in NAMES[::each]:
        yield "names.pkl", program(*call(named(*qualified(name)), ECHO).parts)


def ways_round(_each: int) -> Files:
    """Yield every structural way round a scanner that the tests know."""
    import test_bypass_classes as cases

    for _, data, _ in (*cases.RESOLUTION, *cases.STREAMS, *cases.COMBINATIONS, *cases.DIFFERENTIALS, *cases.DENIALS):
        yield "ways.pkl", data


def ordinary(each: int) -> Files:
    """Yield what pickle, joblib and torch write of ordinary objects of ordinary libraries."""
    import benign_objects
    import joblib
    import torch

    def joblib_bytes(value: object) -> bytes:
        stream = io.BytesIO()
        joblib.dump(value, stream, compress=("zlib", 3))
        return stream.getvalue()

    def torch_bytes(value: object) -> bytes:
        stream = io.BytesIO()
        torch.save(value, stream)
        return stream.getvalue()

    writers: tuple[tuple[str, Callable[[object], bytes]], ...] = (
        ("plain.pkl", pickle.dumps), ("zlib.joblib", joblib_bytes),
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for number, value in enumerate(_objects(benign_objects.LIBRARIES)):
            if number % max(each // 2, 1) == 0:
                name, written = writers[number // max(each // 2, 1) % 2]
                yield name, written(value)
        for _, value in benign_objects.torch_weights():
            yield "weights.pt", torch_bytes(value)


def _objects(libraries: Mapping[str, Callable[[], Iterator[tuple[str, object]]]]) -> Iterator[object]:
    for name, objects in libraries.items():
        try:
            yield from (value for _, value in objects())
        except ModuleNotFoundError:
            print(f"left out: {name} is not installed", file=sys.stderr)


HEAPS: Mapping[str, Callable[[int], Files]] = {
    "dangerous names": dangerous_names, "ways round": ways_round, "ordinary files": ordinary,
}  # fmt: skip


def write(folder: Path, each: int) -> dict[str, list[Path]]:
    """Write the heaps and return their files; the same bytes are written once."""
    heaps: dict[str, list[Path]] = {}
    for heap, make in HEAPS.items():
        place = folder / heap.replace(" ", "-")
        place.mkdir(parents=True, exist_ok=True)
        for name, data in dict.fromkeys(make(each)):
            path = place / f"{len(heaps.setdefault(heap, []))}-{name}"
            path.write_bytes(data)
            heaps[heap].append(path)
    return heaps


def lets_through(command: list[str], path: Path) -> bool:
    """Run one scanner on one file, and tell whether a gate would open."""
    try:
        done = subprocess.run(
            [*command, str(path)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL,
            env={**os.environ, **QUIET}, timeout=LONGEST, check=False, cwd=path.parent,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def commands(venvs: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield the name and version of each scanner with its command."""
    yield f"modelguard {modelguard.__version__}", [sys.executable, "-m", "modelguard", "scan"]
    for peer in PEERS:
        python, version = install(peer.package, venvs)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *peer.beside, "attrs"], check=True)
        yield f"{peer.package} {version}", [str(python.parent / peer.command[0]), *peer.command[1:]]


def count(heaps: Mapping[str, list[Path]], command: list[str]) -> list[str]:
    """Return a row: let through of the two heaps that must not be, stopped of the one that should pass."""
    row = []
    with ThreadPoolExecutor(max_workers=2) as pool:
        for heap, files in heaps.items():
            passed = sum(pool.map(lambda path: lets_through(command, path), files))
            wrong = len(files) - passed if heap == "ordinary files" else passed
            row.append(f"{wrong} of {len(files)} ({wrong / len(files):.1%})")
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--venvs", type=Path, default=ROOT / "build" / "peers")
    parser.add_argument("--files", type=Path, default=Path(tempfile.gettempdir()) / "modelguard-compared")
    parser.add_argument("--each", type=int, default=8, help="take one dangerous name in so many")
    options = parser.parse_args()
    sys.path[:0] = [str(ROOT / "tests" / "picklevm"), str(ROOT / "tests")]
    heaps = write(options.files, options.each)
    rows = []
    for name, command in commands(options.venvs):
        rows.append([name, *count(heaps, command)])
        print("  ".join(rows[-1]), file=sys.stderr, flush=True)  # the whole takes long
    columns = ["", "dangerous names let through", "ways round let through", "ordinary files stopped"]
    publish(
        "comparison", "What scanners let through",
        "Counts of files by exit code, each scanner with its default settings.",
        [Table(title="Sums", columns=columns, rows=rows, note="A file is let through when the exit code is 0.")],
        packages=("scikit-learn", "torch", "pandas", "joblib"),
    )  # fmt: skip


if __name__ == "__main__":
    main()
