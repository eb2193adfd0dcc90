"""No loader walks from an approved import into a module or out of a class, whatever the file's format."""

from __future__ import annotations

import collections
import io
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from loaders_builders import handover, stack_global

from modelguard.loaders.choose import choose
from modelguard.terms.errors import ModelguardError, ModelRefused

WALKS = [
    ("tempfile", "_os"),
    ("tempfile", "_os.getcwd"),
    ("tempfile", "TemporaryDirectory.__init__.__globals__"),
    ("collections", "_sys.modules"),
]
HEADER = b"{'descr': '|O', 'fortran_order': False, 'shape': (2,), }"


def npy(data: bytes) -> bytes:
    return b"\x93NUMPY\x01\x00" + len(HEADER).to_bytes(2, "little") + HEADER + data


def npz(data: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("a.npy", npy(data))
    return out.getvalue()


def torch_zip(data: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in (("data.pkl", data), ("byteorder", b"little"), ("version", b"3\n")):
            archive.writestr(f"archive/{name}", content)
    return out.getvalue()


# loader, the file's name, the formats of the file, how the pickle lies in it, and how it is loaded.
LOADERS: dict[str, tuple[str, str, str, Callable[[bytes], bytes]]] = {
    "pickle": ("pickle", "m.pkl", "pickle", bytes),
    "joblib": ("joblib", "m.joblib", "joblib", bytes),
    "joblib, compressed": ("joblib", "m.joblib", "joblib", zlib.compress),
    "npy": ("numpy", "m.npy", "npy", npy),
    "npz": ("numpy", "m.npz", "npz", npz),
    "torch": ("torch", "m.pt", "torch-zip", torch_zip),
}
NEEDS = {"joblib": "joblib", "numpy": "numpy", "torch": "torch"}


def loaded(loader: str, folder: Path, module: str, name: str) -> Any:
    """Load a file whose pickle is one global, which is approved."""
    package, file_name, form, wrap = LOADERS[loader]
    if package in NEEDS:
        pytest.importorskip(NEEDS[package], reason="its loader reads the file")
    file = folder / file_name
    # torch warns of protocols that it does not write.
    file.write_bytes(wrap(stack_global(module, name, 2 if package == "torch" else 4)))
    found, _ = choose({}, None, package)
    result = found.load(handover(file, form, imports={(module, name)}))
    if form != "npz":
        return result
    with result:
        return result["a"]


HEAVY = [pytest.param(name, marks=pytest.mark.heavy) if name == "torch" else name for name in LOADERS]


@pytest.mark.parametrize("loader", HEAVY)
@pytest.mark.parametrize(("module", "name"), WALKS)
def test_a_walk_is_refused_even_when_it_was_approved(loader: str, module: str, name: str, tmp_path: Path) -> None:
    with pytest.raises(ModelguardError) as raised:
        loaded(loader, tmp_path, module, name)
    assert isinstance(raised.value, ModelRefused), raised.value


@pytest.mark.parametrize("loader", HEAVY)
def test_a_class_and_its_method_are_found_by_their_exact_names(loader: str, tmp_path: Path) -> None:
    assert loaded(loader, tmp_path, "collections", "OrderedDict") is collections.OrderedDict
    assert loaded(loader, tmp_path, "collections", "OrderedDict.fromkeys") == collections.OrderedDict.fromkeys
