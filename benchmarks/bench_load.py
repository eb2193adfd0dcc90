"""Measures loading through the guard against loading raw, and one tensor against the whole file.

    python benchmarks/bench_load.py [--megabytes 2048] [--rounds 5] [--only safetensors]

For each kind (safetensors in 1 and 4 files, torch zip, joblib, GGUF) every way is measured once a round, in turn, so
that a busy machine slows all alike; medians count. `raw` is the framework on the file, with every page of the result
touched. `hash` is SHA-256 of all files by the same reader that the guard uses. The model lies in the store already, as
after `modelguard lock`. Whatever is missing on this machine is left out and named.
"""

from __future__ import annotations

import argparse
import gc
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from attrs import evolve

from modelguard.guard import Gate, Wish, guarded_load, guarded_open, pin
from modelguard.lock import update
from modelguard.policy.settings import Policy
from modelguard.sources.hashing import at_once, hash_file

PARTS = 64


def machine() -> str:
    model = next((line.split(":", 1)[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
                  if line.startswith("model name")), platform.machine())  # fmt: skip
    load = os.getloadavg()[0]
    return (f"{model}, {len(os.sched_getaffinity(0))} cores, Linux {platform.release()}, "
            f"Python {platform.python_version()}, load average {load:.1f}")  # fmt: skip


def touched(value: Any) -> None:
    """Read one number of every page of what was loaded: a lazily mapped result has cost nothing before."""
    values = value.values() if isinstance(value, dict) else [value]
    for one in values:
        flat = one.reshape(-1)
        flat[:: max(1, 4096 // flat.itemsize)].sum()


def arrays(megabytes: int) -> dict[str, Any]:
    import numpy as np

    generator = np.random.default_rng(20)
    length = megabytes * (1 << 20) // PARTS // 4
    return {f"layer.{n:02}.weight": generator.random(length, dtype=np.float32) for n in range(PARTS)}


def make_safetensors(directory: Path, megabytes: int, files: int) -> None:
    from safetensors.numpy import save_file

    whole = list(arrays(megabytes).items())
    step = PARTS // files
    for n in range(files):
        save_file(dict(whole[n * step : (n + 1) * step]), directory / f"model-{n}.safetensors")


def make_torch(directory: Path, megabytes: int, _files: int) -> None:
    import torch

    torch.save({name: torch.from_numpy(array) for name, array in arrays(megabytes).items()}, directory / "model.pt")


def make_joblib(directory: Path, megabytes: int, _files: int) -> None:
    import joblib

    joblib.dump(arrays(megabytes), directory / "model.joblib")


def make_gguf(directory: Path, megabytes: int, _files: int) -> None:
    import gguf

    writer = gguf.GGUFWriter(directory / "model.gguf", "llama")
    for name, array in arrays(megabytes).items():
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


KINDS: dict[str, tuple[Callable[..., None], Callable[[list[Path]], None], str, int]] = {
    "safetensors, 1 file": (make_safetensors, raw_safetensors, "safetensors.torch", 1),
    "safetensors, 4 files": (make_safetensors, raw_safetensors, "safetensors.torch", 4),
    "torch zip": (make_torch, raw_torch, "torch", 1),
    "joblib": (make_joblib, raw_joblib, "joblib", 1),
    "GGUF": (make_gguf, raw_gguf, "gguf", 1),
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


def guarded_once(gate: Gate, paths: list[Path], loader: str, **how: Any) -> None:
    """Load every file of the model through the guard: as many calls as the framework has files to open."""
    for path in paths:
        found = guarded_load("bench/model", gate=gate, file=path.name, loader=loader, **how)
        (guarded_gguf if loader == "gguf" else touched)(found)


def first_time(gate: Gate, work: Callable[[], None]) -> None:
    """Run without records and without what this process remembers."""
    from modelguard.guard import examining

    examining._KNOWN.clear()
    for file in (gate.store.root / "verified").glob("*"):
        file.unlink()
    work()


def ways(
    gate: Gate, paths: list[Path], raw: Callable[[list[Path]], None], loader: str
) -> dict[str, Callable[[], None]]:
    once = partial(guarded_once, gate, paths, loader)
    found: dict[str, Callable[[], None]] = {
        "raw": partial(raw, paths),
        "hash": partial(hash_all, paths),
        "hash + raw": lambda: (hash_all(paths), raw(paths))[1],
        "always": partial(once, verify="always"),
        "changed, first": lambda: first_time(gate, partial(once, verify="changed")),
        "changed, second": partial(once, verify="changed"),
        "strict": partial(once, strict=True),
    }
    if loader == "safetensors.torch":
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


def measured(work: Callable[[], None]) -> tuple[float, float]:
    """Return wall and CPU seconds (of all threads)."""
    gc.collect()
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


def bench(kind: str, megabytes: int, rounds: int) -> None:
    make, raw, loader, files = KINDS[kind]
    with tempfile.TemporaryDirectory(prefix="modelguard-bench-") as scratch:
        directory = Path(scratch, "model")
        directory.mkdir()
        try:
            make(directory, megabytes, files)
        except ImportError as error:
            print(f"\n{kind}: left out: {error}")
            return
        paths = sorted(directory.iterdir())
        gate = lock(directory, Path(scratch))
        time.sleep(0.3)
        times: dict[str, list[tuple[float, float]]] = {}
        for number in range(rounds + 1):
            for name, work in ways(gate, paths, raw, loader).items():
                seconds = measured(work)
                if number:  # the first round imports frameworks and fills the page cache
                    times.setdefault(name, []).append(seconds)
        report(kind, sum(path.stat().st_size for path in paths), times)


def report(kind: str, size: int, times: dict[str, list[tuple[float, float]]]) -> None:
    wall = {name: statistics.median(seconds for seconds, _ in values) for name, values in times.items()}
    cpu = {name: statistics.median(seconds for _, seconds in values) for name, values in times.items()}
    print(f"\n{kind}, {size / 1e9:.2f} GB")
    print(f"  {'':26}{'wall':>10}{'/ raw':>9}{'/ hash':>9}{'CPU':>12}{'/ raw':>9}{'/ hash':>9}")
    for name in times:
        row = "".join(
            f"{one[name] * 1e3:10.1f}ms{one[name] / one['raw']:9.3f}{one[name] / one['hash']:9.3f}"
            for one in (wall, cpu)
        )
        print(f"  {name:24}{row}")
    if "one tensor of 64, guarded" in wall:
        one = "one tensor of 64, guarded"
        print(f"  one tensor is {wall['hash'] / wall[one]:.1f} times faster than the hash"
              f" ({cpu['hash'] / cpu[one]:.1f} by CPU)")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="", help="kinds whose name begins so")
    chosen = parser.parse_args()
    print(f"{machine()}\n{chosen.rounds} rounds, medians; {chosen.megabytes} MB a model")
    for kind in KINDS:
        if kind.startswith(chosen.only):
            bench(kind, chosen.megabytes, chosen.rounds)


if __name__ == "__main__":
    main()
