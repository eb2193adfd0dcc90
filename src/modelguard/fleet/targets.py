"""What a pattern or a list stands for: the models of an organization, what lies in a directory, lines of a file."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from modelguard.terms.artifact import parse_ref, printable
from modelguard.terms.errors import NotFound, RefError

if TYPE_CHECKING:
    from modelguard.sources.source import Options

_ALL = "/*"
_TREE = "/**"


def is_pattern(text: str) -> bool:
    """Tell whether a target stands for several models, or for one that only the fleet can reach."""
    return text.endswith((_ALL, _TREE)) or is_stored_elsewhere(text)


def is_stored_elsewhere(text: str) -> bool:
    """Tell whether a target is the address of an object store, as fsspec writes it."""
    scheme, colon, _ = text.partition("://")
    return bool(colon) and scheme not in {"hf", "http", "https", "file"}


def expand(texts: Iterable[str], options: Options) -> list[str]:
    """Return every target once, in the order named: `hf://org/*`, `directory/*`, `directory/**` or a single one.

    `/*` gives each entry of a directory, which is one model; `/**` each file below it. Links are not followed.

    Raises `NotFound` for a pattern that stands for nothing, and the errors of asking the Hub.
    """
    found: dict[str, None] = {}
    for text in texts:
        before = len(found)
        for target in _expanded(text, options):
            found[target] = None
        if len(found) == before and is_pattern(text) and not is_stored_elsewhere(text):
            raise NotFound(f"{printable(text)}: stands for no model that is not named already")
    return list(found)


def _expanded(text: str, options: Options) -> Iterator[str]:
    if text.startswith("hf://") and text.endswith(_ALL):
        yield from _models_of(text.removeprefix("hf://").removesuffix(_ALL), options)
    elif is_stored_elsewhere(text) or not is_pattern(text):
        yield text
    elif text.endswith(_TREE):
        yield from _files_below(Path(text.removesuffix(_TREE)))
    else:
        directory = Path(text.removesuffix(_ALL))
        yield from (_as_target(path) for path in sorted(_listed(directory)) if not path.name.startswith("."))


def _models_of(owner: str, options: Options) -> Iterator[str]:
    from modelguard.sources.hub_client import open_client  # only who asks a Hub pays for its errors and its client
    from modelguard.sources.hub_errors import told

    parse_ref(f"hf://{owner}/any")  # an owner that is no name is told of
    api = open_client(options, owner)
    with told(owner):
        names = sorted(str(model.id) for model in api.list_models(author=owner))
    for name in names:
        if name.partition("/")[0].lower() != owner.lower():
            raise NotFound(f"{owner}: the Hub answers with a model of somebody else, {printable(name)}")
        yield f"hf://{name}"


def _listed(directory: Path) -> list[Path]:
    if not directory.is_dir():
        raise NotFound(f"{printable(str(directory))}: is no directory")
    return list(directory.iterdir())


def _files_below(directory: Path) -> Iterator[str]:
    _listed(directory)
    for folder, names, files in os.walk(directory):
        names[:] = sorted(name for name in names if not name.startswith("."))
        yield from (_as_target(Path(folder, name)) for name in sorted(files))


def _as_target(path: Path) -> str:
    return str(path) if path.is_absolute() else f"./{path}"


def read_list(file: Path) -> list[str]:
    """Return the targets in a file, one a line; empty lines and those that begin with # are left out.

    Raises `RefError` when the file cannot be read.
    """
    try:
        lines = file.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise RefError(f"{file}: cannot be read: {error}") from error
    return [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]
