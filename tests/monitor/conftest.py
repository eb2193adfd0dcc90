"""A Hub and a bench for each test of the monitor."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from monitor_builders import Bench

from modelguard.testing import LocalHub, Repository


@pytest.fixture
def hub() -> Iterator[LocalHub]:
    with LocalHub() as hub:
        hub.organization("acme", members=("alice", "bob"), verified=True)
        yield hub


@pytest.fixture
def repository(hub: LocalHub) -> Repository:
    repository = hub.repository("acme/tiny", card={"license": "mit"})
    repository.commit({"model.safetensors": b"weights", "config.json": "{}", "LICENSE": "MIT", "README.md": "hi"})
    return repository


@pytest.fixture
def bench(hub: LocalHub, repository: Repository, tmp_path: Path) -> Bench:
    """A bench that has watched the locked model once, without an event."""
    bench = Bench(hub, tmp_path)
    bench.lock(repository)
    assert bench.kinds() == []
    return bench
