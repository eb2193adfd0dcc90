"""Finds the locked model that a call of a framework means, and answers the call with it.

A path or a repository's name is looked up in the lock. A file that the lock does not know by its name, and a stream,
are looked up by their digest: a file from the Hub's cache is the locked one if its bytes are.
"""

from __future__ import annotations

import functools
import hashlib
import inspect
import os
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from attrs import define, field, frozen

from modelguard.guard import Gate, guarded_load, guarded_open
from modelguard.guard.standing import Standing, admitted, lasting
from modelguard.interception.entry_points import EntryPoint, is_path
from modelguard.loaders._confinement import confined
from modelguard.loaders._hub_files import OUTSIDE
from modelguard.sources.hashing import hash_file
from modelguard.terms.artifact import Digest, HubRef
from modelguard.terms.errors import LoaderError, ModelRefused, RefError, SourceError


@frozen(kw_only=True)
class Found:
    """What a call means: a reference as `guarded_load` takes it, and the file in it that is meant, if one is."""

    ref: str | os.PathLike[str]
    file: str | None = None


@define
class Routes:
    """The way from calls to models; remembers the directories that it has handed out, and keeps them."""

    _handed: dict[str, str] = field(factory=dict)
    _kept: ExitStack = field(factory=ExitStack)

    def follow(
        self,
        point: EntryPoint,
        original: Callable[..., Any],
        args: tuple[Any, ...],
        options: Mapping[str, Any],
        gate: Gate,
    ) -> Any:
        """Answer a call with the locked model that it means. Raises as `guarded_load` does."""
        target = point.target(args, options)
        if point.way == "download":
            return self._download(point, original, args, options, gate)
        if point.way == "refuse":
            raise runs_code(point)
        found = self._find(target, options, gate)
        more, left = point.rest(args, options)
        if point.way == "open":
            return guarded_open(found.ref, *more, file=found.file, gate=gate, **left)
        loader = _named(point, args)
        if point.way == "loader" and loader:
            return guarded_load(found.ref, *more, loader=loader, file=found.file, gate=gate, **left)
        _refuse_outside(point, left)
        standing = self._kept.enter_context(admitted(found.ref, gate))
        place = standing.root / found.file if found.file else standing.path
        before, named = args[: point.position], {}
        if len(before) < point.position:  # what comes before was left out, so the place cannot go by position
            named = {point.argument: str(place)}
        else:
            before = (*before, str(place))
        with confined():
            return original(*before, *more, **named, **left, **_stay_here(point))

    def judge(self, target: Any, point: EntryPoint, options: Mapping[str, Any], gate: Gate) -> None:
        """Raise why a call would be refused in mode guard, without answering it."""
        if point.way == "refuse":
            raise runs_code(point)
        with admitted(self._find(target, options, gate).ref, gate):
            pass

    def _find(self, target: Any, options: Mapping[str, Any], gate: Gate) -> Found:
        if not is_path(target):
            return _by_stream(target, gate)
        handed = self._handed_out(target)
        if handed is not None:
            return handed
        name = _with_revision(target, options, gate)
        try:
            gate.canonical(name)
            entry, _ = gate.entry_for(gate.canonical(name))
        except RefError:
            entry = None
        if entry is None and Path(target).is_file():
            by_digest = _by_digest(hash_file(Path(target).resolve())[0], gate)
            if by_digest is not None:
                return by_digest
        return Found(ref=name)

    def _handed_out(self, target: str | os.PathLike[str]) -> Found | None:
        path = Path(os.path.abspath(target))  # noqa: PTH100  # links are not followed: the name is what was handed out
        for place in (path, *path.parents):
            ref = self._handed.get(str(place))
            if ref is not None:
                return Found(ref=ref, file=None if place == path else path.relative_to(place).as_posix())
        return None

    def _download(
        self,
        point: EntryPoint,
        original: Callable[..., Any],
        args: tuple[Any, ...],
        options: Mapping[str, Any],
        gate: Gate,
    ) -> str:
        asked = inspect.signature(original).bind(*args, **options).arguments
        ref = _with_revision(str(asked["repo_id"]), asked, gate)
        standing = lasting(ref, gate)
        self._handed[str(standing.root)] = standing.entry.id
        if point.attribute == "snapshot_download":
            return str(standing.root)
        return str(standing.root / _member(standing, asked))


