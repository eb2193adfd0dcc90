"""Writes a grant table from what an installed library's own pickles contain.

    python tools/make_grants.py sklearn            add what the installed version's pickles need to the table
    python tools/make_grants.py sklearn --check    tell what is missing from the table, and exit 1 if anything is
    python tools/make_grants.py sklearn --show     print what the pickles hold and how they use it

The objects come from `tests/picklevm/benign_objects.py`. Each is pickled with several protocols and loaded again by an
unpickler that writes down every global and how it is used: made by NEWOBJ, called, or only named. Names that are made
bare become rows of the rule `new`, names that are only named rows of the rule `name`; a name that is called needs a
rule that a person has chosen: `CALLED` lists them, and the tool stops at one that is not there.

A table is the union over the versions that it was made with: run the tool once in an environment of each.
"""

from __future__ import annotations

import argparse
import copyreg
import importlib
import inspect
import io
import pickle
import sys
import textwrap
import warnings
from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from collections import defaultdict
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, ClassVar

ROOT = Path(__file__).resolve().parent.parent
GRANTS = ROOT / "src" / "modelguard" / "picklevm" / "knowledge" / "grants"
sys.path[:0] = [str(ROOT / "tests" / "picklevm")]

# A library's table may hold names of these packages only; the rest belongs to another table.
PACKAGES: dict[str, tuple[str, ...]] = {
    "sklearn": ("sklearn", "_loss"),
}

# module prefix, name (or its beginning with *), rule, reason. The order is the order of the table.
CALLED: tuple[tuple[str, str, str, str], ...] = (
    ("sklearn", "newObj", "granted-first", "makes the granted class that its argument names, without its constructor"),
    ("sklearn", "__pyx_unpickle_*", "granted-first", "makes the granted class that its argument names, and fills it"),
    ("sklearn.utils._bunch", "Bunch", "parts", "a dict whose keys are attributes"),
    ("sklearn.utils", "Bunch", "parts", "a dict whose keys are attributes"),
    ("sklearn", "*", "parts", "a part of a fitted object that its library makes from numbers and arrays"),
    ("_loss", "__pyx_unpickle_*", "granted-first", "makes the granted class that its argument names, and fills it"),
    ("_loss", "*", "parts", "a part of a fitted object that its library makes from numbers and arrays"),
    ("pandas", "_new_*", "granted-first", "makes the granted class of indexes that its argument names"),
    ("pandas", "__pyx_unpickle_*", "granted-first", "makes the granted class of arrays that its argument names"),
    ("pandas", "*", "parts", "a part of a frame, made from arrays, element types and granted parts"),
)

# Classes and functions beside those met, used like them: library, module, pattern of names, use. They come from what
# the installed module itself defines.
SIBLINGS: tuple[tuple[str, str, str, str], ...] = (
    ("sklearn", "sklearn.gaussian_process.kernels", "[A-Z]*", "new"),
    ("sklearn", "sklearn.model_selection._split", "[A-Z]*", "new"),
    ("sklearn", "sklearn._loss.link", "[A-Z]*", "new"),
    ("sklearn", "sklearn._loss.loss", "[A-Z]*", "new"),
    ("sklearn", "sklearn._loss._loss", "Cy*", "call"),
    ("sklearn", "sklearn._loss._loss", "__pyx_unpickle_Cy*", "call"),
    ("sklearn", "sklearn.metrics._dist_metrics", "[A-Z]*Distance*", "name"),
    ("sklearn", "sklearn.neighbors._kd_tree", "KDTree*", "name"),
    ("sklearn", "sklearn.neighbors._ball_tree", "BallTree*", "name"),
    ("sklearn", "sklearn.metrics._classification", "*_score", "name"),
    ("sklearn", "sklearn.metrics._classification", "*_loss", "name"),
    ("sklearn", "sklearn.metrics._regression", "*_error", "name"),
    ("sklearn", "sklearn.metrics._regression", "*_score", "name"),
    ("sklearn", "sklearn.metrics._regression", "*_loss", "name"),
    ("sklearn", "sklearn.metrics._ranking", "*_score", "name"),
    ("sklearn", "sklearn.metrics.cluster._supervised", "*_score", "name"),
    ("sklearn", "sklearn.metrics.pairwise", "*_kernel", "name"),
    ("sklearn", "sklearn.metrics.pairwise", "*_distances", "name"),
    ("sklearn", "sklearn.linear_model._sgd_fast", "[A-Z]*", "call"),
    ("pandas", "pandas", "*Dtype", "new"),
    ("pandas", "pandas.core.arrays.integer", "*Dtype", "new"),
    ("pandas", "pandas.core.arrays.floating", "*Dtype", "new"),
    ("pandas", "pandas._libs.tslibs.offsets", "[A-Z]*", "call"),
    ("pandas", "pandas._libs.sparse", "*Index", "call"),
    ("scipy", "scipy.interpolate._fitpack2", "[A-Z]*Spline", "new"),
    ("xgboost", "xgboost.sklearn", "XGB*", "new"),
    ("lightgbm", "lightgbm.sklearn", "LGBM*", "new"),
)

