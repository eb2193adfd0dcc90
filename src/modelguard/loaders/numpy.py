"""Loads numpy arrays: `.npy` and `.npz`, arrays of objects through the restricted unpickler.

Arrays of numbers are read by numpy itself with `allow_pickle=False`. An array of objects is a pickle behind the header;
numpy would read it with `pickle.load`. Here numpy parses the header and the restricted unpickler reads the rest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any
from zipfile import ZipFile

from modelguard.loaders import _restricted
from modelguard.loaders._entry import Forbidden, Formats, Package, is_true, loader, wrong_target
from modelguard.loaders._files import grant_for, one_of, the_file
from modelguard.loaders.loader import Handover
from modelguard.terms.artifact import printable
from modelguard.terms.errors import LoaderError

_FORBIDDEN = (
    Forbidden(
        option="allow_pickle",
        reason="numpy would unpickle without restriction; arrays of objects load with the imports approved for them",
        when=is_true,
    ),
    Forbidden(option="fix_imports", reason="imports are approved by their names after Python 2 names are mapped"),
    Forbidden(
        option="mmap_mode",
        reason="a writable map would change the verified file; 'r' and 'c' do not",
        when=lambda value: value not in (None, "r", "c"),
    ),
)


class Archive(Mapping[str, Any]):
    """The arrays of an `.npz` file by name, each read when it is asked for."""

    def __init__(self, file: Path, grant: _restricted.Grant, options: Mapping[str, Any]) -> None:
        import numpy as np  # costs time: only a load needs it

        self._grant = grant
        self._encoding = options.get("encoding", "ASCII")
        self._numbers = np.load(file, allow_pickle=False, **options)
        self._zip: ZipFile = self._numbers.zip

    @property
    def files(self) -> list[str]:
        """The names of the arrays, as `numpy.lib.npyio.NpzFile.files` has them."""
        return list(self._numbers.files)

    def __getitem__(self, name: str) -> Any:
        member = name if name in self._zip.namelist() else f"{name}.npy"
        if member in self._zip.namelist():
            with self._zip.open(member) as opened:
                if _holds_objects(opened, f"{self._grant.path} » {member}"):
                    return _restricted.load(self._grant, opened, encoding=self._encoding)
        return self._numbers[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._numbers.files)

    def __len__(self) -> int:
        return len(self._numbers.files)

    def close(self) -> None:
        """Close the file; arrays not read yet are gone."""
        self._numbers.close()

    def __enter__(self) -> Archive:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()


def _holds_objects(opened: IO[bytes], where: str) -> bool:
    """Tell whether an array of objects begins here; if so, its pickle is what comes next in the file."""
    from numpy.lib import format as npy  # costs time: only a load needs it

    if opened.read(len(npy.MAGIC_PREFIX)) != npy.MAGIC_PREFIX:
        return False
    opened.seek(0)
    version = npy.read_magic(opened)
    if version > (3, 0):
        raise LoaderError(f"{printable(where)}: npy version {version} is not known")
    # Version 3 differs from 2 in that its header is UTF-8: only names of fields can differ, which are not used here.
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    _shape, _fortran, dtype = read(opened)
    return bool(dtype.hasobject)


def _load(handover: Handover) -> Any:
    import numpy as np  # costs time: only a load needs it

    if handover.target not in ("", "load"):
        raise wrong_target("numpy", handover.target, ("",))
    if handover.args:
        raise LoaderError("loader numpy takes no positional arguments", remedy='write mmap_mode="r"')
    file = the_file(handover, "numpy")
    grant = grant_for(handover, file)
    options = {name: value for name, value in handover.options.items() if name != "allow_pickle"}
    with file.open("rb") as opened:
        if opened.read(4) == b"PK\x03\x04":
            return Archive(file, grant, options)
        opened.seek(0)
        if _holds_objects(opened, grant.path):
            return _restricted.load(grant, opened, encoding=options.get("encoding", "ASCII"))
    return np.load(file, allow_pickle=False, **options)


def _offers(_formats: Formats, _file: str | None) -> tuple[str, ...]:
    return ("",)


LOADER = loader(
    name="numpy",
    package=Package(distribution="numpy", module="numpy"),
    load=_load,
    suits=one_of("numpy"),
    offers=_offers,
    forbidden=_FORBIDDEN,
)
