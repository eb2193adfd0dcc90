"""Models on this machine: locked, loaded, and refused as soon as anything differs."""

from __future__ import annotations

import io
import os
import unicodedata
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from modelguard import LockError, ModelRefused, PolicyError, guarded, guarded_load, verified_snapshot
from modelguard.guard import Gate
from modelguard.terms.errors import LoaderError, NotFound, RefError
from modelguard.terms.verdict import Refused
from modelguard.testing.models import calling_pickle, tiny_config, tiny_pickle, tiny_safetensors

Locker = Callable[..., Any]


@pytest.fixture
def model(project: Path) -> Path:
    directory = project / "models"
    directory.mkdir()
    (directory / "model.safetensors").write_bytes(tiny_safetensors())
    (directory / "config.json").write_bytes(tiny_config())
    return directory


def checks_of(caught: pytest.ExceptionInfo[ModelRefused]) -> set[str]:
    assert caught.value.examination is not None
    verdict = caught.value.examination.verdict
    assert isinstance(verdict, Refused)
    return {decision.finding.check for decision in verdict.because}


def test_a_locked_directory_loads(model: Path, lock_model: Locker) -> None:
    lock_model("models")
    tensors = guarded_load("models", file="model.safetensors", loader="safetensors.numpy")
    assert tensors["head.bias"].tolist() == [0.25]


def test_a_locked_file_loads_by_any_spelling_of_its_path(model: Path, lock_model: Locker) -> None:
    lock_model("models/model.safetensors")
    for spelling in ("models/model.safetensors", "./models/../models/model.safetensors", model / "model.safetensors"):
        assert guarded_load(spelling, loader="safetensors.numpy")["head.bias"].tolist() == [0.25]


def test_a_file_within_a_locked_directory_loads(model: Path, lock_model: Locker) -> None:
    lock_model("models")
    tensors = guarded_load("models/model.safetensors", loader="safetensors.numpy")
    assert tensors["head.bias"].tolist() == [0.25]


def test_any_callable_can_be_wrapped(model: Path, lock_model: Locker) -> None:
    lock_model("models/config.json")
    read = guarded(lambda path, suffix: Path(path).read_text() + suffix)
    assert read("models/config.json", "!").endswith("}!")
    with pytest.raises(ModelRefused):
        read("models/model.safetensors", "")


def test_a_verified_snapshot_holds_exactly_the_locked_files(model: Path, lock_model: Locker) -> None:
    lock_model("models")
    with verified_snapshot("models") as path:
        assert sorted(file.name for file in path.iterdir()) == ["config.json", "model.safetensors"]
        assert (path / "config.json").read_bytes() == tiny_config()
    assert not path.exists()


def test_one_turned_bit_refuses_although_the_store_holds_the_approved_bytes(model: Path, lock_model: Locker) -> None:
    entry = lock_model("models")
    file = model / "model.safetensors"
    changed = bytearray(file.read_bytes())
    changed[-1] ^= 1
    file.write_bytes(changed)
    with pytest.raises(ModelRefused) as caught:
        guarded_load("models", file="model.safetensors", loader="safetensors.numpy")
    assert checks_of(caught) == {"digest-mismatch"}
    assert str(entry.digests["model.safetensors"]) in str(caught.value)
    store = Gate.open().store
    assert {*store.objects()} == entry.kept
    assert not store.verify().damaged


def test_a_damaged_store_refuses(model: Path, lock_model: Locker) -> None:
    entry = lock_model("models")
    store = Gate.open().store
    place = store.path_of(entry.digests["model.safetensors"])
    assert place is not None
    place.chmod(0o644)
    place.write_bytes(place.read_bytes()[:-1] + b"x")
    with pytest.raises(ModelRefused) as caught:
        guarded_load("models", file="model.safetensors", loader="safetensors.numpy")
    assert checks_of(caught) == {"digest-mismatch"}


def test_an_extra_file_refuses_and_is_named(model: Path, lock_model: Locker) -> None:
    lock_model("models")
    (model / "modeling_x.py").write_text("print('hello')")
    with pytest.raises(ModelRefused, match=r"modeling_x\.py: is not in the lock") as caught:
        guarded_load("models", loader="safetensors.numpy", file="model.safetensors")
    assert checks_of(caught) == {"file-set-differs"}


