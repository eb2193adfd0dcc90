"""Lock a model, load it through the guard, use it, and watch three attacks being refused.

A Hub runs on loopback for the time of the demonstration; everything else is what a user would type.
"""

from __future__ import annotations

import os
import pickle
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent


def main() -> None:
    """Run the demonstration in a temporary directory."""
    work = Path(tempfile.mkdtemp(prefix="modelguard-demo-"))
    try:
        _play(work)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _play(work: Path) -> None:
    from modelguard.testing import LocalHub

    say("A vendor publishes a classifier of handwritten digits on the Hub.")
    weights, accuracy = train()
    say(f"(trained on the spot: {accuracy:.1%} of unseen digits right, {len(weights):,} bytes of joblib)")
    card = "---\nlicense: apache-2.0\nlibrary_name: sklearn\n---\n# Digits\n"
    with LocalHub() as hub:
        repo = hub.repository("acme/digits")
        first = repo.commit({"clf.joblib": weights, "README.md": card}, "first release")
        repo.tag("v1")
        run = Runner(work, hub.url)

        say("You write a policy, then lock the model: its commit, its files, what they may import.")
        run("modelguard", "init")
        run("modelguard", "lock", "acme/digits@v1", "--reason", "sorts incoming forms")
        run("modelguard", "check")

        say("Your program loads it through the guard. Nothing else had to change.")
        run("python", HERE / "use.py")

        say("Refusal 1: somebody changes one byte on the way to you.")
        changed = bytearray(weights)
        changed[len(changed) // 2] ^= 1
        repo.tamper("clf.joblib", bytes(changed), commit=first)
        run.empty_store()
        run("python", HERE / "use.py", expect=1)
        repo.tampered.clear()

        say("Refusal 2: the vendor's account is taken over, and a poisoned pickle is published.")
        repo.commit({"clf.joblib": poisoned(weights)}, "performance improvements")
        run("modelguard", "lock", "--upgrade", "acme/digits@main", expect=1)

        say("Refusal 3: the tag that you trusted is moved to the poisoned commit.")
        repo.tag("v1")
        run("python", HERE / "use.py", "acme/digits@v1", expect=1)
        run("modelguard", "lock", "--check", "--upgrade", "acme/digits@v1", expect=1)

        say("And the approved model still loads: the lock names a commit and digests, not a tag.")
        run("python", HERE / "use.py")
    print("\nDone: one model in use, three attacks refused.")


def train() -> tuple[bytes, float]:
    """Return a fitted classifier as joblib bytes, and its accuracy on data it has not seen."""
    import io

    import joblib
    from sklearn.datasets import load_digits
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import train_test_split

    images, labels = load_digits(return_X_y=True)
    seen, unseen, known, wanted = train_test_split(images / 16, labels, random_state=0)
    classifier = LogisticRegression(max_iter=200).fit(seen, known)
    buffer = io.BytesIO()
    joblib.dump(classifier, buffer)
    return buffer.getvalue(), classifier.score(unseen, wanted)


def poisoned(weights: bytes) -> bytes:
    """Return the model with a harmless command in front of it, which runs when the file is unpickled."""
    from modelguard.testing.models import calling_pickle

    payload = calling_pickle("os", "system", "echo you have been owned")
    return payload.removesuffix(pickle.STOP) + pickle.POP + weights[2:]  # instead of the version in its first 2 bytes


def say(text: str) -> None:
    print(f"\n\x1b[1m{text}\x1b[0m" if sys.stdout.isatty() else f"\n== {text}", flush=True)


class Runner:
    """Runs commands as a user would and shows what they print."""

    def __init__(self, work: Path, endpoint: str) -> None:
        self.work = work
        self.store = work / "store"
        self.environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith(("HF_", "MODELGUARD_"))},
            "HF_ENDPOINT": endpoint,
            "MODELGUARD_STORE": str(self.store),
            "PYTHONWARNINGS": "ignore",
        }

    def __call__(self, program: str, *arguments: object, expect: int = 0) -> None:
        words = [str(word) for word in arguments]
        print(
            f"$ {program} {shlex.join(Path(word).name if word.endswith('.py') else word for word in words)}", flush=True
        )
        start = [sys.executable, "-m", "modelguard"] if program == "modelguard" else [sys.executable]
        code = subprocess.run([*start, *words], cwd=self.work, env=self.environment, check=False).returncode
        if code != expect:
            sys.exit(f"the demonstration expected exit code {expect}, found {code}")

    def empty_store(self) -> None:
        """Forget what was fetched, as on a new machine."""
        shutil.rmtree(self.store)


if __name__ == "__main__":
    main()
