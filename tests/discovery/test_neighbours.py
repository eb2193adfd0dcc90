"""What other files of the project define is known: constants, fields with defaults, options, re-exports."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelguard.discovery.tree import discover

CONFIG = """\
from dataclasses import dataclass, field

MODEL = "acme/constant"
ORG = "acme"
TABLE = {"small": "acme/small", "large": "acme/large"}

class CONFIG:
    MODEL = "acme/class"

@dataclass
class Settings:
    encoder: str = "acme/field"
    ranker: str = field(default_factory=lambda: "acme/factory")
    weights: str = f"{ORG}/joined"

class Models(Enum):
    SMALL = "acme/enum"
"""


def models(home: Path, program: str, name: str = "app.py") -> list[str | None]:
    """Return the models in a program beside a `config.py` and a package `lib` with a `config.py` of its own."""
    (home / "config.py").write_text(CONFIG)
    (home / "lib" / "deep").mkdir(parents=True)
    (home / "lib" / "__init__.py").write_text("from .config import MODEL as DEFAULT\nfrom .config import CONFIG\n")
    (home / "lib" / "deep" / "__init__.py").touch()
    (home / "lib" / "config.py").write_text(CONFIG.replace("acme/", "lib/"))
    (home / "compat.py").write_text("import torch\nfrom torch import load\nLoader = torch.jit\n")
    (home / name).write_text("import torch\nfrom transformers import AutoModel\n" + program)
    return [use.model for use in discover([home / name], home=home).uses]


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        ("from config import MODEL\nAutoModel.from_pretrained(MODEL)", "acme/constant"),
        ("from config import MODEL as M\nAutoModel.from_pretrained(M)", "acme/constant"),
        ("import config\nAutoModel.from_pretrained(config.MODEL)", "acme/constant"),
        ("import config as c\nAutoModel.from_pretrained(f'{c.ORG}/x')", "acme/x"),
        ("from config import CONFIG\nAutoModel.from_pretrained(CONFIG.MODEL)", "acme/class"),
        ("from config import Settings\ns = Settings()\nAutoModel.from_pretrained(s.encoder)", "acme/field"),
        ("from config import Settings\nAutoModel.from_pretrained(Settings().ranker)", "acme/factory"),
        ("from config import Settings\ndef f(s: Settings):\n AutoModel.from_pretrained(s.weights)", "acme/joined"),
        ("from config import Models\nAutoModel.from_pretrained(Models.SMALL.value)", "acme/enum"),
        ("from config import TABLE\nAutoModel.from_pretrained(TABLE['large'])", "acme/large"),
        ("from config import MODEL\ndef f(m=MODEL):\n AutoModel.from_pretrained(m)", "acme/constant"),
        ("from lib import DEFAULT\nAutoModel.from_pretrained(DEFAULT)", "lib/constant"),
        ("from lib.config import MODEL\nAutoModel.from_pretrained(MODEL)", "lib/constant"),
        ("from compat import load\nload('w.pt')", "w.pt"),
        ("from compat import Loader\nLoader.load('w.pt')", "w.pt"),
    ],
)  # fmt: skip
def test_what_another_file_defines_is_known(tmp_path: Path, program: str, expected: str) -> None:
    assert models(tmp_path, program) == [expected]


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        ("from ..config import MODEL\nAutoModel.from_pretrained(MODEL)", "lib/constant"),
        ("from .. import config\nAutoModel.from_pretrained(config.MODEL)", "lib/constant"),
        ("from lib.config import CONFIG\nAutoModel.from_pretrained(CONFIG.MODEL)", "lib/class"),
    ],
)
def test_a_relative_import_leads_to_the_own_package(tmp_path: Path, program: str, expected: str) -> None:
    assert models(tmp_path, program, "lib/deep/app.py") == [expected]


@pytest.mark.parametrize(
    "program",
    [
        "from nowhere import MODEL\nAutoModel.from_pretrained(MODEL)",
        "from config import NOTHING\nAutoModel.from_pretrained(NOTHING)",
        "from config import TABLE\nAutoModel.from_pretrained(TABLE['none'])",
        "from ...... import MODEL\nAutoModel.from_pretrained(MODEL)",
    ],
)
def test_what_no_file_defines_stays_computed(tmp_path: Path, program: str) -> None:
    assert models(tmp_path, program) == [None]


def test_a_function_of_the_project_is_no_function_of_a_framework(tmp_path: Path) -> None:
    (tmp_path / "pkg").mkdir()
    (tmp_path / "pkg" / "__init__.py").touch()
    (tmp_path / "pkg" / "joblib.py").write_text("def load(x): ...\n")
    (tmp_path / "pkg" / "app.py").write_text("from .joblib import load\nload('config')\n")
    assert discover([tmp_path], home=tmp_path).uses == ()


def test_files_that_import_each_other_end(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("import torch\nfrom b import M\nN = M\ntorch.load(M)\n")
    (tmp_path / "b.py").write_text("from a import N\nM = N\n")
    assert [use.model for use in discover([tmp_path], home=tmp_path).uses] == [None]


def test_a_file_above_the_directory_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "config.py").write_text(CONFIG)
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "app.py").write_text("import torch\nfrom config import MODEL\ntorch.load(MODEL)\n")
    assert [use.model for use in discover([tmp_path / "p"], home=tmp_path / "p").uses] == [None]
    assert [use.model for use in discover([tmp_path / "p"], home=tmp_path).uses] == ["acme/constant"]


def test_a_broken_neighbour_is_told_by_the_walk_and_stops_nobody(tmp_path: Path) -> None:
    (tmp_path / "config.py").write_text("torch.load = (\n")
    (tmp_path / "app.py").write_text("import torch\nfrom config import MODEL\ntorch.load(MODEL)\n")
    seen = discover([tmp_path], home=tmp_path)
    assert [use.model for use in seen.uses] == [None]
