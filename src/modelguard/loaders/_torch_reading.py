"""Reads what `torch.load` reads, with torch's weights-only unpickler or with the restricted one.

Facts about torch that this relies on, read in its `serialization.py` (2.6 to 2.13): given `weights_only=False`, both
the zip and the legacy reader subclass `pickle_module.Unpickler`, and pass every name on to its `find_class` except
those with `Storage` in them, which become inert markers of an element type. Two ways lead around it, both refused
before: a zip with a `constants.pkl` goes to `torch.jit.load`, and a tar is unpacked to a temporary directory.
"""

from __future__ import annotations

import io
import pickle
import tarfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import IO, Any

from modelguard.loaders import _restricted
from modelguard.terms.artifact import printable
from modelguard.terms.errors import LoaderError

# torch renames this module before it asks find_class (https://github.com/pytorch/pytorch/pull/51633).
_OLD_MODULE, _NEW_MODULE = "torch.tensor", "torch._tensor"


def read(file: Path, grant: _restricted.Grant, options: dict[str, Any], *, weights_only: bool) -> Any:
    """Load a file that `torch.save` wrote.

    The weights-only unpickler of torch is used where the approved imports lie inside its set; where they do not, or
    where it does not know an opcode of the file, the one restricted to the approved imports is. With `weights_only`
    it is torch's or none.

    Raises `ModelRefused` for an import that is not approved, `LoaderError` for TorchScript and the legacy tar.
    """
    import torch  # costs seconds: only a load needs it

    _refuse_other_readers(file, grant.path)
    if weights_only or _within_weights_only(grant):
        try:
            return torch.load(file, weights_only=True, **options)
        except pickle.UnpicklingError:
            if weights_only:
                raise
    return _load_restricted(file, grant, options)


def read_nested(data: bytes, grant: _restricted.Grant) -> Any:
    """Load what `torch.storage._load_from_bytes` is given, under the grant of the file around it."""
    file = io.BytesIO(data)
    _refuse_torchscript(file, grant.path)
    file.seek(0)
    return _load_restricted(file, grant, {})


def read_inert(file: Path, grant: _restricted.Grant) -> Any:
    """Load a file to the CPU under a grant that decides by itself about each name.

    Raises `LoaderError` for TorchScript and the legacy tar.
    """
    from torch import serialization  # costs seconds: only a load needs it

    _refuse_other_readers(file, grant.path)
    with file.open("rb") as opened:
        options = {"mmap": True} if serialization._is_zipfile(opened) else {}
    import torch

    module = _pickle_module(grant)
    return torch.load(file, map_location="cpu", weights_only=False, pickle_module=module, **options)


def _load_restricted(file: Path | IO[bytes], grant: _restricted.Grant, options: dict[str, Any]) -> Any:
    import torch  # costs seconds: only a load needs it

    renamed = {(_NEW_MODULE, name) for module, name in grant.imports if module == _OLD_MODULE}
    widened = _restricted.Grant(path=grant.path, imports=grant.imports | renamed)
    try:
        return torch.load(file, weights_only=False, pickle_module=_pickle_module(widened), **options)
    except RuntimeError as error:
        if "explicit pickle_module" not in str(error):
            raise
        raise LoaderError(
            f"{printable(grant.path)}: TORCH_FORCE_WEIGHTS_ONLY_LOAD is set, and the file needs more than weights",
            remedy="unset it for this model, or save the model's state_dict instead",
        ) from error


def _pickle_module(grant: _restricted.Grant) -> ModuleType:
    module = _restricted.pickle_module(grant)

    class Unpickler(module.Unpickler):  # type: ignore[misc,name-defined]  # made for this file
        """Leaves out the source text of a legacy module: torch would compare it, and write a patch file beside."""

        def __setattr__(self, name: str, value: Any) -> None:
            super().__setattr__(name, _without_source(value) if name == "persistent_load" else value)

    module.Unpickler = Unpickler  # type: ignore[attr-defined]
    return module


def _without_source(persistent_load: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def load(identifier: Any) -> Any:
        if isinstance(identifier, tuple) and len(identifier) == 4 and identifier[0] in ("module", b"module"):
            identifier = (*identifier[:2], None, None)
        return persistent_load(identifier)

    return load


def _within_weights_only(grant: _restricted.Grant) -> bool:
    from torch import _weights_only_unpickler as unpickler  # private, so its absence must be borne

    allowed = getattr(unpickler, "_get_allowed_globals", None)
    # Without the set, torch is tried first: it refuses by itself what lies outside.
    return allowed is None or {f"{module}.{name}" for module, name in grant.imports} <= set(allowed())


def _refuse_other_readers(file: Path, path: str) -> None:
    with file.open("rb") as opened:
        _refuse_torchscript(opened, path)
        opened.seek(0)
        if _is_tar(opened):
            raise LoaderError(
                f"{printable(path)}: the tar of torch before 0.1.10, which torch unpacks outside of its unpickler",
                remedy="load it where it was made and save it again with torch.save",
            )


def _is_tar(opened: IO[bytes]) -> bool:
    """Tell what torch would decide: it opens the file as an uncompressed tar first."""
    try:
        tarfile.open(fileobj=opened, mode="r:", format=tarfile.PAX_FORMAT).close()
    except tarfile.TarError:
        return False
    return True


def _refuse_torchscript(opened: IO[bytes], path: str) -> None:
    """Refuse what torch would hand to `torch.jit.load`, asking torch's own reader of zip files."""
    from torch import serialization  # costs seconds: only a load needs it

    if not serialization._is_zipfile(opened):
        return
    opened.seek(0)
    with serialization._open_zipfile_reader(opened) as archive:
        if serialization._is_torchscript_zip(archive):
            raise LoaderError(
                f"{printable(path)}: a TorchScript program, not weights", remedy='load it with loader="torch.jit"'
            )