# What pickles of a library may hold and no table grants, with the reason.
NEVER: dict[tuple[str, str], str] = {
    ("pandas._libs.tslibs.offsets", "OffsetMeta"): "a metaclass: calling it makes a class with methods of the file",
    ("pandas._libs.tslibs.offsets", "ApplyTypeError"): "an exception, which no frame holds",
    ("scipy.interpolate.interpolate", "interp1d"): "protocols below 4 look up a method of it by getattr",
}

# Modules of helpers for tests and downloads: no fitted model needs them.
NEVER_MODULES = ("sklearn.utils._testing", "sklearn.utils.testing", "sklearn.utils.mocking", "sklearn.utils._mocking",
                 "sklearn.utils.estimator_checks", "sklearn.datasets")  # fmt: skip

REASONS = {
    "new": "a fitted object: made without its constructor and filled with parameters and arrays",
    "name": "a type or plain function that fitted objects name; granted as a name, not as a call",
}

Uses = dict[tuple[str, str], set[str]]


class Recorder(pickle._Unpickler):  # type: ignore[name-defined]  # the Python one, whose opcodes can be watched
    """Loads the tool's own pickles and writes down how each global is used."""

    dispatch: ClassVar[dict[int, Any]] = dict(pickle._Unpickler.dispatch)  # type: ignore[attr-defined]

    def __init__(self, stream: io.BytesIO, uses: Uses) -> None:
        super().__init__(stream)
        self.uses = uses

    def find_class(self, module: str, name: str) -> Any:
        found = super().find_class(module, name)
        if self.proto < 3:  # what protocol 2 writes is mapped back, as super() has just done
            module, name = NAME_MAPPING.get((module, name), (IMPORT_MAPPING.get(module, module), name))
        self.uses[module, name].add("name")
        _ORIGIN[id(found)] = (found, (module, name))
        return found

    def note(self, target: Any, how: str) -> None:
        entry = _ORIGIN.get(id(target))
        if entry is not None:
            self.uses[entry[1]].add(how)

    def load_reduce(self) -> None:
        self.note(self.stack[-2], "call")
        if self.stack[-2] is copyreg._reconstructor:  # type: ignore[attr-defined]
            self.note(self.stack[-1][0], "new")
        super().load_reduce()

    def load_newobj(self) -> None:
        self.note(self.stack[-2], "new-with-arguments" if self.stack[-1] else "new")
        super().load_newobj()

    dispatch[pickle.REDUCE[0]] = load_reduce
    dispatch[pickle.NEWOBJ[0]] = load_newobj


_ORIGIN: dict[int, tuple[Any, tuple[str, str]]] = {}


def uses_of(value: Any, uses: Uses, protocols: tuple[int, ...] = (2, 4, 5)) -> None:
    """Pickle `value` with each protocol and add what its pickles hold to `uses`."""
    for protocol in protocols:
        data = pickle.dumps(value, protocol)
        Recorder(io.BytesIO(data), uses).load()


def collect(library: str) -> Uses:
    """Return the uses of every global in the pickles of a library's ordinary objects."""
    import benign_objects

    uses: Uses = defaultdict(set)
    for label, value in benign_objects.LIBRARIES[library]():
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                uses_of(value, uses)
        except Exception as error:  # noqa: BLE001  # each object stands for itself
            print(f"  not pickled: {label}: {type(error).__name__}: {str(error)[:100]}", file=sys.stderr)
    add_siblings(library, uses)
    if library == "sklearn":
        from sklearn.utils import all_estimators

        for _, cls in all_estimators():
            uses[cls.__module__, cls.__name__].add("new")
    for line in benign_objects.LEFT_OUT:
        print(f"  left out: {line}", file=sys.stderr)
    return uses


def add_siblings(library: str, uses: Uses) -> None:
    for owner, module, pattern, how in SIBLINGS:
        try:
            found = vars(importlib.import_module(module)) if owner == library else {}
        except ImportError:
            continue
        for name, value in found.items():
            own = getattr(value, "__module__", "") in {module, module.rpartition(".")[2], "pandas"}
            if own and fnmatchcase(name, pattern) and _makes_data(value):
                uses[module, name].add(how)


