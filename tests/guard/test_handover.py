"""The ways of handing a model over: what each one trusts, and exactly what it does not see."""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from modelguard import ModelRefused, PolicyError, guarded, guarded_load, verified_snapshot
from modelguard.guard import Gate
from modelguard.guard.memory import sealed_files, untouched
from modelguard.lock import Lock
from modelguard.sources import stamps
from modelguard.sources.hashing import hash_file
from modelguard.terms.errors import StoreError
from modelguard.testing.models import tiny_config, tiny_pickle, tiny_safetensors

Locker = Callable[..., Any]
FILE = "model.safetensors"
GOOD, BAD = tiny_safetensors({"a": [1.0]}), tiny_safetensors({"a": [9.0]})


@pytest.fixture
def model(project: Path, lock_model: Locker) -> Path:
    (project / "models").mkdir()
    (project / "models" / FILE).write_bytes(GOOD)
    (project / "models" / "config.json").write_bytes(tiny_config())
    lock_model("models")
    return project / "models"


def load(**more: Any) -> Any:
    return guarded_load("models", file=FILE, loader="safetensors.numpy", **more)["a"].tolist()


def the_object() -> Path:
    gate = Gate.open()
    place = gate.store.path_of(gate.require_lock().entries["file:models"].digests[FILE])
    assert place is not None
    return place


def rewrite(file: Path, data: bytes) -> None:
    """Write in place: the same inode, so that every other name and map of it shows the new bytes."""
    file.chmod(0o644)
    with file.open("r+b") as opened:
        opened.write(data)
    file.chmod(0o444)


def settle() -> None:
    time.sleep(stamps.SETTLED * 1.5)


# --- strict ------------------------------------------------------------------------------------------------------


def test_strict_loads_from_memory_that_cannot_be_written(model: Path, tmp_path: Path) -> None:
    seen: list[str] = []
    read = guarded(lambda path: seen.append(path) or Path(path, FILE).read_bytes(), gate=strict_gate())
    assert read("models") == GOOD
    assert str(Path(seen[0], FILE).readlink()).startswith("/proc/self/fd/")
    with pytest.raises(PermissionError):
        Path(seen[0], FILE).write_bytes(BAD)


def strict_gate() -> Gate:
    gate = Gate.open()
    return evolve(gate, policy=evolve(gate.policy, strict=True))


def test_sealed_memory_refuses_writing_and_truncating(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"approved")
    with sealed_files({"f": tmp_path / "f"}) as (directory, sealed):
        for name in (directory / "f", sealed["f"][0]):
            for change in (lambda name=name: name.write_bytes(b"changed!"), lambda name=name: os.truncate(name, 0)):
                with pytest.raises(PermissionError):
                    change()
            assert name.read_bytes() == b"approved"
    assert not directory.exists()


def test_strict_loads_a_single_file(model: Path) -> None:
    assert load(strict=True) == [1.0]


def test_nothing_is_kept_of_a_load_that_is_done_or_was_refused(model: Path) -> None:
    views = Gate.open().store.root / "views"

    def held() -> tuple[int, int]:
        return len(list(Path("/proc/self/fd").iterdir())), len(list(views.iterdir()))

    kept: list[Any] = [load(strict=True), load()]
    before = held()
    for strict in (True, False):
        kept.extend(load(strict=strict) for _ in range(3))
    (model / FILE).write_bytes(BAD)
    for strict in (True, False):
        with pytest.raises(ModelRefused):
            load(strict=strict)
    assert held() == before
    assert kept == [[1.0]] * 8


def test_a_function_of_the_callers_may_open_its_files_again(model: Path) -> None:
    for gate in (strict_gate(), Gate.open()):
        path = guarded(Path, gate=gate)("models")
        assert (path / FILE).read_bytes() == GOOD


def test_strict_holds_a_pickle_to_its_imports(project: Path, lock_model: Locker) -> None:
    (project / "m.pkl").write_bytes(tiny_pickle())
    lock_model("m.pkl")
    assert guarded_load("m.pkl", strict=True)["bias"] == 0.25


def test_strict_sees_nothing_of_a_rewritten_object(model: Path) -> None:
    place = the_object()

    def attack(path: str) -> bytes:
        rewrite(place, BAD)
        (model / FILE).write_bytes(BAD)
        return Path(path, FILE).read_bytes()

    assert guarded(attack, gate=strict_gate())("models") == GOOD


