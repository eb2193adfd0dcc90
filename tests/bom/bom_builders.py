"""A lock and a store with models that say much, little, and what nobody should say."""

from __future__ import annotations

import json
from pathlib import Path

from modelguard.lock import Accepted, Decided, Entry, LicenseRecord, Lock, LockedFile, ProvenanceRecord
from modelguard.sources.store import Store
from modelguard.terms.artifact import Digest

REVISION = "0123456789abcdef0123456789abcdef01234567"

README = """---
pipeline_tag: text-classification
library_name: transformers
license: apache-2.0
language: [en, de]
base_model: acme/base
base_model_relation: finetune
datasets: [acme/reviews, stanfordnlp/imdb]
co2_eq_emissions: {emissions: 12.5}
model-index:
- name: tiny
  results:
  - task: {type: text-classification}
    dataset: {name: IMDB, type: imdb}
    metrics:
    - {type: accuracy, value: 0.91}
---
# Tiny
"""
CONFIG = json.dumps({"model_type": "bert", "architectures": ["BertForSequenceClassification"]})

HOSTILE = "\x1b[31m\u202e<script>\n::error::x {0} \"'`|=@"


def told(store: Store) -> Entry:
    """Return an entry of a model with a card, a signature and an accepted finding."""
    files = {
        "README.md": README.encode(),
        "config.json": CONFIG.encode(),
        "model.safetensors": b"x",
        "model.sig": b"{}",
    }
    return Entry(
        id="acme/tiny",
        host="https://huggingface.co",
        revision=REVISION,
        revision_date="2026-01-05T10:00:00Z",
        resolved_at="2026-02-01T09:00:00Z",
        files=tuple(_kept(store, path, data) for path, data in files.items()),
        license=LicenseRecord(expression="Apache-2.0", declared="apache-2.0", confidence="exact"),
        provenance=ProvenanceRecord(
            status="verified", signer="acme", identity="release@acme.example", payload="sha256:00"
        ),
        accepted=(Accepted(check="unknown-bytes", reason="reviewed", path="config.json", until="2027-01-31"),),
        approval=Decided(by="ada@acme.example", at="2026-02-01T09:30:00Z", reason="search"),
    )


def base(store: Store) -> Entry:
    return Entry(
        id="acme/base",
        revision="f" * 40,
        files=(_kept(store, "model.safetensors", b"y"),),
        approval=Decided(at="2026-01-31T00:00:00Z"),
    )


def hostile(store: Store) -> Entry:
    """Return an entry of a local model whose every text was written to break a document."""
    text = json.dumps(HOSTILE)
    readme = f"---\npipeline_tag: {text}\nbase_model: [{text}, 7, acme/odd]\ndatasets: {{a: 3}}\n---\n"
    return Entry(
        id="file:models/=cmd|x <b>",
        files=(
            _kept(store, "README.md", readme.encode()),
            _kept(store, HOSTILE, b"z", imports=(HOSTILE,), permissions=(f"network:{HOSTILE}",)),
        ),
        license=LicenseRecord(declared=HOSTILE, detected=HOSTILE),
        accepted=(Accepted(check="unknown-bytes", reason=HOSTILE, path=HOSTILE, subject=HOSTILE),),
        approval=Decided(state="exempted", by=HOSTILE, at="2026-01-01T00:00:00Z", reason=HOSTILE),
    )


def stocked(directory: Path) -> tuple[Lock, Store]:
    """Return a lock with all of them, and the store that holds their bytes."""
    store = Store(directory / "store")
    entries = [told(store), base(store), hostile(store)]
    return Lock(entries={entry.id: entry for entry in entries}, created_by="modelguard test"), store


def _kept(store: Store, path: str, data: bytes, **more: tuple[str, ...]) -> LockedFile:
    digest: Digest
    digest, size = store.keep_bytes(data, name="test")
    return LockedFile(path=path, size=size, digest=digest, formats=("text",), **more)
