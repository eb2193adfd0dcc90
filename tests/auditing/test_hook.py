"""The audit hook, in C and in Python: the same answers, in threads, children, other interpreters and at the end."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import modelguard
from modelguard import auditing
from modelguard.auditing import hook
from modelguard.interception import net
from modelguard.picklevm.knowledge.hazards import WALKS, _listed, danger_of, suspects

HOOKS = [
    pytest.param("", id="in C", marks=pytest.mark.skipif(not auditing.COMPILED, reason="the hook is not compiled")),
    pytest.param("1", id="in Python"),
]


class Refused(Exception):
    """What the decisions of these tests raise."""


def child(code: str, pure: str) -> subprocess.CompletedProcess[str]:
    source = str(Path(modelguard.__file__).parent.parent)
    head = "import modelguard, pickle, os, sys\nEVIL = b'cposix\\nsystem\\n(S\"echo pwned\"\\ntR.'\n"
    return subprocess.run(
        [sys.executable, "-c", head + textwrap.dedent(code)], capture_output=True, text=True, timeout=120, check=False,
        env={**os.environ, "PYTHONPATH": source, "MODELGUARD_PURE": pure},
    )  # fmt: skip


def outcome(code: str, pure: str) -> str:
    done = child(code, pure)
    assert done.returncode == 0, f"{done.returncode}: {done.stderr}"
    return done.stdout.strip()


# --- the same answers ----------------------------------------------------------------------------------------------


@pytest.fixture
def watched() -> Iterator[auditing.Watch]:
    """Watch the globals as an interception does; what is not passed raises `Refused`."""

    def decide(module: object, name: object) -> None:
        if net._why(str(module), str(name), None):
            raise Refused

    watch = auditing.Watch(rule_of=net._suspects_of, decide=decide, walks=WALKS)
    auditing.watch(watch)
    yield watch
    auditing.unwatch()


def passes(module: object, name: object) -> bool:
    try:
        sys.audit(hook.GLOBAL, module, name)
    except Refused:
        return False
    return True


def passes_in_python(watch: auditing.Watch, module: object, name: object) -> bool:
    try:
        hook._look_at(watch, module, name)
    except Refused:
        return False
    return True


def test_every_known_danger_is_judged_alike_by_rule_and_by_name(watched: auditing.Watch) -> None:
    names, modules = _listed()
    known = {tuple(full.rsplit(".", 1)) for full in names} | {(module, "anything") for module in modules}
    known |= {("some_module", walk) for walk in WALKS} | {("a-b", "c"), ("some_module", "Ünder"), ("some_module", "")}
    known |= {(old, name) for old, name in net.NAME_MAPPING} | {(old, "system") for old in net.IMPORT_MAPPING}
    for module, name in known:
        wanted = not net._why(module, name, None)
        assert passes(module, name) == passes_in_python(watched, module, name) == wanted, (module, name)
    assert not passes("posix", "system")
    assert not passes("commands", "getoutput"), "the name that subprocess.getoutput had in Python 2"
    assert passes("collections", "OrderedDict")


MODULES = st.sampled_from(sorted({full.rpartition(".")[0] for full in _listed()[0]} | {"a", "a.b", "__builtin__"}))
NAMES = st.sampled_from(sorted({full.rpartition(".")[2] for full in _listed()[0]} | WALKS)) | st.text(max_size=12)


@settings(max_examples=300, deadline=None)
@given(module=MODULES | st.text(max_size=12), name=NAMES)
def test_names_are_judged_alike_by_rule_and_by_name(module: str, name: str) -> None:
    def decide(module: object, name: object) -> None:
        if net._why(str(module), str(name), None):
            raise Refused

    watch = auditing.Watch(rule_of=net._suspects_of, decide=decide, walks=WALKS)
    auditing.watch(watch)
    try:
        wanted = not net._why(module, name, None)
        assert passes(module, name) == passes_in_python(watch, module, name) == wanted
    finally:
        auditing.unwatch()


@given(name=st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,12}", fullmatch=True), module=MODULES)
def test_a_plain_name_that_is_no_suspect_is_no_danger(module: str, name: str) -> None:
    known = suspects(module)
    if known is not None and name not in known and name not in WALKS:
        found = danger_of(module, name)
        assert found is None or found.source == "module"


@pytest.mark.parametrize(("module", "name"), [(1, "a"), ("a", None), (None, None), (b"os", "system")])
def test_what_is_no_text_is_asked_about(module: Any, name: Any) -> None:
    asked: list[tuple[object, object]] = []
    auditing.watch(auditing.Watch(rule_of=lambda _: None, decide=lambda *pair: asked.append(pair), walks=frozenset()))
    sys.audit(hook.GLOBAL, module, name)
    sys.audit(hook.GLOBAL)
    auditing.unwatch()
    assert asked == [(module, name), (None, None)]


def test_a_rule_is_asked_for_once_a_module_and_only_suspects_are_asked_about() -> None:
    rules: list[str] = []
    asked: list[object] = []

    def rule_of(module: str) -> auditing.hook.Rule:
        rules.append(module)
        return {"m": None, "f": frozenset({"bad"}), "s": {"good"}}[module]

    auditing.watch(auditing.Watch(rule_of=rule_of, decide=lambda *pair: asked.append(pair), walks=frozenset({"os"})))
    for module in "mfs":
        for name in ("good", "bad", "os", "a.b", "1a", "good"):
            sys.audit(hook.GLOBAL, "".join([module]), name)
    auditing.unwatch()
    assert rules == ["m", "f", "s"]
    assert asked == [
        ("m", "os"), ("m", "a.b"), ("m", "1a"),
        ("f", "bad"), ("f", "os"), ("f", "a.b"), ("f", "1a"),
        ("s", "bad"), ("s", "os"), ("s", "a.b"), ("s", "1a"),
    ]  # fmt: skip


def test_a_rule_that_cannot_be_found_refuses() -> None:
    def rule_of(module: str) -> None:
        raise Refused(module)

    auditing.watch(auditing.Watch(rule_of=rule_of, decide=lambda *_: None, walks=frozenset()))
    try:
        assert not passes("a", "b")
        assert not passes("a", "b")
    finally:
        auditing.unwatch()


# --- listeners -----------------------------------------------------------------------------------------------------


def test_listeners_of_several_owners_hear_their_events_until_they_are_silenced() -> None:
    heard: list[tuple[str, str]] = []
    for owner in ("one", "two"):
        auditing.listen(owner, {"modelguard.test": lambda event, _, owner=owner: heard.append((owner, event))})
    sys.audit("modelguard.test", 1)
    sys.audit("modelguard.tess", 1)
    auditing.silence("one")
    sys.audit("modelguard.test", 1)
    auditing.silence("two")
    sys.audit("modelguard.test", 1)
    assert [owner for owner, _ in heard] == ["one", "two", "two"]


def test_nothing_that_a_listener_does_is_told_to_it() -> None:
    heard: list[str] = []

    def listener(event: str, _: tuple[Any, ...]) -> None:
        heard.append(event)
        sys.audit("modelguard.test")

    auditing.listen("one", {"modelguard.test": listener})
    sys.audit("modelguard.test")
    auditing.silence("one")
    assert heard == ["modelguard.test"]


def test_a_listener_that_raises_refuses_the_event() -> None:
    def listener(event: str, _: tuple[Any, ...]) -> None:
        raise Refused(event)

    auditing.listen("one", {"modelguard.test": listener})
    with pytest.raises(Refused):
        sys.audit("modelguard.test")
    auditing.silence("one")
    sys.audit("modelguard.test")


# --- processes, threads, interpreters --------------------------------------------------------------------------------


@pytest.mark.parametrize("pure", HOOKS)
def test_threads_that_load_while_the_tables_are_exchanged(pure: str) -> None:
    code = """
        import threading, collections
        from modelguard import auditing
        good = pickle.dumps([collections.OrderedDict, os.getcwd, threading.Thread])
        wrong, end = [], threading.Event()
        interception = modelguard.intercept()
        def work():
            while not end.is_set():
                pickle.loads(good)
                try:
                    pickle.loads(EVIL)
                    wrong.append(1)
                except modelguard.ModelRefused:
                    pass
        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads: thread.start()
        from modelguard.interception import net
        for number in range(2000):
            net.start(interception.event, None, closed=bool(number % 2))
            auditing.listen("x", {f"modelguard.{n}": print for n in range(number % 9)})
        end.set()
        for thread in threads: thread.join()
        print(len(wrong))
    """
    assert outcome(code, pure) == "0"


@pytest.mark.parametrize("pure", HOOKS)
def test_a_forked_child_is_watched(pure: str) -> None:
    code = """
        modelguard.intercept()
        if os.fork() == 0:
            try:
                pickle.loads(EVIL)
            except modelguard.ModelRefused:
                os._exit(7)
            os._exit(0)
        print(os.waitstatus_to_exitcode(os.wait()[1]))
    """
    assert outcome(code, pure) == "7"


IN_ANOTHER = """
    try:
        import _interpreters as i
    except ImportError:
        import _xxsubinterpreters as i
    interception = modelguard.intercept({mode!r})
    made = i.create()
    code = ("import pickle\\ntry:\\n    pickle.loads(bytes.fromhex({data!r}))\\n    print('loaded')\\n"
            "except RuntimeError as e: print(e)")
    sys.stdout.flush()
    i.run_string(made, code)
    interception.stop()
    i.run_string(made, code)
    i.destroy(made)
