"""The net under the entry points: an audit hook on what happens however a model is loaded.

Seen (PEP 578): every global that a standard unpickler looks up (in C, in Python, or in a subclass that passes on to
`find_class`), marshalled code that is read by anyone but the import system, Python code and native libraries from
directories of models. A hook cannot be removed; `auditing` has the one of the process, and tells it what to look at.

Of the globals, those are refused that are known by name to run code, start programs, or reach files and network: a
process unpickles much that is no model. With `granted_only`, everything that no profile in use grants is refused. A
pickle of protocol 2 or less may mean a name of Python 2: such a name is judged by what it is called now as well.
"""

from __future__ import annotations

import sys
from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from collections.abc import Callable, Iterator
from typing import Any

from modelguard import auditing
from modelguard.picklevm.knowledge.grants_table import table
from modelguard.picklevm.knowledge.hazards import WALKS, suspects
from modelguard.picklevm.knowledge.lookup import grants_for, hazard_of

OWNER = "interception"

REFUSED = frozenset(
    {"code-execution", "process", "file-write", "file-delete", "network", "native-code", "import",
     "scanner-deactivation", "disguised-name", "attribute-walk"}
)  # fmt: skip
"""Classes of danger that no data needs. The others are in pickles of ordinary programs: `getattr`, `functools.partial`,
whole modules such as `multiprocessing` whose queues send their own objects."""

MODEL_PLACES = ("transformers_modules", "/models--", "\\models--")
"""Parts of paths that belong to models: where transformers copies the code of a model, and the Hub's cache."""

Report = Callable[[str, str, str], None]


def start(report: Report, profiles: frozenset[str] | None, *, closed: bool) -> None:
    """Switch the net on; `report` is told event, object and reason, and raises to refuse.

    `closed` says that globals are refused where nobody can be asked: in other interpreters of the process.
    """

    def decide(module: object, name: object) -> None:
        why = _why(str(module), str(name), profiles)
        if why:
            report("pickle.find_class", f"{module}.{name}", why)

    def told(look: Callable[[tuple[Any, ...]], str]) -> auditing.Listener:
        def tell(event: str, arguments: tuple[Any, ...]) -> None:
            why = look(arguments)
            if why:
                report(event, ".".join(str(one) for one in arguments[:2] if isinstance(one, str)) or "…", why)

        return tell

    rule_of = _suspects_of if profiles is None else _granted(profiles)
    auditing.watch(auditing.Watch(rule_of=rule_of, decide=decide, walks=WALKS, closed=closed))
    auditing.listen(OWNER, {event: told(look) for event, look in _LOOKS.items()})


def stop() -> None:
    """Switch the net off."""
    auditing.unwatch()
    auditing.silence(OWNER)


def _readings(module: str, name: str) -> Iterator[tuple[str, str]]:
    """Yield what a global may stand for: itself, and what a name of Python 2 is called now."""
    yield module, name
    if (module, name) in NAME_MAPPING:
        yield NAME_MAPPING[module, name]
    elif module in IMPORT_MAPPING:
        yield IMPORT_MAPPING[module], name


def _why(module: str, name: str, profiles: frozenset[str] | None) -> str:
    """Return why a global is refused, or an empty string."""
    if profiles is not None and not any(profiles.intersection(grants_for(*one)) for one in _readings(module, name)):
        return "no profile in use grants this name"
    for one in _readings(module, name):
        hazard = hazard_of(*one)
        if hazard is not None and hazard.danger in REFUSED and hazard.source != "module":
            return hazard.why
    return ""


def _suspects_of(module: str) -> auditing.Rule:
    """Return the names of a module that are refused; an empty set, which passes none, when any of them may be."""
    known = [suspects(one) for one in {module, IMPORT_MAPPING.get(module, module)}]
    if any(names is None for names in known):
        return set()
    names = frozenset().union(*(names for names in known if names))
    renamed = {name for old, name in NAME_MAPPING if old == module}
    return frozenset(name for name in names | renamed if _why(module, name, None)) or None


def _granted(profiles: frozenset[str]) -> Callable[[str], auditing.Rule]:
    """Return what tells the names that the profiles grant in a module."""
    found: dict[str, set[str]] = {}
    for profile in profiles:
        for module, name in table(profile):
            found.setdefault(module, set()).add(name)
    return lambda module: found.get(module, set())


def _marshalled(_arguments: tuple[Any, ...]) -> str:
    frame = sys._getframe(2)
    while frame.f_globals.get("__name__") == "modelguard.auditing.hook" and frame.f_back:
        frame = frame.f_back  # the hook's own frames, where it is written in Python
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
    "marshal.loads": _marshalled,
    "marshal.load": _marshalled,
    "exec": _code,
    "ctypes.dlopen": _library,
    "import": _extension,
}
