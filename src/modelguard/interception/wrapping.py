"""Puts stand-ins in the place of entry points: in the module that defines them, and wherever they were imported to.

Modules that are imported later are wrapped as soon as they have run. A function that was bound to a local variable or
kept inside an object before the interception began is out of reach; the net sees what it unpickles.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from attrs import define, field

from modelguard.interception.entry_points import ENTRY_POINTS, EntryPoint
from modelguard.interception.routing import wrapped

Call = Callable[..., Any]
_ABSENT: Any = object()


@define
class _State:
    call: Call | None = None
    undo: list[tuple[Any, str, Any, Any]] = field(factory=list)
    done: set[str] = field(factory=set)


_state = _State()


def active() -> bool:
    """Tell whether stand-ins are in place."""
    return _state.call is not None


def start(call: Call) -> None:
    """Wrap what is imported already, and watch for the rest. `call` decides about each call of an entry point."""
    _state.call = call
    for point in ENTRY_POINTS:
        module = sys.modules.get(point.module)
        if module is not None:
            _wrap(module, point)
    sys.meta_path.insert(0, _Watcher())


def stop() -> None:
    """Put everything back, also where a stand-in was imported by name meanwhile."""
    sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, _Watcher)]
    for owner, name, original, stand_in in reversed(_state.undo):
        if vars(owner).get(name, _ABSENT) is stand_in:
            setattr(owner, name, original)
    originals = {id(stand_in): original for _, _, original, stand_in in _state.undo}
    for module, name, value in _names():
        if id(value) in originals:
            setattr(module, name, originals[id(value)])
    _state.undo.clear()
    _state.done.clear()
    _state.call = None


def _wrap(module: ModuleType, point: EntryPoint) -> None:
    if _state.call is None or point.name in _state.done:
        return
    *owners, name = point.attribute.split(".")
    owner: Any = module
    for part in owners:
        owner = getattr(owner, part, None)
    original = vars(owner).get(name, _ABSENT) if owner is not None else _ABSENT
    if original is _ABSENT:
        return  # another version of the framework, which has it elsewhere
    _state.done.add(point.name)
    if isinstance(original, classmethod):
        _put(owner, name, original, classmethod(wrapped(_deciding, point, original.__func__)))
        return
    stand_in = wrapped(_deciding, point, original)
    _put(owner, name, original, stand_in)
    if not owners:
        _rebind(original, stand_in)


def _rebind(original: Any, stand_in: Any) -> None:
    """Put the stand-in wherever a module has imported the original by name."""
    for module, name, value in _names():
        if value is original:
            _put(module, name, original, stand_in)


def _names() -> Iterator[tuple[ModuleType, str, Any]]:
    """Yield every name of every module that is imported, but those of modelguard."""
    for module in [*sys.modules.values()]:
        if isinstance(module, ModuleType) and not module.__name__.startswith("modelguard."):
            yield from ((module, name, value) for name, value in [*vars(module).items()])


def _deciding() -> Call | None:
    return _state.call


def _put(owner: Any, name: str, original: Any, stand_in: Any) -> None:
    setattr(owner, name, stand_in)
    _state.undo.append((owner, name, original, stand_in))


class _Watcher(MetaPathFinder):
    """Wraps the entry points of a module when it has been imported."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:  # the signature of the import system
        points = [point for point in ENTRY_POINTS if point.module == name]
        if not points:
            return None
        for finder in sys.meta_path:
            find = getattr(finder, "find_spec", None)
            if finder is self or isinstance(finder, _Watcher) or find is None:
                continue
            spec: ModuleSpec | None = find(name, path, target)
            if spec is not None:
                if spec.loader is not None and hasattr(spec.loader, "exec_module"):
                    _watch(spec.loader, points)
                return spec
        return None


def _watch(loader: Loader, points: list[EntryPoint]) -> None:
    run = loader.exec_module

    def run_and_wrap(module: ModuleType) -> None:
        run(module)
        for point in points:
            _wrap(module, point)

    loader.exec_module = run_and_wrap  # type: ignore[method-assign]  # of this one loader, made for this module
