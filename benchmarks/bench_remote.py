"""Measures how much of a large model a remote examination moves, and how long it takes beside a download.

    python benchmarks/bench_remote.py

A file of 200 tensors for each format lies on a loopback Hub. Requests and bytes are those for the file itself, as the
Hub counts them; "cdn" answers the first with a redirect, as the real Hub does, "cdn, one range" lies on a store that
sends one range at a time. What asks for the revision and the list of files is the same for every model and is not
counted. The environment sets the size: see `_table.py`.
"""

from __future__ import annotations

import json
import os
import struct
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from _table import Table, bytes_wanted, publish, take_turns

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests" / "formats"), str(ROOT / "tests" / "picklevm")]

from torch_builders import pickled, storage, tensor  # noqa: E402  # found by the line above

from modelguard.guard import Gate, examine  # noqa: E402
from modelguard.testing import LocalHub  # noqa: E402

TENSORS = 200
TOKENS = 32_000
HUBS: dict[str, dict[str, Any]] = {
    "direct": {"large_files": "direct"},
    "cdn": {"large_files": "cdn"},
    "cdn, one range": {"large_files": "cdn", "several_ranges": False},
}
PURPOSE = (
    "A model on a Hub is judged by the headers, directories and pickles of its files, read by HTTP ranges. `times` "
    "says how many times longer it takes to download the file over loopback and examine it; over a network, bytes "
    "count."
)


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


def gguf(path: Path, size: int) -> None:
    """Write a GGUF file with a vocabulary, as language models have it: its header is the largest of all formats."""

    def text(value: str) -> bytes:
        data = value.encode()
        return struct.pack("<Q", len(data)) + data

    length = size // TENSORS // 32 * 32
    strings, array = 8, 9
    tokens = b"".join(text(f"token-{index}") for index in range(TOKENS))
    head = struct.pack("<4sIQQ", b"GGUF", 3, TENSORS, 2)
    head += text("general.architecture") + struct.pack("<I", strings) + text("llama")
    head += text("tokenizer.ggml.tokens") + struct.pack("<IIQ", array, strings, TOKENS) + tokens
    for index in range(TENSORS):
        head += text(f"blk.{index}.weight") + struct.pack("<IQIQ", 1, length // 4, 0, index * length)
    with path.open("wb") as file:
        file.write(head + bytes(-len(head) % 32))
        file.truncate(file.tell() + length * TENSORS)


FILES = {"model.safetensors": safetensors, "model.pt": checkpoint, "model.gguf": gguf}


def looked(name: str, data: bytes, kind: str) -> list[str]:
    """Return the row of a file on a kind of Hub."""
    with LocalHub(**HUBS[kind]) as hub:
        hub.repository("acme/large").commit({name: data})
        os.environ["HF_ENDPOINT"] = hub.url
        with tempfile.TemporaryDirectory() as place:
            gate = Gate.open(store=Path(place, "store"))
            look = partial(examine, "hf://acme/large", gate, collectors=("contents",), remote=True)
            look()  # imports everything
            hub.requests.clear()
            found = look()
            asked = [request for request in hub.requests if name in request.path]
            served = [one for one in asked if kind == "direct" or "/cdn/" in one.path]
            ways = {"remote": look} | ({"download": partial(downloaded, place)} if kind == "cdn" else {})
            times = take_turns(ways, rounds=3, seconds=0)
        moved = sum(bytes_of(one.headers["Range"], several=hub.several_ranges) for one in served)
    remote = times["remote"].median()
    ratio = f"{times['download'].median() / remote:.0f}" if "download" in times else ""
    verdict = "allowed" if found.allowed else "refused"
    return [name, kind, f"{len(asked)}", f"{moved:,}", f"{remote * 1e3:.0f}", ratio, verdict]


def downloaded(place: str) -> None:
    """Fetch the file into a fresh store and examine it there."""
    with tempfile.TemporaryDirectory(dir=place) as store:
        examine("hf://acme/large", Gate.open(store=Path(store, "store")), collectors=("contents",))


def bytes_of(wanted: str, *, several: bool) -> int:
    """Return the bytes of the ranges asked for; who sends one range only is read up to the end of the first."""
    spans = [span.split("-") for span in wanted.removeprefix("bytes=").split(",")]
    return sum(int(last) - int(first) + 1 for first, last in spans[: None if several else 1])


def rows(size: int) -> Iterator[list[str]]:
    with tempfile.TemporaryDirectory() as directory:
        for name, write in FILES.items():
            path = Path(directory, name)
            write(path, size)
            data = path.read_bytes()
            path.unlink()
            yield from (looked(name, data, kind) for kind in HUBS)


def main() -> None:
    size = bytes_wanted()
    with tempfile.TemporaryDirectory() as home:
        os.chdir(home)
        columns = ["file", "Hub", "requests", "bytes moved", "wall ms", "times", "verdict"]
        table = Table(title=f"Files of {size:,} bytes", columns=columns, rows=list(rows(size)))
        publish("remote", "Examining without a download", PURPOSE, [table], ["huggingface_hub"])
        os.chdir(ROOT)


if __name__ == "__main__":
    main()
