"""Which file of a handed directory is meant, and which loader is natural for a format.

The names of formats are those that the readers in `formats/` bind; this is the only table of them in this room.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from attrs import frozen

from modelguard.loaders._entry import Formats
from modelguard.loaders._restricted import Grant
from modelguard.loaders.loader import Handover
from modelguard.terms.artifact import file_type, printable
from modelguard.terms.errors import LoaderError


@frozen
class Natural:
    """The formats that a loader reads, and what in the same bytes or in the file's name speaks for another loader.

    `named` are formats that are meant only under one of the `endings`; `unless` are formats, or endings with their dot,
    for which another loader is meant.
    """

    formats: frozenset[str]
    named: frozenset[str]
    endings: frozenset[str]
    unless: frozenset[str]


def _row(formats: str = "", named: str = "", endings: str = "", unless: str = "") -> Natural:
    return Natural(*(frozenset(words.split()) for words in (formats, named, endings, unless)))


# A format accepts bytes regardless of others, so a torch archive is also a zip and a joblib file also a pickle:
# `unless` says when the more special loader is meant. Endings decide where the same format serves several.
NATURAL: dict[str, Natural] = {
    "safetensors": _row("safetensors"),
    "torch": _row("torch-zip torch-legacy torchscript", unless="torch-tar"),
    "numpy": _row("npy npz"),
    "joblib": _row("joblib", named="pickle gzip bzip2 xz lzma zlib lz4", endings=".joblib", unless="torch-legacy"),
    "pickle": _row("pickle", unless=".joblib joblib torch-legacy torch-zip torch-tar npy npz"),
    "skops": _row("skops"),
    "onnxruntime": _row("onnx"),
    "keras": _row(named="keras hdf5", endings=".keras .h5 .hdf5"),
    "gguf": _row("gguf"),
    "xgboost": _row("xgboost"),
    "lightgbm": _row("lightgbm"),
    "catboost": _row("catboost"),
}
_MODELS = frozenset().union(*(row.formats | row.named for row in NATURAL.values()))

Test: TypeAlias = Callable[[Formats, str | None], bool]


def one_of(name: str) -> Test:
    """Return the `suits` of a loader of single files: the file asked for, or the only model file there is."""
    return lambda formats, file: _suits(name, formats, file)


def _suits(name: str, formats: Formats, file: str | None) -> bool:
    if file is None:
        if is_repository(formats):
            return False
        models = [path for path, names in formats.items() if _MODELS.intersection(names)]
        if len(models) != 1:
            return False
        file = models[0]
    return fits(name, file, formats.get(file, ()))


def fits(name: str, file: str, found: tuple[str, ...]) -> bool:
    """Tell whether a loader is natural for a file of these formats."""
    row, ending = NATURAL[name], file_type(file)
    meant = row.formats | row.named if ending in row.endings else row.formats
    return bool(meant.intersection(found)) and not row.unless.intersection((*found, ending))


def is_repository(formats: Formats) -> bool:
    """Tell whether the files make up one model that is loaded as a directory."""
    return "modules.json" in formats or has_transformers_model(formats) or has_tokenizer(formats)


def has_transformers_model(formats: Formats) -> bool:
    """Tell whether there is a configuration and weights as transformers names them."""
    return "config.json" in formats and any(_is_weights(path) for path in formats)


def _is_weights(path: str) -> bool:
    if "/" in path:
        return False
    return path.endswith(".safetensors") or (path.startswith("pytorch_model") and path.endswith(".bin"))


def has_tokenizer(formats: Formats) -> bool:
    """Tell whether there are the files of a tokenizer."""
    return any(path in formats for path in ("tokenizer.json", "tokenizer_config.json"))


def the_file(handover: Handover, loader: str) -> Path:
    """Return the file to load: the one asked for, the only one there is, or the only one of the loader's formats.

    Raises `LoaderError` when there is none or several.
    """
    if handover.file is not None:
        return _place(handover, loader, handover.file.relative_to(handover.root).as_posix())
    if len(handover.formats) == 1:
        return _place(handover, loader, next(iter(handover.formats)))
    fitting = [path for path, names in handover.formats.items() if fits(loader, path, names)]
    if len(fitting) == 1:
        return _place(handover, loader, fitting[0])
    if not fitting:
        raise LoaderError(f"loader {loader}: none of the files is of a format that it reads", remedy="name the file")
    raise LoaderError(
        f"loader {loader}: several files could be meant: {', '.join(printable(path) for path in sorted(fitting))}",
        remedy="name one of them",
    )


NEEDS_NAME: dict[str, str] = {
    "keras": "the ending of the name chooses the reader",
    "onnxruntime": "files of external data are found beside the model",
}
"""Loaders that cannot open `/proc/self/fd/N`, with the reason: they get the link in the directory."""


def _place(handover: Handover, loader: str, path: str) -> Path:
    """Return where a file is opened: in sealed memory, where it has no name that somebody could give to another."""
    place = handover.root / path
    return place if loader in NEEDS_NAME else handover.sealed.get(path, place)


def grant_for(handover: Handover, file: Path) -> Grant:
    """Return the imports approved for a file; one without recorded imports may import nothing."""
    names = {place: path for path, place in handover.sealed.items()}
    path = names[file] if file in names else file.relative_to(handover.root).as_posix()
    return Grant(path=path, imports=handover.imports.get(path, frozenset()))
