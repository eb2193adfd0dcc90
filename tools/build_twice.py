"""Build sdist and wheel twice, in two places, and see that they are the same byte for byte.

SOURCE_DATE_EPOCH is the date of the last commit unless the environment sets it. The results are in dist/.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def build(work: Path, epoch: str) -> Path:
    """Build from a fresh copy of the committed files and return the directory with the results."""
    source = work / "modelguard"
    source.mkdir(parents=True)
    archive = subprocess.run(["git", "archive", "HEAD"], cwd=ROOT, check=True, capture_output=True).stdout
    subprocess.run(["tar", "-x"], cwd=source, input=archive, check=True)
    environment = {**os.environ, "SOURCE_DATE_EPOCH": epoch}
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(work / "dist"), str(source)]
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)
    return work / "dist"


def digests(directory: Path) -> dict[str, str]:
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(directory.iterdir())}


def main() -> None:
    """Build twice and compare; exit with 1 when the two differ."""
    asked = ["git", "log", "-1", "--format=%ct"]
    commit_time = subprocess.run(asked, cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()
    epoch = os.environ.get("SOURCE_DATE_EPOCH", commit_time)
    with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
        one, other = build(Path(first), epoch), build(Path(second), epoch)
        if digests(one) != digests(other):
            sys.exit(f"two builds differ:\n{digests(one)}\n{digests(other)}")
        shutil.copytree(one, ROOT / "dist", dirs_exist_ok=True)
    for name, digest in digests(ROOT / "dist").items():
        print(f"{digest}  {name}")


if __name__ == "__main__":
    main()
