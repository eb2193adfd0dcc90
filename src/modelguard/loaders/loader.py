"""What a loader is.

A loader is handed a private directory that holds exactly the verified files, and must open nothing else: no network, no
path that the user typed, no repo id that a framework would resolve again. It imports its framework only when called,
or just before, while the bytes are still being hashed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from attrs import field, frozen


@frozen(kw_only=True)
class Handover:
    """What is loaded, and how.

    `root` is the verified directory, `file` the one file asked for (None for the whole directory). `formats` tells the
    formats of each file, by path; `imports` the globals (`module.name`) approved for each file, by path. `target` is
    what follows the loader's name in `loader="transformers.AutoModel"`: `AutoModel`. `remote_code` tells that the lock
    approves the model's own code by digest. `sealed` are places of files in sealed memory, by path: `root` then holds
    links to them, and a loader of single files opens the place itself. `args` and `options` are the caller's and go to
    the framework.
    """

    root: Path
    file: Path | None
    formats: Mapping[str, tuple[str, ...]]
    imports: Mapping[str, frozenset[tuple[str, str]]]
    target: str = ""
    remote_code: bool = False
    sealed: Mapping[str, Path] = field(factory=dict)
    args: tuple[Any, ...] = ()
    options: Mapping[str, Any] = field(factory=dict)


def _nothing_more(_formats: Mapping[str, tuple[str, ...]], _file: str | None) -> tuple[str, ...]:
    return ("",)


def _no_preparation() -> None:
    pass


@frozen(kw_only=True)
class Loader:
    """One framework.

    `name` is what users write before the first dot (`torch`, `transformers`). `package` is the distribution that must
    be installed, `minimum` its lowest version without a known way around its own safety, with the advisory as reason.
    `suits` tells from the files of a model (path -> formats) and the one file asked for whether this loader is the
    natural one; when several suit, the user must choose. `offers` names the targets that are natural for these files
    (what may follow the loader's name, empty for nothing): more than one is a choice for the user as well.
    `prepare` imports the framework. `runs_nothing` says that no byte of a file is ever taken for a program, whatever
    the file holds: such a loader may begin while the file is still hashed; what it returns is dropped if that fails.
    """

    name: str
    package: str
    load: Callable[[Handover], Any]
    suits: Callable[[Mapping[str, tuple[str, ...]], str | None], bool]
    offers: Callable[[Mapping[str, tuple[str, ...]], str | None], tuple[str, ...]] = _nothing_more
    prepare: Callable[[], None] = _no_preparation
    runs_nothing: bool = False
    minimum: str = ""
    minimum_reason: str = ""