def test_a_load_during_which_the_directory_of_links_was_touched_counts_for_nothing(model: Path) -> None:
    def attack(path: str) -> bytes:
        link = Path(path, FILE)
        target = link.readlink()
        Path(path).chmod(0o700)
        link.unlink()
        link.write_bytes(BAD)
        read = link.read_bytes()
        link.unlink()
        link.symlink_to(target)
        Path(path).chmod(0o500)
        return read

    with pytest.raises(ModelRefused, match="somebody else changed"):
        guarded(attack, gate=strict_gate())("models")


def test_an_untouched_directory_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "f").symlink_to("/proc/self/fd/0")
    with untouched(tmp_path, [("f", Path("/proc/self/fd/0"))]):
        pass
    with pytest.raises(ModelRefused), untouched(tmp_path, [("f", Path("/proc/self/fd/1"))]):
        pass


# --- always: what it does not see ---------------------------------------------------------------------------------


def test_always_does_not_see_a_write_to_the_object_between_check_and_use(model: Path) -> None:
    with verified_snapshot("models") as path:
        rewrite(the_object(), BAD)
        assert (path / FILE).read_bytes() == BAD  # the residue: the same inode, written by the same user


def test_always_sees_it_at_the_next_load(model: Path) -> None:
    rewrite(the_object(), BAD)
    with pytest.raises(ModelRefused, match="digest-mismatch"):
        load()


def test_always_is_not_reached_by_what_happens_to_the_users_own_file(model: Path) -> None:
    with verified_snapshot("models") as path:
        rewrite(model / FILE, BAD)
        (model / FILE).rename(model / "gone")
        (model / FILE).symlink_to("/etc/hostname")
        assert (path / FILE).read_bytes() == GOOD


# --- changed -----------------------------------------------------------------------------------------------------


def records() -> list[str]:
    return [file.read_text() for file in sorted((Gate.open().store.root / "verified").iterdir())]


def warmed() -> None:
    """Load until the records are there: a file is recorded once its last change has settled."""
    load(verify="changed")
    settle()
    assert load(verify="changed") == [1.0]
    assert any(FILE in text for text in records())


def test_changed_keeps_its_records(model: Path) -> None:
    warmed()
    before = records()
    assert load(verify="changed") == [1.0]
    assert records() == before


