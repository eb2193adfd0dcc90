"""Every known dangerous name is refused when it is called, and the list of them explains but does not decide."""

from __future__ import annotations

import pytest
from pickle_builders import ECHO, call, named, program, qualified
from pickle_verdicts import because, examined

from modelguard.picklevm.knowledge import hazards
from modelguard.picklevm.knowledge.lookup import grants_for, hazard_of
from modelguard.terms.finding import Severity

GRAVE = {"code-execution", "process", "file-write", "file-read", "file-delete", "network", "nested-load"}


def every_name() -> list[tuple[str, str]]:
    """Return each listed name with its class; a whole module stands as some name in it."""
    names, modules = hazards._listed()
    found = [(name, hazard.danger) for name, hazard in names.items()]
    found += [(f"{module}.some_name", hazard.danger) for module, hazard in modules.items()]
    return sorted(found)


NAMES = every_name()


def test_the_list_is_as_long_as_it_was() -> None:
    assert len(NAMES) >= 1047


@pytest.mark.parametrize(("name", "danger"), NAMES, ids=[name for name, _ in NAMES])
def test_a_call_of_a_dangerous_name_is_refused(name: str, danger: str) -> None:
    module, attribute = qualified(name)
    found = because(examined(program(*call(named(module, attribute), ECHO).parts)))
    assert found, f"{name} may be called"
    if danger in GRAVE:
        assert max(one.severity for one in found) == Severity.CRITICAL


@pytest.mark.parametrize(("name", "danger"), NAMES, ids=[name for name, _ in NAMES])
def test_a_class_and_its_method_are_refused_however_the_name_is_split(name: str, danger: str) -> None:
    package, _, rest = name.partition(".")
    assert not examined(program(*call(named(package, rest), ECHO).parts)).allowed


def test_a_name_that_nobody_lists_is_refused_all_the_same() -> None:
    assert hazard_of("a_new_package", "run_it") is None
    assert not examined(program(*call(named("a_new_package", "run_it"), ECHO).parts)).allowed


def test_the_gate_does_not_depend_on_the_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hazards, "_listed", lambda: ({}, {}))
    assert not examined(program(*call(named("timeit", "timeit"), ECHO).parts)).allowed


@pytest.mark.parametrize(
    ("module", "name", "danger"),
    [
        ("os", "anything_new", "process"),
        ("posix", "anything_new", "process"),
        ("os.path", "join", "process"),
        ("subprocess", "Popen.communicate", "process"),
        ("multiprocessing.pool", "worker", "process"),
        ("socket", "socketpair", "network"),
        ("_pickle", "dump", "nested-load"),
        ("modelguard.guard", "guarded_load", "scanner-deactivation"),
        ("collections", "abc.sys", "attribute-walk"),
        ("random", "_os", "attribute-walk"),
        ("numpy", "ndarray.__init__.__globals__", "attribute-walk"),
        ("оs", "system", "disguised-name"),
        ("os ", "x", "disguised-name"),
        ("", "x", "disguised-name"),
    ],
)
def test_an_unlisted_name_is_rated_by_its_module_and_its_parts(module: str, name: str, danger: str) -> None:
    hazard = hazard_of(module, name)
    assert hazard is not None
    assert hazard.danger == danger
    assert hazard.why == hazards.DANGERS[danger]


ONE_OF_EACH = [
    ("builtins", "exec", "code-execution"),
    ("os", "system", "process"),
    ("distutils.file_util", "write_file", "file-write"),
    ("linecache", "getlines", "file-read"),
    ("distutils.dir_util", "remove_tree", "file-delete"),
    ("urllib.request", "urlopen", "network"),
    ("_pickle", "Unpickler", "nested-load"),
    ("importlib", "import_module", "import"),
    ("builtins", "getattr", "attribute-access"),
    ("collections", "OrderedDict.__init__.__globals__", "attribute-walk"),
    ("os.", "system", "disguised-name"),
    ("ctypes", "CDLL", "native-code"),
    ("builtins", "__build_class__", "interpreter"),
    ("fickling.hook", "remove_hook", "scanner-deactivation"),
    ("functools", "partial", "callable-combinator"),
    ("_signal", "signal", "deferred-call"),
    ("__phello__", "spam", "import-side-effect"),
    ("gc", "get_referents", "disclosure"),
    ("builtins", "pow", "exhaustion"),
    ("difflib", "get_close_matches", "module"),
]


@pytest.mark.parametrize(("module", "name", "danger"), ONE_OF_EACH, ids=[row[2] for row in ONE_OF_EACH])
def test_each_class_of_danger_has_a_name_that_is_called_so(module: str, name: str, danger: str) -> None:
    hazard = hazard_of(module, name)
    assert hazard is not None
    assert hazard.danger == danger
    found = because(examined(program(*call(named(module, name)).parts)))
    assert any(hazards.DANGERS[danger] in one.message for one in found)


def test_there_is_one_of_each() -> None:
    assert {danger for _, _, danger in ONE_OF_EACH} == set(hazards.DANGERS)


@pytest.mark.parametrize(
    ("module", "name"), [("uuid", "UUID"), ("builtins", "bytearray"), ("types", "SimpleNamespace")]
)
def test_a_granted_name_of_a_dangerous_module_has_no_hazard(module: str, name: str) -> None:
    assert grants_for(module, name)
    assert hazards.danger_of(module, name) is not None
    assert hazard_of(module, name) is None


def test_every_class_of_danger_is_explained_in_words() -> None:
    names, modules = hazards._listed()
    used = {hazard.danger for hazard in (*names.values(), *modules.values())} | set(hazards._BY_MODULE.values())
    assert used <= set(hazards.DANGERS)
