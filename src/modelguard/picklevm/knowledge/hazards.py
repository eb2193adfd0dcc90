"""The known dangerous globals: used to rate and to explain a refusal, never to decide it.

`hazards.txt` lists them by class and source; `_MODULES` rates what else is in a module; `_WALKS` are the parts of a
dotted name that lead out of the object it starts from.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from attrs import frozen

from modelguard.picklevm.knowledge.reading import words

_FILE = Path(__file__).parent / "hazards.txt"

DANGERS: dict[str, str] = {
    "code-execution": "it runs text or bytes as a program",
    "process": "it starts another program",
    "file-write": "it creates or changes files",
    "file-read": "it reads files that are not part of the model",
    "file-delete": "it deletes or moves files",
    "network": "it talks to other machines",
    "nested-load": "it loads a second file or program that nobody has looked at",
    "import": "it imports any module by its name",
    "attribute-access": "it reaches any function from an innocent one",
    "attribute-walk": "its dotted name walks out of its module to another one or into Python's internals",
    "disguised-name": "it is written so that it looks like another name, or cannot be read",
    "native-code": "it loads or calls machine code",
    "interpreter": "it changes the running interpreter",
    "scanner-deactivation": "it switches off a scanner or a safety check",
    "callable-combinator": "it calls other functions that are handed to it",
    "deferred-call": "it arranges for a function to be called later",
    "import-side-effect": "importing its module already acts",
    "disclosure": "it tells about this machine or its memory",
    "exhaustion": "it can stop the process or use up its memory or time",
    "module": "its module reaches files, processes, the network or the interpreter",
}
"""Each class of danger, and what a member of it does."""


@frozen
class Hazard:
    """A known danger: its class, why it matters as a clause, and where it is known from."""

    danger: str
    why: str
    source: str


# What else is in these modules and below, when no row names it.
_MODULES: dict[str, str] = {
    "process": "os posix nt subprocess _posixsubprocess pty commands popen2 _winapi multiprocessing pexpect sh plumbum",
    "code-execution": ("code codeop bdb pdb runpy timeit trace cProfile profile doctest cloudpickle dill IPython"),
    "import": "importlib imp _imp _frozen_importlib _frozen_importlib_external pkgutil zipimport pydoc",
    "nested-load": "pickle _pickle cPickle marshal shelve joblib",
    "native-code": "ctypes _ctypes cffi",
    "interpreter": "sys gc site",
    "attribute-access": "inspect",
    "callable-combinator": "operator _operator functools _functools",
    "file-write": "shutil tempfile dbm",
    "network": "socket _socket ssl http urllib urllib2 httplib ftplib smtplib requests httpx aiohttp xmlrpc",
    "scanner-deactivation": "picklescan fickling modelscan modelaudit modelaudit_picklescan modelguard",
}
_BY_MODULE = {module: danger for danger, modules in _MODULES.items() for module in modules.split()}

# Parts of a dotted or plain name that are modules or ways into Python's internals. A leading underscore is the habit
# of the standard library for a private import (`random._os`).
_WALK_MODULES = words(
    "os sys builtins bltns subprocess shutil importlib pickle _pickle ctypes runpy marshal socket posix nt io _io "
    "posixpath ntpath genericpath tempfile inspect operator functools pty code codecs"
)
_WALKS = words(
    "__globals__ __builtins__ __subclasses__ __class__ __init__ __getattribute__ __dict__ __mro__ __code__ __bases__ "
    "__reduce__ __reduce_ex__ __loader__ __spec__ __base__ __closure__ __func__ __self__ __wrapped__ __module__ "
    "__import__ __call__ __new__ __setattr__ __delattr__ __getattr__ __get__ __defaults__ __kwdefaults__ "
    "__init_subclass__ __setstate__ gi_frame cr_frame ag_frame tb_frame f_globals f_builtins mro"
)

WALKS = _WALKS | _WALK_MODULES | {f"_{name}" for name in _WALK_MODULES}
"""The plain names that are dangerous wherever they are: exactly those for which `danger_of` finds a walk."""


@cache
def _listed() -> tuple[dict[str, Hazard], dict[str, Hazard]]:
    """Return the rows of `hazards.txt`: those for one name, and those for a module with all below it."""
    names: dict[str, Hazard] = {}
    modules: dict[str, Hazard] = {}
    danger = source = ""
    for line in _FILE.read_text("utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        if line.startswith("["):
            danger, _, source = line[1:-1].partition(" | ")
            continue
        hazard = Hazard(danger, DANGERS[danger], source)
        for name in line.split():
            if name.endswith(".*"):
                modules[name[:-2]] = hazard
            else:
                names[name] = hazard
    return names, modules


def danger_of(module: str, name: str) -> Hazard | None:
    """Return what is known against a global, whether or not anybody grants it."""
    names, modules = _listed()
    if module == "__builtin__":  # the name that it had in Python 2
        return names.get(f"__builtin__.{name}") or danger_of("builtins", name)
    full = f"{module}.{name}"
    exact = names.get(full)
    if exact is not None:
        return exact
    steps = name.split(".")
    if not all(step.isascii() and step.isidentifier() for step in (*module.split("."), *steps)):
        return Hazard("disguised-name", DANGERS["disguised-name"], "review")
    if any(step in _WALKS or step.removeprefix("_") in _WALK_MODULES or step in _WALK_MODULES for step in steps):
        return Hazard("attribute-walk", DANGERS["attribute-walk"], "GHSA-5j3x-jp52-966f")
    return _of_prefix(full, names) or _of_module(module, modules)


def suspects(module: str) -> frozenset[str] | None:
    """Return the plain names of a module, other than `WALKS`, of which `danger_of` may know something; None for all.

    Plain is an ASCII identifier without dots. What is rated only by its module counts as unknown here.
    """
    names, modules = _listed()
    steps = module.split(".")
    prefixes = [".".join(steps[: count + 1]) for count in range(len(steps))]
    if not module.isascii() or not all(step.isidentifier() for step in steps):
        return None
    if any(prefix in names or prefix in modules for prefix in prefixes):
        return None
    found = _by_module().get(module, frozenset())
    return found | (suspects("builtins") or frozenset()) if module == "__builtin__" else found


@cache
def _by_module() -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for full in _listed()[0]:
        module, _, name = full.rpartition(".")
        found.setdefault(module, set()).add(name)
    return {module: frozenset(names) for module, names in found.items()}


def _of_prefix(full: str, names: dict[str, Hazard]) -> Hazard | None:
    """A method or attribute of a listed object is as dangerous as the object."""
    while "." in full:
        full = full.rpartition(".")[0]
        if full in names:
            return names[full]
    return None


def _of_module(module: str, modules: dict[str, Hazard]) -> Hazard | None:
    name = module
    listed: Hazard | None = None
    while name:
        if name in _BY_MODULE:
            danger = _BY_MODULE[name]
            return Hazard(danger, DANGERS[danger], "module")
        listed = listed or modules.get(name)
        name = name.rpartition(".")[0]
    return listed
