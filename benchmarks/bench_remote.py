"""Measures how much of a large model a remote examination moves: files of 2 GiB, 200 tensors each, on a loopback Hub.

Requests and bytes are those for the file itself, as the Hub counts them; "cdn" answers the first with a redirect, as
the real Hub does. What asks for the revision and the list of files is the same for every model and is not counted.
"""

from __future__ import annotations

import json
import os
import struct
import sys
import tempfile
import time
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests" / "formats"), str(ROOT / "tests" / "picklevm")]

from torch_builders import pickled, storage, tensor  # noqa: E402  # found by the line above

from modelguard.guard import Gate, examine  # noqa: E402
from modelguard.testing import LocalHub  # noqa: E402

TENSORS = 200


def checkpoint(path: Path, size: int) -> None:
    """Write a torch checkpoint with records aligned to 64 bytes, as torch does."""
    count = size // TENSORS // 4
    state = {f"layers.{index}.weight": tensor(storage(str(index), count), (count,), (1,)) for index in range(TENSORS)}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        archive.writestr(member(archive, "data.pkl"), pickled(state))
        archive.writestr(member(archive, "byteorder"), b"little")
        for index in range(TENSORS):
            archive.writestr(member(archive, f"data/{index}"), bytes(count * 4))
        archive.writestr(member(archive, "version"), b"3\n")


def member(archive: zipfile.ZipFile, name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(f"archive/{name}")
    padding = -(archive.start_dir + 30 + len(info.filename) + 4) % 64
    info.extra = struct.pack("<2sH", b"FB", padding) + b"Z" * padding
    return info


def safetensors(path: Path, size: int) -> None:
    length = size // TENSORS // 4 * 4
    header = {
        f"layers.{index}.weight": {
            "dtype": "F32", "shape": [length // 4], "data_offsets": [index * length, (index + 1) * length],
        }
        for index in range(TENSORS)
    }  # fmt: skip
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.truncate(file.tell() + length * TENSORS)


def measure(name: str, data: bytes, kind: str) -> None:
    with LocalHub(large_files=kind) as hub:  # type: ignore[arg-type]
        hub.repository("acme/large").commit({name: data})
        os.environ["HF_ENDPOINT"] = hub.url
        gate = Gate.open()
        examine("hf://acme/large", gate, collectors=("contents",), remote=True)  # imports everything
        hub.requests.clear()
        started = time.thread_time()
        found = examine("hf://acme/large", gate, collectors=("contents",), remote=True)
        seconds = time.thread_time() - started
        asked = [request for request in hub.requests if name in request.path]
        moved = sum(
            bytes_of(request.headers["Range"]) for request in asked if kind == "direct" or "/cdn/" in request.path
        )
    print(f"| {name} | {kind} | {len(asked)} | {moved:,} | {seconds * 1000:.0f} | {found.allowed} |", flush=True)


def bytes_of(wanted: str) -> int:
    first, _, last = wanted.removeprefix("bytes=").partition("-")
    return int(last) - int(first) + 1


def main() -> None:
    size = int(float(os.environ.get("MODELGUARD_BENCH_GIB", "2")) * (1 << 30))
    print(f"| file of {size:,} bytes | Hub | requests | bytes moved | CPU ms of the client | allowed |")
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as directory:
        os.environ["MODELGUARD_STORE"] = str(Path(directory, "store"))
        home = Path(directory, "home")
        home.mkdir()
        os.chdir(home)
        for name, write in (("model.pt", checkpoint), ("model.safetensors", safetensors)):
            path = Path(directory, name)
            write(path, size)
            data = path.read_bytes()
            path.unlink()
            for kind in ("direct", "cdn"):
                measure(name, data, kind)
            del data


if __name__ == "__main__":
    main()
