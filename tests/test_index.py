"""The indexes of the rooms say what the parts say, and are not believed where the folder holds other parts."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from modelguard import _registry
from modelguard._registry import index, modules, named, parts
from modelguard.checks.check import Check
from modelguard.cli.command import Subcommand
from modelguard.formats.format import Format
from modelguard.guard import asking

ROOT = Path(__file__).resolve().parent.parent
ROOMS = {"modelguard.checks": Check, "modelguard.cli": Subcommand, "modelguard.formats": Format}


def test_the_committed_indexes_are_what_the_parts_say(tmp_path: Path) -> None:
    for room in ROOMS:
        Path(tmp_path, *room.split(".")).mkdir(parents=True)
    subprocess.run([sys.executable, ROOT / "tools" / "make_index.py", tmp_path], check=True, timeout=120)
    for room in ROOMS:
        place = Path(*room.split("."), "_index.py")
        made, committed = Path(tmp_path, place).read_text("utf-8"), Path(ROOT, "src", place).read_text("utf-8")
        assert made == committed, f"{place}: `make index` writes it anew"


@pytest.mark.parametrize("room", ROOMS)
def test_every_part_has_a_row(room: str) -> None:
    rows = index(room)
    assert rows is not None
    bound = [name for name in modules(room) if parts(room, ROOMS[room], only=frozenset({name}))]
    assert [row[0] for row in rows] == bound


def test_every_question_of_a_clue_is_found_by_its_place() -> None:
    rows = index("modelguard.formats")
    assert rows is not None
    places = {row[0]: row[4][4] for row in rows if row[4] and row[4][4]}
    by_module = {name: parts("modelguard.formats", Format, only=frozenset({name}))[0] for name in places}
    assert places
    for module, place in places.items():
        clue = by_module[module].clue
        assert clue is not None
        assert named(place) is clue.when


@pytest.fixture
def added(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """One module more in every room than the indexes were made from."""
    for room in ROOMS:
        monkeypatch.setitem(sys.modules, f"{room}.zz_new", ModuleType(f"{room}.zz_new"))
    monkeypatch.setattr(_registry, "modules", lambda room: (*modules(room), "zz_new"))
    index.cache_clear()
    asking._wanted.cache_clear()
    asking._ASKED.clear()
    yield
    monkeypatch.undo()
    index.cache_clear()
    asking._wanted.cache_clear()
    asking._ASKED.clear()


@pytest.mark.usefixtures("added")
@pytest.mark.parametrize("room", ROOMS)
def test_an_index_that_does_not_know_a_module_is_not_believed(room: str) -> None:
    assert index(room) is None


@pytest.mark.usefixtures("added")
def test_without_an_index_every_check_is_asked() -> None:
    assert set(asking._asked_about(frozenset())) == set(parts("modelguard.checks", Check))


def test_a_module_without_a_part_is_not_taken_for_one() -> None:
    with pytest.raises(LookupError, match=r"modelguard\.checks\.check binds no Check"):
        _registry.part("modelguard.checks", Check, "check")


def test_a_module_with_two_parts_is_a_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    twice = ModuleType("modelguard.checks.twice")
    vars(twice).update(one=1, other=2)
    monkeypatch.setitem(sys.modules, twice.__name__, twice)
    with pytest.raises(TypeError, match="binds 2 parts"):
        _registry.part("modelguard.checks", int, "twice")


@pytest.mark.usefixtures("added")
def test_the_names_of_the_checks_are_the_same_without_an_index() -> None:
    asking.names.cache_clear()
    from_parts = asking.names()
    assert from_parts == {check.name for check in parts("modelguard.checks", Check)}
    asking.names.cache_clear()


def test_the_names_of_the_checks_stand_in_the_index() -> None:
    asking.names.cache_clear()
    assert asking.names() == {check.name for check in parts("modelguard.checks", Check)}