def test_a_missing_file_refuses_and_is_named(model: Path, lock_model: Locker) -> None:
    lock_model("models")
    (model / "config.json").unlink()
    with pytest.raises(ModelRefused, match=r"config\.json: is in the lock and is missing here"):
        guarded_load("models", loader="safetensors.numpy", file="model.safetensors")


def make_link(directory: Path) -> str:
    (directory / "link").symlink_to("/etc/hostname")
    return "link"


def make_fifo(directory: Path) -> str:
    os.mkfifo(directory / "pipe")
    return "pipe"


def make_case_twin(directory: Path) -> str:
    (directory / "CONFIG.json").write_bytes(b"{}")
    return "CONFIG.json"


def make_accent_twin(directory: Path) -> str:
    (directory / "é.json").write_bytes(b"{}")
    twin = unicodedata.normalize("NFD", "é.json")
    (directory / twin).write_bytes(b"{}")
    return twin


@pytest.mark.parametrize("make", [make_link, make_fifo, make_case_twin, make_accent_twin])
def test_what_is_not_a_plain_file_with_a_plain_name_refuses(
    make: Callable[[Path], str], model: Path, lock_model: Locker
) -> None:
    lock_model("models")
    name = make(model)
    with pytest.raises(ModelRefused) as caught:
        guarded_load("models", loader="safetensors.numpy", file="model.safetensors")
    assert caught.value.examination is not None
    findings = [one for one in caught.value.examination.findings if one.check == "unsafe-file"]
    assert name in {one.location.path for one in findings}


def test_without_a_lock_the_command_that_makes_one_is_named(model: Path) -> None:
    with pytest.raises(ModelRefused, match="modelguard lock file:models"):
        guarded_load("models", loader="safetensors.numpy")


def test_a_damaged_lock_is_an_error_and_stays_as_it_is(model: Path, lock_model: Locker, project: Path) -> None:
    lock_model("models")
    path = project / "modelguard.lock"
    path.write_bytes(path.read_bytes()[:-30])
    before = path.read_bytes()
    with pytest.raises(LockError):
        guarded_load("models", loader="safetensors.numpy")
    assert path.read_bytes() == before


@pytest.mark.parametrize(("old", "new"), [('"approved"', '"revoked"'), ("reason =", "until = 2020-01-01\nreason =")])
def test_a_revoked_or_ended_approval_refuses(
    old: str, new: str, model: Path, lock_model: Locker, project: Path
) -> None:
    lock_model("models", reason="demo")
    path = project / "modelguard.lock"
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(ModelRefused) as caught:
        guarded_load("models", loader="safetensors.numpy", file="model.safetensors")
    assert checks_of(caught) == {"approval-ended"}


def test_a_permission_that_the_lock_does_not_record_refuses(project: Path, lock_model: Locker) -> None:
    (project / "m.pkl").write_bytes(tiny_pickle())
    lock_model("m.pkl")
    path = project / "modelguard.lock"
    assert 'imports = ["collections.OrderedDict"]' in path.read_text()
    path.write_text(path.read_text().replace(', imports = ["collections.OrderedDict"]', ""))
    with pytest.raises(ModelRefused) as caught:
        guarded_load("m.pkl")
    assert checks_of(caught) == {"permission-increase"}


def test_a_harmless_pickle_loads_and_a_poisoned_one_cannot_be_locked(project: Path, lock_model: Locker) -> None:
    (project / "good.pkl").write_bytes(tiny_pickle())
    lock_model("good.pkl")
    assert guarded_load("good.pkl")["bias"] == 0.25
    (project / "evil.pkl").write_bytes(calling_pickle("os", "system", "echo pwned"))
    with pytest.raises(AssertionError, match="system"):
        lock_model("evil.pkl")


def test_locking_again_without_a_change_changes_no_byte(model: Path, lock_model: Locker, project: Path) -> None:
    lock_model("models")
    before = (project / "modelguard.lock").stat()
    lock_model("models")
    assert (project / "modelguard.lock").stat() == before


def test_a_model_outside_the_project_is_filed_under_its_whole_path(tmp_path: Path, lock_model: Locker) -> None:
    outside = tmp_path / "w.safetensors"
    outside.write_bytes(tiny_safetensors())
    assert lock_model(str(outside)).id == f"file:{outside}"
    assert guarded_load(outside, loader="safetensors.numpy")["head.bias"].tolist() == [0.25]