def runs_code(point: EntryPoint) -> ModelRefused:
    """Return the refusal of an entry point that runs what a model brings."""
    return ModelRefused(
        f"{point.name} runs Python code that comes with the model, whatever it says",
        remedy="install its code as a package and load its weights alone, as safetensors: see modelguard convert",
    )


def _member(standing: Standing, asked: Mapping[str, Any]) -> str:
    path = "/".join(part for part in (asked.get("subfolder"), str(asked["filename"])) if part)
    if standing.entry.file(path) is None:
        # what frameworks expect when a repository lacks a file that they can do without
        from huggingface_hub.errors import LocalEntryNotFoundError  # imports the Hub client, which is there

        raise LocalEntryNotFoundError(f"the lock approves no {path} of {standing.entry.id}")
    return path


def _refuse_outside(point: EntryPoint, options: Mapping[str, Any]) -> None:
    """Raise `LoaderError` for an option that leads out of the directory that the framework is about to be given."""
    for row in OUTSIDE:
        if row.option in options and row.when(options[row.option]):
            raise LoaderError(
                f"{point.name}: {row.option}={options[row.option]!r}: {row.reason}", remedy=f"leave {row.option} out"
            )


def _named(point: EntryPoint, args: tuple[Any, ...]) -> str:
    """Return the loader for a call; empty when the class is none that the framework offers by its name."""
    if not point.loader.endswith("*"):
        return point.loader
    import transformers  # it is there: it calls

    kind: type = args[0]
    return f"transformers.{kind.__name__}" if getattr(transformers, kind.__name__, None) is kind else ""


def _stay_here(point: EntryPoint) -> dict[str, bool]:
    return {"local_files_only": True} if "local_files_only" in point.dropped else {}


def _with_revision(target: str | os.PathLike[str], options: Mapping[str, Any], gate: Gate) -> str | os.PathLike[str]:
    """Put the revision that a call asks for into the reference; the branch or tag that was locked counts as none."""
    revision = options.get("revision")
    if not isinstance(target, str) or revision is None:
        return target
    ref = gate.canonical(target)
    if not isinstance(ref, HubRef):
        return target
    entry, _ = gate.entry_for(ref)
    return target if entry is not None and revision == entry.requested else f"{ref.repo}@{revision}"


def _by_digest(digest: Digest, gate: Gate) -> Found | None:
    lock = gate.read_vouched_lock()
    for entry in lock.entries.values() if lock else ():
        for file in entry.files:
            if file.digest == digest:
                return Found(ref=entry.id, file=file.path)
    return None


def _by_stream(stream: Any, gate: Gate) -> Found:
    if isinstance(stream, bytes | bytearray | memoryview):
        data = bytes(stream)
    elif hasattr(stream, "read") and hasattr(stream, "seek"):
        start = stream.tell()
        data = stream.read()
        stream.seek(start)
    else:
        raise LoaderError(f"intercept: {type(stream).__name__} is nothing that can be looked up in the lock")
    if not isinstance(data, bytes):
        raise SourceError("intercept: the stream gives text, not bytes")
    found = _by_digest(Digest.sha256(hashlib.sha256(data).hexdigest()), gate)
    if found is None:
        raise ModelRefused(
            "the bytes of this stream are those of no locked file", remedy="modelguard lock the file that they are from"
        )
    return found


def wrapped(
    current: Callable[[], Callable[..., Any] | None], point: EntryPoint, original: Callable[..., Any]
) -> Callable[..., Any]:
    """Return the function that stands in for an entry point: it asks whoever decides when it is called, if anybody."""

    @functools.wraps(original)
    def stand_in(*args: Any, **options: Any) -> Any:
        __tracebackhide__ = True  # as in `call`
        call = current()
        return original(*args, **options) if call is None else call(point, original, args, options)

    return stand_in
