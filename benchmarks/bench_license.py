"""How much time of the processor the license collector takes, in a fresh process and in one that has warmed up.

python benchmarks/bench_license.py
"""

from __future__ import annotations

import statistics
import tempfile
import time
from datetime import date
from pathlib import Path

from modelguard.collectors.collector import Case
from modelguard.collectors.license import gather
from modelguard.policy.settings import Policy
from modelguard.sources.local import in_place
from modelguard.sources.source import Options
from modelguard.terms.artifact import LocalRef

ROOT = Path(__file__).resolve().parent.parent
ROUNDS = 20
CARD = (
    "---\nlicense: apache-2.0\nbase_model: acme/base\ntags:\n"
    + "- a tag\n" * 200
    + "---\n"
    + "# Prose\n\nWords.\n" * 400
)
APACHE = (ROOT / "LICENSE").read_text("utf-8")
SNAPSHOTS = {
    "card only": {"README.md": CARD},
    "card and exact text": {"README.md": CARD, "LICENSE": APACHE},
    "card and amended text": {"README.md": CARD, "LICENSE": f"{APACHE}\nNot for commercial use.\n"},
    "card and three amended texts": {
        "README.md": CARD,
        **{f"LICENSE-{n}": f"{APACHE}\nNot for commercial use {n}.\n" for n in range(3)},
    },
}


def milliseconds(files: dict[str, str]) -> tuple[float, float]:
    """Return the first and the median time of gathering, in milliseconds of the processor."""
    with tempfile.TemporaryDirectory() as directory:
        for name, text in files.items():
            Path(directory, name).write_text(text, "utf-8")
        snapshot = in_place(LocalRef(directory), Options(home=Path(directory)))
        times = []
        for _ in range(ROUNDS):
            start = time.process_time()
            facts = list(gather(Case(snapshot=snapshot, policy=Policy(), today=date(2026, 1, 1), home=Path(directory))))
            times.append((time.process_time() - start) * 1000)
            assert facts
    return times[0], statistics.median(times[1:])


if __name__ == "__main__":
    for name, files in SNAPSHOTS.items():
        first, median = milliseconds(files)
        print(f"{name:30} first {first:6.1f} ms   then {median:6.1f} ms")
