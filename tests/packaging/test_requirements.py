"""What development installs is locked with hashes, without the name of any index, for every supported Python."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

REQUIREMENTS = Path(__file__).resolve().parents[2] / "requirements"
LOCKS = sorted(REQUIREMENTS.glob("*.lock"))


def pinned(lock: Path) -> dict[str, list[str]]:
    """Return the blocks of a lock by name: each a requirement with its hashes."""
    blocks = re.split(r"\n(?=\S)", lock.read_text("utf-8").replace("\\\n", " ").strip())
    found: dict[str, list[str]] = {}
    for block in blocks:
        name = canonicalize_name(Requirement(block.partition("--hash")[0].strip()).name)
        found.setdefault(name, []).append(block)
    return found


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)
def test_every_line_is_one_version_with_hashes_and_no_address(lock: Path) -> None:
    assert "://" not in lock.read_text("utf-8")
    for blocks in pinned(lock).values():
        for block in blocks:
            requirement = Requirement(block.partition("--hash")[0].strip())
            assert re.fullmatch(r"==[\w.+!]+", str(requirement.specifier)), block
            assert re.search(r"--hash=sha256:[0-9a-f]{64}\b", block), block


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)
def test_a_lock_holds_what_its_list_names(lock: Path) -> None:
    wanted = {
        canonicalize_name(Requirement(line).name)
        for source in (lock.with_suffix(".txt"), REQUIREMENTS / "build.txt")
        for line in source.read_text("utf-8").splitlines()
        if line and not line.startswith("#")
    }
    assert wanted <= set(pinned(lock)), "run `make requirements`"


def test_the_locks_agree_with_the_constraints() -> None:
    constraints = {
        canonicalize_name(requirement.name): str(requirement.specifier)
        for requirement in map(
            Requirement,
            (line for line in (REQUIREMENTS / "constraints.txt").read_text().splitlines() if not line.startswith("#")),
        )
    }
    for lock in LOCKS:
        for name, blocks in pinned(lock).items():
            for block in blocks if name in constraints else ():
                assert constraints[name] in block, f"{lock.name}: {name}"


def test_every_set_that_make_installs_has_a_lock() -> None:
    assert {lock.stem for lock in LOCKS} == {"demo", "docs", "package", "test"}
