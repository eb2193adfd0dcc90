"""The parts in C compile with the Python that runs the tests: a wheel without them is slower, and says so only once."""

from __future__ import annotations

import importlib.util
import shutil
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
COMPILER = (sysconfig.get_config_var("CC") or "cc").split()[0]

_SPEC = importlib.util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
assert _SPEC is not None
assert _SPEC.loader is not None
hatch_build = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(hatch_build)


@pytest.mark.skipif(shutil.which(COMPILER) is None, reason="there is no C compiler here")
@pytest.mark.parametrize("source", hatch_build.SOURCES, ids=str)
def test_a_part_in_c_compiles(source: Path, tmp_path: Path) -> None:
    (tmp_path / source).parent.mkdir(parents=True)
    shutil.copy(ROOT / source, tmp_path / source)
    assert hatch_build.compile_part(tmp_path, source).is_file()