def _makes_data(value: Any) -> bool:
    """Tell whether a sibling is a plain function or class: calling a metaclass would make a class with methods."""
    if isinstance(value, type):
        return not issubclass(value, (type, BaseException)) and not inspect.isabstract(value)
    return callable(value)


def listed(file: Path) -> Uses:
    """Read back what `--show` printed, for versions whose Python is too old for this tool."""
    uses: Uses = {}
    for line in file.read_text("utf-8").splitlines():
        pair, _, hows = line.partition(": ")
        module, _, name = pair.partition(" ")
        uses[module, name] = set(hows.split(", "))
    return uses


def rule_for(module: str, name: str, hows: set[str]) -> tuple[str, str] | None:
    """Return rule and reason for a global, None when a person has to choose."""
    if hows & {"call", "new-with-arguments"}:
        for prefix, pattern, rule, reason in CALLED:
            fits = name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern
            if fits and (module == prefix or module.startswith(f"{prefix}.")):
                return rule, reason
        return None
    if "new" in hows:
        return "new, fields", REASONS["new"]
    return "name", REASONS["name"]


def read(library: str) -> dict[tuple[str, str], dict[str, set[str]]]:
    """Return a table's names by heading and module."""
    table: dict[tuple[str, str], dict[str, set[str]]] = {}
    heading = ("", "")
    file = GRANTS / f"{library}.txt"
    for line in file.read_text("utf-8").splitlines() if file.exists() else ():
        if line.startswith("["):
            rule, _, reason = line[1:].partition("] ")
            heading = (rule, reason)
            table.setdefault(heading, {})
        elif line and not line.startswith("#"):
            module, *names = line.split()
            table[heading].setdefault(module, set()).update(names)
    return table


def lines(table: dict[tuple[str, str], dict[str, set[str]]]) -> Iterator[str]:
    for (rule, reason), modules in table.items():
        if modules:
            yield f"[{rule}] {reason}"
        for module, names in sorted(modules.items()):
            for part in textwrap.wrap(" ".join(sorted(names)), 119 - len(module), break_long_words=False):
                yield f"{module} {part}"


def comments(library: str) -> list[str]:
    file = GRANTS / f"{library}.txt"
    text = file.read_text("utf-8").splitlines() if file.exists() else []
    return [line for line in text if line.startswith("#")]


def belongs(library: str, module: str) -> bool:
    return module.partition(".")[0] in PACKAGES.get(library, (library,))


def add(library: str, uses: Uses) -> list[str]:
    """Add the uses to the library's table and write it. Return what a person has to decide."""
    table = read(library)
    known = {(module, name) for modules in table.values() for module, names in modules.items() for name in names}
    undecided = []
    for (module, name), hows in sorted(uses.items()):
        if not belongs(library, module) or (module, name) in known:
            continue
        if (module, name) in NEVER or module in NEVER_MODULES or "." in name:  # methods are added by hand
            continue
        choice = rule_for(module, name, hows)
        if choice is None:
            undecided.append(f"{module} {name}: {', '.join(sorted(hows))}")
        else:
            table.setdefault(choice, {}).setdefault(module, set()).add(name)
    write(library, table)
    return undecided


def write(library: str, table: dict[tuple[str, str], dict[str, set[str]]]) -> None:
    text = "\n".join((*comments(library), "", *lines(table))) + "\n"
    (GRANTS / f"{library}.txt").write_text(text, "utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("library")
    parser.add_argument("--check", action="store_true", help="only tell what the table lacks")
    parser.add_argument("--show", action="store_true", help="only print the uses")
    parser.add_argument("--read", metavar="FILE", help="take the uses from what --show printed elsewhere")
    options = parser.parse_args()
    uses = listed(Path(options.read)) if options.read else collect(options.library)
    if options.show:
        for (module, name), hows in sorted(uses.items()):
            print(f"{module} {name}: {', '.join(sorted(hows))}")
        return 0
    if options.check:
        table = read(options.library)
        known = {(module, name) for modules in table.values() for module, names in modules.items() for name in names}
        missing = [pair for pair in sorted(uses) if belongs(options.library, pair[0]) and pair not in known]
        print("\n".join(f"missing: {module} {name}" for module, name in missing))
        return 1 if missing else 0
    undecided = add(options.library, uses)
    print("\n".join(f"decide: {line}" for line in undecided))
    return 1 if undecided else 0


if __name__ == "__main__":
    raise SystemExit(main())
