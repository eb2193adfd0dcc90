"""Reads the tensors of a torch file without looking up any class or function that is not known to build data.

Converting a model keeps its tensors and leaves all else behind: configurations, optimizers, objects of a library. So
a name that is not granted is neither imported nor refused here: an inert object stands in its place, which keeps its
state and does nothing. Modules (`torch.nn.Module`) keep their tensors in their state, where
`tensors_in` finds them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from attrs import field, frozen

from modelguard.loaders import _restricted, _torch_reading
from modelguard.loaders._restricted import Grant

DEEPEST = 64
"""Levels of nesting that are followed in search of tensors."""


class Inert:
    """Stands where an object of a class would that is not looked up. It keeps its state and drops all else."""

    state: Any = None

    def __init__(self, *args: Any, **options: Any) -> None:
        """Take whatever a pickle passes, and drop it."""

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def __setitem__(self, key: Any, value: Any) -> None:
        """Drop it."""

    def append(self, value: Any) -> None:
        """Drop it."""

    def extend(self, values: Any) -> None:
        """Drop them."""

    def add(self, value: Any) -> None:
        """Drop it."""


@frozen(kw_only=True)
class InertGrant(Grant):
    """Finds the granted names, and an inert class for every other one, whose name it notes in `replaced`."""

    replaced: set[str] = field(factory=set, eq=False)

    def find(self, module: str, name: str, *, protocol: int | None) -> Any:
        if self.imports & {(module, name), _restricted._mapped(module, name)}:
            return super().find(module, name, protocol=protocol)
        self.replaced.add(f"{module}.{name}")
        return type("Inert", (Inert,), {"__module__": "modelguard.inert", "__qualname__": f"{module}.{name}"})


def read(file: Path, path: str, imports: frozenset[tuple[str, str]]) -> tuple[Any, set[str]]:
    """Return what a torch file holds, and the names in whose place something inert stands.

    Raises `LoaderError` for TorchScript and the legacy tar, `ModelRefused` for an extension code.
    """
    renamed = {("torch._tensor", name) for module, name in imports if module == "torch.tensor"}
    grant = InertGrant(path=path, imports=imports | renamed)
    return _torch_reading.read_inert(file, grant), grant.replaced


def tensors_in(value: Any, prefix: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    """Yield every tensor in nested dicts, lists and states of modules, by its dotted name."""
    import torch  # costs seconds: only a conversion needs it

    if depth > DEEPEST:
        return
    if isinstance(value, torch.Tensor):
        yield prefix, value
        return
    for name, part in children(value):
        yield from tensors_in(part, f"{prefix}.{name}" if prefix else name, depth + 1)


def children(value: Any) -> list[tuple[str, Any]]:
    """Return what lies directly in a container, by name; the tables of a module count as one container."""
    if isinstance(value, dict):
        return [(str(name), part) for name, part in value.items() if isinstance(name, str | int)]
    if isinstance(value, list | tuple):
        return [(str(index), part) for index, part in enumerate(value)]
    if isinstance(value, Inert) and isinstance(value.state, dict) and "_modules" in value.state:
        tables = [value.state.get(name) for name in ("_parameters", "_buffers", "_modules")]
        return [(str(name), part) for table in tables if isinstance(table, dict) for name, part in table.items()]
    return []
