"""Measures loading through the guard against loading raw, and one tensor against the whole file.

    python benchmarks/bench_load.py [--only safetensors]

For each kind (safetensors in 1 and 4 files, torch zip, joblib, GGUF) every way is measured once a round, in turn. `raw`
is the framework on the files, with every page of the result touched. `hash` is SHA-256 of all files by the reader that
the guard uses. The model lies in the store already, as after `modelguard lock`. Whatever is missing on this machine is
left out and named. The environment sets size and time: see `_table.py`.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from _table import Table, bytes_wanted, publish, seconds_wanted, table_of_ratios, take_turns
from attrs import evolve, frozen

from modelguard.guard import Gate, Wish, guarded, guarded_load, guarded_open, pin
from modelguard.guard.loading import with_wishes
from modelguard.lock import update
from modelguard.policy.settings import Policy
from modelguard.sources.hashing import at_once, hash_file

PARTS = 64
PURPOSE = (
    "What the guard adds to a load, for each value of `verify` and for `strict`, beside the framework alone (`raw`) "
    "and beside SHA-256 of all files (`hash`). *changed, first* has neither records nor a view; *second* has both."
)


def touched(value: Any) -> None:
    """Read one number of every page of what was loaded: a lazily mapped result has cost nothing before."""
    values = value.values() if isinstance(value, dict) else [value]
    for one in values:
        flat = one.reshape(-1)
        flat[:: max(1, 4096 // flat.itemsize)].sum()


def arrays(size: int) -> dict[str, Any]:
    """Return 64 arrays of numbers that no two have alike, made from one: drawing all of them would take longest."""
    import numpy as np

    one = np.random.default_rng(20).random(size // PARTS // 4, dtype=np.float32)
    return {f"layer.{n:02}.weight": one + np.float32(n) for n in range(PARTS)}


def make_safetensors(directory: Path, size: int, files: int) -> None:
    from safetensors.numpy import save_file

    whole = list(arrays(size).items())
    step = PARTS // files
    for n in range(files):
        save_file(dict(whole[n * step : (n + 1) * step]), directory / f"model-{n}.safetensors")


def make_torch(directory: Path, size: int, _files: int) -> None:
    import torch

    torch.save({name: torch.from_numpy(array) for name, array in arrays(size).items()}, directory / "model.pt")


def make_joblib(directory: Path, size: int, _files: int) -> None:
    import joblib

    joblib.dump(arrays(size), directory / "model.joblib")


def make_gguf(directory: Path, size: int, _files: int) -> None:
    import gguf

    writer = gguf.GGUFWriter(directory / "model.gguf", "llama")
    for name, array in arrays(size).items():
        writer.add_tensor(name, array)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def raw_safetensors(paths: list[Path]) -> None:
    import safetensors.torch

    for path in paths:
        touched(safetensors.torch.load_file(path))


def raw_torch(paths: list[Path]) -> None:
    import torch

    touched(torch.load(paths[0], weights_only=True))


def raw_joblib(paths: list[Path]) -> None:
    import joblib

    touched(joblib.load(paths[0]))


def raw_gguf(paths: list[Path]) -> None:
    import gguf

    touched({tensor.name: tensor.data for tensor in gguf.GGUFReader(paths[0]).tensors})


def guarded_gguf(reader: Any) -> None:
    touched({tensor.name: tensor.data for tensor in reader.tensors})


@frozen
class Kind:
    """How a model is made and loaded raw; `loader` is modelguard's, none when one function loads all files."""

    make: Callable[[Path, int, int], None]
    raw: Callable[[list[Path]], None]
    loader: str
    files: int = 1


KINDS = {
    "safetensors, 1 file": Kind(make_safetensors, raw_safetensors, "safetensors.torch"),
    "safetensors, 4 files": Kind(make_safetensors, raw_safetensors, "", 4),
    "torch zip": Kind(make_torch, raw_torch, "torch"),
    "joblib": Kind(make_joblib, raw_joblib, "joblib"),
    "GGUF": Kind(make_gguf, raw_gguf, "gguf"),
}


def lock(directory: Path, scratch: Path) -> Gate:
    """Lock the files as a model of a Hub: it lies in the store alone, as after a download."""
    gate = Gate.open(policy=Policy(), lock=scratch / "modelguard.lock", store=scratch / "store")
    entry, examination = pin(gate.canonical(directory), gate, Wish())
    if not examination.allowed:
        raise SystemExit(f"refused: {[finding.message for finding in examination.findings]}")
    entry = evolve(entry, id="bench/model", revision="0" * 40, host="https://huggingface.co", repo_id="0", owner_id="0")
    update(gate.lock_path, lambda found: found.with_entry(entry), created_by="bench_load")
    return gate


