"""Files that are several things at once, from the bytes to the JSON report: all formats are listed, none is allowed."""

from __future__ import annotations

import gzip
import json
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from container_builders import Piece, zip_of
from format_samples import LONE, samples
from test_tar import member, tar_of

from modelguard.cli.main import application

ARCHIVE = zip_of(Piece(name=b"archive/data.pkl", data=LONE))
TAR = tar_of(member("a.txt", b"words\n"))
CLEAN = zip_of(Piece(name=b"a.txt", data=b"words\n"))


def _of(name: str) -> bytes:
    return samples()[name][0].data


def _named_by_tar() -> bytes:
    """A pickle whose first opcodes lie in the name of a tar member: C's unpickler and tar both read it."""
    head = b"\x80\x02cposix\nsystem\nX\x0b\0\0\0echo pwned\n\x85R."
    block = bytearray(TAR)
    block[: len(head)] = head
    block[148:156] = b" " * 8
    block[148:156] = f"{sum(block[:512]):06o}\0 ".encode()
    return bytes(block)


def _numpy(data: bytes) -> bytes:
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (0,), }".ljust(117) + b"\n"
    return b"\x93NUMPY\x01\0" + struct.pack("<H", len(header)) + header + data


# Name -> file name, bytes, formats of the whole file, and what the report has to name besides.
POLYGLOTS: dict[str, tuple[str, bytes, set[str], str]] = {
    "zip and pickle": ("m.pt", LONE + ARCHIVE, {"pickle", "zip"}, "os.system"),
    "pickle in front of a clean zip": ("m.pt", LONE + CLEAN, {"pickle", "zip"}, "os.system"),
    "GGUF and zip": ("m.gguf", _of("gguf") + ARCHIVE, {"gguf", "zip"}, "os.system"),
    "PNG and zip": ("p.png", _of("picture") + ARCHIVE, {"picture", "zip"}, "os.system"),
    "tar and pickle": ("m.tar", _named_by_tar(), {"pickle", "tar"}, "posix.system"),
    "two end records": ("m.zip", ARCHIVE + CLEAN, {"zip"}, "os.system"),
    "two end records, the other way": ("m.zip", CLEAN + ARCHIVE, {"zip"}, "os.system"),
    "llamafile": ("m.llamafile", b"MZqFpD='\n" + bytes(60) + ARCHIVE, {"native", "zip"}, "os.system"),
    "safetensors and pickle": ("m.safetensors", _of("safetensors") + LONE, {"safetensors"}, "os.system"),
    "safetensors and zip": ("m.safetensors", _of("safetensors") + ARCHIVE, {"safetensors", "zip"}, "os.system"),
    "NumPy and pickle": ("m.npy", _numpy(LONE), {"npy"}, "os.system"),
    "gzip and zip": ("m.gz", gzip.compress(b"words\n", mtime=0) + ARCHIVE, {"gzip", "zip"}, "os.system"),
    "a pickle in gzip behind another": (
        "m.gz", gzip.compress(_of("pickle"), mtime=0) + gzip.compress(LONE, mtime=0), {"gzip"}, "os.system",
    ),
    "zlib and pickle": ("m.z", zlib.compress(b"words\n") + LONE, {"zlib"}, "os.system"),
    "ONNX and zip": ("m.onnx", _of("onnx") + ARCHIVE, {"zip"}, "os.system"),
    "TFLite and zip": ("m.tflite", _of("tflite") + ARCHIVE, {"tflite", "zip"}, "os.system"),
    "HDF5 and zip": ("m.h5", _of("hdf5") + ARCHIVE, {"hdf5", "zip"}, "os.system"),
    "JSON and zip": ("config.json", _of("json") + b"\n" + ARCHIVE, {"zip"}, "os.system"),
}  # fmt: skip


Scan = Callable[[str, bytes], dict[str, Any]]


@pytest.fixture
def scanned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Scan:
    monkeypatch.chdir(tmp_path)

    def scan(name: str, data: bytes) -> dict[str, Any]:
        Path(name).write_bytes(data)
        words = ["scan", name, "--format", "json"]
        code = application().main(words, prog_name="modelguard", standalone_mode=False)
        [examination] = json.loads(capsys.readouterr().out)["examinations"]
        return {**examination, "exit": code}

    return scan


@pytest.mark.parametrize("case", POLYGLOTS)
def test_a_polyglot_is_refused_and_the_report_lists_all_that_it_is(case: str, scanned: Scan) -> None:
    name, data, formats, told = POLYGLOTS[case]
    report = scanned(name, data)
    assert formats <= set(report["artifacts"][0]["formats"])
    assert told in {row["global"] for row in report["imports"]}
    assert report["verdict"] == "refused"
    assert report["exit"] == 1


@pytest.mark.parametrize("name", ["gguf", "picture", "safetensors", "onnx", "tflite", "npy", "zip", "tar"])
def test_the_halves_alone_are_what_they_are(name: str, scanned: Scan) -> None:
    sample = samples()[name][0]
    report = scanned(sample.path, sample.data)
    assert name in report["artifacts"][0]["formats"]
    assert report["verdict"] == "allowed"