def test_changed_sees_a_write_in_place_whose_times_are_set_back(model: Path) -> None:
    warmed()
    place = the_object()
    times = place.stat()
    rewrite(place, BAD)
    os.utime(place, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert place.stat().st_mtime_ns == times.st_mtime_ns
    with pytest.raises(StoreError, match="damaged"):
        load(verify="changed")


def test_changed_sees_a_file_put_in_the_place_of_another(model: Path) -> None:
    warmed()
    tree = next((Gate.open().store.root / "trees").iterdir())
    tree.chmod(0o700)
    (tree / "new").write_bytes(BAD)
    (tree / "new").replace(tree / FILE)
    tree.chmod(0o500)
    assert load(verify="changed") == [1.0]  # made anew from the object, which is intact


def test_changed_sees_a_link_put_in_the_place_of_a_file(model: Path, tmp_path: Path) -> None:
    warmed()
    (tmp_path / "bad").write_bytes(BAD)
    tree = next((Gate.open().store.root / "trees").iterdir())
    tree.chmod(0o700)
    (tree / FILE).unlink()
    (tree / FILE).symlink_to(tmp_path / "bad")
    assert load(verify="changed") == [1.0]


def test_changed_sees_a_change_of_the_users_own_file(model: Path) -> None:
    warmed()
    (model / FILE).write_bytes(BAD)
    with pytest.raises(ModelRefused, match="digest-mismatch"):
        load(verify="changed")


def test_changed_believes_a_forged_record(model: Path) -> None:
    """The residue: who writes to the store as the same user can write records as well."""
    warmed()
    place = the_object()
    rewrite(place, BAD)
    stat = place.stat()
    root = Gate.open().store.root / "verified"
    for file in root.iterdir():
        if not file.name.startswith("local-"):
            record = json.loads(file.read_text())
            record[FILE][2:] = [stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns]
            file.write_text(json.dumps(record))
    assert load(verify="changed") == [9.0]
    with pytest.raises(ModelRefused, match="digest-mismatch"):
        load(verify="always")


def test_a_file_that_was_just_written_is_not_recorded(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(GOOD)
    digest, _ = hash_file(tmp_path / "f")
    found = stamps.Records(place=tmp_path / "record", trust="changed")
    assert found.matches("f", tmp_path / "f", digest, ours=False)[0] == digest
    found.save()
    assert not stamps.Records(place=tmp_path / "record", trust="changed").hold("f", tmp_path / "f", digest)
    settle()
    found.matches("f", tmp_path / "f", digest, ours=False)
    found.save()
    assert stamps.Records(place=tmp_path / "record", trust="changed").hold("f", tmp_path / "f", digest)


@pytest.mark.parametrize("text", ["", "[]", "null", '{"f": 1}', '{"f": []}', "{", "\x00"])
def test_a_damaged_record_vouches_for_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "f").write_bytes(GOOD)
    (tmp_path / "record").write_text(text)
    digest, _ = hash_file(tmp_path / "f")
    assert not stamps.Records(place=tmp_path / "record", trust="changed").hold("f", tmp_path / "f", digest)


# --- sealed ------------------------------------------------------------------------------------------------------


def has_verity(directory: Path) -> bool:
    probe = directory / "probe"
    probe.write_bytes(b"x")
    return stamps.seal(probe)


def test_sealed_says_where_the_kernel_has_no_seal_and_hashes(
    model: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    if has_verity(tmp_path):
        pytest.skip("this file system has fs-verity: the next test is the one that counts")
    load(verify="sealed")
    settle()
    with caplog.at_level(logging.WARNING):
        assert load(verify="sealed") == [1.0]
    assert "no fs-verity" in caplog.text
    place = the_object()
    times = place.stat()
    rewrite(place, BAD)
    os.utime(place, ns=(times.st_atime_ns, times.st_mtime_ns))
    with pytest.raises(StoreError, match="damaged"):
        load(verify="sealed")


def test_sealed_files_refuse_every_write(model: Path, tmp_path: Path) -> None:
    if not has_verity(tmp_path):
        pytest.skip("this file system has no fs-verity, so nothing can be sealed here")
    load(verify="sealed")
    settle()
    assert load(verify="sealed") == [1.0]
    with pytest.raises(PermissionError):
        rewrite(the_object(), BAD)


# --- who decides -------------------------------------------------------------------------------------------------


def test_a_load_can_be_stricter_than_the_policy_but_not_weaker(model: Path, project: Path) -> None:
    (project / "modelguard.toml").write_text('verify = "sealed"\nstrict = true\n')
    assert load(verify="always") == [1.0]
    with pytest.raises(PolicyError, match="weaker"):
        load(verify="changed")
    with pytest.raises(PolicyError, match="weaker"):
        load(strict=False)


def test_the_policy_alone_decides_where_a_load_says_nothing(model: Path, project: Path) -> None:
    (project / "modelguard.toml").write_text("strict = true\n")
    seen: list[str] = []
    guarded(lambda path: seen.append(str(Path(path, FILE).readlink())))("models")
    assert seen[0].startswith("/proc/self/fd/")


def test_an_unknown_word_is_an_error(model: Path, project: Path) -> None:
    with pytest.raises(PolicyError, match="never"):
        load(verify="never")
    (project / "modelguard.toml").write_text('verify = "never"\n')
    with pytest.raises(PolicyError, match="verify"):
        load()


def test_always_does_not_see_a_file_put_into_the_view_between_check_and_use(model: Path) -> None:
    with verified_snapshot("models") as path:
        path.chmod(0o700)
        (path / "new").write_bytes(BAD)
        (path / "new").replace(path / FILE)
        assert (path / FILE).read_bytes() == BAD  # the residue: the directory, written by the same user


def test_always_does_not_see_what_happens_to_the_name_of_the_object(model: Path) -> None:
    with verified_snapshot("models") as path:
        place = the_object()
        (place.parent / "new").write_bytes(BAD)
        (place.parent / "new").replace(place)
        assert (path / FILE).read_bytes() == GOOD


@pytest.mark.parametrize("path", ["../outside", "a/../../outside", "/outside"])
def test_strict_makes_no_link_outside_of_its_directory(model: Path, tmp_path: Path, path: str) -> None:
    name = str(tmp_path / "outside") if path.startswith("/") else path
    with pytest.raises(StoreError, match="cannot be shown"), sealed_files({name: model / FILE}):
        pass
    assert not (tmp_path / "outside").is_symlink()


def test_an_entry_that_names_no_file_approves_nothing_in_strict_mode_either(model: Path) -> None:
    lock = model.parent / "modelguard.lock"
    entry = Gate.open().require_lock().entries["file:models"]
    empty = evolve(entry, files=())
    lock.write_text(Lock(entries={empty.id: empty}, created_by="x").text())
    for gate in (Gate.open(), strict_gate()):
        with pytest.raises(ModelRefused, match="names no file"), verified_snapshot("models", gate=gate):
            pass
