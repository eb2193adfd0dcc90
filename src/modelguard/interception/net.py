"""The net under the entry points: an audit hook on what happens however a model is loaded.

Seen (PEP 578): every global that a standard unpickler looks up (in C, in Python, or in a subclass that passes on to
`find_class`), marshalled code that is read by anyone but the import system, Python code and native libraries from
directories of models. A hook cannot be removed, so it is installed once and looks at nothing while it is switched off.

Of the globals, those are refused that are known by name to run code, start programs, or reach files and network: a
process unpickles much that is no model. With `granted_only`, everything that no profile in use grants is refused.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from threading import local
from typing import Any

from attrs import define, field

from modelguard.picklevm.knowledge.lookup import grants_for, hazard_of

REFUSED = frozenset(
    {"code-execution", "process", "file-write", "file-delete", "network", "native-code", "import",
     "scanner-deactivation", "disguised-name", "attribute-walk"}
)  # fmt: skip
"""Classes of danger that no data needs. The others are in pickles of ordinary programs: `getattr`, `functools.partial`,
whole modules such as `multiprocessing` whose queues send their own objects."""

MODEL_PLACES = ("transformers_modules", "/models--", "\\models--")
"""Parts of paths that belong to models: where transformers copies the code of a model, and the Hub's cache."""

Report = Callable[[str, str, str], None]


@define
class _Net:
    report: Report | None = None
    profiles: frozenset[str] | None = None
    passed: set[tuple[str, str]] = field(factory=set)


_net = _Net()
_busy = local()
_installed = False


def start(report: Report, profiles: frozenset[str] | None) -> None:
    """Switch the net on; `report` is told event, object and reason, and raises to refuse."""
    global _installed  # noqa: PLW0603  # a hook is of the process
    _net.passed.clear()
    _net.profiles, _net.report = profiles, report
    if not _installed:
        sys.addaudithook(_hook)
        _installed = True


def stop() -> None:
    """Switch the net off."""
    _net.report = None


_passed = _net.passed


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    # The first two lines are all that a global costs that was seen before.
    if event == "pickle.find_class":
        if arguments in _passed or _net.report is None:
            return
    elif event not in _LOOKS or _net.report is None:
        return
    if getattr(_busy, "now", False):
        return
    _busy.now = True
    try:
        why = _LOOKS[event](arguments)
    finally:
        _busy.now = False
    if why:
        _net.report(event, ".".join(str(one) for one in arguments[:2] if isinstance(one, str)) or "…", why)


_hook.__cantrace__ = False  # type: ignore[attr-defined]  # the interpreter asks at each event: found is quicker than not


def _global(arguments: tuple[Any, ...]) -> str:
    module, name = str(arguments[0]), str(arguments[1])
    if _net.profiles is not None and not _net.profiles.intersection(grants_for(module, name)):
        return "no profile in use grants this name"
    hazard = hazard_of(module, name)
    if hazard is not None and hazard.danger in REFUSED and hazard.source != "module":
        return hazard.why
    _passed.add((module, name))
    return ""


def _marshalled(_arguments: tuple[Any, ...]) -> str:
    frame = sys._getframe(2)  # the caller of marshal: the hook's own frames are above it
    name = frame.f_globals.get("__name__", "")
    if frame.f_code.co_filename.startswith("<frozen ") or name in ("zipimport", "importlib._bootstrap_external"):
        return ""
    return f"compiled Python code is read by {name or frame.f_code.co_filename}"


def _code(arguments: tuple[Any, ...]) -> str:
    filename = getattr(arguments[0], "co_filename", "")
    return "a model's own Python code" if _of_model(filename) else ""


def _library(arguments: tuple[Any, ...]) -> str:
    return "a native library from a model" if _of_model(arguments[0]) else ""


def _extension(arguments: tuple[Any, ...]) -> str:
    return "a native extension from a model" if _of_model(arguments[1]) else ""


def _of_model(path: object) -> bool:
    return isinstance(path, str) and any(part in path for part in MODEL_PLACES)


_LOOKS: dict[str, Callable[[tuple[Any, ...]], str]] = {
    "pickle.find_class": _global,
    "marshal.loads": _marshalled,
    "marshal.load": _marshalled,
    "exec": _code,
    "ctypes.dlopen": _library,
    "import": _extension,
}
