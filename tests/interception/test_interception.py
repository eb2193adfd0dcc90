"""Ordinary loader calls in a process that is intercepted: guarded, refused or recorded."""

from __future__ import annotations

import io
import logging
import marshal
import os
import pickle
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import modelguard
from modelguard import ModelRefused, PolicyError
from modelguard.guard import Gate, Wish, pin
from modelguard.interception import intercept
from modelguard.interception.entry_points import ENTRY_POINTS
from modelguard.interception.routing import _refuse_outside
from modelguard.lock import update
from modelguard.terms.errors import LoaderError
from modelguard.testing import LocalHub, tiny_model
from modelguard.testing.models import calling_pickle, tiny_pickle, tiny_safetensors

Locker = Callable[..., Any]
EVIL = calling_pickle("os", "system", "echo pwned")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    directory = tmp_path / "project"
    directory.mkdir()
    monkeypatch.chdir(directory)
    monkeypatch.setenv("MODELGUARD_STORE", str(tmp_path / "store"))
    for name in ("HF_ENDPOINT", "HF_TOKEN", "MODELGUARD_MODE", "MODELGUARD_INTERCEPT"):
        monkeypatch.delenv(name, raising=False)
    return directory


@pytest.fixture
def lock_model(project: Path) -> Locker:
    def lock(ref: str) -> Any:
        gate = Gate.open()
        entry, examination = pin(gate.canonical(ref), gate, Wish())
        assert examination.allowed
        update(gate.lock_path, lambda lock: lock.with_entry(entry), created_by="test")
        return entry

    return lock


@pytest.fixture
def dumped(project: Path, lock_model: Locker) -> Path:
    import joblib

    joblib.dump({"weight": [0.5]}, project / "good.joblib")
    lock_model("good.joblib")
    (project / "evil.joblib").write_bytes(EVIL)
    return project


def in_child(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    source = str(Path(modelguard.__file__).parent.parent)
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=120,
        env={**os.environ, "PYTHONPATH": source, **environment}, check=False,
    )  # fmt: skip


# --- guard -------------------------------------------------------------------------------------------------------


def test_an_ordinary_load_of_a_locked_file_is_answered_by_the_guard(dumped: Path) -> None:
    import joblib

    with intercept():
        assert joblib.load("good.joblib") == {"weight": [0.5]}
        assert joblib.load(filename="good.joblib") == {"weight": [0.5]}
        with pytest.raises(ModelRefused, match="not-locked"):
            joblib.load("evil.joblib")
    assert joblib.load("good.joblib") == {"weight": [0.5]}


def test_a_changed_file_is_refused(dumped: Path) -> None:
    import joblib

    (dumped / "good.joblib").write_bytes(EVIL)
    with intercept(), pytest.raises(ModelRefused, match="digest-mismatch"):
        joblib.load("good.joblib")


def test_a_function_that_was_imported_by_name_before_is_replaced(dumped: Path) -> None:
    module = type(sys)("somebody_elses")
    exec("from joblib import load", vars(module))
    sys.modules["somebody_elses"] = module
    try:
        before = module.load
        with intercept():
            assert module.load is not before
            with pytest.raises(ModelRefused):
                module.load("evil.joblib")
        assert module.load is before
    finally:
        del sys.modules["somebody_elses"]


def test_a_function_bound_before_is_not_replaced_but_the_net_holds(dumped: Path) -> None:
    from joblib import load  # a local variable, which nobody can reach

    with intercept():
        assert load("good.joblib") == {"weight": [0.5]}
        with pytest.raises(ModelRefused, match=r"posix\.system|os\.system"):
            load("evil.joblib")


def test_a_module_that_is_imported_later_is_wrapped(dumped: Path) -> None:
    done = in_child("""
        import modelguard, sys
        modelguard.intercept()
        assert "joblib" not in sys.modules
        from joblib import load
        print(load("good.joblib"))
        try:
            load("evil.joblib")
        except modelguard.ModelRefused as error:
            print("refused")
    """)
    assert done.stdout.splitlines() == ["{'weight': [0.5]}", "refused"], done.stderr


def test_a_second_interception_reaches_what_was_imported_during_the_first(dumped: Path) -> None:
    done = in_child("""
        import modelguard
        with modelguard.intercept():
            import joblib
            from joblib import load
            kept = [load]
        print(joblib.load("good.joblib"), load is joblib.load)
        with modelguard.intercept("enforce"):
            for way in (joblib.load, load, kept[0]):
                try:
                    way("good.joblib")
                except modelguard.ModelRefused:
                    print("refused")
    """)
    assert done.stdout.splitlines() == ["{'weight': [0.5]} True", "refused", "refused", "refused"], done.stderr


