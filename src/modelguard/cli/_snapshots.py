"""Local models as commands about signatures take them: hashed where they lie, and whole."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from attrs import evolve

if TYPE_CHECKING:
    from modelguard.terms.artifact import Artifact, Snapshot


def frozen(path: Path) -> Snapshot:
    """Hash the files of a local model. Raises `SignatureMismatch` when it holds what no signature can cover.

    In the cache of the Hub client, files are links into the cache's own `blobs`; those are followed, and no others.
    """
    from modelguard.sources.local import in_place  # only once a command runs
    from modelguard.sources.source import Options
    from modelguard.terms.artifact import LocalRef, printable
    from modelguard.terms.errors import SignatureMismatch

    snapshot = in_place(LocalRef(str(path.absolute())), Options(home=Path.cwd()))
    linked = {name: _linked(path, name) for name, _ in snapshot.trouble}
    trouble = [(name, reason) for name, reason in snapshot.trouble if linked[name] is None]
    if trouble:
        name, reason = trouble[0]
        raise SignatureMismatch(
            f"{printable(name)}: {reason}; a signature cannot cover it",
            remedy="put a plain file in its place, or take it away",
            files=tuple((name, "unsigned") for name, _ in trouble),
        )
    found = [artifact for artifact in linked.values() if artifact is not None]
    return evolve(snapshot, artifacts=(*snapshot.artifacts, *found), trouble=())


def _linked(root: Path, name: str) -> Artifact | None:
    """Return a file of the Hub client's cache (`models--x/snapshots/y/file`, a link into `models--x/blobs`), or None.

    The link is resolved first; then the file that it led to is opened without following another one.
    """
    from modelguard.sources.hashing import hash_file  # only once a command runs
    from modelguard.terms.artifact import Artifact

    link, repository = root.resolve() / name, root.resolve().parent.parent
    if root.resolve().parent.name != "snapshots" or not link.is_symlink():
        return None
    target = link.resolve()
    if target.parent != repository / "blobs" or not target.is_file():
        return None
    digest, size = hash_file(target)
    return Artifact(path=name, size=size, digest=digest, file=target)


def below(path: Path, file: Path) -> str:
    """Return the name of a file inside a model, or an empty string when it lies elsewhere."""
    top, place = path.resolve(), file.absolute().parent.resolve() / file.name
    return place.relative_to(top).as_posix() if place.is_relative_to(top) and place != top else ""