def hash_all(paths: list[Path]) -> None:
    at_once([partial(hash_file, path, ours=True) for path in paths])


def guarded_once(kind: Kind, gate: Gate, **how: Any) -> None:
    """Load the model through the guard in one call: by the loader, or by a function that is given the directory."""
    if kind.loader:
        found = guarded_load("bench/model", gate=gate, loader=kind.loader, **how)
        (guarded_gguf if kind.loader == "gguf" else touched)(found)
        return
    strict = how.get("strict")
    load = guarded(
        lambda place: kind.raw(sorted(Path(place).iterdir())), gate=with_wishes(gate, how.get("verify"), strict)
    )
    load("bench/model")


def first_time(gate: Gate, work: Callable[[], None]) -> None:
    """Run without records, without views and without what this process remembers."""
    from modelguard.guard import examining
    from modelguard.sources import claims

    examining._KNOWN.clear()
    for file in (gate.store.root / "verified").glob("*"):
        file.unlink()
    for tree in (gate.store.root / "trees").iterdir():
        claims.remove_tree(tree)
    work()


def ways(kind: Kind, gate: Gate, paths: list[Path]) -> dict[str, Callable[[], None]]:
    once = partial(guarded_once, kind, gate)
    found: dict[str, Callable[[], None]] = {
        "raw": partial(kind.raw, paths),
        "hash": partial(hash_all, paths),
        "hash, then raw": lambda: (hash_all(paths), kind.raw(paths))[1],
        "always": partial(once, verify="always"),
        "changed, first": lambda: first_time(gate, partial(once, verify="changed")),
        "changed, second": partial(once, verify="changed"),
    }
    if kind.loader == "safetensors.torch":
        found["always, untouched"] = partial(
            guarded_load, "bench/model", gate=gate, loader=kind.loader, verify="always"
        )
        found["one tensor of 64, raw"] = partial(one_raw, paths[0])
        found["one tensor of 64, guarded"] = partial(one_guarded, gate)
    return found


def one_raw(path: Path) -> None:
    from safetensors import safe_open

    with safe_open(path, framework="pt") as opened:
        touched(opened.get_tensor("layer.07.weight"))


def one_guarded(gate: Gate) -> None:
    with guarded_open("bench/model", framework="pt", gate=gate) as opened:
        touched(opened.get_tensor("layer.07.weight"))


def forget(paths: list[Path]) -> None:
    """Drop files from the page cache: pages that were written one way are mapped faster than those of another way."""
    for path in paths:
        if path.is_file():
            descriptor = os.open(path, os.O_RDONLY)
            os.fsync(descriptor)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(descriptor)


def bench(name: str, kind: Kind) -> Iterator[Table]:
    with tempfile.TemporaryDirectory(prefix="modelguard-bench-") as scratch:
        directory = Path(scratch, "model")
        directory.mkdir()
        try:
            kind.make(directory, bytes_wanted(), kind.files)
        except ImportError as error:
            yield Table(title=name, columns=["left out"], rows=[[str(error)]])
            return
        gate = lock(directory, Path(scratch))
        paths = sorted(directory.iterdir())
        size = sum(path.stat().st_size for path in paths)
        forget([*paths, *(gate.store.root / "objects").rglob("*")])
        time.sleep(0.3)  # what was written just now gets no record
        times = take_turns(ways(kind, gate, paths), seconds=seconds_wanted())
        # Sealed memory takes most of the time and is slow for one reason, the copy: fewer rounds, after the others.
        strict = {"strict": partial(guarded_once, kind, gate, strict=True)}
        times |= take_turns(strict, rounds=3, seconds=0, warm=False)
    note = ""
    if "one tensor of 64, guarded" in times:
        one, whole = times["one tensor of 64, guarded"], times["hash"]
        note = (
            f"One tensor of 64, verified, is {whole.median() / one.median():.1f} times faster than hashing the file "
            f"({whole.median('cpu') / one.median('cpu'):.1f} times by CPU). *untouched*: the tensors are"
            " mapped and not read."
        )
    yield table_of_ratios(f"{name}, {size / 1e9:.2f} GB", times, to=["raw", "hash"], note=note)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="kinds whose name begins so")
    chosen = parser.parse_args()
    tables = (table for name, kind in KINDS.items() if name.startswith(chosen.only) for table in bench(name, kind))
    publish("load", "Loading through the guard", PURPOSE, tables, ["torch", "safetensors", "joblib", "gguf", "numpy"])


if __name__ == "__main__":
    main()