def test_a_stream_is_found_by_its_bytes(dumped: Path) -> None:
    import joblib

    with intercept():
        with (dumped / "good.joblib").open("rb") as opened:
            assert joblib.load(opened) == {"weight": [0.5]}
        with pytest.raises(ModelRefused, match="no locked file"):
            joblib.load(io.BytesIO(EVIL))


def test_a_copy_elsewhere_is_the_locked_file_if_its_bytes_are(dumped: Path, tmp_path: Path) -> None:
    import joblib

    (tmp_path / "copy").write_bytes((dumped / "good.joblib").read_bytes())
    with intercept():
        assert joblib.load(tmp_path / "copy") == {"weight": [0.5]}


def test_safe_open_reads_verified_tensors(project: Path, lock_model: Locker) -> None:
    import safetensors

    (project / "m.safetensors").write_bytes(tiny_safetensors())
    lock_model("m.safetensors")
    with intercept(), safetensors.safe_open("m.safetensors", framework="np") as opened:
        assert opened.get_tensor("head.bias").tolist() == [0.25]
        changed = (project / "m.safetensors").read_bytes()[:-1] + b"x"
        (project / "m.safetensors").write_bytes(changed)
        with pytest.raises(ModelRefused):
            safetensors.safe_open("m.safetensors", framework="np").get_tensor("head.bias")


@pytest.fixture
def hub(project: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalHub]:
    with LocalHub() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        hub.repository("acme/tiny").commit(tiny_model())
        yield hub


def test_downloads_come_from_the_store(hub: LocalHub, lock_model: Locker) -> None:
    import huggingface_hub

    entry = lock_model("acme/tiny")
    hub.requests.clear()
    with intercept():
        place = Path(huggingface_hub.snapshot_download("acme/tiny"))
        assert sorted(str(file.relative_to(place)) for file in place.rglob("*")) == sorted(entry.digests)
        assert huggingface_hub.hf_hub_download("acme/tiny", "config.json") == str(place / "config.json")
        assert huggingface_hub.snapshot_download("acme/tiny", revision="main") == str(place)
        with pytest.raises(ModelRefused, match="commit"):
            huggingface_hub.snapshot_download("acme/tiny", revision="0" * 40)
        with pytest.raises(ModelRefused, match="not-locked"):
            huggingface_hub.snapshot_download("acme/other")
        with pytest.raises(FileNotFoundError):
            huggingface_hub.hf_hub_download("acme/tiny", "no_such.json")
        from safetensors.numpy import load_file

        assert load_file(place / "model.safetensors")["head.bias"].tolist() == [0.25]
    assert hub.requests == []


# --- enforce -----------------------------------------------------------------------------------------------------


def test_enforce_refuses_every_load_around_the_guard_and_lets_the_guard_pass(dumped: Path) -> None:
    import joblib

    with intercept("enforce") as interception:
        with pytest.raises(ModelRefused, match="around the guard"):
            joblib.load("good.joblib")
        assert modelguard.guarded_load("good.joblib") == {"weight": [0.5]}
    assert [(one.call, one.target) for one in interception.seen] == [("joblib.numpy_pickle.load", "'good.joblib'")]


def test_another_thread_is_intercepted_too(dumped: Path) -> None:
    import joblib

    ends: list[str] = []

    def work() -> None:
        try:
            ends.append(str(joblib.load("good.joblib")))
        except ModelRefused:
            ends.append("refused")

    with intercept("enforce"):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert ends == ["refused"]


def test_a_forked_child_is_intercepted_too(dumped: Path) -> None:
    done = in_child("""
        import os, modelguard, joblib
        modelguard.intercept("enforce")
        if os.fork() == 0:
            try:
                joblib.load("good.joblib")
            except modelguard.ModelRefused:
                os._exit(7)
            os._exit(0)
        print(os.waitstatus_to_exitcode(os.wait()[1]))
    """)
    assert done.stdout == "7\n", done.stderr


# --- observe -----------------------------------------------------------------------------------------------------


def test_observe_lets_pass_and_says_what_would_be_refused(dumped: Path, caplog: pytest.LogCaptureFixture) -> None:
    import joblib

    joblib.dump([1], "other.joblib")
    with intercept("observe") as interception, caplog.at_level(logging.WARNING):
        assert joblib.load("good.joblib") == {"weight": [0.5]}
        assert joblib.load("other.joblib") == [1]
    assert [one.refusal[:0] or bool(one.refusal) for one in interception.seen] == [False, True]
    assert "would be refused" in caplog.text


# --- the net -----------------------------------------------------------------------------------------------------


