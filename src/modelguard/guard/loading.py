"""Loading what was approved, and nothing else.

Each load gets a directory that holds exactly the locked files, linked from the private store. The files are hashed and
examined there, and the loader is handed paths in that directory: what was read is what is loaded.
"""

from __future__ import annotations

import atexit
import functools
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeVar

from attrs import evolve

from modelguard.guard.gate import Gate
from modelguard.guard.memory import untouched
from modelguard.guard.standing import Standing, admitted, withheld
from modelguard.loaders.choose import choose
from modelguard.loaders.loader import Handover
from modelguard.policy.settings import Verify
from modelguard.terms.errors import LoaderError, PolicyError
from modelguard.terms.facts import Import, Recognised
from modelguard.terms.verdict import Examination

Loaded = TypeVar("Loaded")

_KEPT = ExitStack()
"""Views of models that this process has loaded: some frameworks open files again later. Removed at exit."""
atexit.register(_KEPT.close)

DONE = frozenset(
    {"pickle", "joblib", "numpy", "torch", "safetensors", "skops", "xgboost", "lightgbm", "catboost", "gguf"}
)
"""Loaders that have read or mapped their one file when they return and never ask for it again: nothing of it is kept.
A map outlives the name and the descriptor that it was made from."""

LOADER_OF: dict[tuple[str, str], str] = {
    ("torch.serialization", "load"): "torch",
    ("joblib.numpy_pickle", "load"): "joblib",
    ("numpy", "load"): "numpy",
    ("safetensors.numpy", "load_file"): "safetensors.numpy",
    ("safetensors.torch", "load_file"): "safetensors.torch",
}
"""Functions that `guarded` knows a loader for, by the module and name that they carry."""


def guarded_load(
    ref: str | os.PathLike[str],
    *args: Any,
    loader: str | None = None,
    file: str | None = None,
    gate: Gate | None = None,
    verify: Verify | None = None,
    strict: bool | None = None,
    **options: Any,
) -> Any:
    """Load a locked model, or raise.

    `ref` is `org/name`, a local path or an https address, as it was given to `modelguard lock`. `loader` names the
    framework and what to call in it (`"transformers.AutoModel"`, `"safetensors.numpy"`); without it, the files decide,
    and several possibilities are an error that lists them. `file` picks one file of the model. `args` and `options` go
    to the framework, except those that would weaken it. `verify` ("always", "sealed", "changed") says when the bytes
    are hashed again, `strict` whether they are handed over in sealed memory; both default to what the policy says, and
    neither can be weaker than a policy file asks for.

    Raises `ModelRefused` (with the whole examination), `LockError`, `PolicyError`, `RefError`, `LoaderError`, or
    `SourceError` when bytes that are not in the store cannot be fetched.
    """
    gate = with_wishes(gate or Gate.open(), verify, strict)
    with ExitStack() as stack:
        standing = stack.enter_context(admitted(ref, gate, early=True))
        return _load(standing, gate, loader, file or standing.inner, args, options, stack)


@contextmanager
def verified_snapshot(ref: str | os.PathLike[str], *, gate: Gate | None = None) -> Iterator[Path]:
    """Give a directory that holds exactly the approved files, for frameworks that modelguard does not know.

    The directory goes away at the end of the `with` block. Raises as `guarded_load` does.
    """
    with admitted(ref, gate or Gate.open()) as standing:
        yield standing.path


def guarded(load: Callable[..., Loaded], *, gate: Gate | None = None) -> Callable[..., Loaded]:
    """Wrap any callable that takes a path or a model's name first, so that it is given verified bytes only.

        load = guarded(torch.load)
        obj = load("model.pt", map_location="cpu")

    A function that modelguard has a loader for (`torch.load`, `joblib.load`, `numpy.load`) goes through that loader,
    which holds the unpickler to the approved imports. The wrapper raises as `guarded_load` does.
    """
    if isinstance(load, functools.partial) and not load.args:  # what is bound by name is an option like any other
        return functools.partial(guarded(load.func, gate=gate), **load.keywords)
    known = LOADER_OF.get((getattr(load, "__module__", ""), getattr(load, "__qualname__", "")))

    @functools.wraps(load)
    def checked(ref: str | os.PathLike[str], *args: Any, **options: Any) -> Loaded:
        opened = gate or Gate.open()
        with ExitStack() as stack:
            standing = stack.enter_context(admitted(ref, opened, early=True))
            file = standing.inner or standing.only_file
            if known is None:
                args = (load, *args)
            loaded: Loaded = _load(standing, opened, known or "callable", file, args, options, stack)
            return loaded

    return checked


