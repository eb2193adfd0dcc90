"""A view shows exactly the files asked for, under names that are safe everywhere."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sources_builders import tree

from modelguard.sources.names import fault_of, faults
from modelguard.sources.store import Store
from modelguard.sources.views import tree_digest
from modelguard.terms.artifact import Digest
from modelguard.terms.errors import StoreError


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def files(store: Store) -> dict[str, Digest]:
    return {path: store.keep_bytes(path.encode(), name=path)[0] for path in ("config.json", "sub/deep/x.bin", "y.bin")}


def test_a_view_holds_exactly_the_files_asked_for(store: Store, files: dict[str, Digest]) -> None:
    with store.view(files) as view:
        assert tree(view) == set(files)
        assert {path: (view / path).read_text() for path in files} == {path: path for path in files}
    assert not view.exists()


def test_a_view_links_to_objects_and_is_read_only(store: Store, files: dict[str, Digest]) -> None:
    with store.view(files) as view:
        place = store.path_of(files["y.bin"])
        assert place is not None
        assert (view / "y.bin").stat().st_ino == place.stat().st_ino
        assert stat.S_IMODE((view / "y.bin").stat().st_mode) == 0o444
        assert {stat.S_IMODE(path.stat().st_mode) for path in (view, view / "sub")} == {0o500}
        assert stat.S_IMODE(view.parent.stat().st_mode) == 0o700


def test_two_names_may_have_the_same_bytes(store: Store, files: dict[str, Digest]) -> None:
    with store.view({"a": files["y.bin"], "b/c": files["y.bin"]}) as view:
        assert tree(view) == {"a", "b/c"}


def test_a_view_is_removed_after_an_error_as_well(store: Store, files: dict[str, Digest]) -> None:
    with pytest.raises(KeyError), store.view(files) as view:
        raise KeyError
    assert not view.exists()


def test_the_object_outlives_the_view(store: Store, files: dict[str, Digest]) -> None:
    with store.view(files):
        pass
    assert store.verify().looked_at == len(files)
    assert store.verify().damaged == ()


def test_bytes_that_the_store_does_not_hold_are_not_shown(store: Store) -> None:
    missing = Digest.sha256("0" * 64)
    with pytest.raises(StoreError, match=str(missing)), store.view({"f": missing}):
        pass


# --- names -------------------------------------------------------------------------------------------------------

BAD = {
    "": "empty",
    "/etc/passwd": "absolute",
    "../up": "'..'",
    "a/../../up": "'..'",
    "a/..": "'..'",
    "./a": "'.'",
    "a//b": "empty part",
    "a/": "empty part",
    "a\\b": "backslash",
    "a\0b": "do not print",
    "a\nb": "do not print",
    "a\x1b[2Jb": "do not print",
    "evil\u202etxt.nib": "do not print",
    "a\u200bb": "do not print",
    "undecodable\udcff": "do not print",
    "a" * 256: "too long",
    "/".join(["a" * 200] * 11): "too long",
}
GOOD = ["a", "a.b-c_d", "...", "..a", "a..", ".gitattributes", "sub/dir/file.bin", "ünïcode/模型.bin", "a b", "a" * 255]


@pytest.mark.parametrize("name", BAD, ids=ascii)
def test_a_name_that_is_not_safe_is_refused(store: Store, files: dict[str, Digest], name: str) -> None:
    assert BAD[name] in fault_of(name)
    with pytest.raises(StoreError, match="cannot be shown"), store.view({name: files["y.bin"]}):
        pass


@pytest.mark.parametrize("name", GOOD)
def test_a_name_that_only_looks_odd_is_taken(store: Store, files: dict[str, Digest], name: str) -> None:
    with store.view({name: files["y.bin"]}) as view:
        assert tree(view) == {name}


TWINS = {
    "case": ("Config.json", "config.json"),
    "Unicode form": ("caf\u00e9.bin", "cafe\u0301.bin"),
    "both": ("CAF\u00c9.bin", "cafe\u0301.bin"),
    "sharp s": ("stra\u00dfe", "STRASSE"),
    "a directory in two spellings": ("Sub/a", "sub/b"),
    "a file and a directory": ("sub", "sub/a"),
    "a file and a directory in two spellings": ("SUB", "sub/a"),
}


@pytest.mark.parametrize("kind", TWINS)
def test_twins_are_refused_and_both_named(store: Store, files: dict[str, Digest], kind: str) -> None:
    assert set(faults(TWINS[kind])) == set(TWINS[kind])
    with pytest.raises(StoreError, match="cannot be shown"), store.view(dict.fromkeys(TWINS[kind], files["y.bin"])):
        pass


def test_names_that_merely_resemble_each_other_are_no_twins() -> None:
    assert faults(["a.bin", "b.bin", "a.bin2", "sub/a.bin", "sub/b", "sub2/a.bin", "caf\u00e9", "cafe"]) == {}


@given(st.text(max_size=40))
def test_a_name_without_fault_stays_below_the_directory(name: str) -> None:
    if not fault_of(name):
        inside = os.path.normpath(f"/view/{name}")
        assert inside == f"/view/{name}"


@given(st.lists(st.text(alphabet="aA\u00e9e\u0301/.", max_size=6), max_size=6))
def test_names_without_fault_have_one_spelling_each_on_every_system(names: list[str]) -> None:
    found = faults(names)
    left = [name for name in set(names) if name not in found]
    assert len({name.casefold() for name in left}) == len(left)


# --- views that last ---------------------------------------------------------------------------------------------


def test_a_lasting_view_is_made_once_and_stays(store: Store, files: dict[str, Digest]) -> None:
    place = store.lasting_view(files)
    inode = place.stat().st_ino
    assert tree(place) == set(files)
    assert store.lasting_view(dict(reversed(files.items()))) == place
    assert place.stat().st_ino == inode


def test_other_files_have_another_view(store: Store, files: dict[str, Digest]) -> None:
    assert store.lasting_view(files) != store.lasting_view({"config.json": files["config.json"]})
    assert tree_digest({"a": files["y.bin"]}) != tree_digest({"b": files["y.bin"]})


def _extra(place: Path) -> None:
    (place / "sub" / "extra.py").write_text("print('extra')")


def _missing(place: Path) -> None:
    (place / "y.bin").unlink()


def _exchanged(place: Path) -> None:
    (place / "y.bin").unlink()
    (place / "y.bin").write_text("y.biN")


def _link(place: Path) -> None:
    (place / "y.bin").unlink()
    (place / "y.bin").symlink_to("/etc/hostname")


def _link_to_a_directory(place: Path) -> None:
    (place / "more").symlink_to("/etc")


def _empty_directory(place: Path) -> None:
    (place / "empty").mkdir()


def _fifo(place: Path) -> None:
    (place / "y.bin").unlink()
    os.mkfifo(place / "y.bin")


@pytest.mark.parametrize("change", [_extra, _missing, _exchanged, _link, _link_to_a_directory, _empty_directory, _fifo])
def test_a_lasting_view_that_was_changed_is_made_anew(store: Store, files: dict[str, Digest], change: object) -> None:
    place = store.lasting_view(files)
    for path in (place, place / "sub"):
        path.chmod(0o700)
    change(place)  # type: ignore[operator]
    assert store.lasting_view(files) == place
    assert tree(place) == set(files)
    assert {path.name for path in place.iterdir()} == {"config.json", "sub", "y.bin"}
    assert {path: (place / path).read_text() for path in files} == {path: path for path in files}


def test_a_link_in_place_of_a_lasting_view_is_not_followed(
    store: Store, files: dict[str, Digest], tmp_path: Path
) -> None:
    place = store.lasting_view(files)
    elsewhere = tmp_path / "elsewhere"
    place.rename(elsewhere)
    place.symlink_to(elsewhere)
    assert store.lasting_view(files) == place
    assert not place.is_symlink()
    assert tree(elsewhere) == set(files)


def test_bytes_that_were_changed_through_a_view_are_not_shown_again(store: Store, files: dict[str, Digest]) -> None:
    """The file is a hard link to the object: whoever overcomes its mode has changed the object as well."""
    place = store.lasting_view(files)
    (place / "y.bin").chmod(0o644)
    (place / "y.bin").write_text("poison")
    with pytest.raises(StoreError, match="damaged"):
        store.lasting_view(files)
    assert not store.intact(files["y.bin"])
    store.keep_bytes(b"y.bin", name="y.bin")
    assert (store.lasting_view(files) / "y.bin").read_text() == "y.bin"
