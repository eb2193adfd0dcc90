"""Unpicklers that can look up nothing but the imports approved for one file.

A pickle can do only what the globals that it imports let it do. The lock records these per file; an unpickler made
here resolves them by their exact names and refuses every other one before its module is imported. So even a mistake of
the scanner cannot import what nobody approved.

Rules:

- The approved pair is the one *after* Python 2 names are mapped (PEP 3108, `_compat_pickle`). The C unpickler does not
  tell which protocol it is at, and so whether it would map: there the mapped reading is taken where it is approved, the
  written one otherwise. Both are approved pairs either way; and of the modules that are mapped, Python 3 has only `dbm`
  and `_elementtree` under the old name as well.
- A dotted name walks through classes only. A component that is a module is refused, wherever it stands, and so is one
  with double underscores on both sides after the first.
- Extension codes are refused: their registry belongs to the process, and its cache answers without a look-up.
- A persistent id is refused by both unpicklers unless a format that has them sets `persistent_load`.
- A global that would start another, unrestricted unpickler on bytes of the file is replaced (`SUBSTITUTES`).

The audit event `pickle.find_class` is raised as the standard unpickler does, for those who watch it.
"""

from __future__ import annotations

import _compat_pickle
import copyreg
import pickle
import sys
from collections.abc import Callable
from types import ModuleType
from typing import IO, Any, NoReturn, TypeAlias

from attrs import frozen

from modelguard.terms.artifact import printable
from modelguard.terms.errors import LoaderError, ModelRefused

Pair: TypeAlias = tuple[str, str]

_REMEDY = "review the import and approve it with `modelguard lock`, or convert the model to safetensors"


@frozen(kw_only=True)
class Grant:
    """The imports approved for one file, as (module, qualified name) after name mapping."""

    path: str
    imports: frozenset[Pair]

    def find(self, module: str, name: str, *, protocol: int | None) -> Any:
        """Return the object that an approved name stands for; `protocol` is None where it is not known.

        Raises `ModelRefused` for every other name, before anything is imported, and `LoaderError` when the module
        that should hold the name is not installed or is of another version.
        """
        pair = self._approved(module, name, protocol)
        sys.audit("pickle.find_class", *pair)
        if pair in SUBSTITUTES:
            return SUBSTITUTES[pair](self)
        return self._resolve(*pair)

    def _approved(self, module: str, name: str, protocol: int | None) -> Pair:
        written, mapped = (module, name), _mapped(module, name)
        readings = (mapped, written) if protocol is None else (mapped if protocol < 3 else written,)
        for pair in readings:
            if pair in self.imports:
                return pair
        return self.refuse(".".join(readings[0]), "is not among the imports approved for this file")

    def _resolve(self, module: str, name: str) -> Any:
        try:
            __import__(module, level=0)
            value: Any = sys.modules[module]
            for depth, part in enumerate(name.split(".")):
                if depth and (not isinstance(value, type) or (part.startswith("__") and part.endswith("__"))):
                    self.refuse(f"{module}.{name}", "reaches beyond the attributes of a class")
                value = getattr(value, part)
                if isinstance(value, ModuleType):
                    self.refuse(f"{module}.{name}", "is a module or leads through one")
        except (ImportError, AttributeError) as error:
            raise LoaderError(
                f"{printable(self.path)}: needs {printable(module)}.{printable(name)}: {error}",
                remedy="install the package it comes from, in the version that the model was saved with",
            ) from error
        return value

    def refuse(self, what: str, why: str) -> NoReturn:
        """Raise `ModelRefused` that names the thing, the file and the remedy."""
        raise ModelRefused(f"{printable(self.path)}: {printable(what)} {why}", remedy=_REMEDY)


def _mapped(module: str, name: str) -> Pair:
    """Map Python 2 names as the unpicklers do for protocols below 3."""
    if (module, name) in _compat_pickle.NAME_MAPPING:
        return _compat_pickle.NAME_MAPPING[module, name]
    return _compat_pickle.IMPORT_MAPPING.get(module, module), name


class ExactUnpickler(pickle._Unpickler):  # private, but joblib builds on it as well
    """The unpickler in Python: every step can be overridden; about five times slower than the one in C on a big dict.

    `grant` must be set on a subclass (see `unpickler`).
    """

    grant: Grant
    proto: int
    stack: list[Any]

    def find_class(self, module: str, name: str) -> Any:
        return self.grant.find(module, name, protocol=self.proto)

    def get_extension(self, code: int) -> NoReturn:
        self.grant.refuse(f"extension code {code}", "stands for a global that the file does not name")


class FastUnpickler(pickle.Unpickler):
    """The unpickler in C. Extension codes must be impossible: `unpickler` uses it only while none is registered."""

    grant: Grant

    def find_class(self, module: str, name: str, /) -> Any:
        return self.grant.find(module, name, protocol=None)


def unpickler(grant: Grant) -> type[pickle.Unpickler]:
    """Return a class to use like `pickle.Unpickler`, restricted to the grant."""
    registered = copyreg._inverted_registry or copyreg._extension_cache  # type: ignore[attr-defined]
    parent = ExactUnpickler if registered else FastUnpickler
    return type("RestrictedUnpickler", (parent,), {"grant": grant})


def load(grant: Grant, file: IO[bytes], *args: Any, **options: Any) -> Any:
    """Read one pickle from a file; `options` are `encoding`, `errors` and `buffers` as for `pickle.load`."""
    return unpickler(grant)(file, *args, **options).load()


def pickle_module(grant: Grant) -> ModuleType:
    """Return a module to hand to code that asks for a `pickle_module`, such as `torch.load`."""
    module = ModuleType("modelguard_restricted_pickle", "An unpickler restricted to one file's approved imports.")
    module.Unpickler = unpickler(grant)  # type: ignore[attr-defined]
    module.load = lambda file, **options: module.Unpickler(file, **options).load()  # type: ignore[attr-defined]
    return module


def _nested_torch(grant: Grant) -> Callable[[bytes], Any]:
    from modelguard.loaders._torch_reading import read_nested  # imports torch, which the file asks for here

    return lambda data: read_nested(data, grant)


# Globals that would read bytes of the file with an unpickler of their own, and what stands in for them.
SUBSTITUTES: dict[Pair, Callable[[Grant], Any]] = {
    # Tensors inside a plain pickle: torch calls torch.load(weights_only=False) on the bytes.
    ("torch.storage", "_load_from_bytes"): _nested_torch,
}
