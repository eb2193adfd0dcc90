"""Real packages that load models: discovery lists every load that a reader of their source finds, and no other.

The tables in loads/ hold what a reading of the packages found: a line is listed by both or by neither.
"""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from modelguard.discovery.tree import discover

TABLES = sorted((Path(__file__).parent / "loads").glob("*.txt"))


def expected(table: Path) -> set[str]:
    return {line for line in table.read_text("utf-8").splitlines() if line and not line.startswith("#")}


@pytest.mark.slow
@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.stem)
def test_every_load_of_a_real_package_is_listed_and_no_other(table: Path, tmp_path: Path) -> None:
    package, _, version = table.stem.rpartition("-")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-compile", "--target", tmp_path]
    subprocess.run([*command, f"{package}=={version}"], check=True, timeout=600)
    found = discover([tmp_path], home=tmp_path)
    listed = {f"{use.path}:{use.line} {use.call.rpartition('.')[2]}" for use in found.uses if use.kind != "dataset"}
    assert listed == expected(table)
    assert not found.unreadable


def test_the_tables_name_at_least_three_packages_with_loads() -> None:
    assert len([table for table in TABLES if expected(table)]) >= 3


@pytest.mark.slow
def test_the_standard_library_loads_no_model(tmp_path: Path) -> None:
    """It unpickles, which is said with low severity; nothing in it loads, fetches or names a model."""
    library = Path(sysconfig.get_path("stdlib"))
    places = [one for one in library.iterdir() if one.name not in {"site-packages", "dist-packages", "__pycache__"}]
    found = discover(places, home=tmp_path)
    assert found.files > 500
    assert {use.kind for use in found.uses} <= {"unpickle"}
