"""Runs the tests of the Hub source and of the monitor with each generation of the Hub client, against the local Hub.

    python tools/test_matrix.py [--client 2.4.0 …] [--keep DIRECTORY]

Each client gets a virtual environment of its own, with nothing in it but what the tests need. Exit code 1 if any fails.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# The last of each generation that this version of modelguard was tested with: requests, httpx, httpx2 underneath.
CLIENTS = ("0.36.2", "1.33.0", "2.4.0")
NEEDED = ("attrs>=23.2", "packaging>=24", "pytest>=8")
TESTS = (
    "tests/sources/test_hub_client.py",
    "tests/sources/test_local_hub.py",
    "tests/monitor/test_events.py",
    "tests/monitor/test_each_event.py",
)


def prepare(client: str, place: Path) -> Path:
    """Return the interpreter of an environment with this client, made if it is not there."""
    python = place / client / "bin" / "python"
    if not python.exists():
        venv.create(place / client, with_pip=True)
        packages = [f"huggingface_hub=={client}", *NEEDED]
        subprocess.run([python, "-m", "pip", "install", "--quiet", *packages], check=True)
    return python


def run(client: str, place: Path) -> bool:
    """Tell whether all tests pass with this client."""
    python = prepare(client, place)
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "HF_HOME": str(place / client / "home")}
    for name in ("HF_TOKEN", "HF_ENDPOINT", "HF_HUB_OFFLINE"):
        environment.pop(name, None)
    print(f"--- huggingface_hub {client}", flush=True)
    done = subprocess.run(
        [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", *TESTS], cwd=ROOT, env=environment, check=False
    )
    return done.returncode == 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--client", action="append", help="a version of huggingface_hub; may be given several times")
    parser.add_argument("--keep", type=Path, help="where the environments are kept for the next run")
    settings = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        place = (settings.keep or Path(scratch)).absolute()
        results = {client: run(client, place) for client in settings.client or CLIENTS}
    for client, passed in results.items():
        print(f"huggingface_hub {client}: {'passed' if passed else 'FAILED'}")
    sys.exit(0 if all(results.values()) else 1)


if __name__ == "__main__":
    main()