class PassesOn(pickle._Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        return super().find_class(module, name)


def c_unpickler(data: bytes) -> Any:
    import _pickle

    return _pickle.loads(data)


WAYS: dict[str, Callable[[bytes], Any]] = {
    "pickle.loads": pickle.loads,
    "pickle.load": lambda data: pickle.load(io.BytesIO(data)),
    "_pickle.loads": c_unpickler,
    "pickle._loads": pickle._loads,
    "pickle.Unpickler": lambda data: pickle.Unpickler(io.BytesIO(data)).load(),
    "a subclass": lambda data: PassesOn(io.BytesIO(data)).load(),
}


@pytest.mark.parametrize("way", WAYS)
def test_the_net_refuses_a_known_danger_by_any_unpickler(way: str) -> None:
    with intercept():
        with pytest.raises(ModelRefused, match=r"pickle\.find_class"):
            WAYS[way](EVIL)
        assert WAYS[way](tiny_pickle())["bias"] == 0.25


def test_the_net_does_not_see_an_unpickler_that_looks_up_by_itself() -> None:
    class Own(pickle._Unpickler):
        def find_class(self, module: str, name: str) -> Any:
            return lambda *args: (module, name, args)

    with intercept():
        assert Own(io.BytesIO(EVIL)).load()[1] == "system"


@pytest.mark.parametrize("data", [b"ccommands\ngetoutput\n.", b"c__builtin__\neval\n.", b"c__builtin__\nexecfile\n."])
def test_the_net_knows_the_names_of_python_2(data: bytes) -> None:
    with intercept(), pytest.raises(ModelRefused):
        pickle.loads(data)


def test_the_net_lets_ordinary_objects_pass() -> None:
    import datetime
    import functools

    value = [functools.partial(int, base=2), datetime.date(2026, 1, 1), {1, 2}, "text".upper, Path("x")]
    with intercept():
        assert len(pickle.loads(pickle.dumps(value))) == len(value)


def test_granted_only_refuses_what_no_profile_grants() -> None:
    import functools

    data = pickle.dumps(functools.partial(int, base=2))
    with intercept("guard", granted_only=True):
        with pytest.raises(ModelRefused, match="no profile"):
            pickle.loads(data)
        assert pickle.loads(tiny_pickle())["bias"] == 0.25


def test_the_net_refuses_marshalled_code_but_not_imports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = marshal.dumps(compile("1", "x", "eval"))
    (tmp_path / "fresh_module.py").write_text("value = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    subprocess.run([sys.executable, "-m", "compileall", "-q", str(tmp_path)], check=True)
    with intercept():
        with pytest.raises(ModelRefused, match=r"marshal\.loads"):
            marshal.loads(data)
        import fresh_module  # type: ignore[import-not-found]

        assert fresh_module.value == 1
    assert marshal.loads(data)


def test_the_net_refuses_the_code_of_a_model(tmp_path: Path) -> None:
    inside = tmp_path / "transformers_modules" / "modeling_x.py"
    with intercept():
        with pytest.raises(ModelRefused, match="own Python code"):
            exec(compile("1", str(inside), "exec"))
        exec(compile("1", str(tmp_path / "modeling_x.py"), "exec"))


def test_the_net_is_off_after_the_end() -> None:
    intercept().stop()
    data = pickle.dumps(os.getcwd)
    assert pickle.loads(data) is os.getcwd


# --- starting and ending -----------------------------------------------------------------------------------------


def test_only_one_interception_runs() -> None:
    with intercept(), pytest.raises(PolicyError, match="another"):
        intercept()
    with pytest.raises(PolicyError, match="sleep"):
        intercept("sleep")  # type: ignore[arg-type]


@pytest.mark.parametrize(("mode", "end"), [("enforce", "refused"), ("", "loaded"), ("slip", "PolicyError")])
def test_the_environment_starts_it(dumped: Path, mode: str, end: str) -> None:
    done = in_child(
        """
        import modelguard, joblib
        try:
            joblib.load("good.joblib")
            print("loaded")
        except modelguard.ModelRefused:
            print("refused")
        """,
        MODELGUARD_INTERCEPT=mode,
    )
    assert end in done.stdout + done.stderr


@pytest.mark.parametrize(("args", "options"), [((None, True), {}), ((), {"allow_pickle": True})])
def test_numpy_is_asked_about_however_the_permission_to_unpickle_is_passed(
    project: Path, args: tuple[Any, ...], options: dict[str, Any]
) -> None:
    import numpy as np

    np.save(project / "a.npy", np.array([{"a": 1}], dtype=object))
    with intercept("enforce"), pytest.raises(ModelRefused, match="around the guard"):
        np.load("a.npy", *args, **options)


def test_no_option_leads_a_framework_out_of_the_directory_that_it_is_given() -> None:
    point = next(one for one in ENTRY_POINTS if one.way == "path")
    for option in ({"subfolder": "../other"}, {"weight_name": "/etc/x.safetensors"}, {"variant": "a/../../b"}):
        with pytest.raises(LoaderError, match="leads out of the verified directory"):
            _refuse_outside(point, option)
    _refuse_outside(point, {"subfolder": "unet", "variant": "fp16", "weight_name": None})