def test_a_directory_with_one_file_is_handed_over_as_a_directory(project: Path, lock_model: Locker) -> None:
    (project / "one").mkdir()
    (project / "one" / "model.safetensors").write_bytes(tiny_safetensors())
    lock_model("one")
    with verified_snapshot("one") as path:
        assert (path / "model.safetensors").is_file()


def test_a_wrapped_function_with_a_loader_is_held_to_the_approved_imports(project: Path, lock_model: Locker) -> None:
    import joblib

    joblib.dump({"bias": 0.25}, project / "m.joblib")
    lock_model("m.joblib")
    assert guarded(joblib.load)("m.joblib") == {"bias": 0.25}
    with pytest.raises(LoaderError):
        guarded(joblib.load)("m.joblib", mmap_mode="r+")


def test_a_wrapped_function_cannot_use_the_network(model: Path, lock_model: Locker) -> None:
    import socket

    def phone_home(path: str) -> None:
        socket.create_connection(("127.0.0.1", 9), timeout=1)

    lock_model("models/config.json")
    with pytest.raises(ModelRefused):
        guarded(phone_home)("models/config.json")


def test_a_locked_file_that_is_gone_is_not_looked_for_on_a_hub(model: Path, lock_model: Locker) -> None:
    lock_model("models/config.json")
    (model / "config.json").unlink()
    with pytest.raises(NotFound, match=r"models/config\.json"):
        guarded_load("models/config.json")


def test_what_is_bound_by_name_before_wrapping_goes_through_the_same_loader(project: Path, lock_model: Locker) -> None:
    np = pytest.importorskip("numpy", reason="numpy.load is what is wrapped")
    np.save(project / "a.npy", np.ones(2))
    lock_model("a.npy")
    assert guarded(partial(np.load, mmap_mode="r"))("a.npy").tolist() == [1.0, 1.0]
    for bound in (
        partial(np.load, allow_pickle=True),
        partial(partial(np.load), allow_pickle=True),
    ):
        with pytest.raises(LoaderError, match="allow_pickle=True is not passed on"):
            guarded(bound)("a.npy")


@pytest.mark.parametrize(
    "ref", [b"models", io.BytesIO(b"x"), None, 5, ["models"], ("models",), "~nobody-of-this-name/x"]
)
def test_what_names_no_model_is_an_error_that_says_so(model: Path, lock_model: Locker, ref: Any) -> None:
    lock_model("models")
    for load in (guarded_load, guarded(lambda path: path)):
        with pytest.raises(RefError):
            load(ref)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make files of another user")
def test_a_lock_that_another_user_has_put_into_a_shared_directory_approves_nothing(
    model: Path, lock_model: Locker
) -> None:
    lock_model("models")
    os.chown("modelguard.lock", 65534, 65534)
    load = partial(guarded_load, "models", file="model.safetensors", loader="safetensors.numpy")
    assert load()["head.bias"].tolist() == [0.25]  # in a directory of one's own, whoever may have made it
    model.parent.chmod(0o1777)
    with pytest.raises(LockError, match="belongs to user 65534, in a directory that all users share"):
        load()


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_a_lock_that_is_no_file_is_an_error_and_is_not_waited_for(
    model: Path, lock_model: Locker, make: Callable[[str], None]
) -> None:
    lock_model("models")
    Path("modelguard.lock").unlink()
    make("modelguard.lock")
    with pytest.raises(LockError, match="is no file"):
        guarded_load("models", file="model.safetensors", loader="safetensors.numpy")


@pytest.mark.parametrize(("word", "offline"), [("1", True), ("on", True), ("", False), ("0", False), ("False", False)])
def test_a_word_for_offline_mode_is_understood(
    project: Path, monkeypatch: pytest.MonkeyPatch, word: str, offline: bool
) -> None:
    monkeypatch.setenv("MODELGUARD_OFFLINE", word)
    assert Gate.open().options.offline is offline


@pytest.mark.parametrize("word", ["y", "offline", "2", " 1"])
def test_a_word_that_says_neither_is_an_error_and_not_online(
    project: Path, monkeypatch: pytest.MonkeyPatch, word: str
) -> None:
    monkeypatch.setenv("MODELGUARD_OFFLINE", word)
    with pytest.raises(PolicyError, match="MODELGUARD_OFFLINE: expected 1 or 0"):
        Gate.open()