_STRENGTH: tuple[Verify, ...] = ("changed", "sealed", "always")


def with_wishes(gate: Gate, verify: Verify | None, strict: bool | None) -> Gate:  # noqa: FBT001  # None is "as it is"
    """Return the gate with what one load asks for.

    Raises `PolicyError` for an unknown word, and for a wish that is weaker than what a policy file asks for.
    """
    policy = gate.policy
    if verify is not None and verify not in _STRENGTH:
        raise PolicyError(f"verify: expected one of {', '.join(_STRENGTH)}, found {verify!r}")
    chosen = policy.verify if verify is None else verify
    if policy.origin and _STRENGTH.index(chosen) < _STRENGTH.index(policy.verify):
        raise PolicyError(
            f"verify={chosen!r} is weaker than the policy's {policy.verify!r}",
            remedy=f'write verify = "{chosen}" into {policy.origin}',
        )
    if policy.strict and strict is False:
        raise PolicyError("strict=False is weaker than the policy", remedy=f"write strict = false into {policy.origin}")
    return evolve(gate, policy=evolve(policy, verify=chosen, strict=policy.strict or bool(strict)))


def _load(
    standing: Standing,
    gate: Gate,
    loader: str | None,
    file: str | None,
    args: tuple[Any, ...],
    options: dict[str, Any],
    stack: ExitStack,
) -> Any:
    """Load, and keep what `stack` would take away where the framework may open files again."""
    try:
        loaded, name = _loaded(standing, gate, loader, file, args, options)
    finally:
        standing.settle()  # refuses whatever came of bytes that are not the approved ones, an error as well
    if name not in DONE:
        _KEPT.push(stack.pop_all())
    return loaded


def _loaded(
    standing: Standing, gate: Gate, loader: str | None, file: str | None, args: tuple[Any, ...], options: dict[str, Any]
) -> tuple[Any, str]:
    """Return what was loaded, and the name of the loader."""
    place = None if file is None else _inside(standing, file)
    formats = _formats(standing.examination)
    chosen, target = choose(formats, file, loader)
    sealed = {path: place for path, place in standing.sealed.items() if path in formats}
    handover = Handover(
        root=standing.root,
        file=place,
        formats=formats,
        imports=_imports(standing.examination),
        sealed=sealed,
        target=target,
        remote_code=gate.policy.remote_code == "locked" and standing.entry.remote_code,
        args=args,
        options=options,
    )
    if not standing.sealed:
        if not chosen.runs_nothing:
            chosen.prepare()  # the framework is imported while the bytes are hashed
            standing.settle()
        return chosen.load(handover), chosen.name
    with untouched(standing.root, sealed.items()):
        return chosen.load(handover), chosen.name


def _inside(standing: Standing, file: str) -> Path:
    unsigned = withheld(standing.examination)
    if standing.entry.file(file) is None or file in unsigned:
        names = ", ".join(sorted(one.path for one in standing.entry.files if one.path not in unsigned))
        raise LoaderError(f"{standing.entry.id} has no file {file!r}", remedy=f"its files are: {names}")
    return standing.root / file


def _formats(examination: Examination) -> dict[str, tuple[str, ...]]:
    """Return the formats of each file, by path; of its parts nobody asks here."""
    unsigned = withheld(examination)
    return {
        fact.location.path: fact.formats
        for fact in examination.dossier.all(Recognised)
        if not fact.location.members and fact.location.path not in unsigned
    }


def _imports(examination: Examination) -> dict[str, frozenset[tuple[str, str]]]:
    """Return the globals that each file may import, by path: those found in it, which the verdict has allowed.

    Those of programs carried inside constants count as well: a tensor inside a plain pickle is such a program, and is
    read under the same restriction.
    """
    found: dict[str, set[tuple[str, str]]] = {artifact.path: set() for artifact in examination.snapshot.artifacts}
    for fact in examination.dossier.all(Import):
        found.setdefault(fact.location.path, set()).add((fact.module, fact.name))
    return {path: frozenset(names) for path, names in found.items()}