"""
DATE = b"cdatetime\ndate\n.".hex()


@pytest.mark.parametrize(
    ("pure", "mode", "said"),
    [
        pytest.param("", "guard", ["modelguard: globals are not unpickled in another interpreter", "loaded"],
                     marks=pytest.mark.skipif(not auditing.COMPILED, reason="the hook is not compiled")),
        pytest.param("", "observe", ["loaded", "loaded"],
                     marks=pytest.mark.skipif(not auditing.COMPILED, reason="the hook is not compiled")),
        ("1", "guard", ["loaded", "loaded"]),  # the residue: a hook in Python is of its interpreter
    ],
)  # fmt: skip
def test_another_interpreter(pure: str, mode: str, said: list[str]) -> None:
    code = textwrap.dedent(IN_ANOTHER).format(mode=mode, data=DATE)
    assert outcome(code, pure).splitlines() == said


@pytest.mark.skipif(not auditing.COMPILED, reason="the hook is not compiled")
def test_the_hook_in_c_is_not_imported_into_another_interpreter() -> None:
    code = """
        try:
            import _interpreters as i
        except ImportError:
            import _xxsubinterpreters as i
        from modelguard.auditing import COMPILED
        made = i.create()
        sys.stdout.flush()
        i.run_string(made, "try:\\n    import modelguard.auditing._hook\\n    print('imported')\\n"
                           "except ImportError: print('refused')")
        i.destroy(made)
    """
    assert outcome(code, "") == "refused"


@pytest.mark.parametrize("pure", HOOKS)
@pytest.mark.parametrize("mode", ["guard", "observe"])
def test_the_end_of_the_process_is_quiet(pure: str, mode: str) -> None:
    code = f"""
        import atexit, collections
        modelguard.intercept({mode!r})
        class Late:
            def __del__(self):
                for data in (pickle.dumps(1), b"ccollections\\nOrderedDict\\n.", b"cno_such\\nthing\\n."):
                    try:
                        pickle.loads(data)
                    except Exception:
                        pass
        sys.late = Late()
        late = Late()
        late.itself = late
        atexit.register(lambda: print("end", flush=True))
    """
    done = child(code, pure)
    assert (done.returncode, done.stdout, done.stderr) == (0, "end\n", "")


@pytest.mark.parametrize("pure", HOOKS)
def test_what_is_refused_leaks_nothing(pure: str) -> None:
    code = """
        import gc
        interception = modelguard.intercept()
        def some():
            for number in range(300):
                try:
                    pickle.loads(EVIL)
                except modelguard.ModelRefused:
                    pass
                pickle.loads(b"cdatetime\\ndate\\n.")
            interception.seen.clear()
        def some_times():  # what the interpreter keeps for itself fills up in the first ones
            for number in range(8):
                some(); gc.collect()
            return sys.getallocatedblocks()
        print(-some_times() + some_times() < 100)
    """
    assert outcome(code, pure) == "True"


def test_the_rules_of_many_modules_do_not_pile_up() -> None:
    asked: list[str] = []
    watch = auditing.Watch(rule_of=asked.append, decide=lambda *_: None, walks=frozenset())
    auditing.watch(watch)
    for number in range(70_000):
        sys.audit(hook.GLOBAL, f"m{number}", "a")
    auditing.unwatch()
    assert len(asked) == 70_000
    assert len(watch.rules) == 70_000 - hook.MOST_MODULES
