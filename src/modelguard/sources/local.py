"""Models on this machine: a file, or a directory as it is.

The path that the user names may be a link, which is followed once. Below it nothing is followed: links, FIFOs, devices,
sockets, names that are not safe and names that some system takes for one file become trouble, with the reason. Every
opening starts from the descriptor of the directory above: a directory exchanged for a link meanwhile is noticed.

What is left out, and cannot be loaded from the snapshot, is in `LEFT_OUT`.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TypeAlias

from attrs import define, field

from modelguard.sources import hashing, stamps
from modelguard.sources.names import fault_of, faults
from modelguard.sources.source import Listed, Options, Resolved, Shelf, Source
from modelguard.terms.artifact import Artifact, Digest, LocalRef, ModelRef, Snapshot, printable
from modelguard.terms.errors import NotFound, SourceError

DEEPEST = 64
"""Directories below the one named; deeper ones are trouble."""

# Paths that are not the model's, with the reason. The first is left out wherever it is, the second at the top.
LEFT_OUT: dict[str, str] = {
    ".git": "the history of a git clone",
    ".cache/huggingface": "notes of the Hub client about its downloads",
}

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@define
class Tree:
    """What is below a directory: files by path with their size, trouble, and what is left out."""

    files: dict[str, int] = field(factory=dict)
    trouble: dict[str, str] = field(factory=dict)
    left_out: dict[str, str] = field(factory=dict)


def resolve(ref: ModelRef, options: Options) -> Resolved:
    """List the files of a local model. Nothing is read yet.

    Raises `NotFound` when nothing is there, `SourceError` when it is neither a file nor a directory.
    """
    with _opened(_place(ref, options)) as top:
        tree = _tree(top)
    return Resolved(ref=ref, files=tuple(Listed(path=path, size=size) for path, size in tree.files.items()))


def fetch(resolved: Resolved, shelf: Shelf, options: Options, expected: Mapping[str, Digest]) -> Snapshot:
    """Copy the listed files into the store while hashing them.

    Raises `Tampered` when a file is not what was expected, `SourceError` when it changes meanwhile.
    """

    def keep(name: str, descriptor: int, wanted: Digest | None) -> tuple[Digest, int, Path | None]:
        digest, size = shelf.keep_open(descriptor, name=name, expected=wanted)
        return digest, size, shelf.path_of(digest)

    return _snapshot(resolved, options, expected, keep)


def in_place(
    ref: ModelRef,
    options: Options,
    promised: Mapping[str, tuple[int, Digest]] | None = None,
    records: stamps.Records | None = None,
) -> Snapshot:
    """Hash a local model where it lies. Its files can still change: this is for looking, not for loading.

    `promised` gives size in bytes and digest of files that are not hashed here, because every byte of them is compared
    when it is used. `records` spare the hashing of files that it vouches for; the caller saves what is new in it.

    Raises as `resolve` and `fetch`.
    """
    place = _place(ref, options)

    def look(name: str, descriptor: int, _: Digest | None) -> tuple[Digest, int, Path | None]:
        file = place / name if place.is_dir() else place
        size, digest = (promised or {}).get(name, (-1, None))
        if digest is not None and os.fstat(descriptor).st_size == size:
            if records is not None:
                digest, size = records.matches(name, file, digest, ours=False)
            return digest, size, file
        with hashing.unchanging(descriptor, name):
            digest, size = hashing.hashed(hashing.steady_blocks(descriptor), name, options.progress)
        return digest, size, file

    return _snapshot(resolve(ref, options), options, {}, look)


_Take: TypeAlias = Callable[[str, int, Digest | None], tuple[Digest, int, Path | None]]
"""What is done with each open file, given its path and expected digest: digest, size, the file that holds the bytes."""


def _snapshot(resolved: Resolved, options: Options, expected: Mapping[str, Digest], take: _Take) -> Snapshot:
    found: dict[str, Artifact] = {}

    def one(top: Path | int, path: str) -> None:
        descriptor = _open_below(top, path)
        try:
            options.progress.start(path, os.fstat(descriptor).st_size)
            digest, size, file = take(path, descriptor, expected.get(path))
            options.progress.finish(path)
        finally:
            os.close(descriptor)
        found[path] = Artifact(path=path, size=size, digest=digest, file=file)

    with _opened(_place(resolved.ref, options)) as top:
        tree = _tree(top)
        hashing.at_once([partial(one, top, listed.path) for listed in resolved.files])
    return Snapshot(
        ref=resolved.ref,
        artifacts=tuple(found[path] for path in sorted(found)),
        trouble=tuple(sorted(tree.trouble.items())),
        left_out=tuple(sorted(tree.left_out.items())),
    )


def _place(ref: ModelRef, options: Options) -> Path:
    assert isinstance(ref, LocalRef)
    place = options.home / Path(ref.path).expanduser()
    try:
        return place.resolve(strict=True)
    except FileNotFoundError as error:
        raise NotFound(
            f"{printable(str(ref))}: no such file or directory",
            remedy="a path is relative to the directory of the policy; write org/name for a model on the Hub",
        ) from error
    except (OSError, RuntimeError) as error:  # RuntimeError: a loop of links, before Python 3.13
        raise SourceError(f"{printable(str(ref))}: cannot be read: {error}") from error


@contextmanager
def _opened(place: Path) -> Iterator[Path | int]:
    """Give the descriptor of a directory, or the path itself when it is a file."""
    with hashing.reading(str(place)):
        mode = place.lstat().st_mode
    if stat.S_ISREG(mode):
        yield place
        return
    if not stat.S_ISDIR(mode):
        raise SourceError(f"{printable(str(place))}: {hashing.kind_of(mode)}, neither a file nor a directory")
    descriptor = _open_directory(str(place), None)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _open_directory(name: str, above: int | None) -> int:
    try:
        return os.open(name, _DIRECTORY, dir_fd=above)
    except OSError as error:
        raise SourceError(f"{printable(name)}: cannot be opened: {error.strerror}") from error


def _open_below(top: Path | int, path: str) -> int:
    """Open a file below a directory, one part after the other, following no link."""
    if isinstance(top, Path):
        return hashing.open_regular(top)
    *folders, name = path.split("/")
    above = os.dup(top)
    try:
        for folder in folders:
            inner = _open_directory(folder, above)
            os.close(above)
            above = inner
        return hashing.open_regular(name, above)
    finally:
        os.close(above)


def _tree(top: Path | int) -> Tree:
    tree = Tree()
    if isinstance(top, Path):
        fault = fault_of(top.name)
        if fault:
            raise SourceError(f"{printable(str(top))}: {fault}")
        with hashing.reading(str(top)):
            tree.files[top.name] = top.lstat().st_size
        return tree
    _look_into(top, "", tree, 0)
    for path, fault in faults(tree.files).items():
        tree.trouble[path] = fault
        del tree.files[path]
    return tree


def _look_into(directory: int, prefix: str, tree: Tree, depth: int) -> None:
    with hashing.reading(prefix or "the directory"), os.scandir(directory) as entries:
        listing = sorted(entries, key=lambda entry: entry.name)
    for entry in listing:
        path = prefix + entry.name
        with hashing.reading(path):  # it was listed, and may be gone or another by now
            mode = entry.stat(follow_symlinks=False).st_mode
        if entry.name == ".git" or path in LEFT_OUT:
            tree.left_out[path] = LEFT_OUT.get(path, LEFT_OUT[".git"])
        elif stat.S_ISREG(mode):
            tree.files[path] = entry.stat(follow_symlinks=False).st_size
        elif not stat.S_ISDIR(mode):
            tree.trouble[path] = _reason(entry.name, directory, mode)
        elif depth == DEEPEST:
            tree.trouble[path] = f"more than {DEEPEST} directories deep"
        else:
            _enter(entry.name, path, directory, tree, depth)


def _enter(name: str, path: str, above: int, tree: Tree, depth: int) -> None:
    try:
        inner = _open_directory(name, above)
    except SourceError as error:
        tree.trouble[path] = error.message
        return
    try:
        _look_into(inner, f"{path}/", tree, depth + 1)
    finally:
        os.close(inner)


def _reason(name: str, directory: int, mode: int) -> str:
    if not stat.S_ISLNK(mode):
        return hashing.kind_of(mode)
    with hashing.reading(name):
        target = printable(os.readlink(name, dir_fd=directory))
    hint = "; name a model of the Hub's cache org/name@commit" if "blobs/" in target else ""
    return f"a symbolic link to {target}{hint}"


SOURCE = Source(name="local", handles=LocalRef, resolve=resolve, fetch=fetch)
